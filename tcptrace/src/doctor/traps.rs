//! Settings that do something else than people think, or that are in each other's way.

use super::{
    meaning::{TIME_WAIT_S, orphan_s, ports},
    settings::Values,
};
use crate::{
    aggregate::flows::{Candidate, Manner},
    language::{Arg, Words},
};

/// Fewer ports than IANA's dynamic range (49152 to 65535) has are few.
const FEW_PORTS: i64 = 16_384;
/// TIME_WAITs are many from that share of the most there may be, in percent.
const NEAR: u64 = 80;
/// So many products are named.
const NAMED: usize = 3;

/// Something to know about how TCP is set up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The setting that it is about.
    pub setting: &'static str,
    /// What is wrong, and what would be better.
    pub text: String,
}

/// A listener, as it is now.
#[derive(Clone, Debug)]
pub struct ListenerState {
    /// Its address and port.
    pub name: String,
    /// Connections that wait for accept().
    pub waiting: u32,
    /// How many may wait.
    pub backlog: u32,
}

/// What the machine's present state adds to its settings.
#[derive(Clone, Debug, Default)]
pub(super) struct Present<'a> {
    /// TIME_WAITs in this network namespace, and orphans' FIN_WAIT2.
    pub(super) time_waits: Option<u64>,
    /// The listeners of this network namespace.
    pub(super) listeners: Vec<ListenerState>,
    /// Processes have their places in hierarchies of cgroup v1.
    pub(super) cgroup_v1: bool,
    /// Products that drop idle connections.
    pub(super) products: &'a [Candidate],
}

/// Finds the known traps.
pub(super) fn warnings(values: &Values, present: &Present<'_>, words: &Words) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |setting, text| warnings.push(Warning { setting, text });
    let first = |name| values.first(name);

    if first("tcp_timestamps") == Some(0) && first("tcp_tw_reuse").is_some_and(|reuse| reuse > 0) {
        warn("tcp_tw_reuse", words.word("warn-tw-reuse"));
    }
    if let Some(ports) = ports(values)
        && ports < FEW_PORTS
    {
        warn(
            "ip_local_port_range",
            words.say(
                "warn-few-ports",
                [
                    ("ports", number(ports)),
                    ("rate", number(ports / TIME_WAIT_S)),
                ],
            ),
        );
    }
    if let Some(fin_timeout) = first("tcp_fin_timeout")
        && (TIME_WAIT_S + 1..2 * TIME_WAIT_S).contains(&fin_timeout)
    {
        warn(
            "tcp_fin_timeout",
            words.say(
                "warn-fin-timeout",
                [
                    ("value", number(fin_timeout)),
                    ("seconds", number(orphan_s(fin_timeout))),
                ],
            ),
        );
    }
    if let (Some(now), Some(most)) = (present.time_waits, first("tcp_max_tw_buckets"))
        && let Ok(most) = u64::try_from(most)
        && now.saturating_mul(100) >= most.saturating_mul(NEAR)
    {
        warn(
            "tcp_max_tw_buckets",
            words.say(
                "warn-tw-buckets",
                [("count", number(now)), ("most", number(most))],
            ),
        );
    }
    if let Some(idle) = first("tcp_keepalive_time") {
        warnings.extend(keepalive(idle, present.products, words));
    }
    for (setting, usual, text) in [
        ("tcp_rfc1337", true, "warn-rfc1337"),
        ("tcp_abort_on_overflow", true, "warn-abort-on-overflow"),
        ("tcp_syncookies", false, "warn-syncookies"),
    ] {
        // 0 is usual in some, and asks for trouble in others.
        if first(setting).is_some_and(|value| (value != 0) == usual) {
            warnings.push(Warning {
                setting,
                text: words.word(text),
            });
        }
    }
    if present.cgroup_v1 {
        warnings.push(Warning {
            setting: "cgroup",
            text: words.word("warn-cgroup"),
        });
    }
    if let Some(most) = first("somaxconn") {
        warnings.extend(
            present
                .listeners
                .iter()
                .filter_map(|listener| backlog(listener, most, words)),
        );
    }
    warnings
}

/// Probes that begin after somebody in between forgot the connection come too late.
fn keepalive(idle_s: i64, products: &[Candidate], words: &Words) -> Option<Warning> {
    let mut earlier: Vec<&Candidate> = products
        .iter()
        .filter(|it| it.closes == Manner::Forgets && it.seconds < idle_s as f64)
        .collect();
    earlier.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let names = earlier
        .iter()
        .take(NAMED)
        .map(|it| {
            words.say(
                "warn-keepalive-product",
                [
                    ("product", it.product.as_str().into()),
                    ("seconds", number(it.seconds)),
                ],
            )
        })
        .reduce(|first, second| {
            let places = [("first", first.into()), ("second", second.into())];
            words.say("warn-keepalive-products", places)
        });
    let shortest = earlier.first()?;
    Some(Warning {
        setting: "tcp_keepalive_time",
        text: words.say(
            "warn-keepalive",
            [
                ("idle", number(idle_s)),
                ("names", names.unwrap_or_default().into()),
                ("shortest", number(shortest.seconds)),
            ],
        ),
    })
}

fn backlog(listener: &ListenerState, most: i64, words: &Words) -> Option<Warning> {
    let ListenerState {
        name,
        waiting,
        backlog,
    } = listener;
    let name = ("name", name.as_str().into());
    let text = if waiting >= backlog && *waiting > 0 {
        let (waiting, backlog) = (number(waiting), number(backlog));
        let places = [name, ("waiting", waiting), ("backlog", backlog)];
        words.say("warn-backlog-waiting", places)
    } else if i64::from(*backlog) > most {
        let places = [name, ("most", number(most)), ("backlog", number(backlog))];
        words.say("warn-backlog-before", places)
    } else if i64::from(*backlog) == most && most < 4096 {
        words.say("warn-backlog-all", [name, ("most", number(most))])
    } else {
        return None;
    };
    Some(Warning {
        setting: "somaxconn",
        text,
    })
}

/// A number as the kernel's files show it, without commas.
fn number(it: impl ToString) -> Arg<'static> {
    it.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aggregate::flows::IdleTable,
        language::{Chapter, Language},
    };

    fn english() -> &'static Words {
        Words::kept(Chapter::Doctor, Language::English)
    }

    fn warned(values: &str, present: &Present<'_>) -> Vec<&'static str> {
        warnings(&Values::of(values), present, english())
            .into_iter()
            .map(|warning| warning.setting)
            .collect()
    }

    #[test]
    fn each_trap_is_found_and_what_is_fine_is_not() {
        for (bad, good, setting) in [
            (
                "tcp_tw_reuse = 1\ntcp_timestamps = 0",
                "tcp_tw_reuse = 1\ntcp_timestamps = 1",
                "tcp_tw_reuse",
            ),
            (
                "ip_local_port_range = 50000 60000",
                "ip_local_port_range = 32768 60999",
                "ip_local_port_range",
            ),
            (
                "tcp_fin_timeout = 61",
                "tcp_fin_timeout = 60",
                "tcp_fin_timeout",
            ),
            (
                "tcp_fin_timeout = 119",
                "tcp_fin_timeout = 120",
                "tcp_fin_timeout",
            ),
            ("tcp_rfc1337 = 1", "tcp_rfc1337 = 0", "tcp_rfc1337"),
            (
                "tcp_abort_on_overflow = 1",
                "tcp_abort_on_overflow = 0",
                "tcp_abort_on_overflow",
            ),
            ("tcp_syncookies = 0", "tcp_syncookies = 1", "tcp_syncookies"),
        ] {
            assert_eq!(warned(bad, &Present::default()), [setting], "{bad}");
            assert!(warned(good, &Present::default()).is_empty(), "{good}");
        }
        assert!(warned("", &Present::default()).is_empty());
    }

    #[test]
    fn time_waits_near_their_limit_are_told() {
        let with = |time_waits| {
            let present = Present {
                time_waits,
                ..Present::default()
            };
            warned("tcp_max_tw_buckets = 1000", &present)
        };
        assert_eq!(with(Some(800)), ["tcp_max_tw_buckets"]);
        assert!(with(Some(799)).is_empty());
        assert!(with(None).is_empty());
    }

    #[test]
    fn a_machine_that_places_processes_in_cgroup_v1_is_told() {
        let present = Present {
            cgroup_v1: true,
            ..Present::default()
        };
        assert_eq!(warned("", &present), ["cgroup"]);
    }

    #[test]
    fn keepalive_later_than_what_forgets_in_between_is_told() {
        let table = IdleTable::load(None).unwrap();
        let present = Present {
            products: table.rows(),
            ..Present::default()
        };
        let told = warnings(
            &Values::of("tcp_keepalive_time = 7200"),
            &present,
            english(),
        );
        assert_eq!(told.len(), 1);
        for product in [
            "Azure Load Balancer (240 s)",
            "AWS Network Load Balancer (350 s)",
        ] {
            assert!(told[0].text.contains(product), "{told:?}");
        }
        assert!(warned("tcp_keepalive_time = 200", &present).is_empty());
    }

    #[test]
    fn a_listener_with_a_full_queue_or_a_cut_backlog_is_named() {
        let told = |waiting, backlog, somaxconn: &str| {
            let present = Present {
                listeners: vec![ListenerState {
                    name: "*:80".to_owned(),
                    waiting,
                    backlog,
                }],
                ..Present::default()
            };
            warnings(
                &Values::of(&format!("somaxconn = {somaxconn}")),
                &present,
                english(),
            )
            .pop()
            .map(|warning| warning.text)
        };
        assert!(
            told(129, 128, "4096")
                .unwrap()
                .contains("129 connections wait")
        );
        assert!(
            told(0, 128, "128")
                .unwrap()
                .contains("may have asked for more")
        );
        assert!(told(0, 512, "128").unwrap().contains("gets less"));
        assert_eq!(told(3, 128, "4096"), None);
        assert_eq!(told(0, 4096, "4096"), None);
        assert_eq!(told(0, 0, "4096"), None);
    }
}
