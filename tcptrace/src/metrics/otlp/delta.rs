//! What came since a collector took figures last, for those that do not want all since the start.
//!
//! What it did not take is in the next ones: a figure counts from the last time that it said yes.

use std::collections::HashMap;

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric,
    NumberDataPoint, metric::Data, number_data_point::Value,
};
use prost::Message;

use super::settings::Temporality;

/// A point: what it is of, and its attributes as they are sent.
type Name = (String, Vec<u8>);

/// What a point had come to.
#[derive(Clone, Debug)]
enum Reached {
    Count(i64),
    Amount(f64),
    Histogram(HistogramDataPoint),
    Exponential(ExponentialHistogramDataPoint),
}

/// What all had come to at some time.
#[derive(Debug, Default)]
struct Sums {
    points: HashMap<Name, Reached>,
    /// ns since 1970; 0: tcptrace had not begun.
    at: u64,
}

/// Knows what was taken last.
#[derive(Debug)]
pub struct Deltas {
    temporality: Temporality,
    taken: Sums,
    /// What is on its way.
    sent: Sums,
}

impl Deltas {
    /// Nothing was taken so far.
    pub fn new(temporality: Temporality) -> Self {
        Self {
            temporality,
            taken: Sums::default(),
            sent: Sums::default(),
        }
    }

    /// Takes what was taken last from what figures have come to since tcptrace began.
    pub fn apply(&mut self, metrics: &mut [Metric]) {
        self.sent = Sums::default();
        let delta = AggregationTemporality::Delta as i32;
        let counts = self.temporality == Temporality::Delta;
        let histograms = self.temporality != Temporality::Cumulative;
        for metric in metrics {
            let name = &metric.name;
            match &mut metric.data {
                Some(Data::Sum(sum)) if counts && sum.is_monotonic => {
                    sum.aggregation_temporality = delta;
                    for point in &mut sum.data_points {
                        self.point(name, point);
                    }
                }
                Some(Data::Histogram(all)) if histograms => {
                    all.aggregation_temporality = delta;
                    for point in &mut all.data_points {
                        self.point(name, point);
                    }
                }
                Some(Data::ExponentialHistogram(all)) if histograms => {
                    all.aggregation_temporality = delta;
                    for point in &mut all.data_points {
                        self.point(name, point);
                    }
                }
                _ => {}
            }
        }
    }

    /// A collector took what [`apply`](Self::apply) left.
    pub fn taken(&mut self) {
        self.taken = std::mem::take(&mut self.sent);
    }

    fn point<P: Summed>(&mut self, metric: &str, point: &mut P) {
        let attributes = point.attributes();
        let name = (metric.to_owned(), attributes);
        let reached = point.reached();
        if let Some(before) = self.taken.points.get(&name) {
            point.take_off(before);
        }
        self.sent.at = point.since(self.taken.at);
        self.sent.points.extend(reached.map(|it| (name, it)));
    }
}

/// A point whose figures only grow.
trait Summed {
    fn attributes(&self) -> Vec<u8>;
    fn reached(&self) -> Option<Reached>;
    /// Takes off what was before, unless it is more: then the point began anew.
    fn take_off(&mut self, before: &Reached);
    /// Counts from then on; 0: from when it says. When it was made, ns since 1970.
    fn since(&mut self, began: u64) -> u64;
}

macro_rules! times_and_attributes {
    () => {
        fn attributes(&self) -> Vec<u8> {
            let all = self.attributes.iter();
            all.flat_map(Message::encode_length_delimited_to_vec)
                .collect()
        }

        fn since(&mut self, began: u64) -> u64 {
            self.start_time_unix_nano = self.start_time_unix_nano.max(began);
            let since = self.start_time_unix_nano;
            self.exemplars
                .retain(|it: &Exemplar| it.time_unix_nano > since);
            self.time_unix_nano
        }
    };
}

impl Summed for NumberDataPoint {
    times_and_attributes!();

    fn reached(&self) -> Option<Reached> {
        Some(match self.value? {
            Value::AsInt(it) => Reached::Count(it),
            Value::AsDouble(it) => Reached::Amount(it),
        })
    }

    fn take_off(&mut self, before: &Reached) {
        match (&mut self.value, before) {
            (Some(Value::AsInt(now)), Reached::Count(before)) if *now >= *before => *now -= before,
            (Some(Value::AsDouble(now)), Reached::Amount(before)) if *now >= *before => {
                *now -= before;
            }
            _ => {}
        }
    }
}

impl Summed for HistogramDataPoint {
    times_and_attributes!();

    fn reached(&self) -> Option<Reached> {
        Some(Reached::Histogram(self.clone()))
    }

    fn take_off(&mut self, before: &Reached) {
        let Reached::Histogram(before) = before else {
            return;
        };
        let Some(buckets) = less(&self.bucket_counts, &before.bucket_counts) else {
            return;
        };
        self.bucket_counts = buckets;
        self.count = self.count.saturating_sub(before.count);
        self.sum = self.sum.zip(before.sum).map(|(now, before)| now - before);
    }
}

impl Summed for ExponentialHistogramDataPoint {
    times_and_attributes!();

    fn reached(&self) -> Option<Reached> {
        Some(Reached::Exponential(self.clone()))
    }

    fn take_off(&mut self, before: &Reached) {
        let Reached::Exponential(before) = before else {
            return;
        };
        let Some(zero) = self.zero_count.checked_sub(before.zero_count) else {
            return;
        };
        if let Some(old) = &before.positive {
            let Some(now) = &mut self.positive else {
                return;
            };
            // The buckets that there were are among those that there are.
            let Ok(skipped) = usize::try_from(i64::from(old.offset) - i64::from(now.offset)) else {
                return;
            };
            let mut moved = vec![0; skipped];
            moved.extend_from_slice(&old.bucket_counts);
            let Some(buckets) = less(&now.bucket_counts, &moved) else {
                return;
            };
            now.bucket_counts = buckets;
        }
        self.zero_count = zero;
        self.count = self.count.saturating_sub(before.count);
        self.sum = self.sum.zip(before.sum).map(|(now, before)| now - before);
    }
}

/// Each less what it was, those that are beyond `before` as they are; `None`: one was more.
fn less(now: &[u64], before: &[u64]) -> Option<Vec<u64>> {
    if before.len() > now.len() {
        return None;
    }
    let before = before.iter().chain(std::iter::repeat(&0));
    now.iter()
        .zip(before)
        .map(|(now, before)| now.checked_sub(*before))
        .collect()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::metrics::v1::{
        ExponentialHistogram, Histogram, Sum, exponential_histogram_data_point::Buckets,
    };

    use super::*;

    fn counter(at: u64, value: i64) -> Metric {
        let point = NumberDataPoint {
            start_time_unix_nano: 10,
            time_unix_nano: at,
            value: Some(Value::AsInt(value)),
            ..NumberDataPoint::default()
        };
        metric(Data::Sum(Sum {
            data_points: vec![point],
            aggregation_temporality: AggregationTemporality::Cumulative as i32,
            is_monotonic: true,
        }))
    }

    fn histogram(at: u64, buckets: &[u64]) -> Metric {
        let point = HistogramDataPoint {
            start_time_unix_nano: 10,
            time_unix_nano: at,
            count: buckets.iter().sum(),
            sum: Some(buckets.iter().sum::<u64>() as f64),
            bucket_counts: buckets.to_vec(),
            exemplars: [15, 25]
                .map(|it| Exemplar {
                    time_unix_nano: it,
                    ..Exemplar::default()
                })
                .into(),
            ..HistogramDataPoint::default()
        };
        metric(Data::Histogram(Histogram {
            data_points: vec![point],
            aggregation_temporality: AggregationTemporality::Cumulative as i32,
        }))
    }

    fn exponential(at: u64, offset: i32, buckets: &[u64]) -> Metric {
        let point = ExponentialHistogramDataPoint {
            start_time_unix_nano: 10,
            time_unix_nano: at,
            count: buckets.iter().sum(),
            positive: Some(Buckets {
                offset,
                bucket_counts: buckets.to_vec(),
            }),
            ..ExponentialHistogramDataPoint::default()
        };
        metric(Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![point],
            aggregation_temporality: AggregationTemporality::Cumulative as i32,
        }))
    }

    fn metric(data: Data) -> Metric {
        Metric {
            name: "a".to_owned(),
            data: Some(data),
            ..Metric::default()
        }
    }

    /// Since when, and the counts of the only point.
    fn told(metric: &Metric) -> (u64, Vec<u64>) {
        match metric.data.as_ref().unwrap() {
            Data::Sum(all) => match all.data_points[0].value {
                Some(Value::AsInt(it)) => {
                    (all.data_points[0].start_time_unix_nano, vec![it as u64])
                }
                _ => panic!("no count"),
            },
            Data::Histogram(all) => {
                let point = &all.data_points[0];
                assert_eq!(point.count, point.bucket_counts.iter().sum::<u64>());
                assert_eq!(point.sum, Some(point.count as f64));
                let since = point.start_time_unix_nano;
                assert!(point.exemplars.iter().all(|it| it.time_unix_nano > since));
                (since, point.bucket_counts.clone())
            }
            Data::ExponentialHistogram(all) => {
                let point = &all.data_points[0];
                let buckets = point.positive.clone().unwrap().bucket_counts;
                assert_eq!(point.count, buckets.iter().sum::<u64>());
                (point.start_time_unix_nano, buckets)
            }
            _ => panic!("of another kind"),
        }
    }

    /// What is told of them one after another, where the collector takes those with `true`.
    fn all(temporality: Temporality, given: Vec<(Metric, bool)>) -> Vec<(u64, Vec<u64>)> {
        let mut deltas = Deltas::new(temporality);
        let each = given.into_iter().map(|(metric, taken)| {
            let mut one = [metric];
            deltas.apply(&mut one);
            if taken {
                deltas.taken();
            }
            told(&one[0])
        });
        each.collect()
    }

    #[test]
    fn a_count_is_told_since_the_last_time_that_the_collector_took_it() {
        let given = vec![
            (counter(20, 5), true),
            (counter(30, 7), false),
            (counter(40, 9), true),
            (counter(50, 9), true),
            // It went away for long, and came again.
            (counter(60, 2), true),
        ];
        assert_eq!(
            all(Temporality::Delta, given.clone()),
            [
                (10, vec![5]),
                (20, vec![2]),
                (20, vec![4]),
                (40, vec![0]),
                (50, vec![2])
            ]
        );
        let whole = [5, 7, 9, 9, 2].map(|it| (10, vec![it]));
        assert_eq!(all(Temporality::Cumulative, given.clone()), whole);
        assert_eq!(all(Temporality::LowMemory, given), whole);
    }

    #[test]
    fn so_is_a_histogram_with_its_examples() {
        let given = vec![
            (histogram(20, &[1, 2, 0]), true),
            (histogram(30, &[1, 5, 1]), true),
        ];
        for temporality in [Temporality::Delta, Temporality::LowMemory] {
            assert_eq!(
                all(temporality, given.clone()),
                [(10, vec![1, 2, 0]), (20, vec![0, 3, 1])]
            );
        }
        assert_eq!(all(Temporality::Cumulative, given)[1], (10, vec![1, 5, 1]));
    }

    #[test]
    fn so_is_one_whose_buckets_grow_to_both_sides() {
        let given = vec![
            (exponential(20, 3, &[4, 0, 1]), true),
            (exponential(30, 1, &[7, 0, 5, 0, 1, 2]), true),
            (exponential(40, 4, &[1]), true),
        ];
        assert_eq!(
            all(Temporality::Delta, given),
            [
                (10, vec![4, 0, 1]),
                (20, vec![7, 0, 1, 0, 0, 2]),
                (30, vec![1])
            ]
        );
    }
}
