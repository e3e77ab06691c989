//! What is said of a run, whatever comes of it.

use std::marker::PhantomData;

use clap::{ArgAction, Args};
use tcptrace::{engine::RunOptions, filter::Filter, host::CgroupFilter, model::State};

/// What a command says of options that several have.
pub trait Help {
    /// Of --state.
    const STATE: &'static str = "Transitions from or to these states: time-wait, ESTABLISHED, …";
    /// Of --max-connections.
    const MAX_CONNECTIONS: &'static str =
        "Remember so many connections at the most, 1024 to 67108864";
    /// Of --strict.
    const STRICT: &'static str =
        "Exit with status 1 if any event was lost, or something can't be read";
    /// Of --verbose.
    const VERBOSE: &'static str = "Log more, to stderr";
}

/// Which states are asked for.
#[derive(Args, Debug)]
pub struct StateArgs<H: Help> {
    #[arg(
        short = 's',
        long,
        value_name = "STATE",
        value_delimiter = ',',
        help_heading = "Filters",
        help = H::STATE
    )]
    state: Vec<State>,
    #[arg(skip)]
    help: PhantomData<H>,
}

/// Bounds of a run, and what it says of itself.
#[derive(Args, Debug)]
pub struct RunArgs<H: Help> {
    #[arg(
        long,
        default_value_t = 1 << 20,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1 << 10..=1 << 26),
        help = H::MAX_CONNECTIONS
    )]
    max_connections: u32,
    #[arg(long, help = H::STRICT)]
    strict: bool,
    #[arg(short = 'v', long, action = ArgAction::Count, help = H::VERBOSE)]
    pub(super) verbose: u8,
    #[arg(skip)]
    help: PhantomData<H>,
}

impl<H: Help> RunArgs<H> {
    /// What a run is told that takes what the filter takes, of these states, in these control groups.
    pub fn into_options(
        self,
        filter: Filter,
        states: StateArgs<H>,
        cgroups: Vec<CgroupFilter>,
    ) -> RunOptions {
        let filter = Filter {
            states: states.state,
            ..filter
        };
        RunOptions {
            max_connections: self.max_connections,
            strict: self.strict,
            ..RunOptions::of(filter, cgroups)
        }
    }
}
