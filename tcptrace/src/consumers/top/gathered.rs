//! The rows of a table, gathered from all that is known.

use rustc_hash::FxHashMap;

use super::{super::is_asked_for, Top};
use crate::{
    aggregate::stats::{By, Group},
    language::Language,
    model::{Connection, Known as _, Side, State},
    output::Context,
    screen::{Around, EndRow, First, GroupRow, ListenerRow, MOST_ROWS, Rows, Tab, Wish},
    track::Tracker,
};

/// Rows of a table.
pub(super) struct Gathered {
    pub rows: Rows,
    /// How many there are in all that match.
    pub matching: u64,
}

impl Gathered {
    pub fn of(top: &Top, wish: &Wish, known: &Tracker, now: u64, around: &mut Context<'_>) -> Self {
        let cgroups = &mut *around.cgroups;
        let mut asked_for = |it: &Connection| {
            is_asked_for(&top.filter, it, cgroups) && wish.search.matches(it, cgroups)
        };
        let names = Around {
            now_ns: now,
            ascii: true,
            zone: jiff::tz::TimeZone::UTC,
            // Rows are sorted by what is the same in every language.
            language: Language::English,
        };
        match wish.tab {
            Tab::Machine => Self::all(Rows::None, 0),
            Tab::Connections => {
                let mut first = First::new(wish.sort, wish.descending, MOST_ROWS, &names);
                let connections = known.connections();
                let connections = connections.filter(|it| it.state != State::Listen);
                connections
                    .filter(|it| asked_for(it))
                    .for_each(|it| first.take(it));
                let (rows, matching) = first.finish();
                Self::all(Rows::Connections(rows), matching)
            }
            Tab::Processes | Tab::Remotes => {
                let by = match wish.tab {
                    Tab::Processes => By::Pid,
                    _ => By::Remote,
                };
                let mut groups: FxHashMap<Group, GroupRow> = FxHashMap::default();
                for it in known.connections().filter(|it| asked_for(it)) {
                    if it.state == State::Listen {
                        continue;
                    }
                    let group = by.group(&it.tuple, &it.owner, it.opener);
                    let row = groups.entry(group).or_insert(GroupRow {
                        group,
                        states: [0; State::ALL.len()],
                        connections: 0,
                    });
                    row.states[it.state as usize] += 1;
                    row.connections += 1;
                }
                let mut first = First::new(wish.sort, wish.descending, MOST_ROWS, &names);
                groups.into_values().for_each(|it| first.take(it));
                let (rows, matching) = first.finish();
                Self::all(Rows::Groups(rows), matching)
            }
            Tab::Listeners => {
                let (rows, matching) = listeners(wish, known, &names, asked_for);
                Self::all(Rows::Listeners(rows), matching)
            }
            Tab::Stuck => {
                let rows = top.stuck_rows(&wish.search, now, cgroups);
                let matching = rows.len() as u64;
                Self::all(Rows::Stuck(rows), matching)
            }
            Tab::Ends => {
                let ends = top.ends.iter();
                let ends = ends.filter(|it| wish.search.matches_transition(&it.last, cgroups));
                let rows: Vec<EndRow> = ends.copied().collect();
                let matching = rows.len() as u64;
                Self::all(Rows::Ends(rows), matching)
            }
        }
    }

    fn all(rows: Rows, matching: u64) -> Self {
        Self { rows, matching }
    }
}

/// Listeners, with what came to their ports.
fn listeners(
    wish: &Wish,
    known: &Tracker,
    names: &Around,
    mut asked_for: impl FnMut(&Connection) -> bool,
) -> (Vec<ListenerRow>, u64) {
    let mut came: FxHashMap<(u32, u16), [u32; 3]> = FxHashMap::default();
    let mut all = Vec::new();
    for it in known.connections() {
        let port = (it.tuple.netns, it.tuple.local.port_or_zero());
        if it.state == State::Listen {
            if asked_for(&it) {
                all.push(it);
            }
        } else if it.opener != Some(Side::Local) {
            let counts = came.entry(port).or_default();
            let kind = match it.state {
                State::SynRecv => 0,
                State::Established => 1,
                _ => 2,
            };
            counts[kind] += 1;
        }
    }
    let mut first = First::new(wish.sort, wish.descending, MOST_ROWS, names);
    for listener in all {
        let port = (listener.tuple.netns, listener.tuple.local.port_or_zero());
        let [half_open, established, closing] = came.get(&port).copied().unwrap_or_default();
        first.take(ListenerRow {
            listener,
            half_open,
            established,
            closing,
        });
    }
    first.finish()
}
