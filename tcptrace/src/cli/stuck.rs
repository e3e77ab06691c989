//! The command line of `tcptrace stuck`.

use std::time::Duration;

use clap::Args;
use tcptrace::commands::{StuckOptions, duration};

use super::LiveArgs;

/// Options of `tcptrace stuck`.
#[derive(Args, Debug)]
#[command(
    mut_arg("state", |it| it.help("Only these states: close-wait, FIN_WAIT2, …")),
    mut_arg("duration", |it| it.help("Stop after that long: 10s, 5m, 1h30m; 0 looks once")),
    after_help = "Too long is, where --for does not say otherwise: 3 s in SYN_SENT and SYN_RECV, 5 s \
                  in FIN_WAIT1, LAST_ACK and CLOSING, in ESTABLISHED while something is not \
                  acknowledged, and in CLOSED with a descriptor that is open, 10 s in FIN_WAIT2 \
                  and CLOSE_WAIT. What began before the trace has been there \"at least\" (>=) so long; -d 0 looks once, loads \
                  no eBPF, and shows what the kernel knows to wait for too long, and what it knows \
                  nothing of. Exit status: 0 done; 1 failed, or --strict and events were lost; 2 \
                  wrong usage; 3 this machine can't be traced (the message says what is missing)."
)]
pub struct StuckArgs {
    #[command(flatten)]
    pub(super) live: LiveArgs,
    /// How long is too long, in every state: 30s, 5m.
    #[arg(long = "for", value_name = "TIME", value_parser = duration, conflicts_with = "read")]
    held_for: Option<Duration>,
    /// Stop after N connections.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

impl StuckArgs {
    /// What `stuck` is told.
    ///
    /// # Errors
    /// When there is no such network interface.
    pub fn into_options(self) -> anyhow::Result<StuckOptions> {
        Ok(StuckOptions {
            held_for: self.held_for,
            count: self.count,
            output: self.live.output,
            colour: self.live.color,
            language: self.live.language.of_terminal()?,
            live: self.live.into_options(Vec::new())?,
        })
    }
}
