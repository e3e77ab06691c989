//! Several measurements of one thing.

use serde::{Deserialize, Serialize};

/// The median, the least and the most, and how far off their mean may be.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Spread {
    /// Half of them are no more.
    pub median: f64,
    /// None is less.
    pub min: f64,
    /// None is more.
    pub max: f64,
    /// The standard error of their mean; 0 of one.
    #[serde(default)]
    pub error: f64,
}

impl Spread {
    /// Of these; `None` of none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|it| (it - mean).powi(2)).sum();
        let variance = squares / (count - 1.0).max(1.0);
        Some(Self {
            median: low.midpoint(high),
            min,
            max,
            error: (variance / count).sqrt(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[]), None);
        let odd = spread(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((odd.median, odd.min, odd.max), (2.0, 1.0, 3.0));
        assert_eq!(spread(&[1.0, 4.0]).unwrap().median, 2.5);
    }

    #[test]
    fn the_error_of_the_mean_is_less_the_more_there_are() {
        let error = |values: &[f64]| Spread::of(values.iter().copied()).unwrap().error;
        assert_eq!(error(&[3.0]), 0.0);
        assert_eq!(error(&[1.0, 3.0]), 1.0);
        assert!(error(&[1.0, 3.0, 1.0, 3.0]) < 0.6);
    }
}
