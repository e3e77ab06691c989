//! The scenes, one after another.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr},
    path::Path,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::peers::{
    CLIENT, Side, accept, begin, begin_connect, both, connect, defer_accept, joined, listen,
    receive, receive_end, send, start,
};

/// A short wait between two steps, so that their order is seen in the times.
const BEAT: Duration = Duration::from_millis(200);
/// Longer than an orphan stays in FIN_WAIT2; see `FIN_TIMEOUT`.
const BEYOND_FIN_TIMEOUT: Duration = Duration::from_millis(6_500);
/// A client that connects and is silent is so for that long.
const SILENCE: Duration = Duration::from_secs(2);
/// A SYN that nobody answers is sent again after a second.
const UNANSWERED: Duration = Duration::from_millis(1_500);
/// Room in the accept queue of an ordinary listener.
const BACKLOG: i32 = 16;

/// One scene.
pub struct Scene {
    /// Told before it begins.
    pub title: &'static str,
    /// The server's, by which its lines can be told: `-P 8001`.
    pub port: u16,
    /// Plays it; may leave something going on behind the next ones.
    pub play: fn(u16) -> Result<Option<Side>>,
}

/// All, in the order in which they are played.
pub const SCENES: &[Scene] = &[
    Scene {
        title: "normal close: the side that closes first goes through TIME_WAIT",
        port: 8001,
        play: |port| normal_close(v4(port)),
    },
    Scene {
        title: "half-close: the client is done sending, the server answers later",
        port: 8002,
        play: |port| half_close(v4(port)),
    },
    Scene {
        title: "orphaned FIN_WAIT2: the client closes, the server does not; given up after 5 s, \
                while the demo goes on",
        port: 8003,
        play: |port| orphan(v4(port)),
    },
    Scene {
        title: "reset: the client drops the connection by RST (SO_LINGER 0)",
        port: 8004,
        play: |port| reset(v4(port)),
    },
    Scene {
        title: "refused: nobody listens on that port",
        port: 8005,
        play: |port| refused(v4(port)),
    },
    Scene {
        title: "half-open: the client is silent for 2 s, the server's side stays in SYN_RECV \
                (TCP_DEFER_ACCEPT)",
        port: 8006,
        play: |port| half_open(v4(port)),
    },
    Scene {
        title: "IPv6: normal close",
        port: 8007,
        play: |port| ipv6(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port)),
    },
    Scene {
        title: "unanswered SYN: the accept queue is full, the client stays in SYN_SENT and gives up",
        port: 8008,
        play: |port| unanswered(v4(port)),
    },
];

fn v4(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn normal_close(at: SocketAddr) -> Result<Option<Side>> {
    both(
        move |ready| {
            let listener = listen(at, BACKLOG)?;
            ready.send(())?;
            let connection = accept(&listener)?;
            receive(&connection, "hello")?;
            receive_end(&connection)?;
            thread::sleep(BEAT);
            Ok(())
        },
        move || {
            let connection = connect(at)?;
            thread::sleep(BEAT);
            send(&connection, "hello")?;
            thread::sleep(BEAT);
            Ok(())
        },
    )?;
    Ok(None)
}

fn half_close(at: SocketAddr) -> Result<Option<Side>> {
    both(
        move |ready| {
            let listener = listen(at, BACKLOG)?;
            ready.send(())?;
            let connection = accept(&listener)?;
            receive(&connection, "question")?;
            receive_end(&connection)?;
            thread::sleep(BEAT * 4);
            send(&connection, "answer")?;
            thread::sleep(BEAT);
            Ok(())
        },
        move || {
            let connection = connect(at)?;
            thread::sleep(BEAT);
            send(&connection, "question")?;
            connection.shutdown(Shutdown::Write)?;
            receive(&connection, "answer")?;
            receive_end(&connection)
        },
    )?;
    Ok(None)
}

fn orphan(at: SocketAddr) -> Result<Option<Side>> {
    let (client, server) = begin(
        move |ready| {
            let listener = listen(at, BACKLOG)?;
            ready.send(())?;
            let connection = accept(&listener)?;
            drop(listener);
            receive_end(&connection)?;
            thread::sleep(BEYOND_FIN_TIMEOUT);
            Ok(())
        },
        move || {
            let connection = connect(at)?;
            thread::sleep(BEAT);
            drop(connection);
            Ok(())
        },
    )?;
    match joined(client) {
        Ok(()) => Ok(Some(server)),
        // The server's error is the cause, if it has one.
        Err(error) => joined(server).and(Err(error)),
    }
}

fn reset(at: SocketAddr) -> Result<Option<Side>> {
    both(
        move |ready| {
            let listener = listen(at, BACKLOG)?;
            ready.send(())?;
            let connection = accept(&listener)?;
            match receive_end(&connection) {
                Ok(()) => bail!("the connection was closed, not reset"),
                Err(error) if is(&error, io::ErrorKind::ConnectionReset) => Ok(()),
                Err(error) => Err(error),
            }
        },
        move || {
            let connection = connect(at)?;
            thread::sleep(BEAT);
            connection.set_linger(Some(Duration::ZERO))?;
            Ok(())
        },
    )?;
    Ok(None)
}

fn refused(at: SocketAddr) -> Result<Option<Side>> {
    joined(start(CLIENT, move || match connect(at) {
        Ok(_) => bail!("{at} is listened on"),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error.into()),
    })?)?;
    Ok(None)
}

fn half_open(at: SocketAddr) -> Result<Option<Side>> {
    both(
        move |ready| {
            let listener = listen(at, BACKLOG)?;
            defer_accept(&listener, 10)?;
            ready.send(())?;
            let connection = accept(&listener)?;
            receive(&connection, "at last")?;
            receive_end(&connection)?;
            thread::sleep(BEAT);
            Ok(())
        },
        move || {
            let connection = connect(at)?;
            thread::sleep(SILENCE);
            send(&connection, "at last")?;
            thread::sleep(BEAT);
            Ok(())
        },
    )?;
    Ok(None)
}

fn ipv6(at: SocketAddr) -> Result<Option<Side>> {
    if !Path::new("/proc/net/if_inet6").exists() {
        // Without IPv6 in the kernel there is nothing to show.
        return Ok(None);
    }
    normal_close(at)
}

fn unanswered(at: SocketAddr) -> Result<Option<Side>> {
    both(
        move |ready| {
            // Room for one, which is not accepted until the client has given up.
            let listener = listen(at, 0)?;
            ready.send(())?;
            thread::sleep(UNANSWERED + BEAT * 3);
            let connection = accept(&listener)?;
            receive_end(&connection)
        },
        move || {
            let first = connect(at).context("the first one has room in the queue")?;
            thread::sleep(BEAT);
            let (second, answered) = begin_connect(at, UNANSWERED)?;
            ensure!(
                !answered,
                "the accept queue was to be full, and the SYN was answered"
            );
            drop(second);
            thread::sleep(BEAT * 3);
            drop(first);
            Ok(())
        },
    )?;
    Ok(None)
}

/// Whether an error, or what caused it, is of that kind.
fn is(error: &anyhow::Error, kind: io::ErrorKind) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| io.kind() == kind)
}
