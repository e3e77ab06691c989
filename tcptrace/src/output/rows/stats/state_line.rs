//! A line of `stats -o csv`: a state, of all or of a group.

use crate::{
    aggregate::stats::{By, Span},
    model::State,
    output::{
        fields::Time,
        row::{Field, row, stored_as_text},
    },
};

row! {
    /// Figures of a state.
    pub struct StateLine<'a> {
        /// When the period ended: RFC 3339 with nanoseconds, UTC.
        time: Time,
        /// What the period is: the interval since the report before, or the whole run.
        span: Span,
        /// Its length, ns.
        period_ns: u64,
        /// What the groups are of (--by); empty: of all.
        by: Option<By>,
        /// What the connections of the group have in common; empty: of all, or unknown.
        value: Option<&'a super::GroupValue>,
        /// The state.
        state: State,
        /// Connections that came into it.
        entered: u64,
        /// Connections that left it.
        left: u64,
        /// Of those that left SYN_SENT or SYN_RECV, the ones whose SYN or SYN+ACK was sent again.
        retried: u64,
        /// Connections in it at the end of the period; empty after events were lost.
        now: Option<u64>,
        /// Half of those that left were in it no longer, ns.
        held_p50_ns: Option<u64>,
        /// Nine of ten were in it no longer, ns.
        held_p90_ns: Option<u64>,
        /// 99 of 100 were in it no longer, ns.
        held_p99_ns: Option<u64>,
        /// The longest, exactly, ns.
        held_max_ns: Option<u64>,
    }
}

impl Field for &super::GroupValue {
    fn json(&self, line: &mut Vec<u8>) {
        (**self).json(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        (**self).text(cell);
    }

    fn schema() -> serde_json::Value {
        super::GroupValue::schema()
    }
}

stored_as_text!(&super::GroupValue);
