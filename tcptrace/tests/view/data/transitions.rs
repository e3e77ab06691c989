//! Transitions.

use tcptrace::model::{
    Closer, Comm, Cookie, Detail, Owner, Reason, Side, State, Transition, Tuple,
};

use super::{MS, SECOND, by, ends, longest, longest_ipv6, nameless, on};

/// One of which little is known.
pub fn transition(of: &(Tuple, Owner), from: State, to: State, reason: Reason) -> Transition {
    Transition {
        time_ns: 0,
        cookie: Cookie::new(0x3ea),
        tuple: of.0,
        from,
        to,
        held_ns: None,
        unsent_ns: None,
        reason,
        detail: None,
        nothing_sent: false,
        opener: None,
        closer: None,
        length: None,
        owner: of.1,
        thread: None,
        followed: false,
        retransmits: None,
        measured: None,
        orphan: None,
        keepalive: None,
    }
}

/// A transition of which everything is known.
pub fn known_transition() -> Transition {
    Transition {
        held_ns: Some(999_000),
        retransmits: Some(3),
        detail: Some(Detail::SeenLate),
        opener: Some(Side::Local),
        closer: Some(Closer::Both),
        thread: Some(Comm::new(b"Socket Thread")),
        ..transition(
            &on(5, longest()),
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
    let link_local = (
        ends(("fe80::1", 80), ("fe80::a8bb:ccff:fe00:1", 50_000)),
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
        Transition {
            detail: Some(Detail::NoFreePort),
            ..local(transition(&no_port, S::SynSent, S::Closed, R::Unreachable))
        },
        known_transition(),
        unknown_transition(),
        remote(transition(
            &on(5, link_local),
            S::Listen,
            S::SynRecv,
            R::SynReceived,
        )),
        // Its name is not known.
        local(transition(
            &on(6, client),
            S::Closed,
            S::SynSent,
            R::Connect,
        )),
    ];
    for (index, it) in (0..).zip(&mut all) {
        it.time_ns = index * 1_234_567_890;
    }
    all
}
