//! `tcptrace list`: the sockets that there are now. It loads nothing into the kernel.

use std::io::Write as _;

use anyhow::Result;

use super::output::{Output, stdout, table_look};
use crate::{
    consumers,
    engine::{ReplayOptions, RunOptions},
    filter::Filter,
    host::{CgroupFilter, Scope},
    language::Language,
    output::{Colour, Counts, Palette, ShownSockets, terminal},
};

/// What `list` is told.
#[derive(Clone, Debug)]
pub struct ListOptions {
    /// What is asked for.
    pub filter: Filter,
    /// Which control groups are: those that are like all of these.
    pub cgroups: Vec<CgroupFilter>,
    /// Which network namespaces are looked into.
    pub scope: Scope,
    /// Ask each for its keepalive.
    pub keepalive: bool,
    /// Read a recording: the sockets that there were at its end, or when it is asked for.
    pub recording: Option<ReplayOptions>,
    /// Only count them, by state.
    pub summary: bool,
    /// The format.
    pub output: Output,
    /// When to colour.
    pub colour: Colour,
    /// In which language tables speak.
    pub language: Language,
}

/// Shows the sockets that there are now.
///
/// # Errors
/// [`Unable`](crate::host::Unable) when this machine can't tell, or when the output can't be written.
pub fn list(options: &ListOptions) -> Result<()> {
    let mut found = match &options.recording {
        Some(recording) => {
            let run = RunOptions::of(options.filter.clone(), options.cgroups.clone());
            consumers::recorded_sockets(&run, recording)?
        }
        None => consumers::sockets(
            options.scope,
            &options.filter,
            &options.cgroups,
            options.keepalive,
        )?,
    };
    let sockets = &found.listing.sockets[..];
    let palette = Palette::stdout(options.colour);
    let mut out = stdout();
    if options.summary {
        let counts = Counts::of(sockets, &options.filter.states);
        match options.output {
            Output::Table => counts.table(&mut out, palette, options.language)?,
            Output::Json => counts.json(&mut out)?,
            Output::Csv => counts.csv(&mut out)?,
        }
    } else {
        let mut shown = ShownSockets {
            wall_ns: found.wall_ns,
            sockets,
            cgroups: &mut found.cgroups,
            links: &mut found.links,
        };
        match options.output {
            Output::Table => {
                let look = table_look(options.colour, options.language, false);
                shown.table(&mut out, look, terminal::columns())?;
            }
            Output::Json => shown.json(&mut out)?,
            Output::Csv => shown.csv(&mut out)?,
        }
    }
    out.flush()?;
    Ok(())
}
