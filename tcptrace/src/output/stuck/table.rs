//! Connections that are stuck as a table for people: one line a connection, and below it why, how
//! long still, and what to do.

use std::{
    fmt::{self, Write as _},
    io::{self, Write},
};

use anstyle::Style;

use super::ShownStuck;
use crate::{
    diagnose::{Diagnosis, Held, Limit, Verdict},
    host::{Clock, Links},
    output::{
        Palette, Start, Surroundings, View,
        address::{Address, IPV4, IPV6, LONGEST, of_remote},
        duration::Human,
        line::Line,
        process::Process,
    },
};

/// The longest name of a state that is watched.
const STATE: usize = 11;
/// A duration.
const DURATION: usize = 6;
const DESCRIPTOR: usize = 4;
/// Text is not wider than that, however wide the terminal is: it would be hard to read.
const WIDEST_TEXT: usize = 100;
/// Below that, there is no room to indent text.
const NARROW: usize = 20;
const INDENT: &str = "  ";

/// Which columns there are, and how wide, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// A duration, with `≥` or `>=` before it.
    held: usize,
    address: usize,
    process: usize,
    descriptor: bool,
    /// Lines are cut there.
    width: usize,
}

impl Layout {
    /// For a terminal of so many columns, or a file (`None`), where nothing is cut.
    fn new(columns: Option<usize>, ascii: bool) -> Self {
        let mut layout = Self {
            held: DURATION + at_least(ascii).chars().count(),
            address: IPV4,
            process: 15,
            descriptor: true,
            width: columns.unwrap_or(usize::MAX),
        };
        let Some(width) = columns else {
            return layout;
        };
        layout.process = 13 - at_least(ascii).chars().count();
        if layout.needs() > width {
            layout.descriptor = false;
        }
        let mut room = width.saturating_sub(layout.needs());
        let more = room.min(23 - layout.process);
        layout.process += more;
        room -= more;
        layout.address += (room / 2).min(IPV6 - IPV4);
        layout
    }

    fn needs(&self) -> usize {
        let descriptor = if self.descriptor { DESCRIPTOR + 1 } else { 0 };
        STATE + 1 + self.held + 2 * (1 + self.address) + 1 + self.process + descriptor
    }

    /// The width of text, and how far its first line and the others are indented.
    fn text(&self, hanging: &'static str) -> (usize, &'static str, &'static str) {
        match self.width {
            narrow @ ..NARROW => (narrow.max(1), "", ""),
            width => (width.min(WIDEST_TEXT), INDENT, hanging),
        }
    }
}

/// Writes a table.
pub struct StuckTable<W: Write> {
    out: W,
    palette: Palette,
    ascii: bool,
    columns: Box<dyn FnMut() -> Option<usize>>,
    layout: Layout,
    line: Line,
    header_due: bool,
    /// Something was handed over since the width was asked for.
    stale: bool,
}

impl<W: Write> StuckTable<W> {
    /// Writes to `out`, which should be buffered. `columns` tells the width of the terminal,
    /// whenever asked.
    pub fn new(
        out: W,
        palette: Palette,
        ascii: bool,
        mut columns: impl FnMut() -> Option<usize> + 'static,
    ) -> Self {
        let layout = Layout::new(columns(), ascii);
        Self {
            out,
            palette,
            ascii,
            columns: Box::new(columns),
            layout,
            line: Line::default(),
            header_due: true,
            stale: false,
        }
    }

    fn header(&mut self) -> io::Result<()> {
        let (layout, line, style) = (self.layout, &mut self.line, self.palette.header());
        line.clear(layout.width);
        line.column(style, STATE, "STATE");
        line.right(style, layout.held, "HELD");
        line.column(style, layout.address, "LOCAL");
        line.column(style, layout.address, "REMOTE");
        line.column(style, layout.process, "PROCESS");
        if layout.descriptor {
            line.right(style, DESCRIPTOR, "FD");
        }
        line.write(&mut self.out)
    }

    fn connection(&mut self, shown: &ShownStuck, links: &mut Links) -> io::Result<()> {
        let (layout, palette, ascii) = (self.layout, self.palette, self.ascii);
        let (it, line, plain) = (&shown.connection, &mut self.line, Style::new());
        line.clear(layout.width);
        line.column(palette.state(it.state), STATE, it.state);
        let held = HeldFor {
            held: shown.held,
            ascii,
        };
        line.right(plain, layout.held, held);
        let width = if layout.width == usize::MAX {
            LONGEST
        } else {
            layout.address
        };
        let on = links.of(&it.tuple);
        let (local, remote) = (it.tuple.local, it.tuple.remote);
        for (end, on) in [(local, on), (remote, of_remote(remote, on))] {
            let address = Address {
                end,
                on,
                width,
                ascii,
            };
            line.column(plain, layout.address, address);
        }
        let process = Process {
            owner: &it.owner,
            others: shown.holders.len().saturating_sub(1),
            width: layout.process,
            ascii,
        };
        line.column(plain, layout.process, process);
        if layout.descriptor {
            match shown.descriptor {
                Some(descriptor) => line.right(plain, DESCRIPTOR, descriptor),
                None => line.right(palette.faint(), DESCRIPTOR, "-"),
            }
        }
        line.write(&mut self.out)
    }

    /// Fills lines with a text.
    fn paragraph(&mut self, style: Style, text: &str, hanging: &'static str) -> io::Result<()> {
        let text = if self.ascii {
            text.replace('→', "->").replace('µ', "u")
        } else {
            text.to_owned()
        };
        let (width, first, others) = self.layout.text(hanging);
        let options = textwrap::Options::new(width)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .initial_indent(first)
            .subsequent_indent(others);
        for line in textwrap::wrap(&text, options) {
            writeln!(self.out, "{style}{line}{style:#}")?;
        }
        Ok(())
    }
}

impl<W: Write> View<ShownStuck> for StuckTable<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn show(&mut self, it: &ShownStuck, around: &mut Surroundings<'_>) -> io::Result<()> {
        if std::mem::take(&mut self.stale) {
            let layout = Layout::new((self.columns)(), self.ascii);
            if layout != self.layout {
                self.layout = layout;
                self.header_due = true;
            }
        }
        if std::mem::take(&mut self.header_due) {
            self.header()?;
        }
        self.connection(it, around.links)?;
        let why = &it.diagnosis;
        let text = format!("{}: {}", why.verdict, why.text);
        self.paragraph(Style::new(), &text, INDENT)?;
        if let Some(text) = limit(why, self.ascii) {
            self.paragraph(Style::new(), &text, INDENT)?;
        }
        let advice = format!("→ {}", why.advice);
        self.paragraph(self.palette.faint(), &advice, "    ")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stale = true;
        self.out.flush()
    }
}

/// What limits it, and how long still.
fn limit(why: &Diagnosis, ascii: bool) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(Limit { name, value }) = why.setting {
        let mut part = name.to_owned();
        if let Some(value) = value {
            // Writing to a string does not fail.
            let _ = write!(part, " = {value}{}", unit(name));
            part.push_str(match (name, value) {
                ("tcp_orphan_retries", 0) => " (which means 8)",
                // Nothing tells whether that socket has set it.
                ("tcp_fin_timeout", _) => " (or TCP_LINGER2)",
                // The socket could not be asked; otherwise what is left would be known.
                ("tcp_retries2", _) if why.remaining.is_none() => " (or TCP_USER_TIMEOUT)",
                _ => "",
            });
        } else {
            part.push_str(" governs it");
        }
        parts.push(part);
    }
    match (why.retries, why.most_retries) {
        (Some(so_far), Some(most)) => parts.push(format!("sent again {so_far} of {most} times")),
        (Some(so_far), None) => parts.push(format!("sent again {so_far} times")),
        _ => {}
    }
    if let Some(left) = why.remaining {
        let ns = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        parts.push(format!("over in about {}", Human { ns, ascii }));
    }
    if why.verdict == Verdict::DataAwaited {
        // Its text says all there is.
        return None;
    }
    if parts.is_empty() {
        return match why.verdict {
            Verdict::StillSending => None,
            // Nothing runs any more.
            Verdict::NotClosed if why.is_over => None,
            Verdict::ZeroWindow => Some("No setting limits it while the peer answers.".to_owned()),
            _ => Some("No setting limits it.".to_owned()),
        };
    }
    Some(parts.join("; ") + ".")
}

fn unit(setting: &str) -> &'static str {
    match setting {
        "tcp_fin_timeout" => " s",
        "TCP_USER_TIMEOUT" => " ms",
        _ => "",
    }
}

fn at_least(ascii: bool) -> &'static str {
    if ascii { ">=" } else { "≥" }
}

/// How long, with `≥` where it may be longer, and `~` where a setting that may be another says so.
struct HeldFor {
    held: Held,
    ascii: bool,
}

impl fmt::Display for HeldFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(ns) = self.held.ns else {
            return f.write_str("-");
        };
        if self.held.at_least {
            f.write_str(at_least(self.ascii))?;
        } else if self.held.estimated {
            f.write_str("~")?;
        }
        let human = Human {
            ns,
            ascii: self.ascii,
        };
        human.fmt(f)
    }
}
