//! The sections of a report below the states: who, where to, and why.

use std::{
    fmt,
    io::{self, Write},
};

use anstyle::Style;

use super::states::Look;
use crate::{
    aggregate::stats::Period,
    explain,
    host::Links,
    model::{Endpoint, FlowEnd, Side},
    output::{
        address::{Address, IPV4, IPV6, LONGEST},
        duration::Human,
        line::Line,
        or_dash::OrDash,
        process::Program,
        rows::{NamedLink, listeners, makers, ports, retried, services},
    },
};

/// So many rows of each.
const ROWS: usize = 10;
const COUNT: usize = 9;
/// Below a million.
const NUMBER: usize = 7;
const RATE: usize = 7;
const DURATION: usize = 6;
/// The longest name of a program.
const COMM: usize = 15;
/// Connections below which a share says nothing.
const ENOUGH: u64 = 10;
/// From that share of short connections on, keep-alive is worth a thought.
const MOSTLY: f64 = 0.5;

/// What writes the sections.
pub(super) struct Sections<'a, W> {
    pub out: &'a mut W,
    pub line: &'a mut Line,
    pub look: Look,
}

impl<W: Write> Sections<'_, W> {
    /// Writes all that there is anything to tell of.
    pub fn write(&mut self, period: &Period<'_>, links: &mut Links) -> io::Result<()> {
        self.ends(period)?;
        self.failures(period)?;
        self.makers(period, links)?;
        self.ports(period, links)?;
        self.services(period, links)?;
        self.listeners(period, links)?;
        self.retried(period, links)
    }

    fn heading(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.out.write_all(b"\n")?;
        self.line.clear(self.look.width);
        self.line.column(self.look.palette.header(), 0, text);
        self.line.write(self.out)
    }

    fn begin(&mut self) {
        self.line.clear(self.look.width);
    }

    fn more(&mut self, shown: usize, all: usize) -> io::Result<()> {
        if all <= shown {
            return Ok(());
        }
        self.begin();
        let text = format_args!("and {} more", all - shown);
        self.line.column(self.look.palette.faint(), 0, text);
        self.line.write(self.out)
    }

    fn ends(&mut self, period: &Period<'_>) -> io::Result<()> {
        let ends = &period.figures.ends;
        if ends.count() == 0 && ends.time_waits.is_empty() {
            return Ok(());
        }
        self.heading(format_args!("{} ended", Many(ends.count(), "connection")))?;
        for ((end, detail), count) in &ends.connections {
            let (style, text) = match end {
                FlowEnd::Graceful => (Style::new(), "FIN of each side"),
                FlowEnd::Reason(reason) => (
                    self.look.palette.reason(*reason),
                    explain::why(*reason, *detail),
                ),
            };
            self.begin();
            self.line.right(Style::new(), COUNT, count);
            let share = *count as f64 * 100.0 / ends.count() as f64;
            self.line
                .right(Style::new(), 6, format_args!("{share:.1}%"));
            self.line.column(style, 0, text);
            self.line.write(self.out)?;
        }
        for (reason, count) in &ends.time_waits {
            self.begin();
            self.line.right(Style::new(), COUNT, count);
            self.line.right(Style::new(), 6, "");
            let text = format_args!("TIME_WAIT: {}", explain::why(*reason, None));
            self.line.column(self.look.palette.faint(), 0, text);
            self.line.write(self.out)?;
        }
        Ok(())
    }

    fn failures(&mut self, period: &Period<'_>) -> io::Result<()> {
        let failures = &period.figures.ends.failed_handshakes;
        if failures.is_empty() {
            return Ok(());
        }
        let all: u64 = failures.values().sum();
        self.heading(format_args!("{} failed", Many(all, "handshake")))?;
        for (failure, count) in failures {
            self.begin();
            self.line.right(Style::new(), COUNT, count);
            let state = self.look.palette.state(failure.state);
            self.line.column(state, 8, failure.state);
            let text = explain::why(failure.reason, failure.detail);
            let style = self.look.palette.reason(failure.reason);
            self.line.column(style, explain::WIDTH, text);
            self.line.write(self.out)?;
        }
        Ok(())
    }

    fn makers(&mut self, period: &Period<'_>, links: &mut Links) -> io::Result<()> {
        let rows = makers(period, links, ROWS);
        if rows.is_empty() {
            return Ok(());
        }
        match period.figures.time_waits_made() {
            0 => self.heading(format_args!("TIME_WAITs from before, by who made them"))?,
            all => self.heading(format_args!("{} made, by", Many(all, "TIME_WAIT")))?,
        }
        let style = self.look.palette.faint();
        let address = self.address_width(COMM + 3 * (NUMBER + 1) + RATE + 5);
        self.begin();
        self.line.column(style, COMM, "PROGRAM");
        self.line.column(style, address, "SERVICE");
        self.line.column(style, 2, "");
        for (width, name) in [
            (NUMBER, "MADE"),
            (RATE, "A SEC"),
            (NUMBER, "NOW"),
            (NUMBER, "PORTS"),
        ] {
            self.line.right(style, width, name);
        }
        self.line.write(self.out)?;
        let shown = rows.len();
        for row in rows {
            self.begin();
            let ascii = self.look.ascii;
            let comm = row.comm.as_ref().map(|comm| Program {
                comm: comm.as_str(),
                ascii,
            });
            self.line.column(Style::new(), COMM, OrDash(comm));
            let (addr, to) = match row.opener {
                Some(Side::Remote) => (row.local_addr, false),
                _ => (row.remote_addr, true),
            };
            let end = Endpoint {
                addr,
                port: row.port,
            };
            self.address(end, row.interface.as_ref(), address);
            let direction = match (row.opener, to) {
                (None, _) => "",
                (_, true) => "to",
                (_, false) => "of",
            };
            self.line.column(style, 2, direction);
            self.line.right(Style::new(), NUMBER, row.count);
            let rate = format_args!("{:.1}", row.per_s).to_string();
            self.line.right(Style::new(), RATE, rate);
            self.line.right(Style::new(), NUMBER, OrDash(row.now));
            self.line
                .right(Style::new(), NUMBER, OrDash(row.ports_held));
            self.line.write(self.out)?;
        }
        self.more(shown, period.figures.makers.len())
    }

    fn ports(&mut self, period: &Period<'_>, links: &mut Links) -> io::Result<()> {
        let rows = ports(period, links, ROWS);
        if rows.is_empty() {
            return Ok(());
        }
        self.heading(format_args!("Local ports taken, by destination"))?;
        let style = self.look.palette.faint();
        let address = self.address_width(4 * (DURATION + 3) + 8);
        self.begin();
        self.line.column(style, address, "TO");
        for name in ["TAKEN", "OF", "SETTLE AT"] {
            self.line.right(style, COUNT, name);
        }
        self.line.column(style, 0, "RUN OUT");
        self.line.write(self.out)?;
        for row in rows {
            self.begin();
            let end = Endpoint {
                addr: row.remote_addr,
                port: row.remote_port,
            };
            self.address(end, row.interface.as_ref(), address);
            self.line.right(Style::new(), COUNT, row.taken);
            self.line.right(Style::new(), COUNT, row.available);
            let settles = row.settles_at.map(|ports| ports.round() as u64);
            self.line.right(Style::new(), COUNT, OrDash(settles));
            match row.exhausted_in_s {
                Some(seconds) if seconds > 0.0 => {
                    let ns = (seconds * 1e9) as u64;
                    let ascii = self.look.ascii;
                    let trouble = self.look.palette.trouble();
                    let text = format_args!("in {}", Human { ns, ascii }).to_string();
                    self.line.column(trouble, 0, text);
                }
                Some(_) => self.line.column(self.look.palette.trouble(), 0, "now"),
                None if settles.is_none() => self.line.column(style, 0, "-"),
                None => self.line.column(style, 0, "no"),
            }
            self.line.write(self.out)?;
        }
        Ok(())
    }

    fn services(&mut self, period: &Period<'_>, links: &mut Links) -> io::Result<()> {
        let rows = services(period, links, ROWS);
        if rows.is_empty() {
            return Ok(());
        }
        self.heading(format_args!(
            "Short connections (a request or two), by service"
        ))?;
        let style = self.look.palette.faint();
        let address = self.address_width(3 + (COUNT + 1) + 7 + 11 + 12);
        self.begin();
        self.line.column(style, address, "SERVICE");
        self.line.column(style, 2, "");
        for (width, name) in [(COUNT, "CLOSED"), (6, "SHORT"), (10, "TIME_WAITS")] {
            self.line.right(style, width, name);
        }
        self.line.write(self.out)?;
        let shown = rows.len();
        for row in rows {
            self.begin();
            let end = Endpoint {
                addr: row.addr,
                port: row.port,
            };
            self.address(end, row.interface.as_ref(), address);
            let direction = if row.opener == Side::Local {
                "to"
            } else {
                "of"
            };
            self.line.column(style, 2, direction);
            self.line.right(Style::new(), COUNT, row.connections);
            let share = row
                .short_share
                .map(|share| format!("{:.0}%", share * 100.0));
            self.line.right(Style::new(), 6, OrDash(share));
            self.line.right(Style::new(), 10, row.time_waits_of_short);
            let cue = row.connections >= ENOUGH
                && row.short_share.is_some_and(|share| share >= MOSTLY)
                && row.time_waits_of_short > 0;
            if cue {
                self.line
                    .column(self.look.palette.trouble(), 0, "keep-alive?");
            }
            self.line.write(self.out)?;
        }
        self.more(shown, period.figures.services.len())
    }

    fn listeners(&mut self, period: &Period<'_>, links: &mut Links) -> io::Result<()> {
        let rows = listeners(period, links);
        if rows.is_empty() {
            return Ok(());
        }
        self.heading(format_args!("SYNs received, by listener"))?;
        let style = self.look.palette.faint();
        let address = self.address_width(5 * (COUNT + 1));
        self.begin();
        self.line.column(style, address, "LISTENER");
        for name in ["ANSWERED", "COMPLETE", "FAILED", "DROPPED", "HALF-OPEN"] {
            self.line.right(style, COUNT, name);
        }
        self.line.write(self.out)?;
        let all = rows.len();
        for row in rows.iter().take(ROWS) {
            self.begin();
            let end = Endpoint {
                addr: row.addr,
                port: row.port,
            };
            self.address(end, row.interface.as_ref(), address);
            for count in [row.syns, row.completed, row.failed] {
                self.line.right(Style::new(), COUNT, count);
            }
            self.line.right(Style::new(), COUNT, OrDash(row.dropped));
            self.line.right(Style::new(), COUNT, OrDash(row.half_open));
            self.line.write(self.out)?;
        }
        self.more(all.min(ROWS), all)
    }

    fn retried(&mut self, period: &Period<'_>, links: &mut Links) -> io::Result<()> {
        let rows = retried(period, links, ROWS);
        if rows.is_empty() {
            return Ok(());
        }
        self.heading(format_args!(
            "Handshakes that needed a SYN or SYN+ACK again, by service"
        ))?;
        let style = self.look.palette.faint();
        let address = self.address_width(3 * (COUNT + 2) + 4);
        self.begin();
        self.line.column(style, address, "SERVICE");
        self.line.column(style, 2, "");
        for name in ["HANDSHAKES", "FAILED", "SENT AGAIN"] {
            self.line.right(style, COUNT + 1, name);
        }
        self.line.write(self.out)?;
        let shown = rows.len();
        for row in rows {
            self.begin();
            let end = Endpoint {
                addr: row.addr,
                port: row.port,
            };
            self.address(end, row.interface.as_ref(), address);
            let direction = if row.opener == Side::Local {
                "to"
            } else {
                "of"
            };
            self.line.column(style, 2, direction);
            for count in [row.handshakes, row.failed, row.retransmits] {
                self.line.right(Style::new(), COUNT + 1, count);
            }
            self.line.write(self.out)?;
        }
        self.more(shown, period.figures.retried.len())
    }

    /// The room that is left for an address beside columns of so many characters.
    fn address_width(&self, beside: usize) -> usize {
        match self.look.width {
            usize::MAX => IPV4,
            width => width.saturating_sub(beside).clamp(IPV4, IPV6),
        }
    }

    fn address(&mut self, end: Endpoint, on: Option<&NamedLink>, column: usize) {
        let ascii = self.look.ascii;
        // In a file, nothing is cut.
        let width = if self.look.width == usize::MAX {
            LONGEST
        } else {
            column
        };
        let address = Address {
            end,
            on: on.map(NamedLink::shown),
            width,
            ascii,
        };
        self.line.column(Style::new(), column, address);
    }
}

/// So many of something: `1 connection`, `2 connections`.
struct Many(u64, &'static str);

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, what) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {what}{plural}")
    }
}
