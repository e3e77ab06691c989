//! Flows as a table: one line a connection, and one more where an idle timeout explains its end.

use std::{
    fmt,
    io::{self, Write},
};

use anstyle::Style;

use super::{FlowView, ShownFlow};
use crate::{
    flows::{End, FlowRecord},
    kernel::Clock,
    track::{Closer, Reason, State},
    view::{
        Palette, Start, Surroundings,
        address::{Address, IPV4, IPV6},
        duration::Human,
        line::Line,
        process::Process,
        table::direction,
        words,
    },
};

const DURATION: usize = 6;
const BYTES: usize = 6;
/// `you: ` or `peer: `, and why.
const END: usize = 6 + words::WIDTH;

/// Which columns there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    owner: usize,
    address: usize,
    bytes: bool,
    width: usize,
}

impl Layout {
    /// For a terminal of so many columns, or a file (`None`), where nothing is cut.
    fn new(columns: Option<usize>) -> Self {
        let Some(width) = columns else {
            return Self {
                owner: 23,
                address: IPV4,
                bytes: true,
                width: usize::MAX,
            };
        };
        let mut layout = Self {
            owner: 12,
            address: IPV4,
            bytes: true,
            width,
        };
        if layout.needs() > width {
            layout.owner = 0;
        }
        if layout.needs() > width {
            layout.bytes = false;
        }
        let mut room = width.saturating_sub(layout.needs());
        if layout.owner > 0 {
            let more = room.min(23 - layout.owner);
            layout.owner += more;
            room -= more;
        }
        layout.address += (room / 2).min(IPV6 - IPV4);
        layout
    }

    fn needs(&self) -> usize {
        let owner = if self.owner == 0 { 0 } else { self.owner + 1 };
        let bytes = if self.bytes { 2 * (BYTES + 1) } else { 0 };
        owner + 2 * (self.address + 1) + 2 + 3 * (DURATION + 1) + bytes + END
    }
}

/// Writes a table.
pub struct FlowTable<W: Write> {
    out: W,
    palette: Palette,
    ascii: bool,
    columns: Box<dyn FnMut() -> Option<usize>>,
    layout: Layout,
    line: Line,
    header_due: bool,
}

impl<W: Write> FlowTable<W> {
    /// Writes to `out`, which should be buffered. `columns` tells the width of the terminal,
    /// whenever asked.
    pub fn new(
        out: W,
        palette: Palette,
        ascii: bool,
        mut columns: impl FnMut() -> Option<usize> + 'static,
    ) -> Self {
        let layout = Layout::new(columns());
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
        if layout.owner > 0 {
            line.column(style, layout.owner, "PROCESS");
        }
        line.column(style, layout.address, "LOCAL");
        line.column(style, 1, "");
        line.column(style, layout.address, "REMOTE");
        for phase in ["OPEN", "DATA", "CLOSE"] {
            line.right(style, DURATION, phase);
        }
        if layout.bytes {
            line.right(style, BYTES, "SENT");
            line.right(style, BYTES, "RECVD");
        }
        line.column(style, END, "ENDED BY");
        line.write(&mut self.out)
    }
}

impl<W: Write> FlowView for FlowTable<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn flow(&mut self, flow: &ShownFlow<'_>, _: &mut Surroundings<'_>) -> io::Result<()> {
        if std::mem::take(&mut self.header_due) {
            self.header()?;
        }
        let (layout, palette, ascii) = (self.layout, self.palette, self.ascii);
        let (it, line, plain) = (flow.record, &mut self.line, Style::new());
        line.clear(layout.width);
        if layout.owner > 0 {
            line.column(
                plain,
                layout.owner,
                Process {
                    owner: &it.owner,
                    width: layout.owner,
                },
            );
        }
        let width = if layout.width == usize::MAX {
            IPV6
        } else {
            layout.address
        };
        line.column(
            plain,
            layout.address,
            Address {
                end: it.tuple.local,
                width,
                ascii,
            },
        );
        line.column(palette.faint(), 1, direction(it.opener, ascii));
        line.column(
            plain,
            layout.address,
            Address {
                end: it.tuple.remote,
                width,
                ascii,
            },
        );
        let phases = [
            it.handshake_ns(),
            it.time_in(State::Established),
            it.teardown_ns(),
        ];
        for ns in phases {
            line.right(plain, DURATION, Known(ns.map(|ns| Human { ns, ascii })));
        }
        if layout.bytes {
            line.right(plain, BYTES, Known(it.bytes_sent().map(Bytes)));
            line.right(plain, BYTES, Known(it.bytes_received().map(Bytes)));
        }
        line.column(palette.reason(reason(it)), END, Ended(it));
        line.write(&mut self.out)?;

        if let (Some(ns), [first, rest @ ..]) = (flow.idle_before_close_ns, flow.idle_candidates) {
            let who = if it.closer == Some(Closer::Remote) {
                "the peer"
            } else {
                "this side"
            };
            let idle = Human { ns, ascii };
            line.clear(layout.width);
            line.column(plain, 0, format_args!("  idle {idle} before {who} closed:"));
            let named = format_args!("{} {} {} s", first.product, first.setting, first.seconds);
            line.column(palette.faint(), 0, named);
            for it in rest {
                line.column(
                    palette.faint(),
                    0,
                    format_args!("or {} {}", it.product, it.setting),
                );
            }
            line.write(&mut self.out)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let layout = Layout::new((self.columns)());
        if layout != self.layout {
            self.layout = layout;
            self.header_due = true;
        }
        self.out.flush()
    }
}

/// A value, or `-`.
struct Known<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// Bytes in at most six columns: `512`, `1.5K`, `20M`.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 1023.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let digits = usize::from(unit > 0 && value < 9.95);
        write!(f, "{value:.digits$}{}", UNITS[unit])
    }
}

/// Who ended it, and how.
struct Ended<'a>(&'a FlowRecord);

impl fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.closer {
            Some(Closer::Local) => f.write_str("you: ")?,
            Some(Closer::Remote) => f.write_str("peer: ")?,
            Some(Closer::Both) => f.write_str("both: ")?,
            None => {}
        }
        match self.0.end {
            None => f.write_str("not over"),
            Some(End::Graceful) => f.write_str("FIN"),
            Some(End::Reason(reason)) => f.write_str(words::why(reason, None)),
        }
    }
}

fn reason(it: &FlowRecord) -> Reason {
    match it.end {
        Some(End::Reason(reason)) => reason,
        _ => Reason::FinAcked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short() {
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (20_480, "20K"),
            (1_048_575, "1.0M"),
            (u64::MAX, "16E"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn ipv4_fits_120_columns_and_nothing_wraps_at_80() {
        assert!(
            Layout {
                owner: 12,
                address: IPV4,
                bytes: true,
                width: 120
            }
            .needs()
                <= 120
        );
        assert!(Layout::new(Some(80)).needs() <= 90);
    }
}
