//! Connections that are stuck.

use std::time::Duration;

use tcptrace::{
    diagnose::{Circumstances, Held, Suspect, diagnose},
    host::{Holder, Listening, TcpInfo, Timer, TimerKind, WaitSettings},
    model::{Connection, Cookie, Owner, Reason, SocketKind, State, Tuple},
    output::ShownStuck,
};

use super::{SECOND, by, ends, longest, longest_ipv6, nameless};

const SETTINGS: WaitSettings = WaitSettings {
    fin_timeout_s: Some(90),
    orphan_retries: Some(0),
    retries2: Some(15),
    syn_retries: Some(6),
    syn_linear_timeouts: Some(4),
    synack_retries: Some(5),
    syncookies: Some(1),
    somaxconn: Some(4096),
    rto_max_ms: Some(120_000),
};

fn suspect(state: State, kind: SocketKind) -> Suspect {
    Suspect {
        state,
        kind,
        owned: false,
        timer: None,
        recv_queue: 0,
        send_queue: 0,
        info: None,
        listening: None,
        settings: SETTINGS,
        context: Circumstances::default(),
    }
}

fn timer(kind: TimerKind, remaining_ms: u64, retries: u8) -> Option<Timer> {
    Some(Timer {
        kind,
        remaining: Duration::from_millis(remaining_ms),
        retries,
    })
}

fn shown((tuple, owner): (Tuple, Owner), held_ns: Option<u64>, suspect: Suspect) -> ShownStuck {
    ShownStuck {
        mono_ns: 20 * SECOND,
        connection: Connection {
            cookie: Cookie::new(0x3ec),
            tuple,
            state: suspect.state,
            since: None,
            kind: suspect.kind,
            owner,
            opener: None,
            followed: false,
            bound: false,
        },
        descriptor: None,
        held: Held {
            ns: held_ns,
            at_least: false,
            estimated: false,
        },
        holders: Vec::new(),
        diagnosis: diagnose(&suspect),
        suspect,
    }
}

/// Two of which together everything is known: one has a descriptor, the other a listener and what
/// it waits for.
fn known() -> [ShownStuck; 2] {
    let info = TcpInfo {
        retransmits: 4,
        backoff: 4,
        rto: Duration::from_millis(3264),
        last_ack: SECOND_OF_TIME,
        unsent: Some(1_000_000),
        window: Some(60_000),
        ..TcpInfo::default()
    };
    let fin = Suspect {
        owned: true,
        timer: timer(TimerKind::Retransmit, 3000, 4),
        send_queue: 2_000_000,
        info: Some(info),
        listening: Some(Listening {
            queue: 129,
            backlog: 128,
            half_open: 4,
            dropped: Some(3),
            inode: Some(1),
        }),
        ..suspect(State::FinWait1, SocketKind::Full)
    };
    let mut fin = shown(longest(), Some(125 * SECOND), fin);
    fin.descriptor = Some(1023);
    fin.holders = holders(&fin.connection.owner, 2);
    fin.held.at_least = true;
    let orphan = Suspect {
        timer: timer(TimerKind::TimeWait, 12_300, 0),
        ..suspect(State::FinWait2, SocketKind::Minisock)
    };
    [fin, shown(longest_ipv6(), Some(47 * SECOND), orphan)]
}

/// So many that hold it.
fn holders(owner: &Owner, count: u32) -> Vec<Holder> {
    let process = owner.process.expect("somebody has it");
    (0..count)
        .map(|index| Holder {
            process,
            descriptor: 1023 + index,
            listed: 300 + index,
        })
        .collect()
}

const SECOND_OF_TIME: Duration = Duration::from_secs(1);

/// One of which nothing is.
fn unknown() -> ShownStuck {
    let mut it = shown(
        nameless(),
        None,
        Suspect {
            settings: WaitSettings::default(),
            ..suspect(State::SynRecv, SocketKind::Request)
        },
    );
    it.connection.cookie = None;
    it.held.at_least = true;
    it
}

/// What `stuck` shows.
pub fn stuck() -> Vec<ShownStuck> {
    let ours = |remote: u16| {
        let ends = ends(("192.0.2.10", 8080), ("198.51.100.7", remote));
        (ends, by("python3", 300))
    };
    let syn = Suspect {
        owned: true,
        timer: timer(TimerKind::Retransmit, 400, 3),
        send_queue: 1,
        info: Some(TcpInfo {
            retransmits: 3,
            rto: SECOND_OF_TIME,
            ..TcpInfo::default()
        }),
        ..suspect(State::SynSent, SocketKind::Full)
    };
    let close_wait = Suspect {
        owned: true,
        info: Some(TcpInfo {
            last_ack: SECOND_OF_TIME,
            unsent: Some(0),
            ..TcpInfo::default()
        }),
        ..suspect(State::CloseWait, SocketKind::Full)
    };
    let not_read = Suspect {
        recv_queue: 4097,
        ..close_wait
    };
    let mut all = vec![
        shown(ours(4000), Some(3_600_000_000), syn),
        shown(ours(4001), Some(10 * SECOND), close_wait),
        shown(ours(4002), Some(86_400 * SECOND), not_read),
    ];
    all[1].descriptor = Some(7);
    let silent = Suspect {
        owned: true,
        timer: timer(TimerKind::Retransmit, 1500, 5),
        send_queue: 512,
        info: Some(TcpInfo {
            retransmits: 5,
            backoff: 5,
            rto: Duration::from_millis(6528),
            last_ack: Duration::from_millis(11_200),
            unsent: Some(0),
            window: Some(60_000),
            ..TcpInfo::default()
        }),
        context: Circumstances {
            user_timeout_ms: Some(0),
            holders: 4,
            inherited: true,
            ..Circumstances::default()
        },
        ..suspect(State::Established, SocketKind::Full)
    };
    all.extend(known());
    all.push(unknown());
    let mut silent = shown(ours(4003), Some(11 * SECOND), silent);
    silent.holders = holders(&silent.connection.owner, 4);
    all.push(silent);
    let over = Suspect::ended(None, Some(Reason::ResetByPeer));
    all.push(shown(ours(4004), Some(6 * SECOND), over));
    all
}
