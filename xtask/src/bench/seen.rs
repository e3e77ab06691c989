//! What a tracer told of the load: its lines are counted, and its own word on losses is read.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Seek as _, SeekFrom},
    os::fd::AsRawFd as _,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use memchr::memmem::Finder;
use serde_json::Value;

use super::{
    attached::Ended,
    peers,
    results::{Losses, Recorded},
    tracers::{Lines, Output, Tracer},
};
use crate::load::{MARK, Made};

/// Compares what a tracer told with what the load made.
///
/// # Errors
/// When its output can't be read.
pub fn of(tracer: &Tracer, mut ended: Ended, made: &Made) -> Result<Losses> {
    ended.output.seek(SeekFrom::Start(0))?;
    let said_in_words = || said(&ended.complaints);
    let mut recorded = None;
    let (lines, said) = match tracer.output {
        Output::Json(lines) => {
            let (counted, said) = json(&ended.output, lines)?;
            (counted, Some(said))
        }
        Output::Text { .. } => {
            let (counted, said) = text(&ended.output)?;
            (Some(counted), Some(said + said_in_words()))
        }
        Output::Perf => (Some(perf(&ended.output)?), None),
        Output::Recording => {
            let folder = ended.recording.as_ref().context("it recorded nothing")?;
            let (program, _) = tracer.command()?;
            let (counted, said) = json(&replayed(&program, folder.path())?, Lines::Transitions)?;
            recorded = Some(info(&program, folder.path())?);
            (counted, Some(said + said_in_words()))
        }
        Output::Served => {
            let served = ended.served.as_deref().context("it served nothing")?;
            (None, Some(counter(served, "tcptrace_events_lost_total")?))
        }
        Output::Screen => (None, Some(said_in_words())),
    };
    Ok(Losses {
        recorded,
        expected: tracer.expected(made),
        lines,
        said,
    })
}

/// Lines with an address of the load, and what the last line says of losses. Inode numbers of
/// network namespaces are used again, so they do not tell the load's lines from others.
fn json(output: &File, lines: Lines) -> Result<(Option<u64>, u64)> {
    let kind = match lines {
        Lines::Transitions => Some(Finder::new("{\"type\":\"transition\"")),
        Lines::Flows => Some(Finder::new("{\"type\":\"flow\"")),
        Lines::Summary => None,
    };
    let mark = Finder::new(MARK);
    let mut counted = 0;
    let mut last = Vec::new();
    for_each_line(output, |line| {
        if kind.as_ref().is_some_and(|kind| kind.find(line) == Some(0)) && mark.find(line).is_some()
        {
            counted += 1;
        }
        if line.starts_with(b"{\"type\":\"end\"") {
            last = line.to_owned();
        }
    })?;
    let end: Value = serde_json::from_slice(&last).context("its output has no line of `end`")?;
    let lost = end["lost"].as_u64().context("its `end` says no `lost`")?;
    Ok((kind.map(|_| counted), lost))
}

/// A counter without labels.
fn counter(served: &str, name: &str) -> Result<u64> {
    let mut lines = served.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = value.with_context(|| format!("there is no {name}"))?;
    value.parse().with_context(|| format!("{name} is {value}"))
}

/// What `watch` says of a recording.
fn replayed(program: &Path, folder: &Path) -> Result<File> {
    let mut output = tempfile::tempfile_in(folder)?;
    let status = Command::new(program)
        .args(["watch", "-o", "json", "-r"])
        .arg(folder)
        .stdout(output.try_clone()?)
        .status()
        .context("the recording can't be read")?;
    ensure!(status.success(), "the recording can't be read: {status}");
    output.seek(SeekFrom::Start(0))?;
    Ok(output)
}

/// What `info` says of it.
fn info(program: &Path, folder: &Path) -> Result<Recorded> {
    let told = Command::new(program)
        .args(["info", "-o", "json"])
        .arg(folder)
        .output()?;
    let info: Value = serde_json::from_slice(&told.stdout).context("info tells no JSON")?;
    let number = |name: &str| {
        info[name]
            .as_u64()
            .with_context(|| format!("info has no {name}"))
    };
    Ok(Recorded {
        bytes: number("bytes")?,
        events: number("events")?,
    })
}

/// Lines with an address of the load, and what other lines say of losses.
fn text(output: &File) -> Result<(u64, u64)> {
    let mark = Finder::new(MARK);
    let (mut counted, mut lost) = (0, 0);
    for_each_line(output, |line| {
        if mark.find(line).is_some() {
            counted += 1;
        } else {
            lost += said(&String::from_utf8_lossy(line));
        }
    })?;
    Ok((counted, lost))
}

/// Samples in perf's file. They have no network namespace: those of others count, too.
fn perf(output: &File) -> Result<u64> {
    let perf = peers::obtain("perf", "linux-perf")?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), output.as_raw_fd());
    let told = Command::new(perf)
        .args(["report", "--stats", "--force", "--input", &path])
        .env("LC_ALL", "C")
        .output()
        .context("perf report can't be started")?;
    ensure!(told.status.success(), "perf report failed: {}", told.status);
    samples(&String::from_utf8_lossy(&told.stdout)).context("perf report tells no samples")
}

/// The number behind `SAMPLE events:`.
fn samples(told: &str) -> Option<u64> {
    let (_, rest) = told.split_once("SAMPLE events:")?;
    rest.split_whitespace().next()?.parse().ok()
}

/// How many events are lost by these words: `lost 12 events on CPU #0!`, `Lost 3 events`, `4 events were
/// lost in all`.
fn said(text: &str) -> u64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let theirs = words
        .windows(3)
        .filter(|three| three[0].eq_ignore_ascii_case("lost") && three[2].starts_with("event"))
        .map(|three| three[1]);
    let ours = words
        .windows(4)
        .filter(|four| four[1..] == ["events", "were", "lost"])
        .map(|four| four[0]);
    theirs
        .chain(ours)
        .filter_map(|it| it.parse::<u64>().ok())
        .sum()
}

fn for_each_line(output: &File, mut each: impl FnMut(&[u8])) -> Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, output);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        each(&line);
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Seek as _, SeekFrom, Write as _},
    };

    use super::{Lines, json, said, samples, text};

    fn file(content: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    #[test]
    fn lines_of_the_load_are_counted_and_no_others() {
        let output = "{\"type\":\"start\",\"mono_ns\":1}\n\
             {\"type\":\"transition\",\"local_addr\":\"127.71.0.1\"}\n\
             {\"type\":\"transition\",\"local_addr\":\"127.0.0.1\"}\n\
             {\"type\":\"flow\",\"remote_addr\":\"127.71.0.16\"}\n\
             {\"type\":\"end\",\"transitions\":2,\"lost\":5}\n";
        let counted = |lines| json(&file(output), lines).unwrap();
        assert_eq!(counted(Lines::Transitions), (Some(1), 5));
        assert_eq!(counted(Lines::Flows), (Some(1), 5));
        assert_eq!(counted(Lines::Summary), (None, 5));
        assert!(json(&file("{\"type\":\"start\"}\n"), Lines::Flows).is_err());
    }

    #[test]
    fn losses_are_read_from_words() {
        assert_eq!(
            said("lost 12 events on CPU #0!\nlost 3 events on CPU #1!\n"),
            15
        );
        assert_eq!(said("Lost 8 events"), 8);
        assert_eq!(said("tcptrace: 7 events were lost in all; what"), 7);
        assert_eq!(said("nothing was lost"), 0);
        let output = "a 127.71.0.3 b\nLost 9 events\na 127.0.0.1 b\n";
        assert_eq!(text(&file(output)).unwrap(), (1, 9));
    }

    #[test]
    fn perfs_samples_are_read() {
        let told = "Aggregated stats:\n  TOTAL events:  20\n  SAMPLE events:  14  (70.0%)\n";
        assert_eq!(samples(told), Some(14));
        assert_eq!(samples("nothing"), None);
    }
}
