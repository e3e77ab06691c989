//! The demo's traffic: TCP as it goes through all its states, slowly, in a network namespace of
//! its own.

mod ending;
mod peers;
mod scenes;

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use self::scenes::SCENES;
use crate::namespace;

/// So long nothing happens between two scenes, so that one can read along.
const PAUSE: Duration = Duration::from_millis(700);

/// How long an orphan waits in FIN_WAIT2, in seconds: 60 is too long to watch.
const FIN_TIMEOUT: &str = "5";
/// It shows the value of the network namespace of the task that opens it.
const FIN_TIMEOUT_PATH: &str = "/proc/sys/net/ipv4/tcp_fin_timeout";

/// Plays all scenes, that many times or until it is ended.
///
/// # Errors
/// When it isn't run by root, or the kernel does not do as expected.
pub fn play(rounds: Option<u32>) -> Result<()> {
    ending::arrange()?;
    namespace::enter()?;
    fs::write(FIN_TIMEOUT_PATH, FIN_TIMEOUT)
        .with_context(|| format!("{FIN_TIMEOUT_PATH} can't be written"))?;
    // tcptrace may have begun a line on the terminal, to say that it waits.
    let clear = if io::stderr().is_terminal() {
        "\r\x1b[K"
    } else {
        ""
    };
    let mut background = Vec::new();
    let mut played = 0;
    while rounds.is_none_or(|rounds| played < rounds) {
        for scene in SCENES {
            let port = scene.port;
            if writeln!(io::stderr(), "{clear}demo: {} (port {port})", scene.title).is_err() {
                // Nobody reads it any more.
                return Ok(());
            }
            let rest = (scene.play)(port).with_context(|| format!("demo: {}", scene.title))?;
            background.extend(rest);
            thread::sleep(PAUSE);
        }
        background.retain(|rest| !rest.is_finished());
        played += 1;
    }
    for rest in background {
        peers::joined(rest)?;
    }
    Ok(())
}
