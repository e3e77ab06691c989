//! Words, numbers, times and addresses, as they stand on the screen.

use std::sync::OnceLock;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    language::{Chapter, Language, Words},
    model::Endpoint,
    output::Human,
};

/// What texts depend on.
#[derive(Clone, Debug)]
pub struct Around {
    /// Now: CLOCK_MONOTONIC, ns.
    pub now_ns: u64,
    /// Only characters of ASCII.
    pub ascii: bool,
    /// Of times of the day.
    pub zone: TimeZone,
    /// Of words. Nothing is sorted by them: keys are the same in every language.
    pub language: Language,
}

/// The words of the screen.
#[must_use]
pub fn words(language: Language) -> &'static Words {
    Words::kept(Chapter::Top, language)
}

/// Words that stand in many cells of a frame: they are looked up once, and not for each.
#[derive(Debug)]
pub struct CellWords {
    /// Opened by this side.
    pub outwards: String,
    /// Opened by the peer.
    pub inwards: String,
    /// This side.
    pub local: String,
    /// The peer.
    pub remote: String,
    /// Both sides.
    pub both: String,
}

impl Around {
    /// The words of the screen.
    #[must_use]
    pub fn words(&self) -> &'static Words {
        words(self.language)
    }

    /// Those of cells.
    #[must_use]
    pub fn cells(&self) -> &'static CellWords {
        const LANGUAGES: usize = Language::ALL.len();
        static KEPT: [OnceLock<CellWords>; LANGUAGES] = [const { OnceLock::new() }; LANGUAGES];
        KEPT[self.language as usize].get_or_init(|| {
            let words = self.words();
            CellWords {
                outwards: words.word("cell-out"),
                inwards: words.word("cell-in"),
                local: words.word("cell-local"),
                remote: words.word("cell-remote"),
                both: words.word("cell-both"),
            }
        })
    }

    /// `03:15:02.123`.
    #[must_use]
    pub fn time_of_day(&self, wall_ns: i64) -> String {
        self.time(wall_ns, "%H:%M:%S%.3f")
    }

    /// `2026-11-26 03:15:02`.
    #[must_use]
    pub fn date(&self, wall_ns: i64) -> String {
        self.time(wall_ns, "%Y-%m-%d %H:%M:%S")
    }

    fn time(&self, wall_ns: i64, format: &str) -> String {
        match Timestamp::from_nanosecond(wall_ns.into()) {
            Ok(it) => it.to_zoned(self.zone.clone()).strftime(format).to_string(),
            Err(_) => "-".to_owned(),
        }
    }
}

/// A time, in six columns; `-`: unknown.
#[must_use]
pub fn age(ns: Option<u64>, around: &Around) -> String {
    match ns {
        Some(ns) => Human {
            ns,
            ascii: around.ascii,
        }
        .to_string(),
        None => "-".to_owned(),
    }
}

/// `10.0.0.1:443`, `[::1]:443`, `*:80`.
#[must_use]
pub fn address(end: Endpoint, _: &Around) -> String {
    let port = end.port.map_or_else(|| "*".to_owned(), |it| it.to_string());
    match end.addr {
        addr if addr.is_unspecified() => format!("*:{port}"),
        std::net::IpAddr::V4(addr) => format!("{addr}:{port}"),
        std::net::IpAddr::V6(addr) => format!("[{addr}]:{port}"),
    }
}

/// The id of a process; `-`: unknown.
#[must_use]
pub fn pid(pid: Option<u32>) -> String {
    pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string())
}

/// A count, in six columns: `99999`, `123k`, `12.3M`.
#[must_use]
pub fn count(count: u64) -> String {
    match count {
        0..100_000 => count.to_string(),
        100_000..10_000_000 => format!("{}k", count / 1_000),
        10_000_000..10_000_000_000 => format!("{:.1}M", count as f64 / 1e6),
        _ => format!("{:.1}G", count as f64 / 1e9),
    }
}

/// Something a second, in seven columns: `0.1/s`, `12/s`, `123k/s`; empty: unknown, or never.
#[must_use]
pub fn rate(per_second: Option<f64>) -> String {
    match per_second {
        None => String::new(),
        Some(rate) if rate <= 0.0 => "0/s".to_owned(),
        Some(rate) if rate < 0.05 => "<0.1/s".to_owned(),
        Some(rate) if rate < 9.95 => format!("{rate:.1}/s"),
        Some(rate) => format!("{}/s", count(rate.round() as u64)),
    }
}

/// A number of bytes: `512 B`, `1.2 M`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    crate::output::Size(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn numbers_take_few_columns() {
        let counts = [0, 99_999, 123_456, 12_345_678, 98_765_432_100].map(count);
        assert_eq!(counts, ["0", "99999", "123k", "12.3M", "98.8G"]);
        let rates = [
            None,
            Some(0.0),
            Some(0.01),
            Some(3.21),
            Some(250.4),
            Some(123_456.0),
        ];
        assert_eq!(
            rates.map(rate),
            ["", "0/s", "<0.1/s", "3.2/s", "250/s", "123k/s"]
        );
    }

    #[test]
    fn times_and_addresses_are_those_of_the_tables() {
        let around = Around {
            now_ns: 0,
            ascii: true,
            zone: TimeZone::UTC,
            language: Language::English,
        };
        assert_eq!(around.time_of_day(1_123_456_789), "00:00:01.123");
        assert_eq!(around.date(0), "1970-01-01 00:00:00");
        assert_eq!(age(Some(62_000), &around), "62.0us");
        assert_eq!(age(None, &around), "-");
        let address = |addr: &str, port| {
            let addr: IpAddr = addr.parse().unwrap();
            super::address(Endpoint::new(addr, port), &around)
        };
        assert_eq!(address("10.0.0.1", 443), "10.0.0.1:443");
        assert_eq!(address("::1", 443), "[::1]:443");
        assert_eq!(address("0.0.0.0", 80), "*:80");
        assert_eq!(address("fe80::1", 0), "[fe80::1]:*");
    }
}
