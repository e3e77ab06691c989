//! The SYN that this side sends, and what it means that none was sent.

use super::{Tracker, flow::Flow, order::Out};
use crate::model::{Detail, SocketEvent, State, Syn, SynEvent, Transition};

impl Flow {
    /// How long it was in SYN_SENT before its SYN was sent, ns. Where SYNs are not told, nobody
    /// knows of one that was put off, which few are.
    pub fn unsent_ns(&self, syns_are_told: bool) -> Option<u64> {
        match self.syn {
            Syn::Sent(time_ns) => Some(time_ns.saturating_sub(self.since?)),
            _ if !syns_are_told => Some(0),
            _ => None,
        }
    }
}

impl Tracker {
    /// The port is chosen, and the SYN is out.
    pub(super) fn syn_sent(
        &mut self,
        event: &SynEvent,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let Some(cookie) = event.cookie else { return };
        let Some(flow) = self.flows.peek_mut(cookie) else {
            return;
        };
        if flow.state != State::SynSent {
            return;
        }
        flow.tuple = event.tuple;
        flow.syn = match flow.syn {
            Syn::Awaited if event.retransmits == 0 => Syn::Sent(event.time_ns),
            Syn::Awaited | Syn::NotSeen => Syn::SentBefore,
            known => known,
        };
        flow.announce(cookie, true, out);
        self.deadlines.has_port(cookie);
        if !event.wanted {
            self.flows.remove(cookie);
        }
    }
}

/// Why a process's connect() came to nothing though nobody answered. `port`: it has one; `sent`:
/// its SYN was; `None`: unknown.
pub(super) fn unanswered(event: &SocketEvent, port: bool, sent: Option<bool>) -> Option<Detail> {
    // write_seq is chosen once the port is, and differs from snd_una until all is acknowledged
    // (tcp_v4_connect(), net/ipv4/tcp_ipv4.c). Where it does not, __inet_hash_connect() refused a
    // port that bind() had given, as another connection to the same place has it.
    let sent = sent.unwrap_or(event.evidence.syn_out);
    Some(match sent {
        _ if !port => Detail::NoFreePort,
        true => Detail::GivenUp,
        false if event.evidence.unacked => Detail::NothingSent,
        false => Detail::AddressInUse,
    })
}
