//! Connections that were closed after they had been idle for as long as a well-known timeout.

use super::Candidate;
use crate::{
    aggregate::stats::{Bounded, Service},
    model::{Closer, FlowRecord},
};

/// So many kinds are told apart.
const MOST: usize = 1 << 12;

/// Closes alike: of one service, by one side, as one of the same timeouts says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdleKind {
    /// The service; `None`: it isn't known who opened the connection.
    pub service: Option<Service>,
    /// Who closed first; `None`: unknown.
    pub closer: Option<Closer>,
    /// Whose timeout it may be: `PRODUCT SETTING SECONDS s`, in the order of the table.
    pub timeouts: Vec<String>,
}

/// How many there were, and how long they had been idle.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdleCount {
    /// How many.
    pub count: u64,
    /// The shortest time without data, ns.
    pub shortest_ns: u64,
    /// The longest, ns.
    pub longest_ns: u64,
}

/// Closes of idle connections, by kind.
pub type IdleCloses = Bounded<IdleKind, IdleCount>;

impl IdleCloses {
    /// A table with room for the kinds that there may be.
    #[must_use]
    pub fn of_all() -> Self {
        Self::new(MOST)
    }

    /// Takes a connection that had been idle for so long when its first side closed, ns.
    /// `timeouts`: those that are as long as that; without any, it is not counted.
    pub fn take(&mut self, it: &FlowRecord, idle_ns: u64, timeouts: &[&Candidate]) {
        if timeouts.is_empty() {
            return;
        }
        let names = timeouts.iter();
        let row = self.row(IdleKind {
            service: Service::of(&it.tuple, it.opener),
            closer: it.closer,
            timeouts: names
                .map(|it| format!("{} {} {} s", it.product, it.setting, it.seconds))
                .collect(),
        });
        row.shortest_ns = match row.count {
            0 => idle_ns,
            _ => row.shortest_ns.min(idle_ns),
        };
        row.longest_ns = row.longest_ns.max(idle_ns);
        row.count += 1;
    }
}
