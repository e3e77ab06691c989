//! `tcptrace list`: the sockets that there are now. It loads nothing into the kernel.

use std::io::{BufWriter, Write as _};

use anyhow::Result;

use super::{lines, watch::Output};
use crate::{
    filter::Filter,
    host::Links,
    kernel::{Cgroups, Clock, monotonic_now},
    privileges,
    snapshot::{self, Scope},
    view::{
        Colour, Counts, Palette, ShownSockets, SocketLayout, Stdout, say, sockets_csv,
        sockets_json, sockets_table, terminal,
    },
};

/// What `list` is told.
#[derive(Clone, Debug)]
pub struct ListOptions {
    /// What is asked for.
    pub filter: Filter,
    /// Which network namespaces are looked into.
    pub scope: Scope,
    /// Ask each for its keepalive.
    pub keepalive: bool,
    /// Only count them, by state.
    pub summary: bool,
    /// The format.
    pub output: Output,
    /// When to colour.
    pub colour: Colour,
}

/// Shows the sockets that there are now.
///
/// # Errors
/// [`snapshot::Unable`] when this machine can't tell, or when the output can't be written.
pub fn list(options: &ListOptions) -> Result<()> {
    privileges::keep(match options.scope {
        Scope::Own => privileges::OWNERS,
        Scope::One(_) | Scope::All => privileges::ELSEWHERE,
    });
    let mut listing = snapshot::list(options.scope)?;
    let wall_ns = Clock::new().wall(monotonic_now());
    for failure in &listing.failures {
        say(failure);
    }
    lines::report_unknown_owners(listing.unknown_owners);
    let mut cgroups = Cgroups::new();
    let mut links = Links::default();
    for (netns, names) in listing.links.drain(..) {
        links.learn(netns, names);
    }
    listing
        .sockets
        .retain(|socket| options.filter.matches_socket(socket, &mut cgroups));
    if options.keepalive {
        let silent = listing.ask_for_keepalive();
        if silent > 0 {
            say(format_args!(
                "{silent} of the sockets can't be asked for their keepalive: that takes root, or \
                 CAP_SYS_PTRACE, and Linux 5.6"
            ));
        }
    }
    let sockets = &listing.sockets[..];
    let palette = Palette::stdout(options.colour);
    let mut out = BufWriter::with_capacity(1 << 16, Stdout::lock());
    if options.summary {
        let counts = Counts::of(sockets, &options.filter.states);
        match options.output {
            Output::Table => counts.table(&mut out, palette)?,
            Output::Json => counts.json(&mut out)?,
            Output::Csv => counts.csv(&mut out)?,
        }
    } else {
        let mut shown = ShownSockets {
            wall_ns,
            sockets,
            cgroups: &mut cgroups,
            links: &mut links,
        };
        match options.output {
            Output::Table => {
                let layout = SocketLayout::new(terminal::columns(), !terminal::speaks_unicode());
                sockets_table(&mut out, &mut shown, palette, layout)?;
            }
            Output::Json => sockets_json(&mut out, &mut shown)?,
            Output::Csv => sockets_csv(&mut out, &mut shown)?,
        }
    }
    out.flush()?;
    Ok(())
}
