//! Verdicts in words: what is seen, and what to do. Plain sentences, for one connection; what a
//! verdict means in general is in the texts of `tcptrace explain`.

use super::{
    Limit, Queues, Suspect, Verdict,
    age::{Silence, silence},
};
use crate::{
    host::{DescriptorLimit, Listening, TimerKind},
    model::{Reason, SocketKind, State},
};

/// What is seen.
pub(super) fn text(
    suspect: &Suspect,
    verdict: Verdict,
    queues: &Queues,
    setting: Option<Limit>,
) -> String {
    let mut text = seen(suspect, verdict, queues, setting);
    if suspect.context.holders > 1 {
        text += &shared(suspect);
    }
    text
}

fn seen(suspect: &Suspect, verdict: Verdict, queues: &Queues, setting: Option<Limit>) -> String {
    match verdict {
        Verdict::NoAnswer => no_answer(suspect),
        Verdict::NotSent => "No SYN was sent: connect() was put off to the first write, and \
                                 this process has not written (TCP_FASTOPEN_CONNECT)."
            .to_owned(),
        Verdict::HalfOpen => half_open(suspect),
        Verdict::AcceptQueueFull => accept_queue_full(suspect),
        Verdict::DataAwaited => "The client is connected and has sent no data; the listener wants \
                                 data before it accepts (TCP_DEFER_ACCEPT)."
            .to_owned(),
        Verdict::PeerSilent => peer_silent(suspect, queues),
        Verdict::NotAcked if suspect.state == State::Established => format!(
            "The peer is heard, and does not acknowledge what was sent: {}.",
            waiting(queues)
        ),
        Verdict::NotAcked => not_acked(suspect, queues),
        Verdict::ZeroWindow if suspect.state == State::Established => format!(
            "The peer has closed its window: its program does not read, and {} wait here.",
            waiting(queues)
        ),
        Verdict::ZeroWindow => format!(
            "The peer has closed its window: its program does not read, and {} and the FIN wait \
             here.",
            waiting(queues)
        ),
        Verdict::StillSending if suspect.state == State::CloseWait => format!(
            "The peer has closed its side, and still takes what this process sends: {}.",
            waiting(queues)
        ),
        Verdict::StillSending => format!(
            "{} still go out in front of the FIN, and the peer acknowledges them.",
            capital(&waiting(queues))
        ),
        Verdict::FinAwaited => fin_awaited(setting),
        Verdict::HalfClosed => half_closed(suspect, queues),
        Verdict::NotClosed if suspect.state == State::Closed => format!(
            "The connection is over: {}. This process has not closed its descriptor.",
            ended(suspect.context.ended)
        ),
        Verdict::NotClosed => format!(
            "The peer has closed. This process has read everything, up to the peer's FIN, and has \
             not closed{}.",
            unsent_too(queues)
        ),
        Verdict::NotRead => format!(
            "The peer has closed, and this process does not notice: it has not read {}{}.",
            match queues.unread {
                Some(0) => "the end of the stream".to_owned(),
                Some(unread) => format!("{} and the end of the stream", bytes(unread)),
                None => "all that came".to_owned(),
            },
            unsent_too(queues)
        ),
        Verdict::NotAccepted => not_accepted(suspect),
    }
}

/// What to do.
pub(super) fn advice(suspect: &Suspect, verdict: Verdict) -> &'static str {
    let context = &suspect.context;
    match verdict {
        Verdict::NoAnswer if context.server.is_some_and(|(it, _)| it.is_full()) => {
            "No firewall is to blame: the listener is on this machine. Its program must call \
             accept(), or is it stopped? A larger backlog in listen(), and somaxconn, help \
             against bursts only."
        }
        Verdict::NoAnswer if context.server.is_some() => {
            "The listener is on this machine, and has room now: does a rule of this machine's own \
             firewall drop the SYNs, or was its queue full when they came? The next one tells."
        }
        Verdict::NoAnswer => {
            "Is the peer up, is the address right, and does a firewall drop the SYNs? The program \
             may give up sooner: a timeout of its own for connect(), or TCP_SYNCNT."
        }
        Verdict::NotSent => {
            "The peer knows nothing of it, and no timer runs: the program must write, or close it."
        }
        // Both sides opened: there is no listener, nor a flood.
        Verdict::HalfOpen if suspect.kind != SocketKind::Request => {
            "Is the peer still there, and does a firewall drop what it sends?"
        }
        Verdict::HalfOpen => {
            "Does the SYN+ACK find its way back (routes, firewalls)? Many of them from all over \
             are a SYN flood: tcp_syncookies = 1 lets real clients in."
        }
        Verdict::AcceptQueueFull | Verdict::NotAccepted if context.exhausted.is_some() => {
            "accept() fails with EMFILE until the program closes descriptors, or may have more: \
             LimitNOFILE= of its unit, or ulimit -n. `tcptrace stuck -s closed,close-wait -p PID` \
             shows those that it has forgotten."
        }
        Verdict::AcceptQueueFull | Verdict::NotAccepted => {
            "The program that listens must call accept() faster, or is it stopped? A larger \
             backlog in listen(), and somaxconn, help against bursts only."
        }
        Verdict::DataAwaited => {
            "A client that waits for the server to speak first waits in vain: take \
             TCP_DEFER_ACCEPT off that listener. Otherwise leave it alone."
        }
        Verdict::PeerSilent => {
            "Has the peer's machine gone, or a link, or does a firewall or NAT in between drop the \
             connection? TCP_USER_TIMEOUT makes a program notice sooner."
        }
        Verdict::NotAcked => match suspect.state {
            State::Established => {
                "Small segments come, large ones do not arrive, perhaps: an MTU on the way that \
                 nobody is told of, as ICMP is filtered (tcp_mtu_probing helps). Or the way there \
                 is broken, and the way back is not."
            }
            State::LastAck => {
                "The peer, or a firewall in between, has forgotten the connection, mostly as this \
                 side closed so late: look how long it was in CLOSE_WAIT before."
            }
            State::Closing => {
                "Is the peer still there? Both sides closed at the same moment: the same timeout \
                 on both is often the cause, give them different ones."
            }
            State::FinWait1 if suspect.owned => {
                "Is the peer still there? close() makes an orphan of it, which is given up sooner: \
                 tcp_orphan_retries."
            }
            _ => {
                "Is the peer still there, and does a firewall in between still know the \
                 connection? It ends by itself; nothing here holds it."
            }
        },
        Verdict::ZeroWindow if suspect.state == State::Established => {
            "Look at the program at the other end: it hangs, or reads too slowly."
        }
        Verdict::ZeroWindow => {
            "Look at the program at the other end: it hangs, or reads too slowly. To throw the \
             rest away: SO_LINGER {1, 0} before close()."
        }
        Verdict::StillSending if suspect.state == State::CloseWait => {
            "Nothing is wrong as long as this program has something to send; then it must close()."
        }
        Verdict::StillSending => "Nothing is wrong: the network or the peer is slow. Wait.",
        Verdict::FinAwaited => {
            "The program at the other end has not closed: look for CLOSE_WAIT there. This one \
             ends by itself."
        }
        Verdict::HalfClosed => {
            "shutdown() alone leaves it so for ever if the peer does not close: this program must \
             close(), or have a timeout. tcp_fin_timeout does nothing about it."
        }
        Verdict::NotClosed if context.holders > 1 => {
            "Each process must close its own descriptor: after fork(), the one that does not serve \
             the connection closes it at once; what exec() should not inherit has SOCK_CLOEXEC."
        }
        Verdict::NotClosed if suspect.state == State::Closed => {
            "Nothing more can come: the program must close() what poll() reports an error or the \
             end of. Until then each one takes a descriptor of its limit (ulimit -n)."
        }
        Verdict::NotClosed => {
            "Does this program still work at an answer? The peer may have closed its sending side \
             alone, and wait for one. If not, it has forgotten the connection: it must close() \
             when read() gives 0."
        }
        Verdict::NotRead => {
            "This program is busy with something else, hangs, or has forgotten the connection: it \
             must read() to the end, and close()."
        }
    }
}

fn no_answer(suspect: &Suspect) -> String {
    let Some((listening, process)) = suspect.context.server else {
        return "The peer does not answer the SYN.".to_owned();
    };
    let whose = process.map_or(String::new(), |process| match process.pid {
        Some(pid) => format!(" ({}, pid {pid})", process.comm.as_str()),
        None => format!(" ({})", process.comm.as_str()),
    });
    let Listening { queue, backlog, .. } = listening;
    if listening.is_full() {
        format!(
            "The listener is on this machine{whose}, and its accept queue is full: {queue} wait, \
             for a backlog of {backlog}. It drops the SYN{}.",
            dropped(&listening)
        )
    } else {
        format!(
            "The SYN is not answered, though somebody listens there, on this machine{whose}: \
             {queue} wait in the accept queue, for a backlog of {backlog}{}.",
            dropped(&listening)
        )
    }
}

/// What the listener has dropped.
fn dropped(listening: &Listening) -> String {
    match listening.dropped {
        None | Some(0) => String::new(),
        Some(1) => "; it has dropped 1 segment so far".to_owned(),
        Some(many) => format!("; it has dropped {many} segments so far"),
    }
}

/// Several processes have it.
fn shared(suspect: &Suspect) -> String {
    let how = match suspect.context.inherited {
        true => "its descriptor was inherited",
        false => "its descriptor was inherited, or passed on",
    };
    format!(
        " {} processes hold it ({how}): it is closed when all of them have.",
        suspect.context.holders
    )
}

fn peer_silent(suspect: &Suspect, queues: &Queues) -> String {
    let what = waiting(queues);
    match (silence(suspect), suspect.timer.map(|timer| timer.kind)) {
        (Silence::Total(time), Some(TimerKind::Probe)) => format!(
            "Nothing has come from the peer for {}, nor an answer to window probes: {what}.",
            about(time)
        ),
        (Silence::Total(time), _) => format!(
            "Nothing has come from the peer for {}, and what was sent is not acknowledged: {what}.",
            about(time)
        ),
        _ => format!("The peer does not acknowledge what was sent: {what}."),
    }
}

/// A time in whole seconds, or ms below one.
fn about(time: std::time::Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds => format!("{seconds} s"),
    }
}

/// How a connection ended.
fn ended(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::ResetByPeer) => "the peer has reset it",
        Some(Reason::ResetByUs) => "this machine has reset it",
        Some(Reason::TimedOut) => "the peer did not answer, and its retransmissions are used up",
        Some(Reason::KeepaliveTimeout) => "the peer did not answer keepalive's probes",
        Some(Reason::Killed) => "it was killed (ss -K)",
        Some(Reason::Refused) => "the peer has refused it",
        Some(Reason::Unreachable) => "the peer could not be reached",
        Some(Reason::Unknown) | None => "why is not known",
        // Both sides have sent a FIN.
        Some(_) => "both sides have shut it down",
    }
}

fn half_open(suspect: &Suspect) -> String {
    if suspect.kind != SocketKind::Request {
        return "Both sides sent a SYN, and the ACK of ours does not come.".to_owned();
    }
    let mut text = "The client does not complete the handshake: no ACK for our SYN+ACK".to_owned();
    if let Some(listening) = suspect.listening {
        text += &format!(
            ". {} half open at this port, {} of {} wait for accept()",
            listening.half_open, listening.queue, listening.backlog
        );
    }
    if let Some(cookies) = suspect.settings.syncookies {
        text += &format!("; tcp_syncookies = {cookies}");
    }
    text + "."
}

fn accept_queue_full(suspect: &Suspect) -> String {
    let (queue, backlog) = suspect
        .listening
        .map_or((0, 0), |listening| (listening.queue, listening.backlog));
    let why = match suspect.context.exhausted {
        Some(limit) => out_of_descriptors(limit),
        None => "The program does not accept()".to_owned(),
    };
    format!(
        "The accept queue is full: {queue} wait, for a backlog of {backlog}. {why}, and the \
         client's ACK is dropped."
    )
}

fn out_of_descriptors(DescriptorLimit { limit }: DescriptorLimit) -> String {
    format!("The program has all {limit} descriptors that it may have open, so that accept() fails")
}

fn not_accepted(suspect: &Suspect) -> String {
    let mut text =
        "The peer has connected and closed, and no process has accepted it yet".to_owned();
    if let Some(listening) = suspect.listening {
        text += &format!(
            ": {} wait in the accept queue, for a backlog of {}",
            listening.queue, listening.backlog
        );
    }
    if let Some(limit) = suspect.context.exhausted {
        text += &format!(". {}", out_of_descriptors(limit));
    }
    text + "."
}

fn not_acked(suspect: &Suspect, queues: &Queues) -> String {
    let what = match (queues.unacked, queues.unsent) {
        (Some(0) | None, Some(0) | None) => "our FIN".to_owned(),
        _ => format!("what was sent: {} in front of our FIN", waiting(queues)),
    };
    let closed = match suspect.state {
        State::Closing => "Both sides closed at once, and the peer does not acknowledge",
        State::LastAck => "The peer closed first, and does not acknowledge",
        _ => "The peer does not acknowledge",
    };
    let window = match queues.zero_window {
        Some(true) => "; its window is closed, and it answers no probes",
        _ => "",
    };
    format!("{closed} {what}{window}.")
}

fn fin_awaited(setting: Option<Limit>) -> String {
    let mut text =
        "This side has closed and the peer knows; the peer has not closed yet".to_owned();
    match setting {
        Some(Limit {
            name: "TCP_LINGER2",
            ..
        }) => {
            text += ". Its timer runs longer than tcp_fin_timeout says: TCP_LINGER2 of that \
                     socket, or the setting was another when it closed";
        }
        Some(Limit {
            value: Some(timeout @ 61..),
            ..
        }) => {
            let half = timeout - 60;
            text += &format!(
                ". tcp_fin_timeout = {timeout} is really 2 x ({timeout} - 60) = {} s",
                u64::from(half) * 2
            );
        }
        _ => {}
    }
    text + "."
}

fn half_closed(suspect: &Suspect, queues: &Queues) -> String {
    let unread = match queues.unread {
        Some(unread @ 1..) => format!("; {} are unread", bytes(unread)),
        _ => String::new(),
    };
    let timer = match suspect.timer.map(|timer| timer.kind) {
        Some(TimerKind::Keepalive) => "Only keepalive's timer runs",
        _ => "No timer runs",
    };
    format!(
        "This process has called shutdown() and not close(), and the peer has not closed{unread}. \
         {timer}."
    )
}

/// What waits to be sent or acknowledged.
fn waiting(queues: &Queues) -> String {
    match (queues.unacked, queues.unsent) {
        (Some(unacked @ 1..), Some(unsent @ 1..)) => {
            format!(
                "{} unacknowledged and {} unsent",
                bytes(unacked),
                bytes(unsent)
            )
        }
        (Some(unacked @ 1..), _) => format!("{} unacknowledged", bytes(unacked)),
        (_, Some(unsent @ 1..)) => format!("{} unsent", bytes(unsent)),
        _ => "data".to_owned(),
    }
}

fn unsent_too(queues: &Queues) -> String {
    match (queues.unacked, queues.unsent) {
        (Some(0) | None, Some(0) | None) => String::new(),
        _ => format!("; {}", waiting(queues)),
    }
}

fn bytes(count: u32) -> String {
    match count {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
