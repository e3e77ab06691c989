//! The table: one line a transition, to be read like a story.

use std::io::{self, Write};

use anstyle::Style;

use super::{
    Palette, Start, Surroundings, TimeFormat, View,
    address::{Address, IPV4, IPV6, LONGEST, of_remote},
    duration::Human,
    line::Line,
    process::Process,
};
use crate::{
    explain,
    host::Clock,
    model::{Detail, Side, Transition},
};

/// The longest name of a state.
const STATE: usize = 11;
const HELD: usize = 6;

/// Which columns there are, and how wide, in characters; 0 leaves one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    time_digits: usize,
    owner: usize,
    local: usize,
    remote: usize,
    /// Show the state left, too.
    from: bool,
    /// Lines are cut there.
    width: usize,
    /// Only characters of ASCII.
    ascii: bool,
}

impl Layout {
    /// For a terminal of so many columns, or a file (`None`), where nothing is cut.
    #[must_use]
    pub fn new(columns: Option<usize>, ascii: bool) -> Self {
        let Some(width) = columns else {
            return Self {
                time_digits: 6,
                owner: 23,
                local: IPV4,
                remote: IPV4,
                from: true,
                width: usize::MAX,
                ascii,
            };
        };
        let mut layout = Self {
            time_digits: 3,
            owner: 12,
            local: IPV4,
            remote: IPV4,
            from: true,
            width,
            ascii,
        };
        if layout.needs() > width {
            layout.owner = 0;
        }
        if layout.needs() > width {
            // The local port alone, and the state entered alone.
            layout.local = 6;
            layout.from = false;
        }
        // Room that is left goes to the owner, the clock and long addresses.
        let mut room = width.saturating_sub(layout.needs());
        let mut give = |column: &mut usize, most: usize| {
            let more = room.min(most - *column);
            *column += more;
            room -= more;
        };
        if layout.owner > 0 {
            give(&mut layout.owner, 23);
        }
        if layout.from {
            give(&mut layout.time_digits, 6);
            let half = room / 2;
            layout.local += half.min(IPV6 - IPV4);
            layout.remote += half.min(IPV6 - IPV4);
        } else {
            give(&mut layout.remote, IPV6);
        }
        layout
    }

    /// The columns that the widest line takes.
    fn needs(&self) -> usize {
        let optional = |width: usize| if width == 0 { 0 } else { width + 1 };
        let states = if self.from {
            STATE + 4 + STATE
        } else {
            3 + STATE
        };
        "00:00:00.".len()
            + self.time_digits
            + 1
            + optional(self.owner)
            + self.local
            + 1
            + 1
            + 1
            + self.remote
            + 1
            + states
            + 1
            + HELD
            + 1
            + explain::WIDTH
    }

    /// How long an address may be in a column: in a file, longer than the column.
    fn longest(&self, column: usize) -> usize {
        if self.width == usize::MAX {
            LONGEST
        } else {
            column
        }
    }

    fn time(&self) -> usize {
        "00:00:00.".len() + self.time_digits
    }
}

/// Writes a table.
pub struct Table<W: Write> {
    out: W,
    layout: Layout,
    palette: Palette,
    utc: bool,
    time: TimeFormat,
    line: Line,
    /// Asks for the layout again: a terminal may have been resized.
    layouts: Box<dyn FnMut() -> Layout>,
    header_due: bool,
    /// Something was handed over since the layout was asked for.
    stale: bool,
}

impl<W: Write> Table<W> {
    /// Writes to `out`, which should be buffered. `layouts` tells the layout, whenever asked.
    pub fn new(
        out: W,
        palette: Palette,
        utc: bool,
        mut layouts: impl FnMut() -> Layout + 'static,
    ) -> Self {
        let layout = layouts();
        Self {
            out,
            layout,
            palette,
            utc,
            time: TimeFormat::clock(layout.time_digits, utc),
            line: Line::default(),
            layouts: Box::new(layouts),
            header_due: true,
            stale: false,
        }
    }

    fn lay_out(&mut self) {
        let layout = (self.layouts)();
        if layout != self.layout {
            self.layout = layout;
            self.time = TimeFormat::clock(layout.time_digits, self.utc);
            self.header_due = true;
        }
    }

    fn header(&mut self) -> io::Result<()> {
        let (layout, line, style) = (self.layout, &mut self.line, self.palette.header());
        line.clear(layout.width);
        line.column(style, layout.time(), "TIME");
        if layout.owner > 0 {
            line.column(style, layout.owner, "PROCESS");
        }
        line.column(style, layout.local, "LOCAL");
        line.column(style, 1, "");
        line.column(style, layout.remote, "REMOTE");
        if layout.from {
            line.column(style, STATE + 4 + STATE, "FROM -> TO");
        } else {
            line.column(style, 3 + STATE, "-> TO");
        }
        line.right(style, HELD, "HELD");
        line.column(style, explain::WIDTH, "REASON");
        self.line.write(&mut self.out)
    }
}

impl<W: Write> View<Transition> for Table<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn show(&mut self, it: &Transition, around: &mut Surroundings<'_>) -> io::Result<()> {
        if std::mem::take(&mut self.stale) {
            self.lay_out();
        }
        if std::mem::take(&mut self.header_due) {
            self.header()?;
        }
        let (layout, palette, line) = (self.layout, self.palette, &mut self.line);
        let plain = Style::new();
        line.clear(layout.width);
        line.column(
            palette.faint(),
            layout.time(),
            self.time.write(around.clock.wall(it.time_ns)),
        );
        if layout.owner > 0 {
            line.column(
                plain,
                layout.owner,
                Process {
                    owner: &it.owner,
                    others: 0,
                    width: layout.owner,
                    ascii: layout.ascii,
                },
            );
        }
        let short = |end, on, column| Address {
            end,
            on,
            width: layout.longest(column),
            ascii: layout.ascii,
        };
        let on = around.links.of(&it.tuple);
        let (local, remote) = (it.tuple.local, it.tuple.remote);
        line.column(plain, layout.local, short(local, on, layout.local));
        line.column(palette.faint(), 1, direction(it.opener, layout.ascii));
        let on = of_remote(remote, on);
        line.column(plain, layout.remote, short(remote, on, layout.remote));
        if layout.from {
            line.column(palette.state(it.from), STATE, it.from);
        }
        line.column(palette.faint(), 2, "->");
        line.column(palette.state(it.to), STATE, it.to);
        match it.held_ns {
            Some(ns) => line.right(
                plain,
                HELD,
                Human {
                    ns,
                    ascii: layout.ascii,
                },
            ),
            None => line.right(palette.faint(), HELD, "-"),
        }
        let detail = match it.nothing_sent {
            true => Some(Detail::NothingSent),
            false => it.detail,
        };
        line.column(
            palette.reason(it.reason),
            explain::WIDTH,
            explain::why(it.reason, detail),
        );
        self.line.write(&mut self.out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stale = true;
        self.out.flush()
    }
}

/// An arrow from who opened the connection.
pub(super) fn direction(opener: Option<Side>, ascii: bool) -> &'static str {
    match (opener, ascii) {
        (Some(Side::Local), false) => "→",
        (Some(Side::Remote), false) => "←",
        (Some(Side::Local), true) => ">",
        (Some(Side::Remote), true) => "<",
        (None, _) => " ",
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::{
        host::{Cgroups, Links},
        model::{Comm, Cookie, Endpoint, Owner, Process as Task, Reason, State, Tuple},
    };

    fn longest(addr: IpAddr) -> Transition {
        let end = Endpoint::new(addr, 65_535);
        Transition {
            time_ns: 1,
            cookie: Cookie::new(1),
            tuple: Tuple {
                netns: 1,
                link: None,
                local: end,
                remote: end,
            },
            from: State::Established,
            to: State::CloseWait,
            held_ns: Some(999_000),
            unsent_ns: None,
            reason: Reason::HandshakeComplete,
            detail: None,
            nothing_sent: false,
            opener: Some(Side::Local),
            closer: None,
            length: None,
            owner: Owner {
                process: Some(Task {
                    pid: Some(4_194_304),
                    comm: Comm::new(b"chromium-browse"),
                }),
                ..Owner::default()
            },
            thread: None,
            followed: false,
            retransmits: None,
            measured: None,
            orphan: None,
            keepalive: None,
        }
    }

    /// The lines of a table, header first, on a terminal of so many columns.
    fn lines(columns: Option<usize>, it: &Transition) -> Vec<String> {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, Palette::plain(), true, move || {
            Layout::new(columns, false)
        });
        let clock = Clock::new();
        let mut around = Surroundings {
            clock: &clock,
            cgroups: &mut Cgroups::default(),
            links: &mut Links::default(),
        };
        table.show(it, &mut around).unwrap();
        drop(table);
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn ipv4_fits_120_columns_with_all_of_it_to_be_seen() {
        let line = &lines(Some(120), &longest([255, 255, 255, 255].into()))[1];
        assert_eq!(line.chars().count(), 120, "{line}");
        for part in [
            "chro/4194304",
            "255.255.255.255:65535",
            "→",
            "ESTABLISHED -> CLOSE_WAIT",
            "999µs",
            "handshake done",
        ] {
            assert!(line.contains(part), "{part} is missing in {line}");
        }
    }

    #[test]
    fn no_width_makes_a_line_wrap() {
        let ipv6: IpAddr = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
        for addr in [ipv6, [255, 255, 255, 255].into()] {
            for columns in 1..200 {
                for line in lines(Some(columns), &longest(addr)) {
                    assert!(line.chars().count() <= columns, "{columns}: {line}");
                }
            }
        }
    }

    #[test]
    fn eighty_columns_tell_the_peer_the_state_and_the_reason() {
        let line = &lines(Some(80), &longest([255, 255, 255, 255].into()))[1];
        for part in [
            ":65535",
            "255.255.255.255:65535",
            "-> CLOSE_WAIT",
            "999µs",
            "handshake done",
        ] {
            assert!(line.contains(part), "{part} is missing in {line}");
        }
    }

    #[test]
    fn a_long_ipv6_address_keeps_its_ends_and_port() {
        let line = &lines(
            Some(120),
            &longest("2001:db8:1:2:3:4:5:6789".parse().unwrap()),
        )[1];
        assert!(line.contains("[2001:d…5:6789]:65535"), "{line}");
        let file = &lines(None, &longest("2001:db8:1:2:3:4:5:6789".parse().unwrap()))[1];
        assert!(file.contains("[2001:db8:1:2:3:4:5:6789]:65535"), "{file}");
    }
}
