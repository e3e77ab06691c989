//! What is said on stderr, whatever the command: what can't be seen, and what is incomplete.

use crate::{
    model::Degraded,
    output::{End, say},
};

/// Says on stderr what can't be seen on this machine.
pub(super) fn degraded(degraded: &[Degraded]) {
    for Degraded { what, why } in degraded {
        say(format_args!("{what}: {why}"));
    }
}

/// Says on stderr what a reader of the output must know at the end.
pub(super) fn incomplete(end: &End) {
    if end.lost > 0 {
        say(format_args!(
            "{} events were lost in all; what is shown of their connections is \
             incomplete",
            end.lost
        ));
    }
    if end.forgotten > 0 {
        say(format_args!(
            "{} connections were forgotten, as too many were open at once; what is \
             shown of them is incomplete",
            end.forgotten
        ));
    }
}
