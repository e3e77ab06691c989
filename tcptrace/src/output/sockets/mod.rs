//! Writes the sockets that there are: one file for each format, and one for their counts.

mod counts;

pub use self::counts::Counts;
use std::io::{self, Write};

use super::{
    Context, Table, TableLook, View, csv::CsvLines, json::JsonLines, rows::SocketRow, time::Stamps,
};
use crate::{
    host::{Cgroups, Clock, Links, Socket},
    language::{Words, table_words},
};

/// Sockets to write, in order: all of them, or a piece.
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

/// Writes sockets, piece by piece.
pub enum SocketWriter<W: Write> {
    /// JSON: one object a socket.
    Json(JsonLines<W>),
    /// CSV, with a header line.
    Csv(CsvLines<W>),
    /// A table.
    Table(SocketTable<W>),
}

/// A table of sockets, namespace by namespace.
pub struct SocketTable<W: Write> {
    table: Table<W>,
    words: &'static Words,
    /// The network namespace of the last socket.
    netns: Option<u32>,
}

impl<W: Write> SocketWriter<W> {
    /// Writes JSON.
    pub fn json(out: W) -> Self {
        Self::Json(JsonLines::new(out))
    }

    /// Writes CSV.
    ///
    /// # Errors
    /// Whatever writing the header fails with.
    pub fn csv(out: W) -> io::Result<Self> {
        let mut lines = CsvLines::new(out);
        lines.header::<SocketRow<'_>>()?;
        Ok(Self::Csv(lines))
    }

    /// Writes a table. It is laid out for the first piece.
    pub fn table(out: W, look: TableLook, terminal: Option<usize>) -> Self {
        Self::Table(SocketTable {
            table: Table::new(out, look, move || terminal),
            words: table_words(look.language),
            netns: None,
        })
    }

    /// Writes some.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn write(&mut self, shown: &mut ShownSockets<'_>) -> io::Result<()> {
        match self {
            Self::Json(lines) => {
                shown.rows(|row| lines.row(row))?;
                lines.flush()
            }
            Self::Csv(lines) => {
                shown.rows(|row| lines.row(row))?;
                lines.flush()
            }
            Self::Table(table) => table.write(shown),
        }
    }
}

impl<W: Write> SocketTable<W> {
    fn write(&mut self, shown: &mut ShownSockets<'_>) -> io::Result<()> {
        let mut around = Context {
            clock: &Clock::ahead_by(0),
            cgroups: shown.cgroups,
            links: shown.links,
        };
        if self.netns.is_none() {
            self.table.lay_out_for(shown.sockets, &mut around);
        }
        let groups = || {
            shown
                .sockets
                .chunk_by(|one, next| one.tuple.netns == next.tuple.netns)
        };
        let several = groups().nth(1).is_some();
        for group in groups() {
            let Some(netns) = group.first().map(|it| it.tuple.netns) else {
                continue;
            };
            if self.netns == Some(netns) {
                group
                    .iter()
                    .try_for_each(|it| self.table.one(it, &mut around))?;
                continue;
            }
            if self.netns.is_some() {
                self.table.gap()?;
            }
            if several || self.netns.is_some() {
                let netns = netns.to_string();
                let note = [("netns", netns.into())];
                self.table.note(self.words.say("network-namespace", note))?;
            }
            self.netns = Some(netns);
            self.table.lines(group, &mut around)?;
        }
        View::<Socket>::flush(&mut self.table)
    }
}

impl ShownSockets<'_> {
    fn rows(&mut self, mut write: impl FnMut(&SocketRow<'_>) -> io::Result<()>) -> io::Result<()> {
        let time = Stamps::default().of(self.wall_ns);
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
        SocketWriter::table(&mut out, look, columns)
            .write(&mut shown)
            .unwrap();
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

    #[test]
    fn pieces_go_on_below_the_heading_of_their_namespace() {
        let one = longest([1, 1, 1, 1].into());
        let mut other = one.clone();
        other.tuple.netns = 2;
        let look = TableLook {
            language: crate::language::Language::English,
            palette: Palette::plain(),
            ascii: false,
            utc: true,
        };
        let mut out = Vec::new();
        let mut writer = SocketWriter::table(&mut out, look, Some(80));
        let pieces = [
            vec![],
            vec![one.clone()],
            vec![one, other.clone()],
            vec![other],
        ];
        for piece in &pieces {
            let mut shown = ShownSockets {
                wall_ns: 0,
                sockets: piece,
                cgroups: &mut Cgroups::default(),
                links: &mut Links::default(),
            };
            writer.write(&mut shown).unwrap();
        }
        drop(writer);
        let text = String::from_utf8(out).unwrap();
        let starts: Vec<&str> = text
            .lines()
            .map(|line| line.split(' ').next().unwrap_or_default())
            .collect();
        let [state, socket] = ["STATE", "ESTABLISHED"];
        let expected = [state, socket, socket, "", "network", state, socket, socket];
        assert_eq!(starts, expected);
    }
}
