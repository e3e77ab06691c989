//! `tcptrace list`.

use clap::Args;
use tcptrace::{
    commands::{ListOptions, Output},
    filter::Filter,
    host::Scope,
    model::State,
    output::Colour,
};

use super::{language::LanguageArgs, replay::ReplayArgs, sockets::SocketArgs, words};

/// Options of `tcptrace list`.
#[derive(Args, Debug)]
#[command(
    after_help = "Of a listener, RECV-Q is how many connections wait to be accepted, and SEND-Q \
                  its backlog. NOTE: a minisock (TIME_WAIT, or FIN_WAIT2 after close), a request \
                  (half open), an orphan (closed, its FIN not yet answered) and what is queued \
                  (not accepted yet) have no owner. AGE is known for TIME_WAIT. Keepalive shows \
                  by its timer; what a socket set for itself, only the socket tells (--keepalive). \
                  Exit \
                  status: 0 done; 1 failed; 2 wrong usage; 3 this machine can't tell (the message \
                  says what is missing)."
)]
pub struct ListArgs {
    #[command(flatten)]
    sockets: SocketArgs,
    #[command(flatten)]
    replay: ReplayArgs,
    /// All network namespaces, not just this one.
    #[arg(long, conflicts_with_all = ["netns", "read"], help_heading = "Filters")]
    all_netns: bool,
    /// Sockets in these states: time-wait, ESTABLISHED, …
    #[arg(
        long,
        value_name = "STATE",
        value_delimiter = ',',
        help_heading = "Filters"
    )]
    state: Vec<State>,

    /// Ask each connection for its keepalive, by a copy of its process's descriptor; NOTE shows
    /// after how long a dead peer is found.
    #[arg(long, conflicts_with = "read")]
    keepalive: bool,
    /// Only count them, by state.
    #[arg(short = 's', long)]
    summary: bool,
    /// Format of the output.
    #[arg(short = 'o', long, value_parser = words::output(), default_value = "table")]
    output: Output,
    /// When to colour; NO_COLOR is honoured.
    #[arg(long, value_parser = words::colour(), default_value = "auto", value_name = "WHEN")]
    color: Colour,
    #[command(flatten)]
    language: LanguageArgs,
}

impl ListArgs {
    /// What `list` is told.
    ///
    /// # Errors
    /// When there is no such network interface.
    pub fn into_options(self) -> anyhow::Result<ListOptions> {
        let netns = self.sockets.netns(self.replay.read.is_none())?;
        let scope = match (self.all_netns, netns) {
            (true, _) => Scope::All,
            (false, Some(inode)) => Scope::One(inode),
            (false, None) => Scope::Own,
        };
        let recording = self.replay.into_options();
        let cgroups = self.sockets.cgroups(recording.is_none())?;
        let filter = Filter {
            states: self.state,
            ..match recording {
                Some(_) => self.sockets.into_filter_elsewhere()?,
                None => self.sockets.into_filter(scope)?,
            }
        };
        Ok(ListOptions {
            scope,
            filter,
            cgroups,
            keepalive: self.keepalive,
            recording,
            summary: self.summary,
            output: self.output,
            colour: self.color,
            language: self.language.of_terminal()?,
        })
    }
}
