//! What stands on a terminal while something goes on: one line, written anew.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
    path::Path,
    time::Duration,
};

use super::{duration::Human, line::cut, terminal};
use crate::model::ns;

/// One line on stderr that is written anew, where that is a terminal.
#[derive(Debug, Default)]
pub struct StatusLine {
    stands: bool,
}

impl StatusLine {
    /// Whether somebody sees it.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Whether somebody sees it, and no line comes in between that is told on the same terminal.
    /// `is_silent`: there is none.
    #[must_use]
    pub fn is_seen_alone(&self, is_silent: bool) -> bool {
        self.is_seen() && (is_silent || !io::stdout().is_terminal())
    }

    /// Writes it anew.
    pub fn show(&mut self, text: &impl fmt::Display) {
        let Some(columns) = terminal::message_columns() else {
            return;
        };
        self.stands = true;
        let text = format!("tcptrace: {text}");
        // What has wrapped could not be written anew.
        self.put(&format!(
            "\r{}\x1b[K",
            cut(&text, columns.saturating_sub(1))
        ));
    }

    /// Takes it back.
    pub fn take_back(&mut self) {
        if std::mem::take(&mut self.stands) {
            self.put("\r\x1b[K");
        }
    }

    /// Leaves it as it is: what follows stands below it.
    pub fn leave(&mut self) {
        if std::mem::take(&mut self.stands) {
            self.put("\n");
        }
    }

    fn put(&self, text: &str) {
        let mut stderr = io::stderr();
        let _ = stderr.write_all(text.as_bytes());
        let _ = stderr.flush();
    }
}

/// How far a recording is read.
#[derive(Clone, Copy, Debug)]
pub struct ReadingProgress {
    /// Bytes that were read,
    pub read: u64,
    /// of so many.
    pub all: u64,
}

impl fmt::Display for ReadingProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, all } = *self;
        let percent = u128::from(read) * 100 / u128::from(all.max(1));
        write!(f, "reading: {percent} % of {}", Size(all))
    }
}

/// How a recording goes.
#[derive(Clone, Copy, Debug)]
pub struct RecordingProgress<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// How long it goes on.
    pub time: Duration,
    /// Events so far.
    pub events: u64,
    /// Events a second; `None`: it is over.
    pub per_second: Option<f64>,
    /// Bytes written.
    pub bytes: u64,
    /// Segments written.
    pub segments: u64,
    /// Events that could not be written.
    pub lost: u64,
    /// Nothing can be written at the moment.
    pub failing: bool,
}

impl fmt::Display for RecordingProgress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = Duration::from_secs(self.time.as_secs());
        let time = Human {
            ns: ns(whole),
            ascii: true,
        };
        let events = self.events;
        match self.per_second {
            Some(rate) => write!(f, "recording: {time}, {events} events, {rate:.0}/s, ")?,
            None => write!(f, "recorded: {time}, {events} events, ")?,
        }
        write!(f, "{}", Size(self.bytes))?;
        if self.segments > 1 {
            write!(f, " in {} files", self.segments)?;
        }
        if self.lost > 0 || self.failing {
            write!(f, ", {} lost", self.lost)?;
        }
        if self.failing {
            write!(f, ", CANNOT WRITE")?;
        }
        match self.per_second {
            Some(_) => Ok(()),
            None => write!(f, " ({})", self.path.display()),
        }
    }
}

/// A number of bytes, for people: K, M and G are of 1024.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["B", "K", "M", "G", "T"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 1024.0 && unit + 1 < units.len() {
            value /= 1024.0;
            unit += 1;
        }
        match unit {
            0 => write!(f, "{} B", self.0),
            _ => write!(f, "{value:.1} {}", units[unit]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_time_events_rate_size_and_losses() {
        let mut progress = RecordingProgress {
            path: Path::new("/r"),
            time: Duration::from_millis(125_900),
            events: 12_345,
            per_second: Some(210.4),
            bytes: 1_258_291,
            segments: 1,
            lost: 0,
            failing: false,
        };
        assert_eq!(
            progress.to_string(),
            "recording: 2m05s, 12345 events, 210/s, 1.2 M"
        );
        progress.per_second = None;
        progress.segments = 2;
        progress.lost = 7;
        assert_eq!(
            progress.to_string(),
            "recorded: 2m05s, 12345 events, 1.2 M in 2 files, 7 lost (/r)"
        );
        progress.failing = true;
        assert!(progress.to_string().contains("CANNOT WRITE"));
    }

    #[test]
    fn what_is_read_is_told_as_a_part_of_all() {
        let text = |read, all| ReadingProgress { read, all }.to_string();
        assert_eq!(text(5 << 20, 12 << 20), "reading: 41 % of 12.0 M");
        assert_eq!(text(0, 0), "reading: 0 % of 0 B");
        assert_eq!(text(u64::MAX, u64::MAX), "reading: 100 % of 16777216.0 T");
    }

    #[test]
    fn sizes_are_of_1024() {
        let sizes = [0, 1023, 1024, 64 << 20, 3 << 29].map(|it| Size(it).to_string());
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 K", "64.0 M", "1.5 G"]);
    }
}
