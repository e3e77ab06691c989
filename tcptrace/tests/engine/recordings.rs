//! What is recorded is told again, to the letter: every scenario, recorded and read back.

use std::{fmt::Write as _, path::Path};

use tcptrace::{
    record::Limits,
    source::{
        Beginning,
        replay::{Range, Recording, Replay},
    },
};

use crate::{
    commands::{Ran, Run},
    files::scenarios,
};

/// Reads a recording that is one piece.
fn read(folder: &Path) -> (Replay, Beginning) {
    let recording = Recording::open(folder).expect("a recording");
    assert_eq!(recording.unreadable, []);
    let [piece] = &recording.pieces[..] else {
        panic!("{} pieces", recording.pieces.len());
    };
    let begun = piece.replay(Range::default()).expect("it can be read");
    begun.expect("all of it is asked for")
}

fn replayed(folder: &Path) -> Run<Replay> {
    let (source, beginning) = read(folder);
    Run::new(source, beginning)
}

/// Tells all that differ, not the first alone.
pub fn each(check: impl Fn(&str) -> Result<(), String>) {
    each_of(|_| true, check);
}

/// The same of what the kernels that differ the most from each other tell, for what takes long.
pub fn each_of_few(check: impl Fn(&str) -> Result<(), String>) {
    each_of(
        |name| !name.starts_with("6.12/") && !name.starts_with("6.16/"),
        check,
    );
}

fn each_of(wanted: impl Fn(&str) -> bool, check: impl Fn(&str) -> Result<(), String>) {
    let mut wrong = String::new();
    for scenario in scenarios().into_iter().filter(|it| wanted(&it.name)) {
        if let Err(error) = check(&scenario.events) {
            let _ = writeln!(wrong, "{}: {error}", scenario.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn same(live: &Ran, replayed: &Ran) -> Result<(), String> {
    let (live, replayed) = (&live.lines, &replayed.lines);
    let differs = |at: &usize| live.get(*at) != replayed.get(*at);
    match (0..live.len().max(replayed.len())).find(differs) {
        None => Ok(()),
        Some(at) => Err(format!(
            "line {} is {:?} instead of {:?}",
            at + 1,
            replayed.get(at).map(ToString::to_string),
            live.get(at).map(ToString::to_string),
        )),
    }
}

#[test]
fn watch_flows_and_stats_of_a_recording_are_as_they_were_live() {
    each(|events| {
        let folder = tempfile::tempdir().expect("a folder");
        Run::of(events).recorded(folder.path(), &Limits::default());
        same(&Run::of(events).watch(), &replayed(folder.path()).watch())?;
        same(&Run::of(events).flows(), &replayed(folder.path()).flows())?;
        same(
            &Run::of(events).stats(None),
            &replayed(folder.path()).stats(None),
        )
    });
}

#[test]
fn an_anonymized_recording_has_no_real_address_or_name_and_tells_the_same() {
    // Whatever says nothing of anybody.
    let told = |ran: &Ran| -> Vec<String> {
        let lines = ran.lines.iter().map(|line| {
            let fields = [
                "type",
                "time",
                "from",
                "to",
                "reason",
                "closer",
                "local_port",
                "pid",
            ];
            fields.map(|field| line[field].to_string()).join(" ")
        });
        lines.collect()
    };
    for scenario in scenarios() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = Run::of(&scenario.events);
        run.recorded_as(folder.path(), &Limits::default(), true);
        let (live, replayed) = (
            Run::of(&scenario.events).watch(),
            replayed(folder.path()).watch(),
        );
        assert_eq!(told(&live), told(&replayed), "{}", scenario.name);
        let text: String = replayed.lines.iter().map(ToString::to_string).collect();
        for line in &live.lines {
            for field in ["local_addr", "remote_addr", "comm", "thread"] {
                if let Some(real) = line[field].as_str()
                    && !real.starts_with("127.")
                    && !["::1", "0.0.0.0", "::"].contains(&real)
                {
                    let real = format!("\"{real}\"");
                    assert!(!text.contains(&real), "{}: {real}", scenario.name);
                }
            }
        }
    }
}
