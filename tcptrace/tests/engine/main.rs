//! Sources, engine, filter, aggregates and output together, without a kernel: what the commands
//! write of the scenarios of `tests/scenarios`, and of scripts like them.

mod commands;
mod damage;
mod drops;
mod ends;
mod files;
mod keyframes;
mod listening;
mod many;
#[path = "../scenarios/notation.rs"]
#[expect(
    dead_code,
    reason = "it also writes what the state machine makes of them"
)]
mod notation;
mod pieces;
mod recordings;
mod scenarios;
#[path = "../view/schema.rs"]
mod schema;
mod script;
mod time;
mod workloads;
