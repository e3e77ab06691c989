//! Wall-clock times, as text.

use std::fmt::Write as _;

use super::fields::Time;
use jiff::{Timestamp, tz::TimeZone};

const SECOND: i64 = 1_000_000_000;

/// Writes times of a stream of events. The part that is the same for a whole second is made once.
#[derive(Clone, Debug)]
pub struct TimeFormat {
    zone: TimeZone,
    style: Style,
    second: Option<i64>,
    text: String,
    /// Of the part of `text` that is the same for a whole second.
    second_length: usize,
}

/// Times of a stream of events as fields of rows.
#[derive(Clone, Debug)]
pub struct Stamps {
    format: TimeFormat,
    /// The last one.
    last: Time,
    second: Option<i64>,
}

impl Default for Stamps {
    fn default() -> Self {
        Self {
            format: TimeFormat::rfc3339(),
            last: Time::new("", 0, 0),
            second: None,
        }
    }
}

impl Stamps {
    /// The field of a time in nanoseconds since 1970.
    #[inline]
    pub(super) fn of(&mut self, wall_ns: i64) -> Time {
        let (second, fraction) = (wall_ns.div_euclid(SECOND), wall_ns.rem_euclid(SECOND));
        // Less than a second.
        let fraction = fraction as u32;
        if self.second == Some(second) {
            return self.last.with_fraction(fraction, wall_ns);
        }
        self.second = Some(second);
        self.last = Time::new(self.format.write(wall_ns), fraction, wall_ns);
        self.last
    }
}

#[derive(Clone, Copy, Debug)]
enum Style {
    /// `2026-11-22T10:39:11.123456789Z`.
    Rfc3339,
    /// `10:39:11.123`, with so many digits.
    Clock { digits: usize },
    /// `2026-11-22 10:39:11.123`.
    Date,
}

impl TimeFormat {
    /// RFC 3339 with nanoseconds, UTC.
    #[must_use]
    pub fn rfc3339() -> Self {
        Self::new(TimeZone::UTC, Style::Rfc3339)
    }

    /// Time of the day with `digits` (1 to 9) digits of the second, in this machine's zone or UTC.
    #[must_use]
    pub fn clock(digits: usize, utc: bool) -> Self {
        let zone = if utc {
            TimeZone::UTC
        } else {
            TimeZone::system()
        };
        Self::new(
            zone,
            Style::Clock {
                digits: digits.clamp(1, 9),
            },
        )
    }

    /// Date and time of the day with milliseconds and zone, in this machine's zone or UTC.
    #[must_use]
    pub fn date(utc: bool) -> Self {
        let zone = match utc {
            true => TimeZone::UTC,
            false => TimeZone::system(),
        };
        Self::new(zone, Style::Date)
    }

    fn new(zone: TimeZone, style: Style) -> Self {
        Self {
            zone,
            style,
            second: None,
            text: String::new(),
            second_length: 0,
        }
    }

    /// Shows so many digits (1 to 9) of the second from now on.
    pub(super) fn set_digits(&mut self, shown: usize) {
        if let Style::Clock { digits } = &mut self.style {
            *digits = shown.clamp(1, 9);
        }
    }

    /// The text of a time in nanoseconds since 1970.
    pub fn write(&mut self, wall_ns: i64) -> &str {
        let (second, fraction) = (wall_ns.div_euclid(SECOND), wall_ns.rem_euclid(SECOND));
        if self.second != Some(second) {
            self.second = Some(second);
            self.text.clear();
            let time = Timestamp::from_second(second).unwrap_or_default();
            let time = time.to_zoned(self.zone.clone());
            let format = match self.style {
                Style::Rfc3339 => "%Y-%m-%dT%H:%M:%S.",
                Style::Clock { .. } => "%H:%M:%S.",
                Style::Date => "%Y-%m-%d %H:%M:%S.",
            };
            // Writing to a string does not fail, and the format is right.
            let _ = write!(self.text, "{}", time.strftime(format));
            self.second_length = self.text.len();
        }
        let (shown, tail) = match self.style {
            Style::Rfc3339 => (9, "Z"),
            Style::Clock { digits } => (digits, ""),
            Style::Date => (3, ""),
        };
        // All nine digits, behind a 1.
        let mut digits = itoa::Buffer::new();
        let digits = &digits.format(SECOND + fraction)[1..=shown];
        self.text.truncate(self.second_length);
        self.text.push_str(digits);
        self.text.push_str(tail);
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_with_nanoseconds() {
        let mut format = TimeFormat::rfc3339();
        assert_eq!(
            format.write(1_795_343_951_000_000_001),
            "2026-11-22T10:39:11.000000001Z"
        );
        assert_eq!(
            format.write(1_795_343_951_999_999_999),
            "2026-11-22T10:39:11.999999999Z"
        );
        assert_eq!(format.write(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(format.write(-1), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn the_clock_has_the_digits_asked_for() {
        assert_eq!(
            TimeFormat::clock(3, true).write(1_795_343_951_123_456_789),
            "10:39:11.123"
        );
        assert_eq!(
            TimeFormat::clock(6, true).write(1_795_343_951_123_456_789),
            "10:39:11.123456"
        );
    }
}
