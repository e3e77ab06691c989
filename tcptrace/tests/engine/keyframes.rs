//! What a keyframe holds is enough to go on: a recording that is read from the middle tells what all
//! of it tells of that time, to the letter.

use std::{collections::HashSet, path::Path, time::Duration};

use serde_json::Value;
use tcptrace::{
    record::{Limits, format::BlockKind},
    source::{
        Beginning,
        replay::{Piece, Range, Recording},
    },
};

use crate::{
    commands::{Again, Ran, Run},
    many,
    recordings::each_of_few,
    script::{self, BEGAN, Script},
};

/// A folder in memory, where there is one: each segment is synced.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a folder")
}

/// Segments as small as they can be: each batch of events has its own.
fn in_pieces() -> Limits {
    aged(Duration::ZERO)
}

fn aged(age: Duration) -> Limits {
    Limits {
        rotate_bytes: None,
        rotate_age: Some(age),
        sync: None,
        ..Limits::default()
    }
}

fn recorded(script: &Script, beginning: &Beginning, limits: &Limits) -> tempfile::TempDir {
    let folder = folder();
    Run::new(script.clone(), beginning.clone()).recorded(folder.path(), limits);
    folder
}

/// The segments of a recording that is one piece.
fn piece(folder: &Path) -> Piece {
    let mut recording = Recording::open(folder).expect("a recording");
    assert_eq!(recording.unreadable, []);
    assert_eq!(recording.pieces.len(), 1);
    recording.pieces.remove(0)
}

/// The transitions of `watch`, each as it was written.
fn transitions(ran: &Ran) -> Vec<String> {
    let lines = ran.of_type("transition").into_iter();
    lines.map(Value::to_string).collect()
}

fn time_ns(line: &str) -> u64 {
    let (_, rest) = line.split_once("\"mono_ns\":").expect("a time");
    let digits = rest.split(|it: char| !it.is_ascii_digit()).next();
    digits.and_then(|it| it.parse().ok()).expect("a number")
}

/// Says which line is the first that differs.
fn same(told: &[&String], whole: &[&String]) -> Result<(), String> {
    let differs = |at: &usize| told.get(*at) != whole.get(*at);
    match (0..told.len().max(whole.len())).find(differs) {
        None => Ok(()),
        Some(at) => Err(format!(
            "line {at} is\n{:?}, and not\n{:?}",
            told.get(at),
            whole.get(at)
        )),
    }
}

#[test]
fn a_recording_in_many_files_is_told_as_one_in_a_single_file() {
    for (script, beginning) in many::by_coverage(1, false) {
        let single = recorded(&script, &beginning, &Limits::default());
        let parts = recorded(&script, &beginning, &in_pieces());
        assert!(piece(parts.path()).segments.len() > 2);
        let live = Run::new(script, beginning);
        let whole = Again::of(single.path()).watch().lines;
        assert!(whole.len() > 5);
        assert_eq!(Again::of(parts.path()).watch().lines, whole);
        assert_eq!(live.watch().lines, whole);
        assert_eq!(
            Again::of(parts.path()).flows().lines,
            Again::of(single.path()).flows().lines
        );
        assert_eq!(
            Again::of(parts.path()).stats(None).lines,
            Again::of(single.path()).stats(None).lines
        );
    }
}

/// When events of a segment happened, and of those before it.
fn times(piece: &Piece, at: usize) -> HashSet<u64> {
    use tcptrace::source::{Source as _, Told};
    let alone = Piece {
        segments: vec![piece.segments[at].clone()],
    };
    let begun = alone.replay(Range::default()).expect("it can be read");
    let (mut replay, _) = begun.expect("all of it");
    let mut times = HashSet::new();
    loop {
        let batch = replay.next(0, usize::MAX, |told| {
            if let Told::Event(event) = told {
                times.insert(event.time_ns());
            }
        });
        if !batch.more {
            return times;
        }
    }
}

/// Tells a recording from each of these files on, and compares with what all of it tells.
fn tell_from(folder: &Path, firsts: impl Iterator<Item = usize>) -> Result<(), String> {
    let all = piece(folder);
    let from = |first: usize| {
        let mut again = Again::of(&all.segments[first].path);
        again.recording.pieces = vec![Piece {
            segments: all.segments[first..].to_vec(),
        }];
        transitions(&again.watch())
    };
    let whole = from(0);
    let mut before = HashSet::new();
    let mut read = 0;
    for first in firsts {
        for at in read..first {
            before.extend(times(&all, at));
        }
        read = first;
        let told = from(first);
        // What waited then is told by the rest, or not at all.
        let since = |it: &&String| !before.contains(&time_ns(it));
        let whole: Vec<_> = whole.iter().filter(since).collect();
        let told: Vec<_> = told.iter().filter(since).collect();
        same(&told, &whole).map_err(|error| format!("from file {first} on: {error}"))?;
    }
    Ok(())
}

#[test]
fn a_recording_whose_first_files_are_gone_tells_all_that_happened_since() {
    each_of_few(|scenario| {
        let (script, beginning) = script::read(scenario).expect("steps");
        let folder = recorded(&script, &beginning, &in_pieces());
        let files = piece(folder.path()).segments.len();
        tell_from(folder.path(), 1..files)
    });
}

#[test]
fn and_so_where_many_connections_are_open() {
    for (script, beginning) in many::by_coverage(1, false) {
        let folder = recorded(&script, &beginning, &aged(Duration::from_millis(20)));
        let files = piece(folder.path()).segments.len();
        let told = tell_from(folder.path(), (1..files).step_by(files.div_ceil(20)));
        told.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Moments all over a recording: when something is told to have happened, a moment later, and in
/// between. So many of the lines are passed over.
fn moments(whole: &[String], step: usize) -> Vec<u64> {
    let times: Vec<u64> = whole.iter().map(|it| time_ns(it)).collect();
    let pairs = times.windows(2).step_by(step.max(1));
    let moments = pairs.flat_map(|it| [it[0], it[0] + 1, it[0].midpoint(it[1])]);
    moments.collect()
}

/// What a recording tells of a time.
fn of_a_time(all: &Again, range: Range) -> Vec<String> {
    let again = Again {
        recording: all.recording.clone(),
        range,
        options: all.options.clone(),
    };
    transitions(&again.watch())
}

/// Reads a recording from many moments on, and compares with what all of it tells.
fn tell_since(folder: &Path, step: usize) -> Result<(), String> {
    let all = Again::of(folder);
    let whole = of_a_time(&all, Range::default());
    for moment in moments(&whole, step) {
        let range = Range {
            from_ns: Some(BEGAN.saturating_add_unsigned(moment)),
            to_ns: None,
        };
        let told = of_a_time(&all, range);
        let since = whole.iter().filter(|it| time_ns(it) >= moment);
        let (told, since): (Vec<_>, Vec<_>) = (told.iter().collect(), since.collect());
        same(&told, &since).map_err(|error| format!("from {moment} on: {error}"))?;
    }
    Ok(())
}

#[test]
fn what_is_told_from_a_moment_on_is_what_all_of_the_recording_tells_of_that_time() {
    each_of_few(|scenario| {
        let (script, beginning) = script::read(scenario).expect("steps");
        for limits in [in_pieces(), Limits::default()] {
            let folder = recorded(&script, &beginning, &limits);
            tell_since(folder.path(), script.len() / 3)?;
        }
        Ok(())
    });
}

#[test]
fn a_long_file_is_not_read_from_its_beginning() {
    let mut all = many::by_coverage(4, false);
    all.sort_by_key(|(script, _)| script.len());
    let (script, beginning) = all.pop().expect("scenarios");
    let limits = Limits {
        keyframe_bytes: 1,
        ..Limits::default()
    };
    let folder = recorded(&script, &beginning, &limits);
    let [segment] = &piece(folder.path()).segments[..] else {
        panic!("more than one file");
    };
    let keyframes = segment.blocks.iter();
    let keyframes = keyframes.filter(|it| it.kind == BlockKind::Beginning);
    assert!(keyframes.count() > 1);
    let told = tell_since(folder.path(), script.len() / 20);
    told.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_is_told_up_to_a_moment_is_what_all_of_the_recording_tells_of_that_time() {
    each_of_few(|scenario| {
        let (script, beginning) = script::read(scenario).expect("steps");
        let folder = recorded(&script, &beginning, &Limits::default());
        let all = Again::of(folder.path());
        let whole = of_a_time(&all, Range::default());
        for moment in moments(&whole, whole.len() / 2) {
            let range = Range {
                from_ns: None,
                to_ns: Some(BEGAN.saturating_add_unsigned(moment)),
            };
            let told = of_a_time(&all, range);
            if let Some(later) = told.iter().find(|it| time_ns(it) > moment) {
                return Err(format!("up to {moment}: {later}"));
            }
            // What waits for what comes later is told with what is known.
            let long_before = |it: &&String| time_ns(it) + 100_000_000 < moment;
            let told: Vec<_> = told.iter().filter(long_before).collect();
            let whole: Vec<_> = whole.iter().filter(long_before).collect();
            same(&told, &whole).map_err(|error| format!("up to {moment}: {error}"))?;
        }
        Ok(())
    });
}

#[test]
fn it_is_so_where_what_happened_is_not_told_in_its_order() {
    // As from two CPUs: what one did is told a little later.
    let refused = |ms: &str, cookie: u64| {
        format!(
            "{ms} socket sk:{cookie} 10.0.0.1:4000{cookie} 10.0.0.2:80 SYN_SENT -> CLOSED \
             err=ECONNREFUSED rst\n"
        )
    };
    let lines = [
        refused("100.00", 1),
        refused("100.80", 2),
        refused("100.40", 3),
        refused("101.20", 4),
        refused("100.90", 5),
        "300.00 passed\n".to_owned(),
    ];
    let (script, beginning) = script::read(&lines.concat()).expect("steps");
    for limits in [in_pieces(), Limits::default()] {
        let folder = recorded(&script, &beginning, &limits);
        tell_since(folder.path(), 1).unwrap_or_else(|error| panic!("{error}"));
        let all = Again::of(folder.path());
        for (ms, count) in [(99, 0), (100, 1), (101, 4), (102, 5)] {
            let range = Range {
                from_ns: None,
                to_ns: Some(BEGAN + ms * 1_000_000),
            };
            assert_eq!(of_a_time(&all, range).len(), count, "up to {ms} ms");
        }
    }
}
