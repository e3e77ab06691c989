//! Durations, as people read them.

use std::fmt;

/// The columns that a duration takes at the most.
pub(super) const DURATION: usize = 6;

/// Nanoseconds, shown in at most six columns with three digits: `62µs`, `1.90ms`, `60.7s`,
/// `2m05s`, `3h12m`, `5d03h`.
#[derive(Clone, Copy, Debug)]
pub struct Human {
    /// The duration in ns.
    pub ns: u64,
    /// Without `µ`.
    pub ascii: bool,
}

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.ns;
        let micro = if self.ascii { "us" } else { "µs" };
        // The thresholds are where rounding to three digits would carry over.
        match ns {
            0..1_000 => write!(f, "{ns}ns"),
            1_000..999_500 => scaled(f, ns, 1_000, micro),
            999_500..999_500_000 => scaled(f, ns, 1_000_000, "ms"),
            999_500_000..99_950_000_000 => scaled(f, ns, 1_000_000_000, "s"),
            _ => {
                let seconds = ns / 1_000_000_000 + u64::from(ns % 1_000_000_000 >= 500_000_000);
                let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
                if hours == 0 {
                    write!(f, "{minutes}m{:02}s", seconds % 60)
                } else if days == 0 {
                    write!(f, "{hours}h{:02}m", minutes % 60)
                } else {
                    write!(f, "{days}d{:02}h", hours % 24)
                }
            }
        }
    }
}

/// Three significant digits.
fn scaled(f: &mut fmt::Formatter<'_>, ns: u64, unit: u64, name: &str) -> fmt::Result {
    let digits = match ns {
        _ if ns * 1000 < unit * 9_995 => 2,
        _ if ns * 100 < unit * 9_995 => 1,
        _ => 0,
    };
    let scale = 10_u64.pow(digits);
    let value = (ns * scale + unit / 2) / unit;
    match digits {
        0 => write!(f, "{value}{name}"),
        digits => {
            let width = digits as usize;
            write!(f, "{}.{:0width$}{name}", value / scale, value % scale)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn human(ns: u64) -> String {
        Human { ns, ascii: false }.to_string()
    }

    #[test]
    fn durations_are_short_and_have_three_digits() {
        for (ns, text) in [
            (0, "0ns"),
            (999, "999ns"),
            (1_000, "1.00µs"),
            (62_345, "62.3µs"),
            (999_499, "999µs"),
            (999_500, "1.00ms"),
            (1_901_307, "1.90ms"),
            (9_999_000, "10.0ms"),
            (40_478_189, "40.5ms"),
            (200_225_891, "200ms"),
            (60_654_000_000, "60.7s"),
            (99_960_000_000, "1m40s"),
            (125_000_000_000, "2m05s"),
            (11_520_000_000_000, "3h12m"),
            (442_800_000_000_000, "5d03h"),
            (u64::MAX, "213503d23h"),
        ] {
            assert_eq!(human(ns), text, "{ns} ns");
        }
        assert_eq!(
            Human {
                ns: 5_000,
                ascii: true
            }
            .to_string(),
            "5.00us"
        );
    }
}
