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
    output::{Colour, Counts, Palette, ShownSockets, SocketWriter, terminal},
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
    let palette = Palette::stdout(options.colour);
    let mut out = stdout();
    if options.summary {
        let mut counts = Counts::new(&options.filter.states);
        sockets(options, |shown| {
            counts.add(shown.sockets);
            Ok(())
        })?;
        match options.output {
            Output::Table => counts.table(&mut out, palette, options.language)?,
            Output::Json => counts.json(&mut out)?,
            Output::Csv => counts.csv(&mut out)?,
        }
    } else {
        let mut writer = match options.output {
            Output::Table => {
                let look = table_look(options.colour, options.language, false);
                SocketWriter::table(&mut out, look, terminal::columns())
            }
            Output::Json => SocketWriter::json(&mut out),
            Output::Csv => SocketWriter::csv(&mut out)?,
        };
        sockets(options, |shown| Ok(writer.write(shown)?))?;
    }
    out.flush()?;
    Ok(())
}

fn sockets(
    options: &ListOptions,
    show: impl FnMut(&mut ShownSockets<'_>) -> Result<()>,
) -> Result<()> {
    let ListOptions {
        filter, cgroups, ..
    } = options;
    match &options.recording {
        Some(recording) => {
            let run = RunOptions::of(filter.clone(), cgroups.clone());
            consumers::recorded_sockets(&run, recording, show)
        }
        None => consumers::sockets(options.scope, filter, cgroups, options.keepalive, show),
    }
}
