//! Times, as a user writes them: `10s`, `5m`, `1h30m`.

use std::time::Duration;

/// Ten years are for ever; beyond that, deadlines would overflow.
const MOST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it takes a time, as in 10s, 5m or 1h30m")]
pub struct DurationError;

/// Reads a time, ten years at the most. A number alone is seconds, as to sleep(1).
///
/// # Errors
/// [`DurationError`] for anything else, and for what is below zero.
pub fn duration(given: &str) -> Result<Duration, DurationError> {
    let parsed = match given.parse::<u32>() {
        Ok(seconds) => Duration::from_secs(seconds.into()),
        Err(_) => given
            .parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok())
            .ok_or(DurationError)?,
    };
    Ok(parsed.min(MOST))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MOST, duration};

    #[test]
    fn times_are_understood() {
        assert_eq!(duration("10"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(duration("9999999h"), Ok(MOST));
        for wrong in ["", "-1s", "1x", "s", "1 fortnight"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
