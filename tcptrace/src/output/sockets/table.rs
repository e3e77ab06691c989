//! Sockets as a table: one line a socket.

use std::{
    fmt,
    io::{self, Write},
};

use anstyle::Style;

use super::{
    ShownSockets,
    layout::{DURATION, NOTE, QUEUE, STATE, SocketLayout, TIMER},
};
use crate::{
    host::{Keepalive, Links, Socket, Timer},
    model::{ExistingKind, State},
    output::{
        Palette,
        address::{Address, of_remote},
        duration::Human,
        line::Line,
        process::Process,
        rows::nanoseconds,
    },
};

/// Writes them to `out`, which should be buffered. Sockets of several network namespaces are
/// written namespace by namespace.
///
/// # Errors
/// Whatever writing fails with.
pub fn write(
    out: &mut impl Write,
    shown: &mut ShownSockets<'_>,
    palette: Palette,
    layout: SocketLayout,
) -> io::Result<()> {
    let layout = layout.fitting(shown.sockets, shown.links);
    let mut line = Line::default();
    let groups: Vec<&[Socket]> = shown
        .sockets
        .chunk_by(|one, next| one.tuple.netns == next.tuple.netns)
        .collect();
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            out.write_all(b"\n")?;
        }
        if let (2.., [first, ..]) = (groups.len(), group) {
            let netns = first.tuple.netns;
            line.clear(layout.width);
            line.column(
                palette.faint(),
                0,
                format_args!("network namespace {netns}"),
            );
            line.write(out)?;
        }
        header(&mut line, palette.header(), layout);
        line.write(out)?;
        for socket in *group {
            one(&mut line, socket, shown.links, palette, layout);
            line.write(out)?;
        }
    }
    Ok(())
}

fn header(line: &mut Line, style: Style, layout: SocketLayout) {
    line.clear(layout.width);
    line.column(style, STATE, "STATE");
    if layout.queues {
        line.right(style, QUEUE, "RECV-Q");
        line.right(style, QUEUE, "SEND-Q");
    }
    line.column(style, layout.local, "LOCAL");
    line.column(style, layout.remote, "REMOTE");
    if layout.timer {
        line.column(style, TIMER, "TIMER");
        line.right(style, DURATION, "LEFT");
    }
    if layout.age {
        line.right(style, DURATION, "AGE");
    }
    line.column(style, layout.process, "PROCESS");
    if layout.note {
        line.column(style, NOTE, "NOTE");
    }
}

fn one(
    line: &mut Line,
    socket: &Socket,
    links: &mut Links,
    palette: Palette,
    layout: SocketLayout,
) {
    let (plain, faint, ascii) = (Style::new(), palette.faint(), layout.ascii);
    line.clear(layout.width);
    line.column(palette.state(socket.state), STATE, socket.state);
    if layout.queues {
        line.right(plain, QUEUE, Queue(socket.recv_queue));
        line.right(plain, QUEUE, Queue(socket.send_queue));
    }
    let on = links.of(&socket.tuple);
    let (local, remote) = (socket.tuple.local, socket.tuple.remote);
    for (end, on, column) in [
        (local, on, layout.local),
        (remote, of_remote(remote, on), layout.remote),
    ] {
        let address = Address {
            end,
            on,
            width: layout.longest(column),
            ascii,
        };
        line.column(plain, column, address);
    }
    if layout.timer {
        match socket.timer {
            Some(timer) => {
                line.column(plain, TIMER, Running { timer, ascii });
                let ns = nanoseconds(timer.remaining);
                line.right(plain, DURATION, Human { ns, ascii });
            }
            None => {
                line.column(faint, TIMER, "-");
                line.right(faint, DURATION, "-");
            }
        }
    }
    if layout.age {
        match socket.age().map(nanoseconds) {
            Some(ns) => line.right(plain, DURATION, Human { ns, ascii }),
            None => line.right(faint, DURATION, "-"),
        }
    }
    let process = Process {
        owner: &socket.owner,
        others: socket.holders.len().saturating_sub(1),
        width: layout.process,
        ascii,
    };
    line.column(plain, layout.process, process);
    if layout.note {
        line.column(faint, NOTE, Note { socket, ascii });
    }
}

/// What it is, where it is not a socket that a process has; otherwise how long a dead peer stays
/// unnoticed, if the socket was asked.
struct Note<'a> {
    socket: &'a Socket,
    ascii: bool,
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = self.socket;
        f.write_str(match socket.kind {
            ExistingKind::Minisock => "minisock",
            ExistingKind::Request => "request",
            ExistingKind::Socket if socket.orphan => "orphan",
            // It has a user as soon as it is accepted.
            ExistingKind::Socket
                if socket.owner.uid.is_none()
                    && matches!(socket.state, State::Established | State::CloseWait) =>
            {
                "queued"
            }
            ExistingKind::Socket if socket.state == State::Listen => {
                return match socket.dropped {
                    None | Some(0) => Ok(()),
                    Some(dropped) => write!(f, "drop {}", Dropped(dropped)),
                };
            }
            ExistingKind::Socket => {
                return match socket.asked {
                    Some(Keepalive::On(settings)) => {
                        let ns = settings.dead_peer_s().saturating_mul(1_000_000_000);
                        let ascii = self.ascii;
                        write!(f, "ka {}", Human { ns, ascii })
                    }
                    Some(Keepalive::Off) | None => Ok(()),
                };
            }
        })
    }
}

/// Bytes, to the byte as long as they fit.
struct Queue(u32);

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ 0..1_000_000 => write!(f, "{bytes}"),
            bytes @ 1_000_000..1_000_000_000 => write!(f, "{}K", bytes >> 10),
            bytes => write!(f, "{}M", bytes >> 20),
        }
    }
}

/// A count of no more than five characters.
struct Dropped(u32);

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            count @ 0..10_000 => write!(f, "{count}"),
            count @ 10_000..10_000_000 => write!(f, "{}K", count / 1000),
            count => write!(f, "{}M", count / 1_000_000),
        }
    }
}

/// The kind of a timer, and how often it ran out.
struct Running {
    timer: Timer,
    ascii: bool,
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.timer.kind.name())?;
        match (self.timer.retries, self.ascii) {
            (0, _) => Ok(()),
            (retries, false) => write!(f, "×{retries}"),
            (retries, true) => write!(f, "x{retries}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use super::*;
    use crate::{
        host::{Cgroups, TimerKind},
        model::{Comm, Endpoint, Owner, Process as Task, Tuple},
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
            kind: ExistingKind::Minisock,
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
            recv_queue: u32::MAX,
            send_queue: 999_999,
            orphan: false,
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
        let layout = SocketLayout::new(columns, false);
        write(&mut out, &mut shown, Palette::plain(), layout).unwrap();
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
