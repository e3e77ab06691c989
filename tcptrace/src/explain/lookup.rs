//! Finds entries by the words that people use.

use std::borrow::Cow;

use super::{Book, Entry, Kind};
use crate::{
    language::{Language, why},
    model::{Detail, Reason, State},
};

/// How alike two words must be, to be taken for a slip: 1 is equal.
const ALIKE: f64 = 0.6;
/// What is longer than that is like no word, and takes long to compare; bytes.
const LONGEST: usize = 100;
/// So many are suggested.
const SUGGESTED: usize = 3;

/// A word that nothing is known of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is known of '{}'{}", word.escape_default(), advice(near))]
pub struct UnknownWord {
    word: String,
    /// The names that are most like it, the nearest first.
    pub near: Vec<String>,
}

fn advice(near: &[String]) -> String {
    match near {
        [] => "; tcptrace explain, without a word, lists what there is".to_owned(),
        [one] => format!("; did you mean {one}?"),
        [all @ .., last] => format!("; did you mean {} or {last}?", all.join(", ")),
    }
}

impl Book {
    /// Finds what a word may mean: in any case, with any of the usual spellings of states, a
    /// sysctl with its path or without, and the words of the tables. A word may mean several
    /// things: `listen` is a state and a reason.
    ///
    /// # Errors
    /// When nothing is known of it; the names that are near are in the error.
    pub fn find(&self, word: &str) -> Result<Vec<&Entry>, UnknownWord> {
        let wanted = key(word);
        let state = word.parse::<State>().ok().map(State::name);
        let entries = || self.entries().iter();
        let mut found: Vec<&Entry> = entries()
            .filter(|entry| {
                spellings(entry).any(|spelling| key(&spelling) == wanted)
                    || (entry.kind() == Kind::State && Some(entry.name.as_str()) == state)
            })
            .collect();
        if found.is_empty() {
            let full = format!("tcp{wanted}");
            found = entries()
                .filter(|entry| entry.kind() == Kind::Setting && key(&entry.name) == full)
                .collect();
        }
        if found.is_empty() {
            return Err(UnknownWord {
                word: word.to_owned(),
                near: self.near(&wanted),
            });
        }
        // A word that another program spells just so is not TCP's of a like name: KeepAliveTimeout
        // is no keepalive_timeout.
        let exact = |entry: &&Entry| spellings(entry).any(|spelling| spelling == word.trim());
        if found
            .iter()
            .any(|it| it.kind() == Kind::Product && exact(it))
        {
            found.retain(exact);
        }
        // What a state is comes first.
        found.sort_by_key(|entry| entry.kind() != Kind::State);
        Ok(found)
    }

    fn near(&self, wanted: &str) -> Vec<String> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let mut near: Vec<(f64, &Entry)> = self
            .entries()
            .iter()
            .filter_map(|entry| {
                let likeness = spellings(entry)
                    .map(|spelling| likeness(&key(&spelling), wanted))
                    .fold(0.0, f64::max);
                (likeness >= ALIKE).then_some((likeness, entry))
            })
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut names: Vec<String> = near.iter().map(|(_, entry)| entry.name.clone()).collect();
        names.dedup();
        names.truncate(SUGGESTED);
        names
    }
}

/// The words that an entry is found by: those of the tables, in any language, too.
fn spellings(entry: &Entry) -> impl Iterator<Item = Cow<'_, str>> {
    let shown = match entry.kind() {
        Kind::Reason => Reason::ALL
            .into_iter()
            .find(|reason| reason.name() == entry.name)
            .map(|reason| (reason, None)),
        Kind::Detail => Detail::ALL
            .into_iter()
            .find(|detail| detail.name() == entry.name)
            .map(|detail| (Reason::Unknown, Some(detail))),
        _ => None,
    };
    let shown = shown.into_iter().flat_map(|(reason, detail)| {
        Language::ALL.map(|language| Cow::Owned(why(reason, detail, language)))
    });
    std::iter::once(&entry.name)
        .chain(&entry.also)
        .map(|it| Cow::Borrowed(it.as_str()))
        .chain(shown)
}

/// How alike two keys are, from 0 to 1. One that holds the other is quite like it.
fn likeness(known: &str, wanted: &str) -> f64 {
    if wanted.len() > LONGEST {
        return 0.0;
    }
    let slips = strsim::normalized_damerau_levenshtein(known, wanted);
    if wanted.len() >= 3 && known.contains(wanted) {
        slips.max(0.7)
    } else {
        slips
    }
}

/// What is left of a word without its path, case and separators.
fn key(word: &str) -> String {
    let mut word = word.trim().to_lowercase();
    for prefix in [
        "/proc/sys/",
        "net.",
        "net/",
        "ipv4.",
        "ipv4/",
        "core.",
        "core/",
        "netfilter.",
        "netfilter/",
    ] {
        if let Some(rest) = word.strip_prefix(prefix) {
            word = rest.to_owned();
        }
    }
    word.retain(char::is_alphanumeric);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(word: &str) -> Vec<String> {
        let book = Book::read(Language::English).unwrap();
        let found = book.find(word).unwrap();
        found.iter().map(|entry| entry.name.clone()).collect()
    }

    fn near(word: &str) -> Vec<String> {
        Book::read(Language::English)
            .unwrap()
            .find(word)
            .unwrap_err()
            .near
    }

    #[test]
    fn states_are_found_by_their_usual_spellings() {
        for word in ["TIME_WAIT", "time-wait", "TimeWait", "timewait"] {
            assert_eq!(found(word), ["TIME_WAIT"], "{word}");
        }
        assert_eq!(found("estab"), ["ESTABLISHED"]);
        assert_eq!(found("fin-wait-2"), ["FIN_WAIT2"]);
        assert_eq!(found("SYN_RECEIVED"), ["SYN_RECV", "syn_received"]);
    }

    #[test]
    fn a_word_that_is_a_state_and_a_reason_finds_both_the_state_first() {
        assert_eq!(found("listen"), ["LISTEN", "listen"]);
    }

    #[test]
    fn a_sysctl_is_found_with_its_path_and_without() {
        for word in [
            "tcp_fin_timeout",
            "net.ipv4.tcp_fin_timeout",
            "net/ipv4/tcp_fin_timeout",
            "/proc/sys/net/ipv4/tcp_fin_timeout",
            "TCP-FIN-TIMEOUT",
        ] {
            assert_eq!(found(word), ["tcp_fin_timeout"], "{word}");
        }
        assert_eq!(found("net.core.somaxconn"), ["somaxconn"]);
        assert_eq!(found("tw_reuse"), ["tcp_tw_reuse"]);
        // Without tcp_ that is a reason.
        assert_eq!(found("fin_timeout"), ["fin_timeout"]);
    }

    #[test]
    fn the_words_of_the_tables_are_understood() {
        assert_eq!(found("no FIN came"), ["fin_timeout"]);
        assert_eq!(found("TW overflow"), ["overflow"]);
        assert_eq!(found("given up"), ["given_up"]);
        assert_eq!(found("没等到 FIN"), ["fin_timeout"]);
    }

    #[test]
    fn a_word_of_another_program_is_not_taken_for_tcps_of_a_like_name() {
        assert_eq!(found("KeepAliveTimeout"), ["KeepAliveTimeout"]);
        // Apache's, nginx's and TCP's.
        assert_eq!(found("keepalive_timeout"), ["keepalive_timeout", "nginx"]);
        assert_eq!(found("Keep Alive Timeout").len(), 3);
        assert_eq!(found("KeepAlive"), ["KeepAlive"]);
        assert!(found("keepalive").contains(&"keepalive".to_owned()));
    }

    #[test]
    fn products_are_found_by_what_people_call_them_and_their_settings() {
        for (word, entry) in [
            ("f5", "F5 BIG-IP"),
            ("Keep Alive Interval", "F5 BIG-IP"),
            ("keep-alive-interval", "F5 BIG-IP"),
            ("apache", "Apache httpd"),
            ("MAXKEEPALIVEREQUESTS", "MaxKeepAliveRequests"),
            ("nginx", "nginx"),
            ("haproxy", "HAProxy"),
            (
                "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
                "conntrack",
            ),
        ] {
            assert_eq!(found(word), [entry], "{word}");
        }
    }

    #[test]
    fn every_product_of_the_idle_table_is_explained() {
        let book = Book::read(Language::English).unwrap();
        let known: Vec<String> = book
            .entries()
            .iter()
            .filter(|it| it.kind() == Kind::Product)
            .flat_map(|it| spellings(it).map(|it| key(&it)).collect::<Vec<_>>())
            .collect();
        for row in crate::aggregate::flows::IdleTable::load(None)
            .unwrap()
            .rows()
        {
            let product = key(&row.product);
            assert!(
                product == key("Linux keepalive, no answer")
                    || known.iter().any(|known| product.starts_with(known)),
                "{}",
                row.product
            );
        }
    }

    #[test]
    fn flags_and_settings_that_people_read_of_are_explained() {
        for word in [
            "SYN",
            "ACK",
            "FIN",
            "RST",
            "half-close",
            "backlog",
            "MSL",
            "tcp_tw_recycle",
            "SO_REUSEPORT",
            "tcp_migrate_req",
            "IP_BIND_ADDRESS_NO_PORT",
            "tcp_fastopen",
            "long connection",
            "short connection",
            "HTTP keep-alive",
        ] {
            assert!(!found(word).is_empty(), "{word}");
        }
    }

    #[test]
    fn every_name_finds_its_entry() {
        for entry in Book::read(Language::English).unwrap().entries() {
            for word in std::iter::once(&entry.name).chain(&entry.also) {
                assert!(found(word).contains(&entry.name), "{word}");
            }
        }
    }

    #[test]
    fn a_slip_is_answered_by_the_names_that_are_near() {
        assert_eq!(near("TIME_WIAT")[0], "TIME_WAIT");
        assert_eq!(near("tcp_fin_timout")[0], "tcp_fin_timeout");
        assert!(near("orphan_retry").contains(&"tcp_orphan_retries".to_owned()));
        assert!(near("xyzzy").is_empty());
        assert!(near("").is_empty());
        assert!(near("tcp").len() <= SUGGESTED);
    }

    #[test]
    fn control_characters_of_an_unknown_word_are_not_repeated() {
        let error = Book::read(Language::English)
            .unwrap()
            .find("\x1b[31m")
            .unwrap_err();
        assert!(!error.to_string().contains('\x1b'));
    }
}
