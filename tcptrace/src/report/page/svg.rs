//! Pieces of drawings.

use std::fmt::Write as _;

/// A number as a drawing has it: a tenth is less than anybody sees.
pub(super) fn at(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A path through points, broken where there is none.
pub(super) fn path(points: impl IntoIterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut draws = false;
    for point in points {
        let Some((x, y)) = point else {
            draws = false;
            continue;
        };
        // Writing to a string does not fail.
        let _ = write!(path, "{}{} {}", if draws { "L" } else { "M" }, at(x), at(y));
        draws = true;
    }
    path
}

/// A round number not below one, whose quarters a scale shows.
pub(super) fn round_up(number: f64) -> f64 {
    if number <= 0.0 || !number.is_finite() {
        return 1.0;
    }
    let magnitude = 10_f64.powf(number.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let fits = steps
        .iter()
        .find(|step| *step * magnitude >= number * 0.999_999);
    fits.unwrap_or(&10.0) * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        let numbers = [
            (0.0, 1.0),
            (0.3, 0.3),
            (1.0, 1.0),
            (7.0, 8.0),
            (130.0, 160.0),
        ];
        for (number, rounded) in numbers {
            assert!((round_up(number) - rounded).abs() < 1e-9, "{number}");
        }
    }

    #[test]
    fn a_line_is_broken_where_nothing_is_known() {
        let points = [Some((0.0, 1.0)), Some((1.5, 2.0)), None, Some((3.0, 4.25))];
        assert_eq!(path(points), "M0 1L1.5 2M3 4.2");
    }
}
