//! Connections that are stuck as a table for people: one line a connection, and below it why, how
//! long still, and what to do.

use std::{
    fmt::{self, Write as _},
    io::{self, Write},
};

use anstyle::Style;

use super::{ShownStuck, StuckView};
use crate::{
    kernel::Clock,
    stuck::{Diagnosis, Held, Limit, Verdict},
    view::{
        Palette, Start, Surroundings,
        address::{Address, IPV4, IPV6},
        duration::Human,
        line::Line,
        process::Process,
    },
};

/// The longest name of a state that is watched.
const STATE: usize = 10;
/// A duration.
const DURATION: usize = 6;
const DESCRIPTOR: usize = 4;
/// Text is not wider than that, however wide the terminal is: it would be hard to read.
const WIDEST_TEXT: usize = 100;
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

    fn text_width(&self) -> usize {
        self.width.clamp(20, WIDEST_TEXT)
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

    fn connection(&mut self, shown: &ShownStuck) -> io::Result<()> {
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
            IPV6
        } else {
            layout.address
        };
        for end in [it.tuple.local, it.tuple.remote] {
            line.column(plain, layout.address, Address { end, width, ascii });
        }
        let process = Process {
            owner: &it.owner,
            width: layout.process,
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
    fn paragraph(&mut self, style: Style, text: &str, hanging: &str) -> io::Result<()> {
        let text = if self.ascii {
            text.replace('→', "->").replace('µ', "u")
        } else {
            text.to_owned()
        };
        let options = textwrap::Options::new(self.layout.text_width())
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .initial_indent(INDENT)
            .subsequent_indent(hanging);
        for line in textwrap::wrap(&text, options) {
            writeln!(self.out, "{style}{line}{style:#}")?;
        }
        Ok(())
    }
}

impl<W: Write> StuckView for StuckTable<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn stuck(&mut self, it: &ShownStuck, _: &mut Surroundings<'_>) -> io::Result<()> {
        if std::mem::take(&mut self.header_due) {
            self.header()?;
        }
        self.connection(it)?;
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
        let layout = Layout::new((self.columns)(), self.ascii);
        if layout != self.layout {
            self.layout = layout;
            self.header_due = true;
        }
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
                _ => "",
            });
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
            Verdict::ZeroWindow => Some("No setting limits it while the peer answers.".to_owned()),
            _ => Some("No setting limits it.".to_owned()),
        };
    }
    Some(parts.join("; ") + ".")
}

fn unit(setting: &str) -> &'static str {
    match setting {
        "tcp_fin_timeout" => " s",
        _ => "",
    }
}

fn at_least(ascii: bool) -> &'static str {
    if ascii { ">=" } else { "≥" }
}

/// How long, with `≥` where it may be longer.
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
        }
        let human = Human {
            ns,
            ascii: self.ascii,
        };
        human.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use super::*;
    use crate::{
        decode::{Comm, Cookie, Endpoint, Owner, Process as Task, Tuple},
        kernel::Cgroups,
        snapshot::{TcpInfo, Timer, TimerKind, WaitSettings},
        stuck::{Suspect, diagnose},
        track::{Connection, ExistingKind, State},
    };

    fn longest(addr: IpAddr) -> ShownStuck {
        let end = Endpoint::new(addr, 65_535);
        let suspect = Suspect {
            state: State::FinWait1,
            kind: ExistingKind::Socket,
            owned: false,
            timer: Some(Timer {
                kind: TimerKind::Retransmit,
                remaining: Duration::from_secs(3),
                retries: 4,
            }),
            recv_queue: 0,
            send_queue: 1,
            info: Some(TcpInfo {
                retransmits: 4,
                backoff: 4,
                rto: Duration::from_millis(3264),
                ..TcpInfo::default()
            }),
            listening: None,
            settings: WaitSettings {
                orphan_retries: Some(0),
                ..WaitSettings::default()
            },
        };
        ShownStuck {
            mono_ns: 0,
            connection: Connection {
                cookie: Cookie::new(1),
                tuple: Tuple {
                    netns: 1,
                    local: end,
                    remote: end,
                },
                state: State::CloseWait,
                since: None,
                kind: ExistingKind::Socket,
                owner: Owner {
                    process: Some(Task {
                        pid: 4_194_304,
                        comm: Comm::new(b"chromium-browse"),
                    }),
                    ..Owner::default()
                },
                opener: None,
                followed: false,
            },
            descriptor: Some(1023),
            held: Held {
                ns: Some(125_000_000_000),
                at_least: true,
            },
            diagnosis: diagnose(&suspect),
            suspect,
        }
    }

    fn lines(columns: Option<usize>, ascii: bool, it: &ShownStuck) -> Vec<String> {
        let mut out = Vec::new();
        let mut table = StuckTable::new(&mut out, Palette::plain(), ascii, move || columns);
        let clock = Clock::new();
        let mut around = Surroundings {
            clock: &clock,
            cgroups: &mut Cgroups::default(),
        };
        table.stuck(it, &mut around).unwrap();
        drop(table);
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn eighty_columns_show_addresses_process_and_descriptor() {
        let lines = lines(Some(80), false, &longest([255, 255, 255, 255].into()));
        assert_eq!(
            lines[1],
            "CLOSE_WAIT  ≥2m05s 255.255.255.255:65535 255.255.255.255:65535 chro/4194304 1023"
        );
        let words = lines[2..].join(" ");
        let words: Vec<&str> = words.split_whitespace().collect();
        let words = words.join(" ");
        assert!(words.contains("not_acked: The peer"), "{words}");
        assert!(
            words.contains("tcp_orphan_retries = 0 (which means 8); sent again 4 of 8 times;"),
            "{words}"
        );
        assert!(words.contains("→ Is the peer still there"), "{words}");
    }

    #[test]
    fn no_width_makes_a_line_wrap() {
        let ipv6: IpAddr = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
        for addr in [ipv6, [255, 255, 255, 255].into()] {
            for columns in 20..200 {
                for line in lines(Some(columns), false, &longest(addr)) {
                    assert!(line.chars().count() <= columns, "{columns}: {line}");
                }
            }
        }
    }

    #[test]
    fn an_ascii_terminal_gets_ascii() {
        for line in lines(Some(80), true, &longest([10, 0, 0, 1].into())) {
            assert!(line.is_ascii(), "{line}");
        }
        let lines = lines(Some(80), true, &longest([10, 0, 0, 1].into()));
        assert!(lines[1].contains(">=2m05s"), "{}", lines[1]);
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let mut it = longest([10, 0, 0, 1].into());
        it.held.ns = None;
        it.descriptor = None;
        let lines = lines(Some(120), false, &it);
        assert!(
            lines[1].starts_with("CLOSE_WAIT       - 10.0.0.1"),
            "{}",
            lines[1]
        );
        assert!(lines[1].ends_with(" -"), "{}", lines[1]);
    }
}
