//! Figures at a moment, as the loop hands them over.

use std::net::IpAddr;

use crate::{
    aggregate::{
        meters::{Meters, Series},
        stats::ListenAddress,
    },
    diagnose::Verdict,
    model::State,
};

/// Figures at a moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Which questions it answers: see [`Exchange`](super::Exchange).
    pub ticket: u64,
    /// When it was made: ns since 1970.
    pub wall_ns: i64,
    /// When it was made: CLOCK_MONOTONIC, ns.
    pub mono_ns: u64,
    /// When tracing began: ns since 1970.
    pub began_wall_ns: i64,
    /// What happened.
    pub meters: Meters,
    /// The same counters by whose they are; `None`: not asked for.
    pub grouped: Option<Grouped>,
    /// How many are stuck, by state and verdict; `None`: nobody has looked yet.
    pub stuck: Option<Vec<(State, Verdict, u64)>>,
    /// Listeners to which something came; `None`: unknown.
    pub listeners: Option<Vec<ListenerFigures>>,
    /// The destinations on which the most local ports are taken, the fullest first; `None`: unknown.
    pub routes: Option<Vec<RouteFigures>>,
    /// Ports of ip_local_port_range here; `None`: unknown.
    pub ports_limit: Option<u32>,
    /// Events that were lost.
    pub lost: u64,
    /// Connections that were forgotten, as there were too many.
    pub forgotten: u64,
    /// What is recorded besides; `None`: nothing is.
    pub recorder: Option<RecorderFigures>,
}

/// Counters by whose they are.
#[derive(Debug)]
pub struct Grouped {
    /// The name of the label.
    pub label: &'static str,
    /// By its value; what has none that is known, by an empty one.
    pub rows: Vec<(String, Series, u64)>,
    /// How often something counted as `other`, by [`Series::kind`].
    pub folded: [u64; Series::KINDS],
}

/// A listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerFigures {
    /// Where.
    pub at: ListenAddress,
    /// Half-open connections now; `None`: unknown.
    pub half_open: Option<u64>,
    /// SYNs and third ACKs that it dropped since it was first looked at; `None`: unknown.
    pub dropped: Option<u64>,
}

/// The local ports of a destination, on the fullest route to it.
#[derive(Clone, Copy, Debug)]
pub struct RouteFigures {
    /// The peer's address.
    pub remote: IpAddr,
    /// The peer's port.
    pub port: u16,
    /// Ports that connect() can't have.
    pub used: u64,
    /// Ports that there are.
    pub limit: u32,
    /// When none is left if it goes on so, s; `None`: not at this rate.
    pub exhausted_in_s: Option<f64>,
}

/// What is recorded besides.
#[derive(Clone, Copy, Debug)]
pub struct RecorderFigures {
    /// Events recorded.
    pub events: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Events that could not be recorded.
    pub lost: u64,
}
