//! What is shown: made up, so that every column has its longest and its shortest, and the same in
//! every run.

use std::{net::IpAddr, num::NonZeroU64, time::Duration};

use tcptrace::{
    decode::{Comm, Cookie, Endpoint, Measured, Owner, Process, Tuple},
    doctor::{Check, Counter, Report, Setting, Status, Value, Warning},
    flows::{Candidate, End, FlowRecord, Manner, Stay},
    kernel::{Cgroups, Clock},
    snapshot::{Socket, Timer, TimerKind},
    track::{Closer, Detail, ExistingKind, Reason, Side, State, Transition},
};
use zerocopy::FromZeros as _;

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;
/// 2026-11-22T10:39:11Z.
const BEGAN: i64 = 1_795_343_951 * SECOND as i64;
const NETNS: u32 = 4_026_531_840;
const CGROUP: u64 = 7;

pub fn clock() -> Clock {
    Clock::ahead_by(BEGAN)
}

pub fn cgroups() -> Cgroups {
    let name = "/system.slice/nginx.service".to_owned();
    Cgroups::from_iter([(CGROUP, name)])
}

pub fn ends(local: (&str, u16), remote: (&str, u16)) -> Tuple {
    let end = |(addr, port): (&str, u16)| Endpoint::new(addr.parse::<IpAddr>().unwrap(), port);
    Tuple {
        netns: NETNS,
        local: end(local),
        remote: end(remote),
    }
}

pub fn by(comm: &str, pid: u32) -> Owner {
    Owner {
        process: Some(Process {
            pid,
            comm: Comm::new(comm.as_bytes()),
        }),
        uid: Some(1000),
        cgroup: NonZeroU64::new(CGROUP),
    }
}

/// The longest that columns have to hold.
pub fn longest() -> (Tuple, Owner) {
    let end = ("255.255.255.255", 65_535);
    (ends(end, end), by("chromium-browse", 4_194_304))
}

/// Of the longest IPv6.
pub fn longest_ipv6() -> (Tuple, Owner) {
    let (local, remote) = (
        "2001:db8:1111:2222:3333:4444:5555:6666",
        "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
    );
    (
        ends((local, 65_535), (remote, 65_535)),
        by("größter-dienst", 4_194_304),
    )
}

/// Nothing is known of it but that it is there.
pub fn nameless() -> (Tuple, Owner) {
    (ends(("0.0.0.0", 0), ("0.0.0.0", 0)), Owner::default())
}

fn transition(of: &(Tuple, Owner), from: State, to: State, reason: Reason) -> Transition {
    Transition {
        time_ns: 0,
        cookie: Cookie::new(0x3ea),
        tuple: of.0,
        from,
        to,
        held_ns: None,
        reason,
        detail: None,
        opener: None,
        closer: None,
        owner: of.1,
        followed: false,
        measured: None,
        keepalive: None,
    }
}

/// A transition of which everything is known.
pub fn known_transition() -> Transition {
    Transition {
        held_ns: Some(999_000),
        detail: Some(Detail::SeenLate),
        opener: Some(Side::Local),
        closer: Some(Closer::Both),
        ..transition(
            &longest(),
            State::FinWait2,
            State::TimeWait,
            Reason::FinReceived,
        )
    }
}

/// One of which nothing is.
pub fn unknown_transition() -> Transition {
    Transition {
        cookie: None,
        ..transition(
            &nameless(),
            State::Established,
            State::Closed,
            Reason::Unknown,
        )
    }
}

/// What `watch` shows.
pub fn transitions() -> Vec<Transition> {
    use Reason as R;
    use State as S;
    let client = (
        ends(("192.0.2.10", 41_234), ("198.51.100.7", 443)),
        by("curl", 4242),
    );
    let server = (
        ends(("10.0.0.1", 80), ("10.20.30.40", 50_000)),
        by("nginx", 812),
    );
    let loopback = (ends(("::1", 52_000), ("::1", 8080)), by("数据库-1", 31_337));
    let local = |mut it: Transition| {
        it.opener = Some(Side::Local);
        it
    };
    let remote = |mut it: Transition| {
        it.opener = Some(Side::Remote);
        it
    };
    let held = |ns: u64, mut it: Transition| {
        it.held_ns = Some(ns);
        it
    };
    let listener = (ends(("::", 80), ("::", 0)), by("nginx", 812));
    let no_port = (
        ends(("0.0.0.0", 0), ("203.0.113.250", 8443)),
        by("ab", 99_999),
    );
    let mut all = vec![
        transition(&listener, S::Closed, S::Listen, R::Listen),
        local(transition(&client, S::Closed, S::SynSent, R::Connect)),
        local(held(
            12 * MS + 345_678,
            transition(&client, S::SynSent, S::Established, R::HandshakeComplete),
        )),
        remote(transition(&server, S::Listen, S::SynRecv, R::SynReceived)),
        remote(held(
            42_800,
            transition(&server, S::SynRecv, S::Established, R::HandshakeComplete),
        )),
        local(held(
            400 * MS,
            transition(&client, S::Established, S::FinWait1, R::FinSent),
        )),
        local(held(
            43 * MS,
            transition(&client, S::FinWait1, S::FinWait2, R::FinAcked),
        )),
        local(held(
            157 * MS,
            transition(&client, S::FinWait2, S::TimeWait, R::FinReceived),
        )),
        local(held(
            60_654 * MS,
            transition(&client, S::TimeWait, S::Closed, R::Expired),
        )),
        remote(held(
            442_800 * SECOND,
            transition(&longest(), S::Established, S::CloseWait, R::FinReceived),
        )),
        local(held(
            7875 * SECOND,
            transition(
                &longest_ipv6(),
                S::Established,
                S::Closed,
                R::KeepaliveTimeout,
            ),
        )),
        local(held(
            58_200,
            transition(&loopback, S::SynSent, S::Closed, R::Refused),
        )),
        local(transition(&no_port, S::SynSent, S::Closed, R::Unreachable)),
        known_transition(),
        unknown_transition(),
    ];
    if let Some(given_up) = all.get_mut(12) {
        given_up.detail = Some(Detail::NoFreePort);
    }
    for (index, it) in (0..).zip(&mut all) {
        it.time_ns = index * 1_234_567_890;
    }
    all
}

/// A flow, with how long it was idle and what explains that.
pub struct Flow {
    pub record: FlowRecord,
    pub idle_ns: Option<u64>,
    pub candidates: Vec<Candidate>,
}

fn flow(of: &(Tuple, Owner), path: &[(State, Option<u64>)], end: Option<End>) -> FlowRecord {
    FlowRecord {
        cookie: Cookie::new(0x3eb),
        tuple: of.0,
        owner: of.1,
        followed: false,
        opener: None,
        closer: None,
        opened_ns: None,
        closed_ns: None,
        time_ns: 70 * SECOND,
        path: path.iter().map(|&(state, ns)| Stay { state, ns }).collect(),
        end,
        time_wait_end: None,
        measured: None,
        at_close: None,
        keepalive: None,
    }
}

fn measured(sent: u64, received: u64) -> Option<Measured> {
    let mut measured = Measured::new_zeroed();
    measured.bytes_acked = sent;
    measured.bytes_received = received;
    measured.retransmits = 3;
    measured.srtt_us_8 = 8 * 12_345;
    Some(measured)
}

/// A flow of which everything is known.
pub fn known_flow() -> Flow {
    let path = [
        (State::SynSent, Some(12 * MS)),
        (State::Established, Some(5_050 * MS)),
        (State::FinWait1, Some(43 * MS)),
        (State::FinWait2, Some(157 * MS)),
        (State::TimeWait, Some(60_654 * MS)),
    ];
    let candidate = |product: &str, setting: &str, seconds| Candidate {
        product: product.to_owned(),
        setting: setting.to_owned(),
        seconds,
        closes: Manner::Closes,
        source: String::new(),
    };
    Flow {
        record: FlowRecord {
            opener: Some(Side::Local),
            closer: Some(Closer::Local),
            opened_ns: Some(3 * SECOND),
            closed_ns: Some(8_262 * MS),
            time_wait_end: Some(Reason::Expired),
            measured: measured(1002, 20_480),
            keepalive: Some(true),
            ..flow(
                &(
                    ends(("192.0.2.10", 41_234), ("198.51.100.7", 443)),
                    by("curl", 4242),
                ),
                &path,
                Some(End::Graceful),
            )
        },
        idle_ns: Some(5_050 * MS),
        candidates: vec![
            candidate("Apache httpd 2.2 and 2.4", "KeepAliveTimeout", 5.0),
            candidate("nginx", "lingering_timeout", 5.0),
            candidate("Node.js http before 26", "server.keepAliveTimeout", 5.0),
        ],
    }
}

/// One of which nothing is.
pub fn unknown_flow() -> Flow {
    Flow {
        record: FlowRecord {
            cookie: None,
            ..flow(&nameless(), &[(State::Established, None)], None)
        },
        idle_ns: None,
        candidates: Vec::new(),
    }
}

/// What `flows` shows.
pub fn flows() -> Vec<Flow> {
    let plain = |record| Flow {
        record,
        idle_ns: None,
        candidates: Vec::new(),
    };
    let served = (
        ends(("10.0.0.1", 80), ("10.20.30.40", 50_000)),
        by("nginx", 812),
    );
    let served_path = [
        (State::SynRecv, Some(42_800)),
        (State::Established, Some(999 * MS)),
        (State::CloseWait, Some(200 * MS)),
        (State::LastAck, Some(101_000)),
    ];
    let refused = (ends(("::1", 52_000), ("::1", 8080)), by("数据库-1", 31_337));
    let of_days = [
        (State::SynSent, Some(MS)),
        (State::Established, Some(442_800 * SECOND)),
        (State::Closing, Some(11_520 * SECOND)),
    ];
    let reset = [(State::Established, None)];
    vec![
        known_flow(),
        plain(FlowRecord {
            opener: Some(Side::Remote),
            closer: Some(Closer::Remote),
            measured: measured(1_048_575, 0),
            ..flow(&served, &served_path, Some(End::Graceful))
        }),
        plain(FlowRecord {
            opener: Some(Side::Local),
            closer: Some(Closer::Remote),
            measured: measured(0, 0),
            ..flow(
                &refused,
                &[(State::SynSent, Some(58_200))],
                Some(End::Reason(Reason::Refused)),
            )
        }),
        plain(FlowRecord {
            opener: Some(Side::Local),
            closer: Some(Closer::Both),
            measured: measured(u64::MAX, 1_073_741_824),
            ..flow(&longest(), &of_days, Some(End::Graceful))
        }),
        plain(FlowRecord {
            opener: Some(Side::Remote),
            closer: Some(Closer::Remote),
            measured: measured(1023, 1024),
            ..flow(
                &longest_ipv6(),
                &reset,
                Some(End::Reason(Reason::ResetByPeer)),
            )
        }),
        unknown_flow(),
    ]
}

fn socket(of: &(Tuple, Owner), state: State, kind: ExistingKind) -> Socket {
    Socket {
        cookie: Cookie::new(0x3ec),
        tuple: of.0,
        state,
        kind,
        owner: of.1,
        timer: None,
        recv_queue: 0,
        send_queue: 0,
        orphan: false,
    }
}

fn timer(kind: TimerKind, remaining_ms: u64, retries: u8) -> Option<Timer> {
    Some(Timer {
        kind,
        remaining: Duration::from_millis(remaining_ms),
        retries,
    })
}

/// A socket of which everything is known: a TIME_WAIT has an age, but no owner and no keepalive, so
/// it takes two.
pub fn known_sockets() -> [Socket; 2] {
    [
        Socket {
            timer: timer(TimerKind::Keepalive, 7_199_000, 2),
            recv_queue: u32::MAX,
            send_queue: 999_999,
            ..socket(&longest(), State::Established, ExistingKind::Socket)
        },
        Socket {
            timer: timer(TimerKind::TimeWait, 12_345, 0),
            orphan: true,
            owner: Owner::default(),
            ..socket(&longest(), State::TimeWait, ExistingKind::Minisock)
        },
    ]
}

/// One of which nothing is.
pub fn unknown_socket() -> Socket {
    Socket {
        cookie: None,
        ..socket(&nameless(), State::SynRecv, ExistingKind::Request)
    }
}

/// What `list` shows.
pub fn sockets() -> Vec<Socket> {
    let nobody = Owner::default();
    let listener = (ends(("::", 80), ("::", 0)), by("nginx", 812));
    let served = ends(("10.0.0.1", 80), ("10.20.30.40", 50_000));
    let client = ends(("192.0.2.10", 41_234), ("198.51.100.7", 443));
    let [keepalive, time_wait] = known_sockets();
    let mut elsewhere = socket(
        &(ends(("::1", 52_000), ("::1", 8080)), by("数据库-1", 31_337)),
        State::SynSent,
        ExistingKind::Socket,
    );
    elsewhere.tuple.netns = 4_026_532_999;
    elsewhere.timer = timer(TimerKind::Retransmit, 3_200, 15);
    elsewhere.send_queue = 1;
    vec![
        Socket {
            recv_queue: 3,
            send_queue: 511,
            ..socket(&listener, State::Listen, ExistingKind::Socket)
        },
        Socket {
            timer: timer(TimerKind::Retransmit, 800, 1),
            ..socket(&(served, nobody), State::SynRecv, ExistingKind::Request)
        },
        unknown_socket(),
        keepalive,
        Socket {
            recv_queue: 120,
            ..socket(&(served, nobody), State::Established, ExistingKind::Socket)
        },
        Socket {
            timer: timer(TimerKind::Probe, 1_600, 4),
            send_queue: 16_384,
            ..socket(
                &(client, by("curl", 4242)),
                State::Established,
                ExistingKind::Socket,
            )
        },
        Socket {
            timer: timer(TimerKind::Retransmit, 204, 0),
            send_queue: 1,
            orphan: true,
            ..socket(&(client, nobody), State::FinWait1, ExistingKind::Socket)
        },
        time_wait,
        socket(&longest_ipv6(), State::CloseWait, ExistingKind::Socket),
        elsewhere,
    ]
}

/// What `doctor` reports.
pub fn report() -> Report {
    let check = |name: &str, status, detail: Option<&str>| Check {
        name: name.to_owned(),
        status,
        detail: detail.map(str::to_owned),
    };
    let setting = |name: &str, unit: Option<&str>, value: &[i64], default: &[i64]| Setting {
        name: name.to_owned(),
        file: format!("/proc/sys/net/ipv4/{name}"),
        unit: unit.map(str::to_owned),
        value: Value::new(value.to_vec()),
        default: Value::new(default.to_vec()),
        meaning: value
            .first()
            .map(|value| format!("what {value} means on this machine, in plain words")),
    };
    let counter = |name: &str, value, trouble| Counter {
        name: name.to_owned(),
        value,
        meaning: "what it counts, which may take more than one line to say".to_owned(),
        trouble,
    };
    Report {
        checks: vec![
            check("kernel", Status::Ok, Some("6.18.44")),
            check("inet_sock_set_state", Status::Ok, None),
            check(
                "timer_start",
                Status::Degraded,
                Some(
                    "not there: TIME_WAIT and SYN_RECV can't be seen; a kernel from 5.12 on helps",
                ),
            ),
            check("tcp_send_reset", Status::Unknown, None),
        ],
        settings: vec![
            setting("tcp_fin_timeout", Some("s"), &[30], &[60]),
            setting("tcp_syncookies", None, &[1], &[1]),
            setting(
                "ip_local_port_range",
                None,
                &[50_000, 50_099],
                &[32_768, 60_999],
            ),
            setting("tcp_tw_reuse_delay", Some("ms"), &[], &[1000]),
        ],
        counters: vec![
            counter("TW", Some(172), false),
            counter("ListenOverflows", Some(3), true),
            counter("TCPTimeWaitOverflow", Some(0), false),
            counter("PAWSTimewait", None, false),
        ],
        warnings: vec![Warning {
            setting: "ip_local_port_range",
            text: "only 100 ports: connect() fails beyond about 1 connections a second to one \
                   destination"
                .to_owned(),
        }],
    }
}
