//! Sockets.

use std::time::Duration;

use tcptrace::{
    host::{Holder, Keepalive, Socket, Timer, TimerKind},
    model::{Cookie, KeepaliveSettings, Owner, SocketKind, State, Tuple},
};

use super::{by, ends, longest, longest_ipv6, nameless};

fn socket(of: &(Tuple, Owner), state: State, kind: SocketKind) -> Socket {
    Socket {
        cookie: Cookie::new(0x3ec),
        tuple: of.0,
        state,
        kind,
        owner: of.1,
        timer: None,
        recv_queue: Some(0),
        send_queue: Some(0),
        orphan: Some(false),
        held: None,
        inode: 0,
        descriptor: None,
        holders: Vec::new(),
        dropped: None,
        asked: None,
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
            recv_queue: Some(u32::MAX),
            send_queue: Some(999_999),
            asked: Some(Keepalive::On(KeepaliveSettings {
                time_s: 7200,
                interval_s: 75,
                probes: 9,
            })),
            ..socket(&longest(), State::Established, SocketKind::Full)
        },
        Socket {
            timer: timer(TimerKind::TimeWait, 12_345, 0),
            orphan: Some(true),
            owner: Owner::default(),
            ..socket(&longest(), State::TimeWait, SocketKind::Minisock)
        },
    ]
}

/// One of which nothing is.
pub fn unknown_socket() -> Socket {
    Socket {
        cookie: None,
        ..socket(&nameless(), State::SynRecv, SocketKind::Request)
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
        SocketKind::Full,
    );
    elsewhere.tuple.netns = 4_026_532_999;
    elsewhere.timer = timer(TimerKind::Retransmit, 3_200, 15);
    elsewhere.send_queue = Some(1);
    vec![
        Socket {
            recv_queue: Some(3),
            send_queue: Some(511),
            dropped: Some(12),
            holders: vec![
                Holder {
                    process: listener.1.process.unwrap(),
                    descriptor: 6,
                    listed: 812,
                };
                4
            ],
            ..socket(&listener, State::Listen, SocketKind::Full)
        },
        Socket {
            timer: timer(TimerKind::Retransmit, 800, 1),
            ..socket(&(served, nobody), State::SynRecv, SocketKind::Request)
        },
        unknown_socket(),
        keepalive,
        Socket {
            recv_queue: Some(120),
            ..socket(&(served, nobody), State::Established, SocketKind::Full)
        },
        Socket {
            timer: timer(TimerKind::Probe, 1_600, 4),
            send_queue: Some(16_384),
            ..socket(
                &(client, by("curl", 4242)),
                State::Established,
                SocketKind::Full,
            )
        },
        Socket {
            timer: timer(TimerKind::Retransmit, 204, 0),
            send_queue: Some(1),
            orphan: Some(true),
            ..socket(&(client, nobody), State::FinWait1, SocketKind::Full)
        },
        time_wait,
        socket(&longest_ipv6(), State::CloseWait, SocketKind::Full),
        elsewhere,
    ]
}
