//! Objects with a field for each of some names.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Value, json};

use super::report::{HeldRow, StateRow};
use crate::{
    aggregate::stats::{Census, Durations, Group, States},
    model::State,
    output::row::{Field, stored_as_text},
};

/// An object with figures for each state.
pub struct StateRows<'a> {
    pub(super) figures: Cow<'a, States>,
    pub(super) now: Now<'a>,
}

/// What there is now, of all or of some groups; `None`: unknown.
pub enum Now<'a> {
    Unknown,
    All(&'a Census),
    Of(&'a Census, Vec<Group>),
}

impl Now<'_> {
    fn of(&self, state: State) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::All(census) => Some(census.now(state)),
            Self::Of(census, groups) => {
                Some(groups.iter().map(|it| census.now_of(it, state)).sum())
            }
        }
    }
}

impl HeldRow {
    fn new(held: &Durations) -> Option<Self> {
        (held.count() > 0).then(|| Self {
            count: held.count(),
            p50: held.quantile(0.5),
            p90: held.quantile(0.9),
            p99: held.quantile(0.99),
            max: held.max(),
        })
    }
}

impl Field for StateRows<'_> {
    fn json(&self, line: &mut Vec<u8>) {
        let rows = self.figures.iter().map(|(state, figures)| {
            let row = StateRow {
                entered: figures.entered,
                left: figures.left,
                retried: figures.retried,
                now: self.now.of(state),
                held_ns: HeldRow::new(&figures.held),
            };
            (state, row)
        });
        map(rows, line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.json(cell);
    }

    fn schema() -> Value {
        map_schema::<State, StateRow>()
    }
}

stored_as_text!(StateRows<'_>);

/// An object with a count for each name.
pub struct CountsBy<K>(Vec<(K, u64)>);

impl<K: Field + Copy> Field for CountsBy<K> {
    fn json(&self, line: &mut Vec<u8>) {
        map(self.0.iter().copied(), line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.json(cell);
    }

    fn schema() -> Value {
        map_schema::<K, u64>()
    }
}

stored_as_text!(CountsBy<K>, K: Field);

/// Appends an object with a field for each of some.
fn map(all: impl Iterator<Item = (impl Field, impl Field)>, line: &mut Vec<u8>) {
    line.push(b'{');
    for (index, (key, value)) in all.enumerate() {
        if index > 0 {
            line.push(b',');
        }
        key.json(line);
        line.push(b':');
        value.json(line);
    }
    line.push(b'}');
}

fn map_schema<K: Field, V: Field>() -> Value {
    json!({
        "type": "object",
        "propertyNames": K::schema(),
        "additionalProperties": V::schema(),
    })
}

impl<K: Copy> CountsBy<K> {
    pub(super) fn of(counts: &BTreeMap<K, u64>) -> Self {
        Self(counts.iter().map(|(key, count)| (*key, *count)).collect())
    }
}
