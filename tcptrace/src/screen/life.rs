//! One connection's life, from line to line.

use super::{
    canvas::{Tone, columns},
    snapshot::Life,
    words::{Around, address, age, bytes, pid},
};
use crate::{
    language::Words,
    model::{Closer, Owner, Process, Side, Transition, Workload},
    output::wrapping,
};

/// A line of text: its parts, each with its look.
pub type TextLine = Vec<(String, Tone)>;

/// Writes it out. `wall_ahead_ns`: how far the wall clock is ahead of CLOCK_MONOTONIC.
#[must_use]
pub fn lines(life: &Life, wall_ahead_ns: i64, width: usize, around: &Around) -> Vec<TextLine> {
    let words = around.words();
    let mut lines = Vec::new();
    let Some(last) = life.steps.last() else {
        lines.push(now(life, around));
        stuck(life, width, &mut lines, around);
        lines.push(plain(words.word("life-nothing-seen")));
        return lines;
    };
    lines.push(vec![(
        format!(
            "{} {} {}",
            address(last.tuple.local, around),
            match last.opener {
                Some(Side::Local) => "→",
                Some(Side::Remote) => "◀",
                None => "–",
            },
            address(last.tuple.remote, around),
        ),
        Tone::Heading,
    )]);
    lines.push(plain(sides(last, words)));
    let cookie = format!("{:x}", life.cookie.0);
    let netns = last.tuple.netns.to_string();
    lines.push(plain(words.say(
        "life-socket",
        [("cookie", cookie.into()), ("netns", netns.into())],
    )));
    lines.push(plain(owner(&last.owner, words)));
    runs_in(life, width, &mut lines, words);
    lines.extend(holders(life, words).map(plain));
    lines.push(now(life, around));
    lines.extend(measured(life, last, around).map(plain));
    stuck(life, width, &mut lines, around);
    lines.push(Vec::new());
    if life.cut {
        let text = format!("  {}", words.word("life-cut"));
        lines.push(vec![(text, Tone::Faint)]);
    }
    let said = StepWords::of(words);
    for step in &life.steps {
        lines.push(of_step(step, wall_ahead_ns, &said, around));
    }
    lines
}

fn plain(text: String) -> TextLine {
    vec![(text, Tone::Plain)]
}

/// Who opened it, and who closed it first.
fn sides(last: &Transition, words: &Words) -> String {
    let opener = words.word(match last.opener {
        Some(Side::Local) => "life-this-side",
        Some(Side::Remote) => "life-peer",
        None => "life-opener-unknown",
    });
    let closer = words.word(match last.closer {
        Some(Closer::Local) => "life-this-side",
        Some(Closer::Remote) => "life-peer",
        Some(Closer::Both) => "life-both",
        None => "life-nobody",
    });
    words.say(
        "life-sides",
        [("opener", opener.into()), ("closer", closer.into())],
    )
}

/// `curl (4242)`.
fn name_and_pid(it: &Process, words: &Words) -> String {
    words.say(
        "life-name-and-pid",
        [
            ("name", it.comm.as_str().into()),
            ("pid", pid(it.pid).into()),
        ],
    )
}

fn owner(owner: &Owner, words: &Words) -> String {
    let Some(process) = owner.process else {
        return words.word("life-process-unknown");
    };
    let process = name_and_pid(&process, words);
    let mut text = words.say("life-process", [("process", process.into())]);
    if let Some(thread) = owner.thread {
        text += &words.say("life-thread", [("name", thread.as_str().into())]);
    }
    if let Some(uid) = owner.uid {
        text += &words.say("life-user", [("uid", uid.to_string().into())]);
    }
    text
}

/// Its container, pod, unit and control group, as far as they are known.
fn runs_in(life: &Life, width: usize, lines: &mut Vec<TextLine>, words: &Words) {
    let Workload {
        container,
        pod,
        unit,
    } = &life.workload;
    let mut parts = Vec::new();
    if let Some(it) = container {
        let mut part = words.say("life-container", [("name", it.label().into())]);
        if it.name.is_some() {
            part += &words.say("life-container-id", [("id", it.short_id().into())]);
        }
        if let Some(image) = &it.image {
            part += &words.say("life-image", [("image", image.as_str().into())]);
        }
        if let Some(runtime) = it.runtime {
            part += &words.say("life-runtime", [("runtime", runtime.name().into())]);
        }
        parts.push(part);
    }
    let pod = pod.as_ref().map(ToString::to_string);
    parts.extend(pod.map(|it| words.say("life-pod", [("name", it.into())])));
    parts.extend(
        unit.as_deref()
            .map(|it| words.say("life-unit", [("name", it.into())])),
    );
    let cgroup = life.cgroup.as_deref();
    parts.extend(cgroup.map(|it| words.say("life-cgroup", [("path", it.into())])));
    for line in wrap(&parts.join(&words.word("life-comma")), width) {
        if !line.is_empty() {
            lines.push(plain(line));
        }
    }
}

/// What stands in each step: looked up once, and not for each.
struct StepWords {
    after: (String, String),
    by_thread: (String, String),
}

impl StepWords {
    fn of(words: &Words) -> Self {
        // What stands before the place of a sentence, and what behind it.
        let parts = |id, place| {
            let said = words.say(id, [(place, "\0".into())]);
            let (before, behind) = said.split_once('\0').unwrap_or((said.as_str(), ""));
            (format!(" {before}"), behind.to_owned())
        };
        Self {
            after: parts("life-after", "time"),
            by_thread: parts("life-by-thread", "name"),
        }
    }

    fn after(&self, time: &str) -> String {
        let (before, behind) = &self.after;
        format!("{before}{time:>6}{behind} ")
    }
}

fn of_step(it: &Transition, wall_ahead_ns: i64, said: &StepWords, around: &Around) -> TextLine {
    let wall_ns = wall_ahead_ns.saturating_add_unsigned(it.time_ns);
    let held = match it.held_ns {
        Some(_) => said.after(&age(it.held_ns, around)),
        None => " ".repeat(columns(&said.after(""))),
    };
    let mut line = vec![
        (around.time_of_day(wall_ns), Tone::Faint),
        (held, Tone::Plain),
        (format!("{:>11}", it.from.name()), Tone::State(it.from)),
        (" → ".to_owned(), Tone::Faint),
        (format!("{:<11}", it.to.name()), Tone::State(it.to)),
        (format!("  {}", it.reason), Tone::Reason(it.reason)),
    ];
    if let Some(detail) = it.detail {
        line.push((format!(" ({})", detail.name()), Tone::Plain));
    }
    if let Some(thread) = it.thread {
        let (before, behind) = &said.by_thread;
        let by = format!("{before}{}{behind}", thread.as_str());
        line.push((by, Tone::Faint));
    }
    line
}

/// The state that it is in, and how long.
fn now(life: &Life, around: &Around) -> TextLine {
    let words = around.words();
    match life.now {
        Some((state, since)) => {
            let held = since.map(|since| around.now_ns.saturating_sub(since));
            let held = age(held, around);
            vec![
                (format!("{} ", words.word("life-now-in")), Tone::Plain),
                (state.name().to_owned(), Tone::State(state)),
                (words.say("life-for", [("time", held.into())]), Tone::Plain),
            ]
        }
        None => vec![(words.word("life-over"), Tone::Faint)],
    }
}

fn holders(life: &Life, words: &Words) -> Option<String> {
    let stuck = life.stuck.as_ref().map(|it| &it.holders);
    // Those of a stuck one may be none because none could be told.
    let stuck = stuck.filter(|it| !it.is_empty());
    let holders = life.holders.as_ref().or(stuck)?;
    if holders.is_empty() {
        return Some(words.word("life-no-holder"));
    }
    let names: Vec<String> = holders
        .iter()
        .map(|it| name_and_pid(&it.process, words))
        .collect();
    let names = names.join(&words.word("life-comma"));
    Some(words.say("life-holders", [("names", names.into())]))
}

fn measured(life: &Life, last: &Transition, around: &Around) -> Option<String> {
    let it = last.measured?;
    let rtt = match it.srtt_us_8 {
        0 => "-".to_owned(),
        us_8 => age(Some(u64::from(us_8) * 1000 / 8), around),
    };
    Some(around.words().say(
        "life-measured",
        [
            ("acked", bytes(it.bytes_acked).into()),
            ("received", bytes(it.bytes_received).into()),
            ("again", it.retransmits.to_string().into()),
            ("rtt", rtt.into()),
            ("idle", age(life.idle_ns, around).into()),
        ],
    ))
}

fn stuck(life: &Life, width: usize, lines: &mut Vec<TextLine>, around: &Around) {
    let Some(it) = &life.stuck else {
        return;
    };
    let verdict = it.diagnosis.verdict.name();
    let said = around
        .words()
        .say("life-stuck", [("verdict", verdict.into())]);
    lines.push(vec![(said, Tone::Trouble)]);
    for text in [it.text(around.language), it.advice(around.language)] {
        for line in wrap(&text, width.saturating_sub(2)) {
            lines.push(plain(format!("  {line}")));
        }
    }
}

/// Text in lines of so many columns.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.saturating_sub(4).clamp(10, 100);
    let wrapped = textwrap::wrap(text, wrapping(width));
    wrapped.into_iter().map(|it| it.into_owned()).collect()
}
