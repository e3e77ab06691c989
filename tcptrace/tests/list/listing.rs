//! What `tcptrace list` says, and the sockets that it is to tell of.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    process::{Command, Output},
    time::{Duration, Instant},
};

use serde::Deserialize;
use socket2::{Domain, Socket, Type};

use crate::{namespace::Namespace, patience::patient, schema};

/// How long a state is waited for: two retransmissions of a SYN, on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);

/// A line of JSON. All of its fields must be there, and no others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub r#type: String,
    pub time: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub cookie: Option<String>,
    pub netns: u32,
    pub family: String,
    pub local_addr: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub local_port: Option<u16>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub remote_addr: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub remote_port: Option<u16>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub interface: Option<String>,
    pub state: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub pid: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub comm: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub uid: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub cgroup: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub container: Option<serde_json::Value>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub pod: Option<serde_json::Value>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub unit: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub age_ns: Option<u64>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub timer: Option<Timer>,
    pub orphan: bool,
    pub minisock: bool,
    #[serde(deserialize_with = "Option::deserialize")]
    pub keepalive: Option<Keepalive>,
    pub recv_queue: u32,
    pub send_queue: u32,
    #[serde(deserialize_with = "Option::deserialize")]
    pub dropped: Option<u32>,
    pub holders: Vec<Holder>,
}

/// A process that holds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    #[serde(deserialize_with = "Option::deserialize")]
    pub pid: Option<u32>,
    pub comm: String,
    pub fd: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timer {
    pub kind: String,
    pub remaining_ns: u64,
    pub retries: u8,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Keepalive {
    #[serde(deserialize_with = "Option::deserialize")]
    pub time_s: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub interval_s: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub probes: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub dead_peer_s: Option<u64>,
}

impl Line {
    /// The ports, 0 for none.
    pub fn ports(&self) -> (u16, u16) {
        (self.local_port.unwrap_or(0), self.remote_port.unwrap_or(0))
    }

    /// The kind of the timer, if one runs.
    pub fn timer_kind(&self) -> Option<&str> {
        self.timer.as_ref().map(|timer| &*timer.kind)
    }

    /// What is left of the timer.
    pub fn left(&self) -> Duration {
        Duration::from_nanos(self.timer.as_ref().expect("a timer runs").remaining_ns)
    }

    /// Fails if anybody is told to have it.
    pub fn expect_no_owner(&self) {
        let owner = (self.pid, &self.comm, self.uid);
        assert_eq!(owner, (None, &None, None), "nobody has {self:?}");
    }
}

/// The binary to test, as a command.
pub fn tcptrace(arguments: &[&str]) -> Command {
    let binary =
        std::env::var_os("TCPTRACE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_tcptrace").into());
    let mut command = Command::new(binary);
    command.args(arguments);
    command
}

/// Runs `tcptrace list` to a good end, without a word on stderr. JSON must be as its schema says.
pub fn output(arguments: &[&str]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = tcptrace(&["list"])
        .args(arguments)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success() && said.is_empty(), "{status}: {said}");
    let text = String::from_utf8(stdout).expect("UTF-8");
    if arguments.contains(&"json") {
        for line in text.lines() {
            schema::read(line).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    text
}

/// The sockets that `tcptrace list` tells of.
pub fn sockets(arguments: &[&str]) -> Vec<Line> {
    output(&[&["-o", "json"], arguments].concat())
        .lines()
        .map(|text| {
            let line: Line =
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(line.r#type, "socket");
            assert!(
                line.time.ends_with('Z') && line.time.contains('T'),
                "{text}"
            );
            line
        })
        .collect()
}

/// Waits until the socket with these ports is as wanted.
pub fn wait_for(ports: (u16, u16), wanted: impl Fn(&Line) -> bool) -> Line {
    let deadline = Instant::now() + patient(LIMIT);
    loop {
        let all = sockets(&[]);
        if let Some(line) = all
            .iter()
            .find(|line| line.ports() == ports && wanted(line))
        {
            return line.clone();
        }
        assert!(Instant::now() < deadline, "{ports:?} not among {all:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for the state of the socket with these ports.
pub fn wait_for_state(ports: (u16, u16), state: &str) -> Line {
    wait_for(ports, |line| line.state == state)
}

/// A listener on loopback with a backlog.
pub fn listener(_: &Namespace, backlog: i32) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("bind");
    socket.listen(backlog).expect("listen");
    socket.into()
}

/// A connection over loopback: the client's socket, and the server's.
pub fn connect(net: &Namespace) -> (TcpStream, TcpStream) {
    let listener = listener(net, 8);
    let client = TcpStream::connect(listener.local_addr().unwrap()).expect("connect");
    (client, listener.accept().expect("accept").0)
}

/// Begins to connect.
pub fn begin_connect(to: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket");
    socket.set_nonblocking(true).unwrap();
    let told = socket
        .connect(&to.into())
        .map_err(|error| error.raw_os_error());
    assert!(matches!(told, Ok(()) | Err(Some(libc::EINPROGRESS))));
    socket
}

/// Lets a listener leave connections half open until data comes.
pub fn defer_accept(listener: &TcpListener) {
    let seconds: libc::c_int = 30;
    let size = size_of_val(&seconds) as u32;
    // SAFETY: the value is as long as is told.
    let told = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size,
        )
    };
    assert_eq!(told, 0, "{}", std::io::Error::last_os_error());
}

/// The ports of a socket.
pub fn ports(stream: &TcpStream) -> (u16, u16) {
    let port = |addr: std::io::Result<SocketAddr>| addr.expect("an address").port();
    (port(stream.local_addr()), port(stream.peer_addr()))
}
