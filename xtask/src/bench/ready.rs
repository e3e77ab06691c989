//! When a tracer traces: nothing is measured before.

use std::{
    io,
    os::fd::AsFd as _,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::{read, write},
};

use super::{asked::ask, attached::Attached, tracers::Output};
use crate::{
    load::{Close, Connection, Targets},
    namespace,
};

/// No tracer takes longer to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(1);
/// Probe connections made at a time, and the pause between: text is written by blocks of 4096
/// bytes, which 32 connections fill, whatever is said of each.
const PROBES: u64 = 32;
const PAUSE: Duration = Duration::from_millis(4);

/// Waits until it traces.
///
/// # Errors
/// When it ends before, or does not begin.
pub fn wait(output: Output, tracer: &mut Attached) -> Result<()> {
    match output {
        Output::Json(_) => until(tracer, |tracer| {
            let beginning = tracer.beginning(4096)?;
            Ok(beginning.starts_with(b"{\"type\":\"start\"") && beginning.contains(&b'\n'))
        }),
        Output::Recording => until(tracer, |tracer| tracer.records()),
        Output::Served => until(tracer, |tracer| {
            // Before it listens, nobody answers.
            let answer = tracer.socket().map(|it| ask(&it, "/-/ready"));
            Ok(matches!(answer, Some(Ok((200, _)))))
        }),
        Output::Screen => until(tracer, |tracer| {
            let Some(terminal) = tracer.terminal() else {
                return Ok(false);
            };
            let mut waiting = [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)];
            Ok(poll(&mut waiting, PollTimeout::ZERO)? > 0)
        }),
        Output::Perf => enable(tracer),
        Output::Text { .. } => shows_probes(tracer),
    }
}

fn until(
    tracer: &mut Attached,
    mut ready: impl FnMut(&mut Attached) -> io::Result<bool>,
) -> Result<()> {
    let began = Instant::now();
    while !ready(tracer)? {
        tracer.check()?;
        ensure!(
            began.elapsed() < PATIENCE,
            "it did not begin to trace within {} s",
            PATIENCE.as_secs()
        );
        thread::sleep(LOOK);
    }
    Ok(())
}

/// perf says itself that its event is enabled.
fn enable(tracer: &mut Attached) -> Result<()> {
    write(&tracer.control()?.commands, b"enable\n").context("perf takes no command")?;
    until(tracer, |tracer| {
        let answers = &tracer.control()?.answers;
        let mut waiting = [PollFd::new(answers.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waiting, PollTimeout::ZERO)? == 0 {
            return Ok(false);
        }
        Ok(read(answers, &mut [0; 16])? > 0)
    })
}

/// Makes connections until something of them is written. They are not in the load's namespace,
/// nor to its addresses.
fn shows_probes(tracer: &mut Attached) -> Result<()> {
    let seen = AtomicBool::new(false);
    thread::scope(|scope| {
        let probes = scope.spawn(|| probe_until(&seen));
        let waited = until(tracer, |tracer| Ok(!tracer.beginning(1)?.is_empty()));
        seen.store(true, Ordering::Relaxed);
        let probed = probes
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the probe panicked")));
        probed.and(waited)
    })
}

fn probe_until(seen: &AtomicBool) -> Result<()> {
    namespace::enter()?;
    let targets = Targets::probes()?;
    while !seen.load(Ordering::Relaxed) {
        for number in 0..PROBES {
            let (connection, _) =
                Connection::make(&targets, number)?.context("no probe connection")?;
            connection.close(Close::Rst)?;
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}
