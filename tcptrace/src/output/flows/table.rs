//! Flows as a table: one line a connection, and one more where an idle timeout explains its end.

use std::{
    fmt::{self, Write as _},
    io::{self, Write},
};

use anstyle::Style;

use super::{
    ShownFlow,
    layout::{BYTES, DURATION, END, LENGTH, Layout},
};
use crate::{
    explain,
    host::Clock,
    model::{Closer, Detail, End, FlowRecord, Length, Reason, State},
    output::{
        Palette, Start, Surroundings, View,
        address::{Address, LONGEST, of_remote},
        duration::Human,
        known::Known,
        line::Line,
        process::Process,
        table::direction,
    },
};

/// Writes a table.
pub struct FlowTable<W: Write> {
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
            stale: false,
        }
    }

    fn header(&mut self) -> io::Result<()> {
        let (layout, line, style) = (self.layout, &mut self.line, self.palette.header());
        line.clear(layout.width);
        if layout.owner > 0 {
            line.column(style, layout.owner, "PROCESS");
        }
        line.column(style, layout.local, "LOCAL");
        line.column(style, 1, "");
        line.column(style, layout.remote, "REMOTE");
        for phase in ["OPEN", "DATA", "CLOSE"] {
            line.right(style, DURATION, phase);
        }
        if layout.bytes {
            line.right(style, BYTES, "SENT");
            line.right(style, BYTES, "RECVD");
        }
        if layout.length {
            line.column(style, LENGTH, "KIND");
        }
        line.column(style, END, "ENDED BY");
        line.write(&mut self.out)
    }

    /// Which timeouts explain the end, if any do: in as many lines as that takes.
    fn idle(&mut self, idle: Human, flow: &ShownFlow<'_>) -> io::Result<()> {
        let [first, rest @ ..] = flow.idle_candidates else {
            return Ok(());
        };
        let who = match flow.record.closer {
            Some(Closer::Remote) => "the peer",
            _ => "this side",
        };
        let said = format!("  idle {idle} before {who} closed:");
        let mut names = format!("{} {} {} s", first.product, first.setting, first.seconds);
        for it in rest {
            // Writing to a string does not fail.
            let _ = write!(names, " or {} {}", it.product, it.setting);
        }
        let options = textwrap::Options::new(self.layout.width)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .subsequent_indent("    ");
        for text in textwrap::wrap(&format!("{said} {names}"), options) {
            let (plain, faint) = (Style::new(), self.palette.faint());
            self.line.clear(self.layout.width);
            match text.strip_prefix(&*said) {
                Some(names) => {
                    self.line.column(plain, 0, &said);
                    self.line.column(faint, 0, names.trim_start());
                }
                None => self.line.column(faint, 0, text),
            }
            self.line.write(&mut self.out)?;
        }
        Ok(())
    }
}

impl<W: Write> View<ShownFlow<'_>> for FlowTable<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn show(&mut self, flow: &ShownFlow<'_>, around: &mut Surroundings<'_>) -> io::Result<()> {
        if std::mem::take(&mut self.stale) {
            let layout = Layout::new((self.columns)());
            if layout != self.layout {
                self.layout = layout;
                self.header_due = true;
            }
        }
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
                    others: 0,
                    width: layout.owner,
                    ascii,
                },
            );
        }
        let address = |end, on, column| Address {
            end,
            on,
            width: if layout.width == usize::MAX {
                LONGEST
            } else {
                column
            },
            ascii,
        };
        let (local, remote) = (it.tuple.local, it.tuple.remote);
        let on = around.links.of(&it.tuple);
        line.column(plain, layout.local, address(local, on, layout.local));
        line.column(palette.faint(), 1, direction(it.opener, ascii));
        let on = of_remote(remote, on);
        line.column(plain, layout.remote, address(remote, on, layout.remote));
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
        if layout.length {
            let length = Known(it.length.map(Length::name));
            line.column(palette.faint(), LENGTH, length);
        }
        line.column(palette.reason(reason(it)), END, Ended(it));
        line.write(&mut self.out)?;

        if let Some(ns) = flow.idle_before_close_ns {
            self.idle(Human { ns, ascii }, flow)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stale = true;
        self.out.flush()
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
        // Who closed first has sent a FIN, unless what ended it is of the same side; what ended it
        // then may have been the other side's, or nobody's.
        let (reason, closer) = match (self.0.end, self.0.closer) {
            (None, Some(_)) => return f.write_str("FIN, not over"),
            (None, None) => return f.write_str("not over"),
            (Some(End::Graceful), _) => return f.write_str("FIN"),
            (Some(End::Reason(reason)), closer) => (reason, closer),
        };
        let why = explain::why(reason, self.0.detail);
        match (reason, closer) {
            (_, None)
            | (Reason::ResetByPeer | Reason::Refused, Some(Closer::Remote))
            | (Reason::ResetByUs, Some(Closer::Local)) => f.write_str(why),
            (Reason::ResetByPeer, Some(_)) => f.write_str("FIN, peer: RST"),
            (Reason::ResetByUs, Some(_)) => f.write_str("FIN, you: RST"),
            (_, Some(_)) => write!(f, "FIN, {}", behind_a_fin(reason, self.0.detail)),
        }
    }
}

/// The same in fewer columns, where it stands behind a FIN.
fn behind_a_fin(reason: Reason, detail: Option<Detail>) -> &'static str {
    match (reason, detail) {
        (Reason::Killed, _) => "killed",
        (Reason::Unreachable, _) | (_, Some(Detail::Icmp)) => "ICMP",
        (Reason::KeepaliveTimeout, _) => "keepalive",
        (Reason::FinTimeout, None) => "no FIN",
        (Reason::Overflow, None) => "overflow",
        _ => explain::why(reason, detail),
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
    use crate::model::{Connection, Endpoint, ExistingKind, Owner, Tuple};

    /// What can be said of connections that end so.
    const ENDS: [Reason; 10] = [
        Reason::Overflow,
        Reason::FinTimeout,
        Reason::Refused,
        Reason::Unreachable,
        Reason::TimedOut,
        Reason::KeepaliveTimeout,
        Reason::ResetByPeer,
        Reason::ResetByUs,
        Reason::Killed,
        Reason::Unknown,
    ];

    #[test]
    fn what_each_side_did_never_contradicts_what_ended_it() {
        let tuple = Tuple {
            netns: 1,
            link: None,
            local: Endpoint::new([10, 0, 0, 1].into(), 1),
            remote: Endpoint::new([10, 0, 0, 2].into(), 2),
        };
        let details = [None, Some(Detail::Repair), Some(Detail::Icmp)];
        for (closer, who) in [
            (Some(Closer::Local), "you"),
            (Some(Closer::Remote), "peer"),
            (Some(Closer::Both), "both"),
        ] {
            let ends = ENDS.map(|reason| Some(End::Reason(reason)));
            for end in ends.into_iter().chain([None, Some(End::Graceful)]) {
                for detail in details {
                    let mut it = FlowRecord::half_open(&connection(tuple), 1);
                    (it.end, it.closer, it.detail) = (end, closer, detail);
                    let said = Ended(&it).to_string();
                    assert!(said.len() <= END, "{said}");
                    let rest = said.strip_prefix(&format!("{who}: ")).expect("who");
                    let alone = match who {
                        "you" => &["reset by us", "in repair", "ICMP error"][..],
                        "peer" => &["reset by peer", "refused", "in repair", "ICMP error"],
                        _ => &[],
                    };
                    assert!(rest.starts_with("FIN") || alone.contains(&rest), "{said}");
                }
            }
        }
    }

    fn connection(tuple: Tuple) -> Connection {
        Connection {
            cookie: None,
            tuple,
            state: State::Established,
            since: None,
            kind: ExistingKind::Socket,
            owner: Owner::default(),
            opener: None,
            followed: false,
            bound: false,
        }
    }

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
}
