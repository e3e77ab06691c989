//! One connection's life, from line to line.

use super::{
    canvas::Tone,
    snapshot::Life,
    words::{Around, address, age, bytes, pid},
};
use crate::{
    language::Language,
    model::{Closer, Owner, Side, Transition, Workload},
    output::wrapping,
};

/// A line of text: its parts, each with its look.
pub type TextLine = Vec<(String, Tone)>;

/// Writes it out. `wall_ahead_ns`: how far the wall clock is ahead of CLOCK_MONOTONIC.
#[must_use]
pub fn lines(life: &Life, wall_ahead_ns: i64, columns: usize, around: &Around) -> Vec<TextLine> {
    let mut lines = Vec::new();
    let Some(last) = life.steps.last() else {
        now(life, &mut lines, around);
        stuck(life, columns, &mut lines);
        lines.push(plain("Nothing that happened to it was seen yet."));
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
    lines.push(plain(&format!(
        "opened by {}, closed first by {}",
        match last.opener {
            Some(Side::Local) => "this side",
            Some(Side::Remote) => "the peer",
            None => "- (unknown)",
        },
        match last.closer {
            Some(Closer::Local) => "this side",
            Some(Closer::Remote) => "the peer",
            Some(Closer::Both) => "both",
            None => "nobody, as far as is known",
        },
    )));
    lines.push(plain(&format!(
        "cookie {:x}, network namespace {}",
        life.cookie.0, last.tuple.netns
    )));
    lines.push(plain(&owner(&last.owner)));
    runs_in(life, columns, &mut lines);
    holders(life, &mut lines);
    now(life, &mut lines, around);
    measured(life, last, &mut lines, around);
    stuck(life, columns, &mut lines);
    lines.push(Vec::new());
    if life.cut {
        lines.push(vec![(
            "  … earlier ones are not remembered".to_owned(),
            Tone::Faint,
        )]);
    }
    for step in &life.steps {
        lines.push(of_step(step, wall_ahead_ns, around));
    }
    lines
}

fn plain(text: &str) -> TextLine {
    vec![(text.to_owned(), Tone::Plain)]
}

fn owner(owner: &Owner) -> String {
    let Some(process) = owner.process else {
        return "process: - (unknown)".to_owned();
    };
    let mut text = format!("process: {} ({})", process.comm.as_str(), pid(process.pid));
    if let Some(thread) = owner.thread {
        text += &format!(", thread {}", thread.as_str());
    }
    if let Some(uid) = owner.uid {
        text += &format!(", user {uid}");
    }
    text
}

/// Its container, pod, unit and control group, as far as they are known.
fn runs_in(life: &Life, columns: usize, lines: &mut Vec<TextLine>) {
    let Workload {
        container,
        pod,
        unit,
    } = &life.workload;
    let mut parts = Vec::new();
    if let Some(it) = container {
        let mut part = format!("container {}", it.label());
        if it.name.is_some() {
            part += &format!(" ({})", it.short_id());
        }
        if let Some(image) = &it.image {
            part += &format!(" of {image}");
        }
        if let Some(runtime) = it.runtime {
            part += &format!(" by {}", runtime.name());
        }
        parts.push(part);
    }
    parts.extend(pod.as_ref().map(|it| format!("pod {it}")));
    parts.extend(unit.as_ref().map(|it| format!("unit {it}")));
    parts.extend(life.cgroup.as_ref().map(|it| format!("control group {it}")));
    for line in wrap(&parts.join(", "), columns) {
        if !line.is_empty() {
            lines.push(plain(&line));
        }
    }
}

fn of_step(it: &Transition, wall_ahead_ns: i64, around: &Around) -> TextLine {
    let wall_ns = wall_ahead_ns.saturating_add_unsigned(it.time_ns);
    let held = match it.held_ns {
        Some(_) => format!(" after {:>6} ", age(it.held_ns, around)),
        None => " ".repeat(14),
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
        line.push((format!(" by thread {}", thread.as_str()), Tone::Faint));
    }
    line
}

fn now(life: &Life, lines: &mut Vec<TextLine>, around: &Around) {
    lines.push(match life.now {
        Some((state, since)) => {
            let held = since.map(|since| around.now_ns.saturating_sub(since));
            vec![
                ("now in ".to_owned(), Tone::Plain),
                (state.name().to_owned(), Tone::State(state)),
                (format!(", for {}", age(held, around)), Tone::Plain),
            ]
        }
        None => vec![("It is over.".to_owned(), Tone::Faint)],
    });
}

fn holders(life: &Life, lines: &mut Vec<TextLine>) {
    let stuck = life.stuck.as_ref().map(|it| &it.holders);
    // Those of a stuck one may be none because none could be told.
    let stuck = stuck.filter(|it| !it.is_empty());
    let Some(holders) = life.holders.as_ref().or(stuck) else {
        return;
    };
    let names: Vec<String> = holders
        .iter()
        .map(|it| {
            let process = &it.process;
            format!("{} ({})", process.comm.as_str(), pid(process.pid))
        })
        .collect();
    lines.push(plain(&match names.is_empty() {
        true => "held by no process".to_owned(),
        false => format!("held by {}", names.join(", ")),
    }));
}

fn measured(life: &Life, last: &Transition, lines: &mut Vec<TextLine>, around: &Around) {
    let Some(it) = last.measured else {
        return;
    };
    let rtt = match it.srtt_us_8 {
        0 => "-".to_owned(),
        us_8 => age(Some(u64::from(us_8) * 1000 / 8), around),
    };
    lines.push(plain(&format!(
        "at its last transition: {} sent and acknowledged, {} received, {} segments sent again, \
         round trip {rtt}, idle for {}",
        bytes(it.bytes_acked),
        bytes(it.bytes_received),
        it.retransmits,
        age(life.idle_ns, around),
    )));
}

fn stuck(life: &Life, columns: usize, lines: &mut Vec<TextLine>) {
    let Some(it) = &life.stuck else {
        return;
    };
    lines.push(vec![(
        format!("It does not go on: {}", it.diagnosis.verdict.name()),
        Tone::Trouble,
    )]);
    for text in [it.text(Language::English), it.advice(Language::English)] {
        for line in wrap(&text, columns.saturating_sub(2)) {
            lines.push(plain(&format!("  {line}")));
        }
    }
}

/// Text in lines of so many columns.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let width = columns.saturating_sub(4).clamp(10, 100);
    let wrapped = textwrap::wrap(text, wrapping(width));
    wrapped.into_iter().map(|it| it.into_owned()).collect()
}
