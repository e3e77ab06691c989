//! What is in a recording, written.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    TimeFormat,
    duration::Human,
    json::JsonLines,
    line::cut,
    progress::Size,
    rows::{ClockRow, DamageRow, LossRow, OptionRow, PieceRow, RecordingRow},
    terminal,
    time::Stamps,
};
use crate::{
    model::ns,
    source::replay::{Damage, Mark, Piece, Recording},
};

/// What is in a recording.
#[derive(Clone, Debug)]
pub struct RecordingReport {
    path: PathBuf,
    pieces: Vec<RecordingPart>,
    damage: Vec<(PathBuf, Damage)>,
    marks: Vec<Mark>,
}

/// What is known of a piece.
#[derive(Clone, Debug)]
pub struct RecordingPart {
    /// The piece.
    pub piece: Piece,
    /// How many events of the kernel are in it.
    pub events: u64,
    /// How large its files are.
    pub bytes: u64,
    /// How many events were lost.
    pub lost: u64,
    /// Its last segment was ended in good order.
    pub ended: bool,
}

impl RecordingReport {
    /// Looks into a recording.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn of(path: &Path, recording: &Recording) -> io::Result<Self> {
        let mut report = Self {
            path: path.to_owned(),
            pieces: Vec::new(),
            damage: recording.unreadable.clone(),
            marks: Vec::new(),
        };
        for piece in &recording.pieces {
            let mut part = RecordingPart {
                piece: piece.clone(),
                events: 0,
                bytes: 0,
                lost: 0,
                ended: false,
            };
            for segment in &piece.segments {
                part.events += segment.events();
                part.bytes += segment.bytes;
                part.ended = segment.ended;
                if let Some(damage) = &segment.damage {
                    report.damage.push((segment.path.clone(), damage.clone()));
                }
                for mark in segment.marks()? {
                    if let Mark::Lost { events, .. } = mark {
                        part.lost += events;
                    }
                    report.marks.push(mark);
                }
            }
            report.pieces.push(part);
        }
        Ok(report)
    }

    /// Its pieces, in their order.
    #[must_use]
    pub fn pieces(&self) -> &[RecordingPart] {
        &self.pieces
    }

    /// Where events were lost, the clock was set, or the machine was suspended.
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Files that can't be read, or from where on they can't.
    #[must_use]
    pub fn damage(&self) -> &[(PathBuf, Damage)] {
        &self.damage
    }

    fn row<'a>(&'a self, time: &mut Stamps) -> Option<RecordingRow<'a>> {
        let (first, last) = (self.pieces.first()?, self.pieces.last()?);
        let beginning = last.piece.beginning()?;
        let pieces: Vec<PieceRow<'_>> = self
            .pieces
            .iter()
            .filter_map(|part| {
                let beginning = part.piece.beginning()?;
                Some(PieceRow {
                    host: &beginning.host,
                    boot: &beginning.boot,
                    kernel: &beginning.kernel,
                    version: &beginning.tcptrace,
                    from: time.of(part.piece.began_wall_ns()),
                    to: time.of(part.piece.ended_wall_ns()),
                    segments: part.piece.segments.len() as u64,
                    bytes: part.bytes,
                    events: part.events,
                    lost: part.lost,
                    complete: part.ended,
                })
            })
            .collect();
        let sum = |of: fn(&RecordingPart) -> u64| self.pieces.iter().map(of).sum::<u64>();
        let mut losses = Vec::new();
        let mut clock_changes = Vec::new();
        for mark in &self.marks {
            match *mark {
                Mark::Lost { wall_ns, events } => losses.push(LossRow {
                    time: time.of(wall_ns),
                    events,
                }),
                Mark::Clock {
                    wall_ns,
                    by_ns,
                    suspended_ns,
                } => clock_changes.push(ClockRow {
                    time: time.of(wall_ns),
                    by_ns,
                    suspended_ns,
                }),
            }
        }
        let damage = self.damage.iter().map(|(path, damage)| DamageRow {
            path: path.display().to_string(),
            offset: damage.offset,
            why: &damage.why,
        });
        let options = beginning.filter.iter();
        Some(RecordingRow {
            path: self.path.display().to_string(),
            host: &beginning.host,
            boot: &beginning.boot,
            kernel: &beginning.kernel,
            version: &beginning.tcptrace,
            from: time.of(first.piece.began_wall_ns()),
            to: time.of(last.piece.ended_wall_ns()),
            segments: sum(|it| it.piece.segments.len() as u64),
            bytes: sum(|it| it.bytes),
            events: sum(|it| it.events),
            lost: sum(|it| it.lost),
            complete: self.damage.is_empty() && self.pieces.iter().all(|it| it.ended),
            anonymized: beginning.anonymized,
            filter: options
                .map(|(option, value)| OptionRow { option, value })
                .collect(),
            pieces,
            losses,
            clock_changes,
            damage: damage.collect(),
        })
    }

    /// Writes one JSON object, on a line.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let mut lines = JsonLines::new(out);
        if let Some(row) = self.row(&mut Stamps::default()) {
            lines.row(&row)?;
        }
        lines.flush()
    }

    /// Writes it for people. `columns`: of the terminal, if it is one.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn table(&self, out: &mut impl Write, utc: bool, columns: Option<usize>) -> io::Result<()> {
        let mut time = TimeFormat::date(utc);
        let ascii = !terminal::speaks_unicode();
        let mut text = Vec::new();
        for part in &self.pieces {
            let Some(beginning) = part.piece.beginning() else {
                continue;
            };
            let (from, to) = (part.piece.began_wall_ns(), part.piece.ended_wall_ns());
            let long = Duration::from_nanos(to.saturating_sub(from).max(0).unsigned_abs());
            let long = Human {
                ns: ns(long),
                ascii,
            };
            writeln!(text, "{}, Linux {}", beginning.host, beginning.kernel)?;
            writeln!(
                text,
                "  from     {}\n  to       {} ({long})",
                time.write(from).to_owned(),
                time.write(to)
            )?;
            let files = part.piece.segments.len();
            writeln!(
                text,
                "  events   {} in {files} {}, {}",
                part.events,
                if files == 1 { "file" } else { "files" },
                Size(part.bytes)
            )?;
            writeln!(text, "  lost     {}", part.lost)?;
            for (option, value) in &beginning.filter {
                writeln!(text, "  only     --{option} {value}")?;
            }
            for it in &beginning.degraded {
                writeln!(text, "  unseen   {}: {}", it.what, it.why)?;
            }
            writeln!(
                text,
                "  by       tcptrace {}, boot {}{}",
                beginning.tcptrace,
                beginning.boot,
                if beginning.anonymized {
                    ", anonymized"
                } else {
                    ""
                }
            )?;
            if !part.ended {
                writeln!(
                    text,
                    "  end      not ended in good order: it goes on still, or was killed"
                )?;
            }
        }
        for mark in &self.marks {
            match *mark {
                Mark::Lost { wall_ns, events } => {
                    writeln!(text, "{}: {events} events were lost", time.write(wall_ns))?;
                }
                Mark::Clock {
                    wall_ns,
                    by_ns,
                    suspended_ns,
                } => {
                    let by = Human {
                        ns: by_ns.unsigned_abs(),
                        ascii,
                    };
                    let way = if by_ns < 0 { "back" } else { "forward" };
                    let at = time.write(wall_ns);
                    match suspended_ns {
                        0 => writeln!(text, "{at}: the clock was set {way} by {by}")?,
                        _ => writeln!(text, "{at}: the machine was suspended for {by}")?,
                    }
                }
            }
        }
        for (path, damage) in &self.damage {
            writeln!(
                text,
                "{} is cut at byte {}: {}",
                path.display(),
                damage.offset,
                damage.why
            )?;
        }
        let text = String::from_utf8_lossy(&text);
        for line in text.lines() {
            let shown = match columns {
                Some(columns) => cut(line, columns),
                None => line,
            };
            writeln!(out, "{shown}")?;
        }
        out.flush()
    }
}
