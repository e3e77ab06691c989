//! A line of `stuck`.

use std::{fmt, io, num::NonZeroU32};

use anstyle::Style;

use super::{
    holders::Holders,
    identity::{Identity, pid_of},
    workload::{ContainerRow, PodRow, Whose},
};
use crate::{
    diagnose::{Diagnosis, Held, Limit, Verdict},
    host::TimerKind,
    language::{Chapter, Language, Words},
    model::{Comm, Reason, State, ns},
    output::{
        Context, Scratch, Shown, ShownStuck,
        address::{IPV4, IPV6},
        columns::{Column, LONGEST_WORKLOAD, WORKLOAD},
        duration::{DURATION, Human},
        fields::{CgroupPath, OneOf, Time, Word},
        row::{line, row},
        table::{Below, Cell, Tabled},
    },
};

row! {
    /// A connection that is stuck.
    pub struct StuckRow<'a> {
        /// When it was looked at: RFC 3339 with nanoseconds, UTC.
        time: Time,
        /// When it was looked at: CLOCK_MONOTONIC, ns, as tcptrace's own time namespace has it.
        mono_ns: u64,
        /// Which connection.
        identity: Identity<'a>,
        /// The state that it does not leave.
        state: State,
        /// How long it has been in that state, or has waited there for what the verdict says where
        /// that is known to be longer, ns; in ESTABLISHED, since something is unacknowledged. Null
        /// when nothing is known of that.
        held_ns: Option<u64>,
        /// Whether it may be longer, as it began before tracing did.
        held_at_least: bool,
        /// Whether that is what a setting says, which may not be the one by which the connection's
        /// timer was made.
        held_estimated: bool,
        /// Why a connection that is over (CLOSED) ended: tcptrace explain REASON tells more. Null
        /// in any other state, and when it is unknown.
        reason: Option<Reason>,
        /// Why it does not go on: tcptrace explain VERDICT tells more.
        verdict: Verdict,
        /// The verdict in words, for this connection.
        verdict_text: String,
        /// Id of the process that has the socket, or closed it; of a connection that nobody has
        /// accepted, of its listener. Null when unknown.
        pid: Option<NonZeroU32>,
        /// Name of that process, with ? for what is no text; null when unknown.
        comm: Option<Comm>,
        /// Id of the user that the socket belongs to; null when unknown.
        uid: Option<u32>,
        /// Path of that process's control group (v2), below the root of all; null when unknown.
        cgroup: Option<CgroupPath<'a>>,
        /// The container that that process runs in; null when in none, or unknown.
        container: Option<ContainerRow<'a>>,
        /// The pod that the container belongs to; null when to none, or unknown. Its uid may be known
        /// where its name is not.
        pod: Option<PodRow<'a>>,
        /// The unit of systemd, or of a user's, as systemctl status PID finds it; null when none, or
        /// unknown.
        unit: Option<&'a str>,
        /// The file descriptor by which that process has it; null when it has none, or it can't be
        /// told.
        fd: Option<u32>,
        /// All processes that hold the socket, with the lowest descriptor by which each does; empty
        /// when none does, or none can be told.
        holders: Holders<'a>,
        /// Whether a process had it, and none has it any more.
        orphan: bool,
        /// What governs how long it lasts, a sysctl or a socket option: tcptrace explain SETTING
        /// tells more. Null when nothing does.
        setting: Option<Word<LimitNames>>,
        /// The present value of that setting in the connection's network namespace; null for a
        /// socket option that can't be seen, and when unknown. TCP_USER_TIMEOUT is in ms.
        setting_value: Option<u32>,
        /// The timer that runs: to send again, to probe a quiet peer, to end an orphan's FIN_WAIT2,
        /// to probe a closed window. Null when none does.
        timer: Option<TimerKind>,
        /// About how long until the kernel gives up, if the peer stays as it is, ns; null when it
        /// does not, or that can't be told.
        remaining_ns: Option<u64>,
        /// How often it was sent again so far, without an answer; null when nothing is sent.
        retries: Option<u32>,
        /// How often it will be sent again at the most; null when that can't be told.
        most_retries: Option<u32>,
        /// Data that came and that the process has not read, in bytes; null when it can't be told.
        unread_bytes: Option<u32>,
        /// Data that waits to be sent, in bytes; null when it can't be told.
        unsent_bytes: Option<u32>,
        /// Data that was sent and not acknowledged, in bytes; null when it can't be told.
        unacked_bytes: Option<u32>,
        /// Whether the peer takes no more data; null when it can't be told.
        zero_window: Option<bool>,
        /// How many connections wait at its listener to be accepted; null when there is no
        /// listener.
        accept_queue: Option<u32>,
        /// How many may wait there; null when there is no listener.
        backlog: Option<u32>,
        /// What to do.
        advice: String,
    }
}
line!(StuckRow<'_> = "stuck", "A connection that does not go on", "A line of stuck.");

/// The settings that govern how long something lasts.
pub struct LimitNames;

impl OneOf for LimitNames {
    const WORDS: &'static [&'static str] = &[
        "tcp_syn_retries",
        "tcp_synack_retries",
        "somaxconn",
        "TCP_DEFER_ACCEPT",
        "TCP_FASTOPEN_CONNECT",
        "tcp_orphan_retries",
        "tcp_retries2",
        "tcp_fin_timeout",
        "TCP_LINGER2",
        "TCP_USER_TIMEOUT",
    ];
}

impl Shown for ShownStuck {
    type Row<'a> = StuckRow<'a>;

    fn row<'a>(&'a self, around: &'a mut Context<'_>, scratch: &'a mut Scratch) -> StuckRow<'a> {
        let (it, why) = (&self.connection, &self.diagnosis);
        let owner = &it.owner;
        let whose = Whose::of(owner, around.cgroups);
        let waiting = self.suspect.listening;
        StuckRow {
            time: scratch.time.of(around.clock.wall(self.mono_ns)),
            mono_ns: around.clock.own(self.mono_ns),
            identity: Identity::new(it.cookie, &it.tuple, around.links),
            state: it.state,
            held_ns: self.held.ns,
            held_at_least: self.held.at_least,
            held_estimated: self.held.estimated,
            reason: self.suspect.context.ended,
            verdict: why.verdict,
            // Programs read it: always the same.
            verdict_text: self.text(Language::English),
            pid: pid_of(owner.process.as_ref()),
            comm: owner.process.map(|process| process.comm),
            uid: owner.uid,
            cgroup: whose.path.map(CgroupPath),
            container: whose.container,
            pod: whose.pod,
            unit: whose.unit,
            fd: self.descriptor,
            holders: Holders(&self.holders),
            orphan: self.suspect.is_orphan(),
            setting: why.setting.map(|setting| setting.name.into()),
            setting_value: why.setting.and_then(|setting| setting.value),
            timer: self.suspect.timer.map(|timer| timer.kind),
            remaining_ns: why.remaining.map(ns),
            retries: why.retries,
            most_retries: why.most_retries,
            unread_bytes: why.queues.unread,
            unsent_bytes: why.queues.unsent,
            unacked_bytes: why.queues.unacked,
            zero_window: why.queues.zero_window,
            accept_queue: waiting.map(|it| it.queue),
            backlog: waiting.map(|it| it.backlog),
            advice: self.advice(Language::English),
        }
    }
}

/// The columns of `stuck`.
#[derive(Clone, Copy, Debug)]
pub enum StuckColumn {
    State,
    Held,
    Local,
    Remote,
    Process,
    Workload,
    Descriptor,
}

/// The longest name of a state that is watched.
const STATE: usize = 11;
const DESCRIPTOR: usize = 4;
/// Text is not wider than that, however wide the terminal is: it would be hard to read.
const WIDEST_TEXT: usize = 100;
/// Below that, there is no room to indent text.
const NARROW: usize = 20;
const INDENT: &str = "  ";

impl Tabled for ShownStuck {
    type Column = StuckColumn;
    const COLUMNS: &'static [Column<StuckColumn>] = {
        use StuckColumn as Of;
        &[
            Column::new(Of::State, "STATE", STATE),
            // With `≥` or `>=` before it.
            Column::new(Of::Held, "HELD", 1 + DURATION)
                .right()
                .in_ascii(1),
            Column::new(Of::Local, "LOCAL", IPV4).shares(IPV6),
            Column::new(Of::Remote, "REMOTE", IPV4).shares(IPV6),
            Column::new(Of::Process, "PROCESS", 12)
                .grows_first(23)
                .in_a_file(15)
                .in_ascii(-1),
            Column::new(Of::Workload, "RUNS IN", WORKLOAD)
                .goes(0)
                .shares(LONGEST_WORKLOAD),
            Column::new(Of::Descriptor, "FD", DESCRIPTOR)
                .right()
                .goes(1),
        ]
    };

    fn cell(&self, of: StuckColumn, cell: &mut Cell<'_, '_>) {
        let (it, ascii) = (&self.connection, cell.ascii());
        match of {
            StuckColumn::State => cell.put(cell.palette().state(it.state), it.state),
            StuckColumn::Held => {
                let held = self.held;
                cell.put(Style::new(), HeldFor { held, ascii });
            }
            StuckColumn::Local => cell.local(&it.tuple),
            StuckColumn::Remote => cell.remote(&it.tuple),
            StuckColumn::Workload => cell.workload(&it.owner),
            StuckColumn::Process => {
                cell.process(&it.owner, self.holders.len().saturating_sub(1));
            }
            StuckColumn::Descriptor => cell.known(self.descriptor),
        }
    }

    /// Why, how long still, and what to do.
    fn below(&self, below: &mut Below<'_>) -> io::Result<()> {
        let (why, ascii) = (&self.diagnosis, below.look.ascii);
        let plain = |text: String| match ascii {
            true => text.replace('→', "->"),
            false => text,
        };
        let (width, first, rest, further) = match below.width {
            narrow @ ..NARROW => (narrow.max(1), "", "", ""),
            width => (width.min(WIDEST_TEXT), INDENT, INDENT, "    "),
        };
        let language = below.look.language;
        let words = Words::kept(Chapter::Stuck, language);
        let said = plain(format!("{}: {}", why.verdict, self.text(language)));
        below.paragraph(Style::new(), &said, width, first, rest)?;
        if let Some(text) = limit(why, ascii, words) {
            below.paragraph(Style::new(), &plain(text), width, first, rest)?;
        }
        let (faint, advice) = (
            below.look.palette.faint(),
            plain(format!("→ {}", self.advice(language))),
        );
        below.paragraph(faint, &advice, width, first, further)
    }
}

/// What limits it, and how long still.
fn limit(why: &Diagnosis, ascii: bool, words: &Words) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(Limit { name, value }) = why.setting {
        parts.push(match value {
            Some(value) => {
                let setting = format!("{name} = {value}{}", unit(name));
                let place = [("setting", setting.as_str().into())];
                match (name, value) {
                    ("tcp_orphan_retries", 0) => words.say("which-means-8", place),
                    // Nothing tells whether that socket has set it.
                    ("tcp_fin_timeout", _) => words.say("or-linger2", place),
                    // The socket could not be asked; otherwise what is left would be known.
                    ("tcp_retries2", _) if why.remaining.is_none() => {
                        words.say("or-user-timeout", place)
                    }
                    _ => setting,
                }
            }
            None => words.say("governs", [("setting", name.into())]),
        });
    }
    let number = |it: u32| it.to_string().into();
    match (why.retries, why.most_retries) {
        (Some(so_far), Some(most)) => parts.push(words.say(
            "sent-again-of",
            [("count", number(so_far)), ("most", number(most))],
        )),
        (Some(so_far), None) => parts.push(words.say("sent-again", [("count", number(so_far))])),
        _ => {}
    }
    if let Some(left) = why.remaining {
        let time = Human {
            ns: ns(left),
            ascii,
        };
        parts.push(words.say("over-in", [("time", time.to_string().into())]));
    }
    if why.verdict == Verdict::DataAwaited {
        // Its text says all there is.
        return None;
    }
    let all = parts.into_iter().reduce(|first, second| {
        words.say(
            "parts",
            [("first", first.into()), ("second", second.into())],
        )
    });
    match (all, why.verdict) {
        (Some(all), _) => Some(words.say("ended-sentence", [("what", all.into())])),
        (None, Verdict::StillSending) => None,
        // Nothing runs any more.
        (None, Verdict::NotClosed) if why.is_over => None,
        (None, Verdict::ZeroWindow) => Some(words.word("no-setting-while")),
        (None, _) => Some(words.word("no-setting")),
    }
}

fn unit(setting: &str) -> &'static str {
    match setting {
        "tcp_fin_timeout" => " s",
        "TCP_USER_TIMEOUT" => " ms",
        _ => "",
    }
}

fn at_least(ascii: bool) -> &'static str {
    if ascii { ">=" } else { "≥" }
}

/// How long, with `≥` where it may be longer, and `~` where a setting that may be another says so.
struct HeldFor {
    held: Held,
    ascii: bool,
}

impl fmt::Display for HeldFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(ns) = self.held.ns else {
            return f.write_str("-");
        };
        if self.held.at_least {
            f.write_str(at_least(self.ascii))?;
        } else if self.held.estimated {
            f.write_str("~")?;
        }
        let human = Human {
            ns,
            ascii: self.ascii,
        };
        human.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::diagnose::Queues;

    fn diagnosis(verdict: Verdict, setting: Option<(&'static str, Option<u32>)>) -> Diagnosis {
        Diagnosis {
            verdict,
            setting: setting.map(|(name, value)| Limit { name, value }),
            remaining: None,
            retries: None,
            most_retries: None,
            queues: Queues::default(),
            is_over: false,
        }
    }

    #[track_caller]
    fn says(it: &Diagnosis, text: &str) {
        let words = Words::kept(Chapter::Stuck, Language::English);
        assert_eq!(limit(it, true, words).unwrap_or_default(), text);
    }

    #[test]
    fn a_setting_is_told_with_what_its_value_means() {
        for (name, value, text) in [
            (
                "tcp_orphan_retries",
                Some(0),
                "tcp_orphan_retries = 0 (which means 8).",
            ),
            ("tcp_orphan_retries", Some(5), "tcp_orphan_retries = 5."),
            (
                "tcp_fin_timeout",
                Some(60),
                "tcp_fin_timeout = 60 s (or TCP_LINGER2).",
            ),
            (
                "tcp_retries2",
                Some(15),
                "tcp_retries2 = 15 (or TCP_USER_TIMEOUT).",
            ),
            (
                "TCP_USER_TIMEOUT",
                Some(5000),
                "TCP_USER_TIMEOUT = 5000 ms.",
            ),
            ("TCP_LINGER2", None, "TCP_LINGER2 governs it."),
        ] {
            says(&diagnosis(Verdict::NotAcked, Some((name, value))), text);
        }
        let asked = Diagnosis {
            remaining: Some(Duration::from_secs(7)),
            ..diagnosis(Verdict::NotAcked, Some(("tcp_retries2", Some(15))))
        };
        says(&asked, "tcp_retries2 = 15; over in about 7.00s.");
    }

    #[test]
    fn it_is_told_how_often_it_was_sent_again() {
        let sent = |most_retries| Diagnosis {
            retries: Some(3),
            most_retries,
            ..diagnosis(Verdict::NotAcked, None)
        };
        says(&sent(Some(15)), "sent again 3 of 15 times.");
        says(&sent(None), "sent again 3 times.");
    }

    #[test]
    fn where_no_setting_limits_it_that_is_told_unless_it_says_nothing() {
        let of = |verdict| diagnosis(verdict, None);
        says(&of(Verdict::NotRead), "No setting limits it.");
        says(&of(Verdict::NotClosed), "No setting limits it.");
        says(
            &of(Verdict::ZeroWindow),
            "No setting limits it while the peer answers.",
        );
        says(&of(Verdict::StillSending), "");
        let over = Diagnosis {
            is_over: true,
            ..of(Verdict::NotClosed)
        };
        says(&over, "");
        says(
            &diagnosis(Verdict::DataAwaited, Some(("TCP_DEFER_ACCEPT", None))),
            "",
        );
    }

    #[test]
    fn how_long_says_what_it_is_known_by() {
        let held = |ns, at_least, estimated, ascii| {
            let held = Held {
                ns,
                at_least,
                estimated,
            };
            HeldFor { held, ascii }.to_string()
        };
        let seconds = Some(47_000_000_000);
        assert_eq!(held(seconds, false, false, false), "47.0s");
        assert_eq!(held(seconds, true, false, false), "≥47.0s");
        assert_eq!(held(seconds, true, false, true), ">=47.0s");
        assert_eq!(held(seconds, false, true, false), "~47.0s");
        assert_eq!(held(None, true, false, false), "-");
    }
}
