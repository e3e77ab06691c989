//! The notation of the cases: see `README.md` beside it.

use std::{fmt::Write as _, time::Duration};

use tcptrace::{
    diagnose::{self, Age, Circumstances, Diagnosis, Suspect},
    host::{DescriptorLimit, Listening, TcpInfo, Timer, TimerKind, WaitSettings},
    language::{Chapter, Language, Words},
    model::{Reason, SocketKind},
};

/// Settings as they are on a machine on which nobody changed them.
const DEFAULTS: WaitSettings = WaitSettings {
    fin_timeout_s: Some(60),
    orphan_retries: Some(0),
    retries2: Some(15),
    syn_retries: Some(6),
    syn_linear_timeouts: Some(4),
    synack_retries: Some(5),
    syncookies: Some(1),
    somaxconn: Some(4096),
    rto_max_ms: Some(120_000),
};

/// Reads what is known of a connection.
pub fn parse(text: &str) -> Result<Suspect, String> {
    let mut suspect = None;
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        let rest: Vec<&str> = words.collect();
        match (&mut suspect, first) {
            (None, state) => suspect = Some(begin(state, &rest)?),
            (Some(it), "timer") => it.timer = Some(timer(&rest)?),
            (Some(it), "queues") => queues(it, &rest)?,
            (Some(it), "info") => it.info = Some(info(&rest)?),
            (Some(it), "listener") => it.listening = Some(listener(&rest)?),
            (Some(it), "server") => it.context.server = Some((listener(&rest)?, None)),
            (Some(it), "context") => context(&mut it.context, &rest)?,
            (Some(it), "settings") => settings(&mut it.settings, &rest)?,
            (_, other) => return Err(format!("'{other}' is no line of a case")),
        }
    }
    suspect.ok_or_else(|| "no connection".to_owned())
}

fn begin(state: &str, rest: &[&str]) -> Result<Suspect, String> {
    let (kind, owned) = match rest {
        ["minisock"] => (SocketKind::Minisock, false),
        ["request"] => (SocketKind::Request, false),
        ["socket"] => (SocketKind::Full, false),
        ["socket", "owned"] => (SocketKind::Full, true),
        other => return Err(format!("{other:?} is no kind of socket")),
    };
    Ok(Suspect {
        state: state.parse().map_err(|error| format!("{error}"))?,
        kind,
        owned,
        timer: None,
        recv_queue: 0,
        send_queue: 0,
        info: None,
        listening: None,
        settings: DEFAULTS,
        context: Circumstances::default(),
    })
}

fn timer(words: &[&str]) -> Result<Timer, String> {
    let [kind, left, rest @ ..] = words else {
        return Err("a timer has a kind and what is left".to_owned());
    };
    let kind = [
        TimerKind::Retransmit,
        TimerKind::Keepalive,
        TimerKind::TimeWait,
        TimerKind::Probe,
    ]
    .into_iter()
    .find(|each| each.name() == *kind)
    .ok_or_else(|| format!("'{kind}' is no timer"))?;
    let mut retries = 0;
    for (name, value) in pairs(rest)? {
        match name {
            "retries" => retries = number(value)?,
            other => return Err(unknown(other)),
        }
    }
    Ok(Timer {
        kind,
        remaining: time(left)?,
        retries,
    })
}

fn queues(suspect: &mut Suspect, words: &[&str]) -> Result<(), String> {
    for (name, value) in pairs(words)? {
        match name {
            "recv" => suspect.recv_queue = number(value)?,
            "send" => suspect.send_queue = number(value)?,
            other => return Err(unknown(other)),
        }
    }
    Ok(())
}

fn info(words: &[&str]) -> Result<TcpInfo, String> {
    let mut info = TcpInfo {
        rto: Duration::from_millis(204),
        unsent: Some(0),
        window: Some(60_000),
        ..TcpInfo::default()
    };
    for (name, value) in pairs(words)? {
        match name {
            "retransmits" => info.retransmits = number(value)?,
            "probes" => info.probes = number(value)?,
            "backoff" => info.backoff = number(value)?,
            "rto" => info.rto = time(value)?,
            "last-ack" => info.last_ack = time(value)?,
            "last-sent" => info.last_sent = time(value)?,
            "in-recovery" => info.in_recovery = Some(time(value)?),
            "unsent" => info.unsent = optional(value)?,
            "window" => info.window = optional(value)?,
            other => return Err(unknown(other)),
        }
    }
    Ok(info)
}

fn listener(words: &[&str]) -> Result<Listening, String> {
    let mut listening = Listening {
        queue: 0,
        backlog: 0,
        half_open: 0,
        dropped: None,
        inode: Some(1),
    };
    for (name, value) in pairs(words)? {
        match name {
            "queue" => listening.queue = number(value)?,
            "backlog" => listening.backlog = number(value)?,
            "half-open" => listening.half_open = number(value)?,
            "dropped" => listening.dropped = optional(value)?,
            other => return Err(unknown(other)),
        }
    }
    Ok(listening)
}

fn context(context: &mut Circumstances, words: &[&str]) -> Result<(), String> {
    for (name, value) in pairs(words)? {
        match name {
            "user-timeout" => context.user_timeout_ms = optional(value)?,
            "holders" => context.holders = number(value)?,
            "inherited" => context.inherited = value == "yes",
            "descriptors" => {
                let limit = number(value)?;
                context.exhausted = Some(DescriptorLimit { limit });
            }
            "ended" => {
                let mut all = Reason::ALL.into_iter();
                context.ended = all.find(|reason| reason.name() == value);
            }
            other => return Err(unknown(other)),
        }
    }
    Ok(())
}

fn settings(settings: &mut WaitSettings, words: &[&str]) -> Result<(), String> {
    for (name, value) in pairs(words)? {
        let value = optional(value)?;
        match name {
            "tcp_fin_timeout" => settings.fin_timeout_s = value,
            "tcp_orphan_retries" => settings.orphan_retries = value,
            "tcp_retries2" => settings.retries2 = value,
            "tcp_syn_retries" => settings.syn_retries = value,
            "tcp_syn_linear_timeouts" => settings.syn_linear_timeouts = value,
            "tcp_synack_retries" => settings.synack_retries = value,
            "tcp_syncookies" => settings.syncookies = value,
            "somaxconn" => settings.somaxconn = value,
            "tcp_rto_max_ms" => settings.rto_max_ms = value,
            other => return Err(unknown(other)),
        }
    }
    Ok(())
}

fn pairs<'a>(words: &[&'a str]) -> Result<Vec<(&'a str, &'a str)>, String> {
    words
        .iter()
        .map(|word| {
            word.split_once('=')
                .ok_or_else(|| format!("'{word}' is no name=value"))
        })
        .collect()
}

fn unknown(name: &str) -> String {
    format!("'{name}' is not known")
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("'{word}' is no number"))
}

/// `-` where the kernel does not tell.
fn optional(word: &str) -> Result<Option<u32>, String> {
    match word {
        "-" => Ok(None),
        word => number(word).map(Some),
    }
}

/// `12s`, `1.5s` or `204ms`.
fn time(word: &str) -> Result<Duration, String> {
    let (value, unit) = match word.strip_suffix("ms") {
        Some(value) => (value, 1e-3),
        None => (word.strip_suffix('s').unwrap_or(word), 1.0),
    };
    let value: f64 = number(value)?;
    Ok(Duration::from_millis((value * unit * 1000.0).round() as u64))
}

/// Writes what is said of a connection.
pub fn write(age: &Age, suspect: &Suspect, it: &Diagnosis) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "verdict    {}", it.verdict);
    let since = match (age.held, age.waited) {
        (Some(held), _) => format!("held at least {}", seconds(held)),
        (_, Some(waited)) if age.estimated => format!("about {}", seconds(waited)),
        (_, Some(waited)) => format!("waited for {}", seconds(waited)),
        _ => "-".to_owned(),
    };
    let _ = writeln!(text, "age        {since}");
    let setting = it.setting.map_or("-".to_owned(), |it| {
        it.value
            .map_or(it.name.to_owned(), |value| format!("{} = {value}", it.name))
    });
    let _ = writeln!(text, "setting    {setting}");
    let left = it.remaining.map_or("-".to_owned(), seconds);
    let _ = writeln!(text, "remaining  {left}");
    let _ = writeln!(
        text,
        "retries    {} of {}",
        some(it.retries),
        some(it.most_retries)
    );
    let queues = it.queues;
    let _ = writeln!(
        text,
        "queues     unread {}, unsent {}, unacked {}, window {}",
        some(queues.unread),
        some(queues.unsent),
        some(queues.unacked),
        queues
            .zero_window
            .map_or("-", |zero| if zero { "closed" } else { "open" })
    );
    let words = Words::kept(Chapter::Stuck, Language::English);
    for (name, long) in [
        ("text", diagnose::text(suspect, it, words)),
        ("advice", diagnose::advice(suspect, it.verdict, words)),
    ] {
        let options = textwrap::Options::new(90)
            .initial_indent("    ")
            .subsequent_indent("    ")
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let _ = writeln!(text, "{name}\n{}", textwrap::fill(&long, options));
    }
    text
}

fn some(value: Option<u32>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}
