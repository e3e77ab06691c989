//! Verdicts in words: what is seen, and what to do. Plain sentences, for one connection; what a
//! verdict means in general is in the texts of `tcptrace explain`.
//!
//! The words are those of [`Chapter::Stuck`](crate::language::Chapter::Stuck).

use super::{
    Diagnosis, Limit, Queues, Suspect, Verdict,
    age::{Silence, silence},
};
use crate::{
    host::{DescriptorLimit, Listening, TimerKind},
    language::{Arg, Words},
    model::{Reason, SocketKind, State},
};

/// What is seen.
#[must_use]
pub fn text(suspect: &Suspect, why: &Diagnosis, words: &Words) -> String {
    let text = seen(suspect, why, words);
    let holders = suspect.context.holders;
    if holders <= 1 {
        return text;
    }
    let places = [("what", text.into()), ("count", number(holders))];
    match suspect.context.inherited {
        true => words.say("shared-inherited", places),
        false => words.say("shared", places),
    }
}

fn seen(suspect: &Suspect, why: &Diagnosis, words: &Words) -> String {
    let queues = &why.queues;
    let what = |id: &str| words.say(id, [("what", waiting(queues, words).into())]);
    match why.verdict {
        Verdict::NoAnswer => no_answer(suspect, words),
        Verdict::NotSent => words.word("not-sent"),
        Verdict::HalfOpen => half_open(suspect, words),
        Verdict::AcceptQueueFull => accept_queue_full(suspect, words),
        Verdict::DataAwaited => words.word("data-awaited"),
        Verdict::PeerSilent => peer_silent(suspect, queues, words),
        Verdict::NotAcked if suspect.state == State::Established => what("not-acked-heard"),
        Verdict::NotAcked => not_acked(suspect, queues, words),
        Verdict::ZeroWindow if suspect.state == State::Established => what("zero-window"),
        Verdict::ZeroWindow => what("zero-window-fin"),
        Verdict::StillSending if suspect.state == State::CloseWait => what("still-sending-half"),
        Verdict::StillSending => capital(&what("still-sending")),
        Verdict::FinAwaited => fin_awaited(why.setting, words),
        Verdict::HalfClosed => half_closed(suspect, queues, words),
        Verdict::NotClosed if suspect.state == State::Closed => words.say(
            "not-closed-over",
            [("ended", ended(suspect.context.ended, words).into())],
        ),
        Verdict::NotClosed => {
            words.say("not-closed", [("unsent", unsent_too(queues, words).into())])
        }
        Verdict::NotRead => not_read(queues, words),
        Verdict::NotAccepted => not_accepted(suspect, words),
    }
}

/// What to do.
#[must_use]
pub fn advice(suspect: &Suspect, verdict: Verdict, words: &Words) -> String {
    let context = &suspect.context;
    match verdict {
        Verdict::NoAnswer if context.server.is_some_and(|(it, _)| it.is_full()) => {
            words.word("do-accept-faster")
        }
        Verdict::NoAnswer if context.server.is_some() => words.word("do-own-firewall"),
        Verdict::NoAnswer => words.word("do-no-answer"),
        Verdict::NotSent => words.word("do-not-sent"),
        // Both sides opened: there is no listener, nor a flood.
        Verdict::HalfOpen if suspect.kind != SocketKind::Request => words.word("do-half-open-both"),
        Verdict::HalfOpen => words.word("do-half-open"),
        Verdict::AcceptQueueFull | Verdict::NotAccepted if context.exhausted.is_some() => {
            words.word("do-descriptors")
        }
        Verdict::AcceptQueueFull | Verdict::NotAccepted => words.word("do-accept"),
        Verdict::DataAwaited => words.word("do-data-awaited"),
        Verdict::PeerSilent => words.word("do-peer-silent"),
        Verdict::NotAcked => match suspect.state {
            State::Established => words.word("do-not-acked-established"),
            State::LastAck => words.word("do-not-acked-last"),
            State::Closing => words.word("do-not-acked-closing"),
            State::FinWait1 if suspect.owned => words.word("do-not-acked-owned"),
            _ => words.word("do-not-acked"),
        },
        Verdict::ZeroWindow if suspect.state == State::Established => words.word("do-zero-window"),
        Verdict::ZeroWindow => words.word("do-zero-window-fin"),
        Verdict::StillSending if suspect.state == State::CloseWait => {
            words.word("do-still-sending-half")
        }
        Verdict::StillSending => words.word("do-still-sending"),
        Verdict::FinAwaited => words.word("do-fin-awaited"),
        Verdict::HalfClosed => words.word("do-half-closed"),
        Verdict::NotClosed if context.holders > 1 => words.word("do-each-closes"),
        Verdict::NotClosed if suspect.state == State::Closed => words.word("do-close-descriptor"),
        Verdict::NotClosed => words.word("do-not-closed"),
        Verdict::NotRead => words.word("do-not-read"),
    }
}

/// A number as the kernel's files and other programs show it, without commas.
fn number(it: impl ToString) -> Arg<'static> {
    it.to_string().into()
}

fn no_answer(suspect: &Suspect, words: &Words) -> String {
    let Some((listening, process)) = suspect.context.server else {
        return words.word("no-answer");
    };
    let whose = process.map_or(String::new(), |process| {
        let name = process.comm.as_str();
        match process.pid {
            Some(pid) => words.say("whose-pid", [("name", name.into()), ("pid", number(pid))]),
            None => words.say("whose", [("name", name.into())]),
        }
    });
    let places = [
        ("whose", whose.into()),
        ("queue", number(listening.queue)),
        ("backlog", number(listening.backlog)),
        ("dropped", dropped(&listening, words).into()),
    ];
    match listening.is_full() {
        true => words.say("no-answer-full", places),
        false => words.say("no-answer-here", places),
    }
}

/// What the listener has dropped.
fn dropped(listening: &Listening, words: &Words) -> String {
    match listening.dropped {
        None | Some(0) => String::new(),
        Some(1) => words.word("dropped-one"),
        Some(many) => words.say("dropped-many", [("count", number(many))]),
    }
}

fn peer_silent(suspect: &Suspect, queues: &Queues, words: &Words) -> String {
    let what = ("what", waiting(queues, words).into());
    match (silence(suspect), suspect.timer.map(|timer| timer.kind)) {
        (Silence::Total(time), Some(TimerKind::Probe)) => {
            words.say("peer-silent-probes", [("time", about(time)), what])
        }
        (Silence::Total(time), _) => words.say("peer-silent-since", [("time", about(time)), what]),
        _ => words.say("peer-silent", [what]),
    }
}

/// A time in whole seconds, or ms below one.
fn about(time: std::time::Duration) -> Arg<'static> {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()).into(),
        seconds => format!("{seconds} s").into(),
    }
}

/// How a connection ended.
fn ended(reason: Option<Reason>, words: &Words) -> String {
    match reason {
        Some(Reason::ResetByPeer) => words.word("ended-reset-by-peer"),
        Some(Reason::ResetByUs) => words.word("ended-reset-by-us"),
        Some(Reason::TimedOut) => words.word("ended-timed-out"),
        Some(Reason::KeepaliveTimeout) => words.word("ended-keepalive"),
        Some(Reason::Killed) => words.word("ended-killed"),
        Some(Reason::Refused) => words.word("ended-refused"),
        Some(Reason::Unreachable) => words.word("ended-unreachable"),
        Some(Reason::Unknown) | None => words.word("ended-unknown"),
        // Both sides have sent a FIN.
        Some(_) => words.word("ended-both"),
    }
}

fn half_open(suspect: &Suspect, words: &Words) -> String {
    if suspect.kind != SocketKind::Request {
        return words.word("half-open-both");
    }
    let queues = suspect.listening.map(|it| {
        words.say(
            "half-open-queues",
            [
                ("half-open", number(it.half_open)),
                ("queue", number(it.queue)),
                ("backlog", number(it.backlog)),
            ],
        )
    });
    let cookies = suspect.settings.syncookies;
    let cookies = cookies.map(|it| words.say("half-open-cookies", [("value", number(it))]));
    words.say(
        "half-open",
        [
            ("queues", queues.unwrap_or_default().into()),
            ("cookies", cookies.unwrap_or_default().into()),
        ],
    )
}

fn accept_queue_full(suspect: &Suspect, words: &Words) -> String {
    let (queue, backlog) = suspect
        .listening
        .map_or((0, 0), |listening| (listening.queue, listening.backlog));
    let why = match suspect.context.exhausted {
        Some(limit) => out_of_descriptors(limit, words),
        None => words.word("does-not-accept"),
    };
    words.say(
        "accept-queue-full",
        [
            ("queue", number(queue)),
            ("backlog", number(backlog)),
            ("why", why.into()),
        ],
    )
}

fn out_of_descriptors(DescriptorLimit { limit }: DescriptorLimit, words: &Words) -> String {
    words.say("out-of-descriptors", [("limit", number(limit))])
}

fn not_accepted(suspect: &Suspect, words: &Words) -> String {
    let queues = suspect.listening.map(|it| {
        words.say(
            "not-accepted-queues",
            [("queue", number(it.queue)), ("backlog", number(it.backlog))],
        )
    });
    let exhausted = suspect.context.exhausted.map(|limit| {
        let what = out_of_descriptors(limit, words);
        words.say("and-then", [("what", what.into())])
    });
    words.say(
        "not-accepted",
        [
            ("queues", queues.unwrap_or_default().into()),
            ("exhausted", exhausted.unwrap_or_default().into()),
        ],
    )
}

fn not_acked(suspect: &Suspect, queues: &Queues, words: &Words) -> String {
    let what = match (queues.unacked, queues.unsent) {
        (Some(0) | None, Some(0) | None) => words.word("our-fin"),
        _ => words.say("data-and-fin", [("what", waiting(queues, words).into())]),
    };
    let window = match queues.zero_window {
        Some(true) => words.word("window-closed"),
        _ => String::new(),
    };
    let places = [("what", what.into()), ("window", window.into())];
    match suspect.state {
        State::Closing => words.say("not-acked-closing", places),
        State::LastAck => words.say("not-acked-last", places),
        _ => words.say("not-acked", places),
    }
}

fn fin_awaited(setting: Option<Limit>, words: &Words) -> String {
    let timer = match setting {
        Some(Limit {
            name: "TCP_LINGER2",
            ..
        }) => words.word("fin-awaited-linger"),
        Some(Limit {
            value: Some(timeout @ 61..),
            ..
        }) => words.say(
            "fin-awaited-twice",
            [
                ("timeout", number(timeout)),
                ("seconds", number(u64::from(timeout - 60) * 2)),
            ],
        ),
        _ => String::new(),
    };
    words.say("fin-awaited", [("timer", timer.into())])
}

fn half_closed(suspect: &Suspect, queues: &Queues, words: &Words) -> String {
    let unread = match queues.unread {
        Some(unread @ 1..) => {
            let bytes = bytes(unread, words);
            words.say("half-closed-unread", [("bytes", bytes.into())])
        }
        _ => String::new(),
    };
    let timer = match suspect.timer.map(|timer| timer.kind) {
        Some(TimerKind::Keepalive) => words.word("only-keepalive"),
        _ => words.word("no-timer"),
    };
    words.say(
        "half-closed",
        [("unread", unread.into()), ("timer", timer.into())],
    )
}

fn not_read(queues: &Queues, words: &Words) -> String {
    let what = match queues.unread {
        Some(0) => words.word("not-read-end"),
        Some(unread) => {
            let bytes = bytes(unread, words);
            words.say("not-read-bytes", [("bytes", bytes.into())])
        }
        None => words.word("not-read-all"),
    };
    let unsent = unsent_too(queues, words);
    words.say(
        "not-read",
        [("what", what.into()), ("unsent", unsent.into())],
    )
}

/// What waits to be sent or acknowledged.
fn waiting(queues: &Queues, words: &Words) -> String {
    let bytes = |count| bytes(count, words).into();
    match (queues.unacked, queues.unsent) {
        (Some(unacked @ 1..), Some(unsent @ 1..)) => words.say(
            "unacked-and-unsent",
            [("unacked", bytes(unacked)), ("unsent", bytes(unsent))],
        ),
        (Some(unacked @ 1..), _) => words.say("unacked", [("unacked", bytes(unacked))]),
        (_, Some(unsent @ 1..)) => words.say("unsent", [("unsent", bytes(unsent))]),
        _ => words.word("some-data"),
    }
}

fn unsent_too(queues: &Queues, words: &Words) -> String {
    match (queues.unacked, queues.unsent) {
        (Some(0) | None, Some(0) | None) => String::new(),
        _ => words.say("and-also", [("what", waiting(queues, words).into())]),
    }
}

fn bytes(count: u32, words: &Words) -> String {
    let places = [
        ("number", Arg::Count(count.into())),
        ("count", number(count)),
    ];
    words.say("bytes", places)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
