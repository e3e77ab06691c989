//! Flows.

use tcptrace::{
    aggregate::flows::{Candidate, Manner, Role},
    model::{
        Closer, Cookie, Detail, FlowEnd, FlowRecord, Length, Measured, Owner, PathStep, Reason,
        Side, State, Tuple,
    },
};

use super::{MS, SECOND, by, ends, longest, longest_ipv6, nameless};

/// A flow, with how long it was idle and what explains that.
pub struct Flow {
    pub record: FlowRecord,
    pub idle_ns: Option<u64>,
    pub candidates: Vec<Candidate>,
}

fn flow(of: &(Tuple, Owner), path: &[(State, Option<u64>)], end: Option<FlowEnd>) -> FlowRecord {
    FlowRecord {
        cookie: Cookie::new(0x3eb),
        tuple: of.0,
        owner: of.1,
        followed: false,
        opener: None,
        closer: None,
        length: None,
        opened_ns: None,
        closed_ns: None,
        time_ns: 70 * SECOND,
        path: path
            .iter()
            .map(|&(state, ns)| PathStep {
                state,
                ns,
                why: None,
            })
            .collect(),
        end,
        detail: None,
        time_wait_end: None,
        unsent_ns: Some(0),
        resent: Some(3),
        measured: None,
        fin_acked: false,
        fin_uncounted: false,
        at_close: None,
        keepalive: None,
    }
}

fn measured(sent: u64, received: u64) -> Option<Measured> {
    Some(Measured {
        bytes_acked: sent,
        bytes_received: received,
        retransmits: 3,
        srtt_us_8: 8 * 12_345,
        ..Measured::default()
    })
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
        role: Role::Server,
        source: String::new(),
    };
    Flow {
        record: FlowRecord {
            opener: Some(Side::Local),
            closer: Some(Closer::Local),
            length: Some(Length::Long),
            opened_ns: Some(3 * SECOND),
            closed_ns: Some(8_262 * MS),
            detail: Some(Detail::SeenLate),
            time_wait_end: Some(Reason::Expired),
            measured: measured(1002, 20_480),
            fin_acked: true,
            keepalive: Some(true),
            ..flow(
                &(
                    ends(("192.0.2.10", 41_234), ("198.51.100.7", 443)),
                    by("curl", 4242),
                ),
                &path,
                Some(FlowEnd::Graceful),
            )
        },
        idle_ns: Some(5_050 * MS),
        candidates: vec![
            candidate("Apache httpd 2.2 and 2.4", "KeepAliveTimeout", 5.0),
            candidate("nginx", "lingering_timeout", 5.0),
            candidate(
                "Node.js http as documented up to v25",
                "server.keepAliveTimeout",
                5.0,
            ),
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
            ..flow(&served, &served_path, Some(FlowEnd::Graceful))
        }),
        plain(FlowRecord {
            opener: Some(Side::Local),
            closer: Some(Closer::Remote),
            measured: measured(0, 0),
            ..flow(
                &refused,
                &[(State::SynSent, Some(58_200))],
                Some(FlowEnd::Reason(Reason::Refused)),
            )
        }),
        plain(FlowRecord {
            opener: Some(Side::Local),
            closer: Some(Closer::Both),
            measured: measured(u64::MAX, 1_073_741_824),
            ..flow(&longest(), &of_days, Some(FlowEnd::Graceful))
        }),
        plain(FlowRecord {
            opener: Some(Side::Remote),
            closer: Some(Closer::Remote),
            measured: measured(1023, 1024),
            ..flow(
                &longest_ipv6(),
                &reset,
                Some(FlowEnd::Reason(Reason::ResetByPeer)),
            )
        }),
        unknown_flow(),
    ]
}
