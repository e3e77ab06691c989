//! Writes what is shown: one file for each format, all behind [`View`].

mod address;
mod anonymized;
mod aside;
mod colour;
mod columns;
mod csv;
mod doctor;
mod duration;
mod explain;
mod fields;
mod files;
mod flows;
mod formulas;
#[cfg(feature = "ship")]
mod inserted;
mod json;
mod line;
mod message;
mod or_dash;
#[cfg(feature = "parquet")]
mod parquet;
mod process;
mod progress;
mod recording;
mod row;
mod rows;
pub mod schema;
mod short;
mod sockets;
mod stats;
mod stdout;
mod stuck;
mod table;
pub mod terminal;
mod time;
mod wrapping;

use std::{io, time::Duration};

use tokio::sync::Notify;

#[cfg(feature = "ship")]
pub use self::inserted::{insert, inserted_names, json_line, json_string};
#[cfg(feature = "parquet")]
pub use self::parquet::Parquet;
pub use self::row::Row;
pub(crate) use self::wrapping::wrapping;
pub use self::{
    anonymized::Anonymized,
    aside::AsideFile,
    colour::{Colour, Palette},
    csv::Csv,
    duration::Human,
    explain::{Look, contents, page},
    files::{FileForm, Files, Origin, Part},
    flows::ShownFlow,
    json::Json,
    message::{Log, Waiting, held_messages, hold_messages, release_messages, say},
    progress::{ReadingProgress, RecordingProgress, Size, StatusLine},
    recording::{RecordingPart, RecordingReport},
    rows::GroupValue,
    sockets::{Counts, ShownSockets, SocketWriter},
    stats::{StatsCsv, StatsTable},
    stdout::{Stdout, writes},
    stuck::{Collected, ShownStuck},
    table::{Table, TableLook, Tabled},
    time::{Stamps, TimeFormat},
};
#[cfg(feature = "report")]
pub use self::{
    rows::{ListenerRow, MakerRow, NamedLink, PortsRow, RetriedRow, ServiceRow},
    stats::{FirstRows, Summary},
};
use crate::{
    host::{Cgroups, Clock, Links},
    model::Degraded,
};

/// What helps to write an event: the outside world, as of now.
pub struct Context<'a> {
    /// Tells wall-clock time.
    pub clock: &'a Clock,
    /// Knows the paths of cgroups.
    pub cgroups: &'a mut Cgroups,
    /// Knows the names of network interfaces.
    pub links: &'a mut Links,
}

/// What is kept from line to line.
#[derive(Default)]
pub struct Scratch {
    time: Stamps,
    owners: rows::OwnerCache,
}

/// What has a row.
pub trait Shown {
    /// The row.
    type Row<'a>: Row
    where
        Self: 'a;

    /// Its row.
    fn row<'a>(&'a self, around: &'a mut Context<'_>, scratch: &'a mut Scratch) -> Self::Row<'a>;
}

/// Tracing has begun.
#[derive(Clone, Debug)]
pub struct Start {
    /// tcptrace's.
    pub version: &'static str,
    /// As `uname -r` prints it.
    pub kernel: String,
    /// Inode number of the network namespace of tcptrace; `None` if it can't be told.
    pub netns: Option<u32>,
    /// When: CLOCK_MONOTONIC, ns.
    pub mono_ns: u64,
    /// What can't be seen, and why.
    pub degraded: Vec<Degraded>,
}

/// Tracing is over.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Transitions shown.
    pub transitions: u64,
    /// Events that were lost.
    pub lost: u64,
    /// Connections that were forgotten because too many were open.
    pub forgotten: u64,
    /// How long tracing went on.
    pub duration: Duration,
}

/// A way to write to standard output what a live command shows: transitions, flows, …
pub trait View<T> {
    /// Tracing has begun.
    ///
    /// # Errors
    /// Whatever writing fails with; the same below.
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()>;

    /// What is shown next is of another part of a recording; `None`: of none yet. Where each has a
    /// file of its own, the last one ends, and the next one begins.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn part(&mut self, _part: Option<&Part>) -> io::Result<()> {
        Ok(())
    }

    /// When it wants to be told the time: CLOCK_MONOTONIC of the source, ns; `None`: never.
    fn due(&self) -> Option<u64> {
        None
    }

    /// That time has come.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn passed(&mut self, _now: u64) -> io::Result<()> {
        Ok(())
    }

    /// It has no room for more at the moment: what wakes when it has. `None`: it has. What is shown
    /// nonetheless is waited for.
    fn full(&self) -> Option<&Notify> {
        None
    }

    /// One of them.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn show(&mut self, it: &T, around: &mut Context<'_>) -> io::Result<()>;

    /// So many events were lost just now. Diagnostics of tables and CSV are not for standard
    /// output.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn lost(&mut self, _events: u64) -> io::Result<()> {
        Ok(())
    }

    /// Whether a loss was written where the reader of the output sees it.
    fn tells_losses(&self) -> bool {
        false
    }

    /// Tracing is over.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn end(&mut self, _end: &End) -> io::Result<()> {
        Ok(())
    }

    /// Hands over what is buffered.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn flush(&mut self) -> io::Result<()>;
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, io, rc::Rc};

    use super::Start;

    /// What was written so far, to be looked at meanwhile.
    #[derive(Clone, Default)]
    pub(super) struct Taken(Rc<RefCell<Vec<u8>>>);

    impl Taken {
        pub fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).expect("UTF-8")
        }
    }

    impl io::Write for Taken {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Tracing has begun.
    pub(super) fn start() -> Start {
        Start {
            version: "0.1.0",
            kernel: "6.18.44".to_owned(),
            netns: None,
            mono_ns: 1,
            degraded: Vec::new(),
        }
    }
}
