//! How a connection ended, in a few words.

use std::{cell::RefCell, rc::Rc};

use rustc_hash::FxHashMap;

use crate::{
    language::{Language, Words, why},
    model::{Closer, Detail, FlowEnd, FlowRecord, Reason},
};

/// Connections end alike by the million: how is put into words once.
type Kind = (Language, Option<Closer>, Option<FlowEnd>, Option<Detail>);
thread_local! {
    static ENDED: RefCell<FxHashMap<Kind, Rc<str>>> = RefCell::default();
}

/// Who ended it, and how, as it is kept.
pub fn kept(it: &FlowRecord, words: &Words) -> Rc<str> {
    let kind = (words.language(), it.closer, it.end, it.detail);
    ENDED.with_borrow_mut(|said| {
        let said = said.entry(kind);
        Rc::clone(said.or_insert_with(|| ended(it, words).into()))
    })
}

fn ended(it: &FlowRecord, words: &Words) -> String {
    let what = how_ended(it, words);
    let what = [("what", what.into())];
    match it.closer {
        Some(Closer::Local) => words.say("ended-you", what),
        Some(Closer::Remote) => words.say("ended-peer", what),
        Some(Closer::Both) => words.say("ended-both", what),
        None => how_ended(it, words),
    }
}

fn how_ended(it: &FlowRecord, words: &Words) -> String {
    // Who closed first has sent a FIN, unless what ended it is of the same side; what ended it
    // then may have been the other side's, or nobody's.
    let (reason, closer) = match (it.end, it.closer) {
        (None, Some(_)) => return words.word("ended-fin-not-over"),
        (None, None) => return words.word("ended-not-over"),
        (Some(FlowEnd::Graceful), _) => return words.word("ended-fin"),
        (Some(FlowEnd::Reason(reason)), closer) => (reason, closer),
    };
    match (reason, closer) {
        (_, None)
        | (Reason::ResetByPeer | Reason::Refused, Some(Closer::Remote))
        | (Reason::ResetByUs, Some(Closer::Local)) => why(reason, it.detail, words.language()),
        (Reason::ResetByPeer, Some(_)) => words.word("ended-fin-peer-rst"),
        (Reason::ResetByUs, Some(_)) => words.word("ended-fin-you-rst"),
        (_, Some(_)) => {
            let why = behind_a_fin(reason, it.detail, words);
            words.say("ended-fin-then", [("why", why.into())])
        }
    }
}

/// The same in fewer columns, where it stands behind a FIN.
fn behind_a_fin(reason: Reason, detail: Option<Detail>, words: &Words) -> String {
    match (reason, detail) {
        (Reason::Killed, _) => words.word("ended-killed"),
        (Reason::Unreachable, _) | (_, Some(Detail::Icmp)) => words.word("ended-icmp"),
        (Reason::KeepaliveTimeout, _) => words.word("ended-keepalive"),
        (Reason::FinTimeout, None) => words.word("ended-no-fin"),
        (Reason::Overflow, None) => words.word("ended-overflow"),
        _ => why(reason, detail, words.language()),
    }
}

/// What ended it, for its colour.
pub fn reason(it: &FlowRecord) -> Reason {
    match it.end {
        Some(FlowEnd::Reason(reason)) => reason,
        _ => Reason::FinAcked,
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::{super::flow::ENDED_BY, *};
    use crate::{
        language::table_words,
        model::{Connection, Endpoint, Owner, SocketKind, State, Tuple},
    };

    /// What can be said of connections that end so.
    const ENDS: [Reason; 10] = [
        Reason::Overflow,
        Reason::FinTimeout,
        Reason::Refused,
        Reason::Unreachable,
        Reason::TimedOut,
        Reason::KeepaliveTimeout,
        Reason::ResetByPeer,
        Reason::ResetByUs,
        Reason::Killed,
        Reason::Unknown,
    ];

    #[test]
    fn what_each_side_did_never_contradicts_what_ended_it() {
        let tuple = Tuple {
            netns: 1,
            link: None,
            local: Endpoint::new([10, 0, 0, 1].into(), 1),
            remote: Endpoint::new([10, 0, 0, 2].into(), 2),
        };
        let details = [None, Some(Detail::Repair), Some(Detail::Icmp)];
        for (closer, who) in [
            (Some(Closer::Local), "you"),
            (Some(Closer::Remote), "peer"),
            (Some(Closer::Both), "both"),
        ] {
            let ends = ENDS.map(|reason| Some(FlowEnd::Reason(reason)));
            for end in ends.into_iter().chain([None, Some(FlowEnd::Graceful)]) {
                for detail in details {
                    let mut it = FlowRecord::half_open(&connection(tuple), 1);
                    (it.end, it.closer, it.detail) = (end, closer, detail);
                    let said = ended(&it, table_words(Language::English));
                    assert!(said.len() <= ENDED_BY, "{said}");
                    let chinese = ended(&it, table_words(Language::Chinese));
                    assert!(chinese.width() <= ENDED_BY, "{chinese}");
                    let rest = said.strip_prefix(&format!("{who}: ")).expect("who");
                    let alone = match who {
                        "you" => &["reset by us", "in repair", "ICMP error"][..],
                        "peer" => &["reset by peer", "refused", "in repair", "ICMP error"],
                        _ => &[],
                    };
                    assert!(rest.starts_with("FIN") || alone.contains(&rest), "{said}");
                }
            }
        }
    }

    #[test]
    fn what_came_behind_a_fin_is_told_in_few_words() {
        use Closer::{Both, Local, Remote};
        use Reason as R;

        let tuple = Tuple {
            netns: 1,
            link: None,
            local: Endpoint::new([10, 0, 0, 1].into(), 1),
            remote: Endpoint::new([10, 0, 0, 2].into(), 2),
        };
        for (end, closer, detail, said) in [
            (None, None, None, "not over"),
            (None, Some(Both), None, "both: FIN, not over"),
            (Some(FlowEnd::Graceful), None, None, "FIN"),
            (Some(FlowEnd::Graceful), Some(Both), None, "both: FIN"),
            (
                Some(FlowEnd::Reason(R::Killed)),
                Some(Local),
                None,
                "you: FIN, killed",
            ),
            (Some(FlowEnd::Reason(R::Killed)), None, None, "killed"),
            (
                Some(FlowEnd::Reason(R::Killed)),
                Some(Local),
                Some(Detail::NetnsGone),
                "you: FIN, killed",
            ),
            (
                Some(FlowEnd::Reason(R::Unreachable)),
                Some(Remote),
                None,
                "peer: FIN, ICMP",
            ),
            (
                Some(FlowEnd::Reason(R::TimedOut)),
                Some(Local),
                Some(Detail::Icmp),
                "you: FIN, ICMP",
            ),
            (
                Some(FlowEnd::Reason(R::KeepaliveTimeout)),
                Some(Remote),
                None,
                "peer: FIN, keepalive",
            ),
            (
                Some(FlowEnd::Reason(R::FinTimeout)),
                Some(Local),
                None,
                "you: FIN, no FIN",
            ),
            (
                Some(FlowEnd::Reason(R::Overflow)),
                Some(Local),
                None,
                "you: FIN, overflow",
            ),
            (
                Some(FlowEnd::Reason(R::ResetByPeer)),
                Some(Local),
                None,
                "you: FIN, peer: RST",
            ),
            (
                Some(FlowEnd::Reason(R::ResetByUs)),
                Some(Remote),
                None,
                "peer: FIN, you: RST",
            ),
            (
                Some(FlowEnd::Reason(R::ResetByPeer)),
                Some(Remote),
                None,
                "peer: reset by peer",
            ),
        ] {
            let mut it = FlowRecord::half_open(&connection(tuple), 1);
            (it.end, it.closer, it.detail) = (end, closer, detail);
            assert_eq!(ended(&it, table_words(Language::English)), said);
        }
    }

    fn connection(tuple: Tuple) -> Connection {
        Connection {
            cookie: None,
            tuple,
            state: State::Established,
            since: None,
            kind: SocketKind::Full,
            owner: Owner::default(),
            opener: None,
            followed: false,
            bound: false,
        }
    }
}
