//! The state machine on the scenarios of `tests/scenarios`: each file is a protocol trace, what
//! the kernel tells above a line of dashes, and the transitions that follow below it.
//!
//! A test is named for its file, and its file for what a user would see. The notation is in
//! `tests/scenarios/README.md`. With `BLESS=1` the transitions are written anew: read the diff.

#[path = "scenarios/notation.rs"]
mod notation;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use libtest_mimic::{Arguments, Failed, Trial};
use tcptrace::{
    aggregate::flows::{Assembler, Patience},
    model::{Coverage, FlowRecord, State, Transition},
    track::{Limits, Tracker},
};

use crate::notation::{Step, write_flow, write_transition};

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut trials = Vec::new();
    for folder in entries(&folder)? {
        if folder.is_dir() {
            let files = entries(&folder)?;
            let traces = files.filter(|it| it.extension().is_some_and(|ending| ending == "trace"));
            trials.extend(traces.map(trial));
        }
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> io::Result<impl Iterator<Item = PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    Ok(paths.into_iter())
}

fn trial(path: PathBuf) -> Trial {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    // Those of a kernel are in a folder of its name.
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let name = format!("{}::{stem}", folder.to_string_lossy());
    Trial::test(name, move || run(&path))
}

fn run(path: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(path)?;
    let (events, rest) = text
        .split_once("\n---\n")
        .ok_or("no line of three dashes")?;
    let (expected, expected_flows) = rest.split_once("===\n").unwrap_or((rest, ""));
    let (told, flows) = play(events)?;
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, format!("{events}\n---\n{told}===\n{flows}"))?;
        return Ok(());
    }
    if words(expected) != words(&told) {
        return Err(format!("expected:\n{expected}\nbut the transitions are:\n{told}").into());
    }
    if words(expected_flows) != words(&flows) {
        return Err(format!("expected:\n{expected_flows}\nbut the flows are:\n{flows}").into());
    }
    Ok(())
}

/// Plays the kernel's part; gives the transitions back, and the flows, one a line.
fn play(events: &str) -> Result<(String, String), Failed> {
    let mut assembler = Assembler::new(Patience::UntilTimeWaitEnds, 1 << 20);
    let mut flows = String::new();
    let mut impatient = Assembler::new(Patience::UntilClosed, 1 << 20);
    let (mut whole, mut until_closed) = (Vec::new(), Vec::new());
    let mut tracker = Tracker::new(Limits::default(), Coverage::FULL);
    let mut told = String::new();
    let mut there = Vec::new();
    for (number, line) in (1..).zip(events.lines()) {
        let step = notation::parse(line).map_err(|error| format!("line {number}: {error}"))?;
        let mut tell = |transition: &Transition| {
            write_transition(&mut told, transition);
            if let Some(flow) = assembler.take(transition) {
                write_flow(&mut flows, &flow);
                whole.push(flow);
            }
            until_closed.extend(impatient.take(transition));
        };
        match step {
            Step::Nothing => {}
            Step::Machine { coverage, limits } => tracker = Tracker::new(limits, coverage),
            Step::Existing(existing) => tracker.seed(&existing),
            Step::Event(event) => tracker.apply(&event, &mut tell),
            Step::Passed(now) => tracker.advance(now, &mut tell),
            Step::Looked { cookie, tuple } => tracker.learn(cookie, &tuple, &mut tell),
            Step::Found(found) => tracker.found(&found),
            Step::Asked { now, cookie } => {
                let asked = tracker.question(now).map(|it| it.cookie);
                if asked != cookie {
                    return Err(format!("line {number}: {asked:?} is asked for").into());
                }
            }
            Step::Lost => tracker.note_loss(),
            Step::LookBegins => tracker.begin_look(),
            Step::There(existing) => there.push(existing),
            Step::Compared => {
                tracker.resync(&std::mem::take(&mut there), &[notation::NETNS], &mut tell);
            }
            Step::End => tracker.finish(&mut tell),
            Step::Remembered { flows, requests } => {
                let remembered = tracker.remembered();
                if remembered != (flows, requests) {
                    return Err(format!(
                        "line {number}: {remembered:?} connections and requests are remembered"
                    )
                    .into());
                }
            }
        }
    }
    for flow in assembler.finish() {
        write_flow(&mut flows, &flow);
        whole.push(flow);
    }
    until_closed.extend(impatient.finish());
    let (whole, until_closed) = (before_time_wait(&whole), before_time_wait(&until_closed));
    if whole != until_closed {
        return Err(
            format!("without --time-wait, flows are\n{until_closed:#?}\nnot\n{whole:#?}").into(),
        );
    }
    Ok((told, flows))
}

/// What is told of connections whether their TIME_WAIT is waited for or not.
fn before_time_wait(flows: &[FlowRecord]) -> Vec<String> {
    let mut lines: Vec<String> = flows
        .iter()
        .filter(|flow| flow.path[0].state != State::TimeWait)
        .map(|flow| {
            let path = flow.path.iter();
            let path: Vec<_> = path.filter(|it| it.state != State::TimeWait).collect();
            format!("{:?} {:?} {path:?} {:?}", flow.cookie, flow.tuple, flow.end)
        })
        .collect();
    lines.sort();
    lines
}

/// Alignment is for the reader.
fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| !words.is_empty())
        .collect()
}
