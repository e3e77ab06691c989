//! Writes the sockets that there are: one file for each format, and one for their counts.

mod counts;

pub use self::counts::Counts;
use std::io::{self, Write};

use super::{
    Context, Table, TableLook, TimeFormat, View, csv::CsvLines, json::JsonLines, rows::SocketRow,
};
use crate::{
    host::{Cgroups, Clock, Links, Socket},
    language::table_words,
};

/// Sockets to write, in order.
pub struct ShownSockets<'a> {
    /// When they were looked at: nanoseconds since 1970.
    pub wall_ns: i64,
    /// The sockets.
    pub sockets: &'a [Socket],
    /// Knows the paths of cgroups.
    pub cgroups: &'a mut Cgroups,
    /// Knows the names of network interfaces.
    pub links: &'a mut Links,
}

impl ShownSockets<'_> {
    /// Writes JSON: one object a socket.
    ///
    /// # Errors
    /// Whatever writing fails with; the same below.
    pub fn json(&mut self, out: &mut impl Write) -> io::Result<()> {
        let mut lines = JsonLines::new(out);
        self.rows(|row| lines.row(row))?;
        lines.flush()
    }

    /// Writes CSV, with a header line.
    ///
    /// # Errors
    /// See [`json`](Self::json).
    pub fn csv(&mut self, out: &mut impl Write) -> io::Result<()> {
        let mut lines = CsvLines::new(out);
        lines.header::<SocketRow<'_>>()?;
        self.rows(|row| lines.row(row))?;
        lines.flush()
    }

    /// Writes a table. Sockets of several network namespaces are written namespace by namespace.
    ///
    /// # Errors
    /// See [`json`](Self::json).
    pub fn table(
        &mut self,
        out: impl Write,
        look: TableLook,
        terminal: Option<usize>,
    ) -> io::Result<()> {
        let mut table = Table::new(out, look, move || terminal);
        let mut around = Context {
            clock: &Clock::ahead_by(0),
            cgroups: self.cgroups,
            links: self.links,
        };
        table.lay_out_for(self.sockets, &mut around);
        let groups = || {
            self.sockets
                .chunk_by(|one, next| one.tuple.netns == next.tuple.netns)
        };
        let several = groups().nth(1).is_some();
        let words = table_words(look.language);
        for (index, group) in groups().enumerate() {
            if index > 0 {
                table.gap()?;
            }
            if let (true, Some(first)) = (several, group.first()) {
                let netns = first.tuple.netns.to_string();
                table.note(words.say("network-namespace", [("netns", netns.into())]))?;
            }
            table.lines(group, &mut around)?;
        }
        View::<Socket>::flush(&mut table)
    }

    fn rows(&mut self, mut write: impl FnMut(&SocketRow<'_>) -> io::Result<()>) -> io::Result<()> {
        let time = TimeFormat::rfc3339().stamp(self.wall_ns);
        for socket in self.sockets {
            write(&SocketRow::new(socket, time, self.cgroups, self.links))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use super::*;
    use crate::{
        host::{Cgroups, Timer, TimerKind},
        model::{Comm, Endpoint, Owner, Process as Task, SocketKind, State, Tuple},
        output::Palette,
    };

    fn longest(addr: IpAddr) -> Socket {
        let end = Endpoint::new(addr, 65_535);
        Socket {
            cookie: None,
            tuple: Tuple {
                netns: 1,
                link: None,
                local: end,
                remote: end,
            },
            state: State::Established,
            kind: SocketKind::Minisock,
            owner: Owner {
                process: Some(Task {
                    pid: Some(4_194_304),
                    comm: Comm::new(b"chromium-browse"),
                }),
                ..Owner::default()
            },
            timer: Some(Timer {
                kind: TimerKind::Retransmit,
                remaining: Duration::from_millis(999),
                retries: 15,
            }),
            recv_queue: Some(u32::MAX),
            send_queue: Some(999_999),
            orphan: Some(false),
            held: None,
            inode: 0,
            descriptor: None,
            holders: Vec::new(),
            dropped: None,
            asked: None,
        }
    }

    fn lines(columns: Option<usize>, sockets: &[Socket]) -> Vec<String> {
        let mut out = Vec::new();
        let mut shown = ShownSockets {
            wall_ns: 0,
            sockets,
            cgroups: &mut Cgroups::default(),
            links: &mut Links::default(),
        };
        let look = TableLook {
            language: crate::language::Language::English,
            palette: Palette::plain(),
            ascii: false,
            utc: true,
        };
        shown.table(&mut out, look, columns).unwrap();
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn ipv4_fits_120_columns_with_all_of_it_to_be_seen() {
        let line = &lines(Some(120), &[longest([255, 255, 255, 255].into())])[1];
        assert!(line.chars().count() <= 120, "{line}");
        for part in [
            "ESTABLISHED",
            " 4095M 999999",
            "255.255.255.255:65535 255.255.255.255:65535",
            "retransmit×15  999ms",
            "/4194304",
            "minisock",
        ] {
            assert!(line.contains(part), "{part} is missing in {line}");
        }
    }

    #[test]
    fn no_width_makes_a_line_wrap() {
        let ipv6: IpAddr = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
        for addr in [ipv6, [255, 255, 255, 255].into()] {
            for columns in 1..200 {
                for line in lines(Some(columns), &[longest(addr)]) {
                    assert!(line.chars().count() <= columns, "{columns}: {line}");
                }
            }
        }
    }

    #[test]
    fn namespaces_are_told_apart() {
        let one = longest([1, 1, 1, 1].into());
        let mut other = one.clone();
        other.tuple.netns = 2;
        let lines = lines(None, &[one, other]);
        assert_eq!(lines[0], "network namespace 1");
        assert_eq!(lines[4], "network namespace 2");
        assert_eq!(lines.len(), 7);
    }
}
