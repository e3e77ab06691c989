//! A container's only process connects to a listener of the test, and closes first; when the container is
//! gone, its TIME_WAIT is still there.

use std::{
    io::Read as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread::sleep,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use crate::{
    patience::patient,
    trace::{End, Tracing, Transition},
};

/// A TIME_WAIT that young is not reused (`tcp_twsk_unique()`, net/ipv4/tcp_ipv4.c).
const TOO_YOUNG: Duration = Duration::from_millis(1100);

/// What ends the TIME_WAIT.
pub const LAST: &str = "reused_by_connect";
/// What the client in the container goes through.
const CLIENT: [&str; 6] = [
    "connect",
    "handshake_complete",
    "fin_sent",
    "fin_acked",
    "fin_received",
    LAST,
];

pub fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener")
}

/// What the container is to run.
pub fn command(listener: &TcpListener) -> Vec<String> {
    let addr = listener.local_addr().expect("an address");
    let words = ["/bin/busybox", "nc"].map(str::to_owned);
    words
        .into_iter()
        .chain([addr.ip().to_string(), addr.port().to_string()])
        .collect()
}

/// Takes the visit, and tells the client's end of it.
pub fn receive(listener: &TcpListener) -> End {
    let (mut server, client) = listener.accept().expect("the container's connection");
    let limit = patient(Duration::from_secs(20));
    server.set_read_timeout(Some(limit)).expect("a time limit");
    while server.read(&mut [0; 64]).expect("the container's FIN") > 0 {}
    End {
        local: client.port(),
        remote: listener.local_addr().expect("an address").port(),
    }
}

/// When the container is gone: another connection takes the place of its TIME_WAIT.
pub fn take_its_place(listener: &TcpListener, end: End) {
    sleep(TOO_YOUNG);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, end.local));
    socket.bind(&from.into()).expect("its port");
    let to = listener.local_addr().expect("an address");
    socket.connect(&to.into()).expect("a connection");
    drop(listener.accept().expect("the connection"));
}

/// The transitions of the container's connection, the end of its TIME_WAIT included; there must be no
/// others.
pub fn of_container(trace: &mut Tracing, end: End) -> Vec<Transition> {
    trace.only_counted("the engine's own connections, if it has any, are not what is looked at");
    trace.until(|it| it.end() == end && it.reason == LAST);
    let all = trace.transitions().iter();
    let mut all: Vec<Transition> = all.filter(|it| it.end() == end).cloned().collect();
    // The one that takes its place has the same ports.
    let cookie = all.first().and_then(|it| it.cookie.clone());
    all.retain(|it| it.cookie == cookie);
    let reasons: Vec<&str> = all.iter().map(|it| &*it.reason).collect();
    assert_eq!(reasons, CLIENT, "{all:?}");
    all
}

/// None of a connection's transitions is shown.
pub fn is_not_shown(trace: &mut Tracing, end: End) {
    trace.only_counted("what is not to be shown is looked for");
    trace.settle();
    let shown = |it: &&Transition| it.end() == end && it.comm.as_deref() == Some("busybox");
    assert_eq!(
        trace.transitions().iter().find(shown).map(|it| &it.reason),
        None
    );
}
