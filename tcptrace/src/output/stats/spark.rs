//! A histogram in a cell of a table.

use std::fmt;

use crate::aggregate::stats::Durations;

/// Decades from 1 µs to 1000 s; one more for the rest.
const DECADES: usize = 9;
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_BARS: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '#', '@'];

/// How many durations there were in each decade from 1 µs to 1000 s, as heights.
pub(super) struct Spark<'a> {
    pub held: &'a Durations,
    /// Columns a decade.
    pub fine: usize,
    pub ascii: bool,
}

/// How many columns it takes.
pub(super) fn width(fine: usize) -> usize {
    (DECADES + 1) * fine
}

impl Spark<'_> {
    fn counts(&self) -> Vec<u64> {
        let fine = self.fine.max(1);
        let parts = self.held.in_decades(fine as u32).into_iter();
        let mut counts: Vec<u64> = parts.map(|(_, count)| count).collect();
        counts.resize(width(fine), 0);
        counts
    }
}

impl fmt::Display for Spark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let bars = if self.ascii { ASCII_BARS } else { BARS };
        for count in counts {
            // What is there at all is seen.
            let height = (count * 8).div_ceil(most) as usize;
            write!(f, "{}", bars[height.min(8)])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(durations: &[(u64, usize)], ascii: bool) -> String {
        let mut held = Durations::default();
        for (ns, times) in durations {
            for _ in 0..*times {
                held.record(*ns);
            }
        }
        Spark {
            held: &held,
            fine: 1,
            ascii,
        }
        .to_string()
    }

    #[test]
    fn each_decade_has_its_column_and_the_rare_is_seen() {
        let durations = [(5_000, 800), (5_000_000, 400), (60_000_000_000, 1)];
        assert_eq!(drawn(&durations, false), "█  ▄   ▁  ");
        assert_eq!(drawn(&durations, true), "@  =   .  ");
        assert_eq!(drawn(&[(7_200_000_000_000, 3)], false), "         █");
        assert_eq!(drawn(&[], false), "          ");
    }
}
