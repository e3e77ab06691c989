//! Standard situations, each in a network namespace of its own, and what the kernel half sends of
//! them.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tcptrace::{
    filter::Filter,
    host::{self, kernel_release},
    model::Event,
    source::{
        decode,
        live::{Drained, Kernel, Metrics, Options, Reader},
    },
};

use crate::{
    Family,
    namespace::Namespace,
    scenario::Scenario,
    sockets::{await_fin, close_in_turn, connect_again, connect_fast, reset, set_tcp},
    wire::{ACK, FIN, PSH, RST, SYN, Wire},
};

/// Room for all that the whole machine does meanwhile.
const BUFFER: u32 = 64 << 20;
/// Nothing comes later but by a timer.
const QUIET: Duration = Duration::from_millis(300);
/// Longer than any timer that a situation waits for.
const LIMIT: Duration = Duration::from_secs(90);

type Situation = (&'static str, fn(&Namespace, Family));

/// What becomes of connections, by the names of their files.
const SITUATIONS: &[Situation] = &[
    ("client_closes_first", client_closes_first),
    ("server_closes_first", server_closes_first),
    ("server_closes_later", server_closes_later),
    ("half_closed", half_closed),
    ("orphans_time_is_over", orphans_time_is_over),
    ("data_for_an_orphan", data_for_an_orphan),
    ("data_before_the_fin_arrived", data_before_the_fin_arrived),
    ("fins_cross", fins_cross),
    ("syns_cross", syns_cross),
    ("reset_by_linger", reset_by_linger),
    ("reset_by_unread_data", reset_by_unread_data),
    ("refused", refused),
    ("syn_given_up", syn_given_up),
    ("syn_unreachable", syn_unreachable),
    ("half_open_completes", half_open_completes),
    ("half_open_reset", half_open_reset),
    ("half_open_times_out", half_open_times_out),
    (
        "half_open_without_its_listener",
        half_open_without_its_listener,
    ),
    ("listener_on_all_addresses", listener_on_all_addresses),
    ("syn_cookie", syn_cookie),
    ("fast_open", fast_open),
    ("time_wait_reused_by_connect", time_wait_reused_by_connect),
    ("time_wait_reused_by_syn", time_wait_reused_by_syn),
    (
        "time_wait_reused_by_its_own_socket",
        time_wait_reused_by_its_own_socket,
    ),
    (
        "time_wait_of_a_socket_that_connects_again",
        time_wait_of_a_socket_that_connects_again,
    ),
    ("time_wait_reset", time_wait_reset),
    ("time_wait_overflow", time_wait_overflow),
    ("time_wait_expires", time_wait_expires),
];

/// It takes a minute, and once is enough.
const TAKES_LONG: &str = "time_wait_expires";

/// Makes one of them in a namespace.
pub fn make(name: &str, net: &Namespace, family: Family) -> Result<()> {
    let found = SITUATIONS.iter().find(|(it, _)| *it == name);
    let (_, situation) = found.with_context(|| format!("there is no situation {name}"))?;
    situation(net, family);
    Ok(())
}

/// Waits until all TIME_WAITs of the namespace are over.
pub fn until_time_waits_are_over() {
    until_gone(TIME_WAIT);
}

/// The folder of this kernel's series in that one, as in `6.1`; it is made if it is not there.
pub fn folder_of_kernel(within: &Path) -> Result<PathBuf> {
    let release = kernel_release();
    let series: Vec<&str> = release.split('.').take(2).collect();
    let folder = within.join(series.join("."));
    fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    Ok(folder)
}

/// Writes them all, to the folder of this kernel.
pub fn capture(folder: &Path) -> Result<()> {
    let release = kernel_release();
    let folder = folder_of_kernel(folder)?;
    let filter = Filter::default();
    let (kernel, mut reader) = Kernel::load(&Options {
        filter: &filter,
        buffer_bytes: BUFFER,
        follow: false,
        metrics: Metrics::Always,
        pid_namespace: host::pid_namespace(),
        silent_cgroup: host::silent_cgroup(),
        log: false,
    })?;
    for (name, situation) in SITUATIONS {
        for family in [Family::V4, Family::V6] {
            if *name == TAKES_LONG && family == Family::V6 {
                continue;
            }
            // Not new(), which closes whatever is open: the ring buffer is.
            let net = Namespace::of_process();
            events(&kernel, &mut reader, &net)?;
            situation(&net, family);
            sleep(QUIET);
            let mut scenario = Scenario::new(&release, kernel.coverage);
            let events = events(&kernel, &mut reader, &net)?;
            events.iter().for_each(|event| scenario.tell(event));
            let version = if family == Family::V4 { "ipv4" } else { "ipv6" };
            let path = folder.join(format!("{name}_{version}.trace"));
            fs::write(&path, scenario.finish())
                .with_context(|| format!("{} can't be written", path.display()))?;
            eprintln!("capture: {} events in {}", events.len(), path.display());
        }
    }
    Ok(())
}

/// What has happened in a namespace.
fn events(kernel: &Kernel, reader: &mut Reader, net: &Namespace) -> Result<Vec<Event>> {
    let (mut lost, mut events) = (0, Vec::new());
    reader.drain(usize::MAX, |drained| match drained {
        Drained::Lost(more) => lost += more,
        Drained::Record(record) => events.push(decode(record, &kernel.symbols)),
    });
    ensure!(lost == 0, "events were lost");
    let mut events = events.into_iter().collect::<Result<Vec<_>, _>>()?;
    events.retain(|event| netns(event).is_none_or(|it| it == net.inode()));
    // Of others: without an address, only what is of a socket that was here can be told.
    let ours: Vec<_> = events.iter().filter_map(socket).collect();
    events.retain(|event| match event {
        Event::ResetSent(event) => event.cookie.is_some_and(|it| ours.contains(&it)),
        Event::Accepted(event) => event.cookie.is_some_and(|it| ours.contains(&it)),
        Event::Forked(_) => false,
        _ => true,
    });
    Ok(events)
}

fn netns(event: &Event) -> Option<u32> {
    match event {
        Event::Socket(event) => Some(event.tuple.netns),
        Event::Minisock(event) => Some(event.tuple.netns),
        Event::Request(event) => Some(event.tuple.netns),
        Event::FinDropped(event) => Some(event.tuple.netns),
        Event::Syn(event) => Some(event.tuple.netns),
        Event::ResetSent(_) | Event::Forked(_) | Event::Accepted(_) => None,
    }
}

fn socket(event: &Event) -> Option<tcptrace::model::Cookie> {
    match event {
        Event::Socket(event) => event.cookie,
        Event::Minisock(event) => event.cookie,
        _ => None,
    }
}

/// Waits until the kernel has no such socket any more, as /proc/net/tcp and tcp6 have it.
fn until_gone(state: &str) {
    let deadline = Instant::now() + LIMIT;
    let there = || {
        ["tcp", "tcp6"].iter().any(|file| {
            let text = fs::read_to_string(format!("/proc/thread-self/net/{file}"));
            let text = text.unwrap_or_default();
            let mut states = text
                .lines()
                .filter_map(|line| line.split_whitespace().nth(3));
            states.any(|it| it == state)
        })
    };
    while there() {
        assert!(Instant::now() < deadline, "still in state {state}");
        sleep(Duration::from_millis(20));
    }
}

/// States, as /proc/net/tcp has them.
const SYN_RECV: &str = "03";
const FIN_WAIT2: &str = "05";
const TIME_WAIT: &str = "06";

/// A listener at a port that is the same each time.
fn listen(family: Family) -> TcpListener {
    TcpListener::bind((family.loopback(), 80)).expect("the port")
}

fn client_closes_first(net: &Namespace, family: Family) {
    let (mut client, mut server) = net.connect_to(&listen(family));
    client.write_all(b"question").expect("write");
    server.read_exact(&mut [0; 8]).expect("read");
    server.write_all(b"long answer").expect("write");
    client.read_exact(&mut [0; 11]).expect("read");
    close_in_turn(client, server);
}

fn server_closes_first(net: &Namespace, family: Family) {
    let (client, server) = net.connect_to(&listen(family));
    close_in_turn(server, client);
}

fn server_closes_later(net: &Namespace, family: Family) {
    let (client, server) = net.connect_to(&listen(family));
    drop(client);
    sleep(QUIET);
    drop(server);
}

fn half_closed(net: &Namespace, family: Family) {
    let (mut client, mut server) = net.connect_to(&listen(family));
    client.shutdown(Shutdown::Write).expect("shutdown");
    sleep(QUIET);
    server.write_all(b"still here").expect("write");
    client.read_exact(&mut [0; 10]).expect("read");
    drop(server);
    client.read_exact(&mut [0]).expect_err("the end");
    drop(client);
}

fn orphans_time_is_over(net: &Namespace, family: Family) {
    net.set("tcp_fin_timeout", 2);
    let (client, _server) = net.connect_to(&listen(family));
    drop(client);
    sleep(QUIET);
    until_gone(FIN_WAIT2);
}

fn data_for_an_orphan(net: &Namespace, family: Family) {
    let (client, mut server) = net.connect_to(&listen(family));
    drop(client);
    sleep(QUIET);
    server.write_all(b"too late").expect("write");
}

fn data_before_the_fin_arrived(net: &Namespace, family: Family) {
    let wire = Wire::new(net, family);
    let (socket, mut peer) = wire.connected(net);
    drop(socket);
    peer.overhear(FIN | ACK);
    peer.send_data(PSH | ACK, b"nobody is there to read it");
    peer.overhear(RST);
}

fn fins_cross(net: &Namespace, family: Family) {
    let wire = Wire::new(net, family);
    let (socket, mut peer) = wire.connected(net);
    drop(socket);
    let before = peer.ack;
    peer.receive(FIN | ACK);
    // The peer has not seen it when it sends its own.
    let after = std::mem::replace(&mut peer.ack, before);
    peer.send(FIN | ACK);
    peer.overhear(ACK);
    peer.ack = after;
    peer.send(ACK);
}

fn syns_cross(net: &Namespace, family: Family) {
    let wire = Wire::new(net, family);
    let (socket, mut peer) = wire.connect(net);
    peer.send(SYN);
    peer.overhear(SYN | ACK);
    peer.send(ACK);
    sleep(QUIET);
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(FIN | ACK);
    peer.receive(ACK);
}

fn reset_by_linger(net: &Namespace, family: Family) {
    let (client, _server) = net.connect_to(&listen(family));
    reset(client);
}

fn reset_by_unread_data(net: &Namespace, family: Family) {
    let (client, mut server) = net.connect_to(&listen(family));
    server.write_all(b"nobody reads this").expect("write");
    drop(client);
}

fn refused(_: &Namespace, family: Family) {
    TcpStream::connect((family.loopback(), 81)).expect_err("nobody is there");
}

fn syn_given_up(net: &Namespace, family: Family) {
    let wire = Wire::new(net, family);
    let (socket, _peer) = wire.connect(net);
    sleep(QUIET);
    drop(socket);
}

fn syn_unreachable(net: &Namespace, family: Family) {
    let wire = Wire::new(net, family);
    let socket = net.socket(family);
    let (peer, syn) = wire.connect_showing_syn(&socket);
    let (kind, code) = if family == Family::V4 { (3, 1) } else { (1, 3) };
    peer.unreachable(kind, code, &syn);
}

/// A listener on the wire, at a port that is the same each time.
fn listen_on(wire: &Wire) -> TcpListener {
    TcpListener::bind((wire.host(), 80)).expect("the port")
}

fn half_open_completes(net: &Namespace, family: Family) {
    let wire = Wire::new(net, family);
    let listener = listen_on(&wire);
    let mut peer = wire.syn(80);
    sleep(QUIET);
    peer.send(ACK);
    let (server, _) = listener.accept().expect("accept");
    peer.send(FIN | ACK);
    peer.receive(ACK);
    drop(server);
    peer.receive(FIN | ACK);
    peer.send(ACK);
}

fn half_open_reset(net: &Namespace, family: Family) {
    let wire = Wire::new(net, family);
    let _listener = listen_on(&wire);
    let mut peer = wire.syn(80);
    sleep(QUIET);
    peer.send(RST);
}

fn half_open_times_out(net: &Namespace, family: Family) {
    net.set("tcp_synack_retries", 1);
    let wire = Wire::new(net, family);
    let _listener = listen_on(&wire);
    let _peer = wire.syn(80);
    until_gone(SYN_RECV);
}

fn half_open_without_its_listener(net: &Namespace, family: Family) {
    let wire = Wire::new(net, family);
    let listener = listen_on(&wire);
    let mut peer = wire.syn(80);
    drop(listener);
    peer.send(ACK);
    peer.overhear(RST);
}

/// Before Linux 6.15 a child has its listener's address for a while.
fn listener_on_all_addresses(net: &Namespace, family: Family) {
    let any: SocketAddr = match family {
        Family::V4 => (Ipv4Addr::UNSPECIFIED, 80).into(),
        Family::V6 => (Ipv6Addr::UNSPECIFIED, 80).into(),
    };
    let listener = TcpListener::bind(any).expect("the port");
    // Both are listened to where it is [::].
    for to in [Family::V4.loopback(), family.loopback()] {
        let client = TcpStream::connect((to, 80)).expect("connect");
        let (server, _) = listener.accept().expect("accept");
        close_in_turn(client, server);
    }
    let _ = net;
}

fn syn_cookie(net: &Namespace, family: Family) {
    net.set("tcp_syncookies", 2);
    let (client, server) = net.connect_to(&listen(family));
    close_in_turn(client, server);
}

fn fast_open(net: &Namespace, family: Family) {
    // Client and server, without a cookie on either side.
    net.set("tcp_fastopen", 0x607);
    let listener = listen(family);
    set_tcp(&listener, libc::TCP_FASTOPEN, 16);
    let client = connect_fast(family, listener.local_addr().expect("an address"), b"early");
    let (mut server, _) = listener.accept().expect("accept");
    server.read_exact(&mut [0; 5]).expect("read");
    close_in_turn(client, server);
}

fn time_wait_reused_by_connect(net: &Namespace, family: Family) {
    net.set("tcp_tw_reuse", 1);
    let listener = listen(family);
    let from = SocketAddr::from((family.loopback(), 4000));
    let (client, server) = net.connect_from(from, &listener);
    close_in_turn(client, server);
    // tcp_tw_reuse_delay.
    sleep(Duration::from_millis(1200));
    net.connect_from(from, &listener);
}

fn time_wait_reused_by_syn(net: &Namespace, family: Family) {
    let listener = listen(family);
    let from = SocketAddr::from((family.loopback(), 4000));
    let (client, server) = net.connect_from(from, &listener);
    close_in_turn(server, client);
    // The clock of TCP's timestamps must have gone on.
    sleep(QUIET);
    net.connect_from(from, &listener);
}

fn time_wait_reset(net: &Namespace, family: Family) {
    net.set("tcp_rfc1337", 0);
    let wire = Wire::new(net, family);
    let (socket, mut peer) = wire.connected(net);
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    sleep(QUIET);
    peer.send(RST);
}

fn time_wait_reused_by_its_own_socket(net: &Namespace, family: Family) {
    net.set("tcp_tw_reuse", 1);
    let listener = listen(family);
    let from = SocketAddr::from((family.loopback(), 4000));
    let (client, server) = net.connect_from(from, &listener);
    client.shutdown(Shutdown::Write).expect("shutdown");
    await_fin(&server);
    drop(server);
    await_fin(&client);
    // tcp_tw_reuse_delay.
    sleep(Duration::from_millis(1200));
    let client = client.into();
    let server = connect_again(&client, &listener);
    close_in_turn(client.into(), server);
}

fn time_wait_of_a_socket_that_connects_again(net: &Namespace, family: Family) {
    net.set("tcp_rfc1337", 0);
    let wire = Wire::new(net, family);
    let listener = listen(family);
    let (socket, mut peer) = wire.connected(net);
    socket.shutdown(Shutdown::Write).expect("shutdown");
    peer.receive(FIN | ACK);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    let server = connect_again(&socket, &listener);
    sleep(QUIET);
    peer.send(RST);
    close_in_turn(socket.into(), server);
}

fn time_wait_overflow(net: &Namespace, family: Family) {
    net.set("tcp_max_tw_buckets", 0);
    let (client, server) = net.connect_to(&listen(family));
    drop(client);
    sleep(QUIET);
    drop(server);
}

fn time_wait_expires(net: &Namespace, family: Family) {
    let (client, server) = net.connect_to(&listen(family));
    close_in_turn(client, server);
    until_gone(TIME_WAIT);
}
