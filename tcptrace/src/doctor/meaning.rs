//! What a sysctl's value means.

use super::settings::Values;
use crate::language::Words;

/// The longest pause between two retransmissions, ms (TCP_RTO_MAX).
const LONGEST_PAUSE_MS: u64 = 120_000;
/// The shortest, ms (TCP_RTO_MIN).
const SHORTEST_PAUSE_MS: u64 = 200;
/// The first pause after a SYN or SYN+ACK, ms (TCP_TIMEOUT_INIT).
const SYN_PAUSE_MS: u64 = 1000;
/// TIME_WAIT, s (TCP_TIMEWAIT_LEN).
pub(super) const TIME_WAIT_S: i64 = 60;

/// What the value of a sysctl means on this machine; `None` if the value is unknown.
pub(super) fn meaning(name: &str, values: &Values, words: &Words) -> Option<String> {
    let value = values.first(name)?;
    let count = u64::try_from(value).unwrap_or_default();
    let counted = |id: &str, count: i64| words.say(id, [("count", count.to_string().into())]);
    let timed = |id: &str, ms: u64| words.say(id, [("time", span(ms, words).into())]);
    Some(match name {
        "tcp_fin_timeout" => {
            let seconds = orphan_s(value).to_string();
            words.say("mean-fin-timeout", [("seconds", seconds.into())])
        }
        "tcp_keepalive_time" | "tcp_keepalive_probes" | "tcp_keepalive_intvl" => {
            let probes_s = values
                .first("tcp_keepalive_probes")?
                .saturating_mul(values.first("tcp_keepalive_intvl")?);
            let all_s = values.first("tcp_keepalive_time")?.saturating_add(probes_s);
            let all_s = u64::try_from(all_s).ok()?;
            timed("mean-keepalive", all_s.saturating_mul(1000))
        }
        "tcp_max_tw_buckets" => counted("mean-tw-buckets", value / TIME_WAIT_S),
        "tcp_tw_reuse" => match value {
            0 => words.word("mean-tw-reuse-0"),
            1 => words.word("mean-tw-reuse-1"),
            2 => words.word("mean-tw-reuse-2"),
            _ => return None,
        },
        "tcp_tw_reuse_delay" => timed("mean-tw-reuse-delay", count),
        "tcp_rfc1337" => match value {
            0 => words.word("mean-rfc1337-0"),
            _ => words.word("mean-rfc1337-1"),
        },
        "tcp_timestamps" => match value {
            0 => words.word("mean-timestamps-0"),
            _ => words.word("mean-timestamps-1"),
        },
        "tcp_max_orphans" => counted("mean-max-orphans", value),
        "tcp_orphan_retries" => {
            let retries = if value == 0 { 8 } else { count };
            timed("mean-orphan-retries", pauses_ms(SHORTEST_PAUSE_MS, retries))
        }
        "tcp_retries2" => timed("mean-retries2", pauses_ms(SHORTEST_PAUSE_MS, count)),
        "tcp_syn_retries" => {
            let linear = values.first("tcp_syn_linear_timeouts").unwrap_or_default();
            let linear = u64::try_from(linear).unwrap_or_default();
            let linear_ms = linear.saturating_mul(SYN_PAUSE_MS);
            timed(
                "mean-syn-retries",
                linear_ms.saturating_add(pauses_ms(SYN_PAUSE_MS, count)),
            )
        }
        "tcp_syn_linear_timeouts" => counted("mean-syn-linear-timeouts", value),
        "tcp_synack_retries" => timed("mean-synack-retries", pauses_ms(SYN_PAUSE_MS, count)),
        "tcp_max_syn_backlog" => match values.first("tcp_syncookies")? {
            0 => counted("mean-max-syn-backlog", value - value / 4),
            _ => words.word("mean-max-syn-backlog-cookies"),
        },
        "somaxconn" => counted("mean-somaxconn", value),
        "tcp_syncookies" => match value {
            0 => words.word("mean-syncookies-0"),
            1 => words.word("mean-syncookies-1"),
            _ => words.word("mean-syncookies-2"),
        },
        "tcp_abort_on_overflow" => match value {
            0 => words.word("mean-abort-on-overflow-0"),
            _ => words.word("mean-abort-on-overflow-1"),
        },
        "ip_local_port_range" => {
            let ports = ports(values)?;
            words.say(
                "mean-port-range",
                [
                    ("ports", ports.to_string().into()),
                    ("rate", (ports / TIME_WAIT_S).to_string().into()),
                ],
            )
        }
        "tcp_child_ehash_entries" => match value {
            0 => words.word("mean-child-ehash-0"),
            _ => counted("mean-child-ehash", value),
        },
        _ => return None,
    })
}

/// How long an orphan is really in FIN_WAIT2, s: above TIME_WAIT's length the kernel waits twice
/// for what is above it (`tcp_close()`, `tcp_keepalive_timer()`).
pub(super) fn orphan_s(fin_timeout_s: i64) -> i64 {
    if fin_timeout_s > TIME_WAIT_S {
        (fin_timeout_s - TIME_WAIT_S).saturating_mul(2)
    } else {
        fin_timeout_s
    }
}

/// How many local ports connect() has to choose from.
pub(super) fn ports(values: &Values) -> Option<i64> {
    match values.numbers("ip_local_port_range")? {
        [low, high] if low <= high => Some(high.saturating_sub(*low).saturating_add(1)),
        _ => None,
    }
}

/// The time until the last of so many retransmissions is given up, ms.
fn pauses_ms(first_ms: u64, retries: u64) -> u64 {
    (0..=retries.min(255))
        .map(|retry| {
            let factor = 1u64.checked_shl(u32::try_from(retry).unwrap_or(u32::MAX));
            factor
                .and_then(|factor| first_ms.checked_mul(factor))
                .map_or(LONGEST_PAUSE_MS, |pause| pause.min(LONGEST_PAUSE_MS))
        })
        .sum()
}

/// A time in words.
fn span(ms: u64, words: &Words) -> String {
    let seconds = ms / 1000;
    let number = |it: u64| it.to_string().into();
    let (h, min, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, min) {
        _ if ms < 1000 => words.say("span-ms", [("ms", number(ms))]),
        (0, ..3) => words.say("span-s", [("s", number(seconds))]),
        (0, _) => words.say("span-min", [("min", number(min)), ("s", number(s))]),
        _ => words.say(
            "span-h",
            [("h", number(h)), ("min", number(min)), ("s", number(s))],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Chapter, Language};

    fn english() -> &'static Words {
        Words::kept(Chapter::Doctor, Language::English)
    }

    fn says(name: &str, values: &str) -> String {
        meaning(name, &Values::of(values), english()).unwrap()
    }

    #[test]
    fn times_are_the_kernels() {
        assert!(says("tcp_syn_retries", "tcp_syn_retries = 6").contains("127 s"));
        let newer = "tcp_syn_retries = 6\ntcp_syn_linear_timeouts = 4";
        assert!(says("tcp_syn_retries", newer).contains("131 s"));
        assert!(says("tcp_synack_retries", "tcp_synack_retries = 5").contains("63 s"));
        assert!(says("tcp_retries2", "tcp_retries2 = 15").contains("15 min 24 s"));
        assert!(says("tcp_orphan_retries", "tcp_orphan_retries = 0").contains("102 s"));
        let keepalive =
            "tcp_keepalive_time = 7200\ntcp_keepalive_probes = 9\ntcp_keepalive_intvl = 75";
        assert!(says("tcp_keepalive_time", keepalive).contains("2 h 11 min 15 s"));
    }

    #[test]
    fn ports_give_the_connections_a_second() {
        let said = says("ip_local_port_range", "ip_local_port_range = 32768 60999");
        assert!(said.contains("28232 ports: about 470 "), "{said}");
        assert_eq!(
            meaning(
                "ip_local_port_range",
                &Values::of("ip_local_port_range = 9 1"),
                english()
            ),
            None
        );
    }

    #[test]
    fn fin_timeout_above_60_s_is_twice_what_is_above() {
        for (set, real) in [(10, 10), (60, 60), (61, 2), (90, 60), (120, 120)] {
            assert_eq!(orphan_s(set), real, "{set}");
        }
        assert!(says("tcp_fin_timeout", "tcp_fin_timeout = 90").contains("after 60 s"));
    }

    #[test]
    fn an_unknown_value_means_nothing() {
        assert_eq!(
            meaning("tcp_syn_retries", &Values::default(), english()),
            None
        );
        // Keepalive takes all three.
        assert_eq!(
            meaning(
                "tcp_keepalive_time",
                &Values::of("tcp_keepalive_time = 7200"),
                english()
            ),
            None
        );
    }

    #[test]
    fn absurd_values_do_no_harm() {
        let absurd = "tcp_retries2 = 9223372036854775807";
        assert!(says("tcp_retries2", absurd).contains("h"));
        let most = i64::MAX;
        let absurd = format!(
            "tcp_keepalive_time = {most}\ntcp_keepalive_probes = {most}\n\
             tcp_keepalive_intvl = {most}\ntcp_syn_retries = {most}\n\
             tcp_syn_linear_timeouts = {most}\ntcp_fin_timeout = {most}\n\
             ip_local_port_range = {} {most}\n",
            i64::MIN
        );
        for name in [
            "tcp_keepalive_time",
            "tcp_syn_retries",
            "tcp_fin_timeout",
            "ip_local_port_range",
        ] {
            assert!(!says(name, &absurd).is_empty());
        }
    }
}
