//! What is told of very many connections, against what the kernel counted of them itself.
//!
//! Which transitions each counter stands for: see [`counters`](crate::counters).
//!
//! What a timer does, no counter's sum depends on: see [`UNSEEN`].

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_getcpu, sched_setaffinity},
    sys::socket::{setsockopt, sockopt::ReuseAddr},
    unistd::Pid,
};
use socket2::{Domain, Socket, Type};

use crate::{
    counters::{Counts, FAILED, NAMES, PASSIVE, counter},
    load,
    namespace::Namespace,
    served::Served,
    traced::{Told, Traced},
    wire::Wire,
};

/// Connections of all kinds.
const ALL: u64 = 300_000;
/// Kinds of them, in turn.
const KINDS: u64 = 20;
/// Below ip_local_port_range.
const PORT: u16 = 80;
/// Where nobody listens.
const NOBODY: u16 = 81;
/// Where nobody accepts.
const FULL: u16 = 82;
/// Ports that clients bind to, from here on.
const BOUND: u64 = 20_000;
/// Lines that tcptrace may lag behind: its ring buffer holds more of them.
const AHEAD: u64 = 100_000;
/// Lines of a connection, at the most.
const LINES: u64 = 12;
/// One in so many of what timers do may be told by nobody. A kernel that hides a task from tracing,
/// as that of a sandbox hides its agent, runs no program while a timer takes its turn on that task's
/// back: as often as it is that task which runs. It is to be seen by states that tcptrace never saw
/// left.
const UNSEEN: u64 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// No timer of what is closed by then, TIME_WAIT's apart, takes longer.
const REST: Duration = Duration::from_secs(8);

/// How long the connections are spread over, and when a port that a client binds to comes again: in
/// full when the TIME_WAIT that has it is over 60 s old, and its timer has perhaps not fired yet, as
/// the kernel's wheel takes up to 2 s more; else when it may be reused at all, after a second.
struct Plan {
    duration: Duration,
    round: u64,
    ports: &'static str,
}

impl Plan {
    fn new() -> Self {
        if load(ALL) == ALL {
            Self {
                duration: Duration::from_secs(130),
                round: 61,
                ports: "1024 65535",
            }
        } else {
            Self {
                duration: Duration::from_secs(8),
                round: 2,
                ports: "1024 4095",
            }
        }
    }
}

/// What is to be done later.
enum Later {
    /// The server of an orphan closes.
    Close(Socket),
    /// The server of an orphan sends data, which is answered by an RST.
    Send(Socket),
    /// Nothing: its timers end it.
    Leave(Socket),
    /// A half-open connection is reset by its peer.
    Reset(u64),
}

/// Makes connections.
struct Crowd {
    listener: Socket,
    /// The one has a connection that nobody accepts, for which there is room.
    _full: (Socket, Socket),
    wire: Wire,
    /// By their time, and a number that no other has.
    later: BTreeMap<(Instant, usize), Later>,
    round: u64,
    /// Of those who bind, in a second.
    a_second: u64,
    began: Instant,
    /// Connections for which there was no port.
    portless: u64,
}

fn socket() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")
}

fn listener(port: u16, backlog: i32) -> Socket {
    let listener = socket();
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    listener.bind(&any.into()).expect("the port");
    listener.listen(backlog).expect("a listener");
    listener
}

fn linger(socket: Socket) {
    socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
}

impl Crowd {
    fn new(plan: &Plan) -> Self {
        let full = listener(FULL, 0);
        let waits = socket();
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, FULL));
        waits.connect(&to.into()).expect("there is room for one");
        Self {
            // Room for all who are half-open.
            listener: listener(PORT, 1 << 16),
            _full: (full, waits),
            wire: Wire::new(),
            later: BTreeMap::new(),
            round: plan.round,
            a_second: load(ALL) / KINDS / plan.duration.as_secs(),
            began: Instant::now(),
            portless: 0,
        }
    }

    /// Both ends of a connection to one of three addresses, whose ports wrap at different times.
    fn connect(&mut self, number: u64) -> Option<(Socket, Socket)> {
        let last = 1 + (number % 7 / 3) as u8;
        self.connect_by(socket(), Ipv4Addr::new(127, 74, 0, last))
    }

    fn connect_by(&mut self, client: Socket, to: Ipv4Addr) -> Option<(Socket, Socket)> {
        match client.connect(&SocketAddr::from((to, PORT)).into()) {
            Ok(()) => {
                let (server, _) = self.listener.accept().expect("a connection came");
                Some((client, server))
            }
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                self.portless += 1;
                None
            }
            Err(error) => panic!("connect: {error}"),
        }
    }

    /// Begins to connect.
    fn begin(&mut self, to: SocketAddr) -> Socket {
        let client = socket();
        client.set_nonblocking(true).expect("O_NONBLOCK");
        let told = client.connect(&to.into()).expect_err("nobody answers");
        assert_eq!(told.raw_os_error(), Some(libc::EINPROGRESS), "{told}");
        client
    }

    fn later(&mut self, after: Duration, what: Later) {
        let key = (Instant::now() + after, self.later.len());
        self.later.insert(key, what);
    }

    /// One more.
    fn make(&mut self, number: u64) {
        self.catch_up(Instant::now());
        match number % KINDS {
            // A port that is bound comes again once in a round: the client closes first, or the
            // server does.
            0 => {
                let turn = number / KINDS;
                let second = self.began.elapsed().as_secs() % self.round;
                let port = BOUND + second * self.a_second + turn % self.a_second;
                let client = socket();
                setsockopt(&client, ReuseAddr, &true).expect("SO_REUSEADDR");
                let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), port as u16));
                client.bind(&from.into()).expect("the port");
                let to = Ipv4Addr::new(127, 74, 0, 9);
                if let Some((client, server)) = self.connect_by(client, to) {
                    close(client, server, turn.is_multiple_of(2));
                }
            }
            kind @ 1..=6 => {
                if let Some((client, server)) = self.connect(number) {
                    close(client, server, kind <= 4);
                }
            }
            kind @ 7..=9 => {
                if let Some((client, server)) = self.connect(number) {
                    match kind {
                        7 => linger(client),
                        8 => linger(server),
                        _ => {
                            (&client).write_all(b"nobody reads this").expect("room");
                            drop(server);
                        }
                    }
                }
            }
            10 | 11 => {
                let to = SocketAddr::from((Ipv4Addr::LOCALHOST, NOBODY));
                socket().connect(&to.into()).expect_err("nobody is there");
            }
            // Half-open, and reset by its peer, or given up by the kernel.
            12 => {
                self.wire.syn(number, PORT);
                self.later(SECOND / 10, Later::Reset(number));
            }
            13 => self.wire.syn(number, PORT),
            // Orphans.
            kind @ 14..=16 => {
                if let Some((client, server)) = self.connect(number) {
                    drop(client);
                    match kind {
                        14 => self.later(SECOND, Later::Close(server)),
                        15 => self.later(SECOND, Later::Send(server)),
                        _ => self.later(REST, Later::Leave(server)),
                    }
                }
            }
            // A SYN that is not answered: given up, or timed out.
            17 => {
                let to = SocketAddr::from((Ipv4Addr::LOCALHOST, FULL));
                let client = self.begin(to);
                if (number / KINDS).is_multiple_of(8) {
                    self.later(REST, Later::Leave(client));
                }
            }
            // Half-closed.
            18 => {
                if let Some((client, server)) = self.connect(number) {
                    client
                        .shutdown(std::net::Shutdown::Write)
                        .expect("shutdown");
                    let mut buffer = [0];
                    assert_eq!((&server).read(&mut buffer).expect("its end"), 0);
                    drop(server);
                    drop(client);
                }
            }
            // With itself: the SYNs cross, and the FINs.
            _ => {
                let client = socket();
                let turn = number / KINDS % self.a_second;
                let own = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 8), (BOUND + turn) as u16));
                setsockopt(&client, ReuseAddr, &true).expect("SO_REUSEADDR");
                if (number / KINDS).is_multiple_of(16)
                    && client.bind(&own.into()).is_ok()
                    && client.connect(&own.into()).is_err()
                {
                    self.portless += 1;
                }
            }
        }
    }

    /// What is due by now.
    fn catch_up(&mut self, now: Instant) {
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            match first.remove() {
                Later::Close(server) => drop(server),
                // The client is gone, by its timer, where this comes too late.
                Later::Send(server) => drop((&server).write(b"too late")),
                Later::Leave(socket) => drop(socket),
                Later::Reset(number) => self.wire.reset(number, PORT),
            }
        }
    }
}

/// Closes one end, and the other.
fn close(client: Socket, server: Socket, client_first: bool) {
    if client_first {
        drop(client);
        drop(server);
    } else {
        drop(server);
        drop(client);
    }
}

/// Where another CPU took the acknowledgement of a FIN while close() still has the socket, it waits in
/// FIN_WAIT2 as a full socket, of which no counter tells.
fn stay_on_this_cpu() {
    let mut one = CpuSet::new();
    one.set(sched_getcpu().expect("a CPU")).expect("its number");
    sched_setaffinity(Pid::from_raw(0), &one).expect("affinity");
}

/// No FIN waits for a timer until it is acknowledged.
fn acknowledge_at_once() {
    let words = "route replace local 127.0.0.0/8 dev lo table local proto kernel scope host \
                 src 127.0.0.1 quickack 1";
    let status = Command::new("ip").args(words.split_whitespace()).status();
    assert!(status.expect("ip of iproute2").success(), "ip {words}");
}

/// The kernel's minisocks, in the namespace of this thread, as `ss -s` has them: nothing waits in
/// FIN_WAIT2 any more. `ss -t state time-wait` would take longer than the wheel gives it.
fn time_waits_of_kernel() -> i64 {
    let text = fs::read_to_string("/proc/thread-self/net/sockstat").expect("sockstat");
    text.lines()
        .find_map(|line| line.strip_prefix("TCP: "))
        .and_then(|line| line.split_whitespace().skip_while(|it| *it != "tw").nth(1))
        .and_then(|count| count.parse().ok())
        .unwrap_or_else(|| panic!("no TIME_WAITs in {text}"))
}

/// The kernel's TIME_WAITs, and those that are told, at the most and at the least. At a moment when
/// none ends these two are equal: the timer wheel ends many at a time. None begins any more.
fn time_waits(traced: &Traced) -> (i64, i64, i64) {
    let mut told = (0, 0, 0);
    for _ in 0..20 {
        let most = traced.time_waits();
        let counted = time_waits_of_kernel();
        // For tcptrace's poll.
        thread::sleep(SECOND / 5);
        told = (counted, most, traced.time_waits());
        if told.1 == told.2 {
            break;
        }
    }
    told
}

/// Transitions by reason alone, as metrics have them.
fn without_details(told: &Told) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for (label, count) in &told.counts {
        let label = label.split(':').next().expect("a first part");
        *counts.entry(label.to_owned()).or_default() += count;
    }
    counts
}

#[test]
fn what_is_told_of_mixed_connections_is_what_the_kernel_counted() {
    let net = Namespace::new();
    let plan = Plan::new();
    net.set("ip_local_port_range", plan.ports);
    net.set("tcp_max_tw_buckets", 1_000_000);
    net.set("tcp_fin_timeout", 3);
    net.set("tcp_synack_retries", 0);
    net.set("tcp_syn_retries", 1);
    net.set("tcp_syncookies", 0);
    net.set("tcp_max_syn_backlog", 1 << 16);
    fs::write("/proc/sys/net/core/somaxconn", "65536").expect("somaxconn");
    acknowledge_at_once();
    let mut crowd = Crowd::new(&plan);
    let before = Counts::of_kernel();
    let arguments = [
        "watch",
        "-o",
        "json",
        "--netns",
        "self",
        "--buffer-size",
        "64M",
    ];
    // What is served is counted from the same.
    let served = Served::start();
    let mut traced = Traced::start(&net.outside(), &arguments);
    // Not tcptrace, which was started before.
    stay_on_this_cpu();
    let all = load(ALL);
    crowd.began = Instant::now();
    for number in 0..all {
        // At an even pace.
        if number % 64 == 0 {
            let due = plan.duration.mul_f64(number as f64 / all as f64);
            thread::sleep(due.saturating_sub(crowd.began.elapsed()));
            let lines = traced.lines();
            if lines + AHEAD < number * LINES / 2 {
                traced.wait_for(lines + LINES * 64);
            }
        }
        // Towards the end there is no room for so many TIME_WAITs any more.
        if number == all - all / 50 {
            net.set("tcp_max_tw_buckets", 100);
        }
        crowd.make(number);
    }
    eprintln!("{all} connections within {:.1?}", crowd.began.elapsed());
    // Whatever waits, waits for a timer now; TIME_WAITs go on.
    let deadline = Instant::now() + REST + SECOND;
    while !crowd.later.is_empty() {
        crowd.catch_up(Instant::now());
        assert!(Instant::now() < deadline, "{} are left", crowd.later.len());
        thread::sleep(SECOND / 20);
    }
    // But for the two ends of the one that nobody accepts.
    while counter("CurrEstab") > 2 {
        assert!(Instant::now() < deadline + REST, "connections are left");
        thread::sleep(SECOND / 20);
    }
    thread::sleep(SECOND / 2);
    let (counted, most, least) = time_waits(&traced);
    let kernel = Counts::of_kernel().since(&before);
    let portless = crowd.portless;
    let (metrics, _) = served.transitions();
    let told = traced.stop();
    let (later, lost) = served.transitions();
    let mut counts: Vec<_> = told.counts.iter().collect();
    counts.sort();
    eprintln!(
        "{counts:#?}\n{kernel:#?}\n{portless} found no port, {counted} TIME_WAITs, \
         {} lost, {} missed",
        told.lost, told.missed
    );
    told.assert_whole();
    // TIME_WAITs expire all the time: before `watch` has ended, and after.
    let told_by_watch = without_details(&told);
    let labels = told_by_watch.keys().chain(later.keys());
    for label in labels.collect::<BTreeSet<_>>() {
        let count = |all: &HashMap<String, u64>| all.get(label).copied().unwrap_or(0);
        let (least, most) = (count(&metrics), count(&later));
        let told = count(&told_by_watch);
        assert!(
            (least..=most).contains(&told),
            "{label}: serve tells {least}, then {most}; watch {told}; {lost} lost"
        );
        assert!(
            least == most || label.starts_with("TIME_WAIT"),
            "{label}: {least}, then {most}, though nothing went on"
        );
    }
    assert_eq!(lost, 0, "serve lost events");
    let mut counted_from_told = Counts::of_told(&told);
    // Handshakes that were made where nobody could see it, see UNSEEN: no end of them was told.
    let hidden = kernel.0[PASSIVE].saturating_sub(counted_from_told.0[PASSIVE]);
    let never_left = told.sum("*", "SYN_SENT", "*") - told.sum("SYN_SENT", "*", "*");
    assert!(hidden <= never_left, "{hidden} handshakes are missing");
    counted_from_told.0[PASSIVE] += hidden;
    counted_from_told.0[FAILED] -= hidden;
    assert_eq!(counted_from_told, kernel);
    // What was never seen to leave FIN_WAIT1 is in TIME_WAIT all the same.
    let unseen = told.sum("*", "FIN_WAIT1", "*") - told.sum("FIN_WAIT1", "*", "*");
    let told_time_waits = least..=most + unseen as i64;
    assert!(
        told_time_waits.contains(&counted),
        "{counted} TIME_WAITs are counted by the kernel, {told_time_waits:?} are told"
    );
    let unknown: Vec<_> = told
        .counts
        .keys()
        .filter(|label| label.ends_with(" unknown"))
        .collect();
    assert!(unknown.is_empty(), "{told:?}");
    // Of all states but TIME_WAIT, whatever came to them has left them; see UNSEEN.
    let by_timer = |from, to, reason| told.sum(from, to, reason) / UNSEEN;
    for (state, most) in [
        ("SYN_SENT", by_timer("SYN_SENT", "CLOSED", "timed_out")),
        ("SYN_RECV", by_timer("SYN_RECV", "CLOSED", "timed_out")),
        // Hardly any acknowledgement waits for a timer.
        (
            "FIN_WAIT1",
            by_timer("FIN_WAIT1", "FIN_WAIT2", "fin_acked") / 10,
        ),
        (
            "FIN_WAIT2",
            by_timer("FIN_WAIT2", "CLOSED", "fin_timeout") + unseen,
        ),
        // Both ends of a handshake that is missing.
        ("ESTABLISHED", 2 * hidden),
        ("CLOSE_WAIT", 0),
        ("CLOSING", 0),
        ("LAST_ACK", 0),
    ] {
        let (came, left) = (told.sum("*", state, "*"), told.sum(state, "*", "*"));
        if came != left {
            eprintln!("{state}: {came} came, {left} left");
        }
        assert!(came.abs_diff(left) <= most, "{state}: {came}, {left}");
    }
    // Every kind of end was among them.
    for (index, count) in kernel.0.iter().enumerate() {
        assert!(*count > 0, "no {}", NAMES[index]);
    }
    assert!(told.sum("TIME_WAIT", "CLOSED", "reused_by_syn") > 0);
    assert!(told.sum("FIN_WAIT2", "CLOSED", "fin_timeout") > 0);
    if load(ALL) == ALL {
        assert!(told.sum("TIME_WAIT", "CLOSED", "expired") > 0);
    }
}
