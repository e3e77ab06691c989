//! Looks at sockets on a thread of its own: the kernel goes through tables that may be long, and
//! events must be read meanwhile.

use std::{
    collections::BTreeMap,
    io,
    sync::mpsc::{self, Receiver, Sender, TryRecvError},
    thread,
    time::{Duration, Instant},
};

use rustc_hash::FxHashSet;

use super::look::{Candidate, Looks, Seen, find_owners, over};
use crate::{
    diagnose::{Age, Thresholds},
    model::{Connection, Cookie, State},
};

/// What is to be looked at.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Connections that are due.
    pub due: Vec<Connection>,
    /// Namespaces whose established connections are to be gone through, each with a process that
    /// may live there.
    pub waiting: Option<BTreeMap<u32, Option<u32>>>,
    /// Connections that are over, and may be open still.
    pub ended: Vec<Cookie>,
}

impl Order {
    pub fn is_empty(&self) -> bool {
        self.due.is_empty() && self.waiting.is_none() && self.ended.is_empty()
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Those that were due.
    pub seen: Seen,
    /// Established ones that wait for their peer for too long; `None`: nobody asked.
    pub waiting: Option<Vec<(Candidate, Age)>>,
    /// Those of the ones that are over which are open still.
    pub ended: Vec<Candidate>,
    /// Those that were asked for.
    pub ended_asked: Vec<Cookie>,
    /// How long each of the three took.
    pub took: [Duration; 3],
}

/// The thread.
#[derive(Debug)]
pub(super) struct Worker {
    orders: Sender<Order>,
    reports: Receiver<Report>,
    busy: bool,
}

impl Worker {
    /// Starts it. It has this thread's privileges.
    pub fn start(looks: Looks, thresholds: Thresholds) -> io::Result<Self> {
        let (orders, taken) = mpsc::channel();
        let (given, reports) = mpsc::channel();
        thread::Builder::new()
            .name("looks".to_owned())
            .spawn(move || work(looks, &thresholds, &taken, &given))?;
        Ok(Self {
            orders,
            reports,
            busy: false,
        })
    }

    /// Whether it has something to do.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Hands an order over.
    pub fn take(&mut self, order: Order) -> io::Result<()> {
        self.busy = true;
        self.orders.send(order).map_err(|_| gone())
    }

    /// What came of the order, if it is done.
    pub fn report(&mut self) -> io::Result<Option<Report>> {
        match self.reports.try_recv() {
            Ok(report) => {
                self.busy = false;
                Ok(Some(report))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(gone()),
        }
    }

    /// The same, waiting so long for it.
    pub fn last_report(&mut self, at_most: Duration) -> Option<Report> {
        if !std::mem::take(&mut self.busy) {
            return None;
        }
        self.reports.recv_timeout(at_most).ok()
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that looks at sockets failed")
}

fn work(
    mut looks: Looks,
    thresholds: &Thresholds,
    orders: &Receiver<Order>,
    reports: &Sender<Report>,
) {
    while let Ok(order) = orders.recv() {
        let report = look(&mut looks, thresholds, order);
        if reports.send(report).is_err() {
            return;
        }
    }
}

fn look(looks: &mut Looks, thresholds: &Thresholds, order: Order) -> Report {
    let mut report = Report::default();
    if !order.due.is_empty() {
        let began = Instant::now();
        report.seen = looks.at(order.due);
        find_owners(report.seen.found.iter_mut());
        report.took[0] = began.elapsed();
    }
    if let Some(namespaces) = order.waiting {
        let began = Instant::now();
        let mut found = looks.waiting(&namespaces, thresholds.of(State::Established));
        find_owners(found.iter_mut().map(|(it, _)| it));
        report.waiting = Some(found);
        report.took[1] = began.elapsed();
    }
    if !order.ended.is_empty() {
        let began = Instant::now();
        let wanted: FxHashSet<Cookie> = order.ended.iter().copied().collect();
        let asked = |it: &Option<Cookie>| it.is_some_and(|it| wanted.contains(&it));
        report.ended = looks
            .ended()
            .iter()
            .filter(|it| asked(&it.cookie))
            .map(over)
            .collect();
        find_owners(report.ended.iter_mut());
        report.ended_asked = order.ended;
        report.took[2] = began.elapsed();
    }
    report
}
