//! The forms that Prometheus reads: text, OpenMetrics, and protobuf with native histograms.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, MetricEncoder, NativeHistogram, NativeHistogramBuckets, NoLabelSet,
        prometheus_protobuf::{self, prometheus_data_model as data},
        prometheus_text, text,
    },
    metrics::{MetricType, exemplar::Exemplar},
    registry::{Registry, Unit as TheirUnit},
};
use prost::Message as _;

use super::families::{Family, Kind, Point, Unit, Value};
use crate::aggregate::meters::{Example, SCHEMA, Timings};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text, version 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Messages of `io.prometheus.client.MetricFamily`, each with its length before it.
    Protobuf,
}

impl Format {
    /// What HTTP calls it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// The one that an `Accept` header prefers: of equal ones, the first that it names.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let mut best = (0.0, Self::Text);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let mut weight = 1.0;
            let mut parameters = HashMap::new();
            for (name, value) in parts.filter_map(|it| it.split_once('=')) {
                match name.trim().eq_ignore_ascii_case("q") {
                    true => weight = value.trim().parse().unwrap_or(0.0),
                    false => {
                        parameters.insert(name.trim(), value.trim().trim_matches('"'));
                    }
                }
            }
            let is = |name: &str, wanted: &str| {
                parameters
                    .get(name)
                    .is_none_or(|it| it.eq_ignore_ascii_case(wanted))
            };
            let format = match kind.to_ascii_lowercase().as_str() {
                "application/vnd.google.protobuf"
                    if is("proto", "io.prometheus.client.MetricFamily")
                        && is("encoding", "delimited") =>
                {
                    Self::Protobuf
                }
                "application/openmetrics-text"
                    if is("version", "1.0.0") || is("version", "0.0.1") =>
                {
                    Self::OpenMetrics
                }
                "text/plain" | "text/*" | "*/*" => Self::Text,
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
    }
}

/// The clock that examples are told by.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// CLOCK_MONOTONIC, ns.
    pub mono_ns: u64,
    /// The same moment, ns since 1970.
    pub wall_ns: i64,
    /// When tracing began, ns since 1970.
    pub began_wall_ns: i64,
}

impl Moment {
    /// When something was, since 1970.
    fn wall(self, mono_ns: u64) -> Duration {
        let ago = i128::from(self.mono_ns) - i128::from(mono_ns);
        let wall = i128::from(self.wall_ns) - ago;
        Duration::from_nanos(u64::try_from(wall).unwrap_or(0))
    }
}

/// Writes metrics in a form.
///
/// # Errors
/// None that the figures could cause.
pub fn encode(all: &[Family<'_>], format: Format, now: Moment) -> Result<Vec<u8>, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Owned::of(all, now)));
    let mut lines = String::new();
    match format {
        Format::Text => prometheus_text::encode(&mut lines, &registry)?,
        Format::OpenMetrics => {
            text::encode(&mut lines, &registry)?;
            lines = with_examples(&lines, all, now)?;
        }
        Format::Protobuf => {
            let mut messages = prometheus_protobuf::encode(&registry)?;
            add_examples(&mut messages, all, now);
            let mut bytes = Vec::new();
            for message in messages {
                message
                    .encode_length_delimited(&mut bytes)
                    .map_err(|_| fmt::Error)?;
            }
            return Ok(bytes);
        }
    }
    Ok(lines.into_bytes())
}

/// Metrics, as the encoders want to have them: for good.
#[derive(Debug)]
struct Owned(Vec<OwnedFamily>);

#[derive(Debug)]
struct OwnedFamily {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    unit: Unit,
    points: Vec<(Labels, OwnedValue)>,
}

type Labels = Vec<(&'static str, String)>;

#[derive(Debug)]
enum OwnedValue {
    Count(u64),
    Number(f64),
    Histogram(Histogram),
}

#[derive(Debug)]
struct Histogram {
    sum: f64,
    count: u64,
    classic: Vec<(f64, u64)>,
    zero: u64,
    spans: Vec<(i32, u32)>,
    deltas: Vec<i64>,
    created: SystemTime,
}

impl Owned {
    fn of(all: &[Family<'_>], now: Moment) -> Self {
        let began_ns = u64::try_from(now.began_wall_ns).unwrap_or(0);
        let created = UNIX_EPOCH + Duration::from_nanos(began_ns);
        let families = all.iter().map(|family| OwnedFamily {
            name: family.name,
            help: family.help,
            kind: family.kind,
            unit: family.unit,
            points: family
                .points
                .iter()
                .map(|it| (labels(it), OwnedValue::of(&it.value, created)))
                .collect(),
        });
        Self(families.collect())
    }
}

/// What is empty is no label.
fn labels(point: &Point<'_>) -> Labels {
    let labels = point.labels.iter();
    let labels = labels.map(|(name, value)| (*name, value.clone().into_owned()));
    labels.collect()
}

impl OwnedValue {
    fn of(value: &Value<'_>, created: SystemTime) -> Self {
        match value {
            Value::Count(count) => Self::Count(*count),
            Value::Number(number) => Self::Number(*number),
            Value::Timings(timings) => Self::Histogram(Histogram::of(timings, created)),
        }
    }
}

impl Histogram {
    fn of(timings: &Timings, created: SystemTime) -> Self {
        let (spans, deltas) = spans(timings.native());
        Self {
            sum: timings.sum_s(),
            count: timings.count(),
            classic: timings.classic(),
            zero: timings.zero(),
            spans,
            deltas,
            created,
        }
    }

    fn encode(&self, mut to: MetricEncoder<'_>) -> fmt::Result {
        let none = NativeHistogramBuckets {
            spans: &[],
            deltas: &[],
        };
        to.encode_histogram_with_native::<NoLabelSet>(
            self.sum,
            self.count,
            &self.classic,
            None::<&HashMap<usize, Exemplar<NoLabelSet, f64>>>,
            NativeHistogram {
                schema: SCHEMA.into(),
                zero_threshold: Timings::zero_s(),
                zero_count: self.zero,
                negative: none,
                positive: NativeHistogramBuckets {
                    spans: &self.spans,
                    deltas: &self.deltas,
                },
                created: Some(self.created),
            },
        )
    }
}

/// Buckets as a native histogram has them: spans of those that follow one another, each told by how
/// many are left out before it, and counts by what is more than in the one before.
fn spans(buckets: impl Iterator<Item = (i32, u64)>) -> (Vec<(i32, u32)>, Vec<i64>) {
    let (mut spans, mut deltas) = (Vec::<(i32, u32)>::new(), Vec::new());
    let (mut next, mut before) = (0, 0_i64);
    for (index, count) in buckets {
        match spans.last_mut() {
            Some((_, length)) if index == next => *length += 1,
            _ => spans.push((index - next, 1)),
        }
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        deltas.push(count - before);
        (next, before) = (index + 1, count);
    }
    (spans, deltas)
}

impl Collector for Owned {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let unit = match family.unit {
                Unit::Count => None,
                Unit::Seconds => Some(TheirUnit::Seconds),
                Unit::Bytes => Some(TheirUnit::Bytes),
                Unit::Ratio => Some(TheirUnit::Other("ratio".to_owned())),
            };
            // An empty metric tells nothing, and what is unknown has none.
            if family.points.is_empty() && family.kind != Kind::Counter {
                continue;
            }
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
                Kind::Info => MetricType::Info,
            };
            let mut each = to.encode_descriptor(family.name, family.help, unit.as_ref(), kind)?;
            for (labels, value) in &family.points {
                if family.kind == Kind::Info {
                    each.encode_info(labels)?;
                    continue;
                }
                let mut one = each.encode_family(labels)?;
                match (value, family.kind) {
                    (OwnedValue::Count(count), Kind::Counter) => {
                        one.encode_counter::<NoLabelSet, u64, u64>(count, None)?;
                    }
                    (OwnedValue::Number(number), Kind::Counter) => {
                        one.encode_counter::<NoLabelSet, f64, f64>(number, None)?;
                    }
                    (OwnedValue::Count(count), _) => one.encode_gauge(count)?,
                    (OwnedValue::Number(number), _) => one.encode_gauge(number)?,
                    (OwnedValue::Histogram(histogram), _) => histogram.encode(one)?,
                }
            }
        }
        Ok(())
    }
}

/// Examples of all histograms: the metric, labels of one, its example of each bucket.
fn examples<'a>(
    all: &'a [Family<'a>],
) -> impl Iterator<Item = (&'a Family<'a>, &'a Point<'a>, &'a Timings)> {
    all.iter().flat_map(|family| {
        family.points.iter().filter_map(move |it| match it.value {
            Value::Timings(timings) => Some((family, it, timings)),
            _ => None,
        })
    })
}

/// Adds an example to each bucket of protobuf: the crate takes none from outside.
fn add_examples(messages: &mut [data::MetricFamily], all: &[Family<'_>], now: Moment) {
    for (family, at, timings) in examples(all) {
        let name = family.full_name();
        let wanted = labels(at);
        let metrics = messages.iter_mut().filter(|it| it.name == name);
        let metrics = metrics.flat_map(|it| &mut it.metric);
        for metric in metrics {
            let same = metric.label.len() == wanted.len()
                && metric
                    .label
                    .iter()
                    .zip(&wanted)
                    .all(|(it, (name, value))| it.name == *name && it.value == *value);
            let Some(histogram) = metric.histogram.as_mut().filter(|_| same) else {
                continue;
            };
            for (bucket, example) in histogram.bucket.iter_mut().zip(timings.examples()) {
                bucket.exemplar = example.map(|it| {
                    let wall = now.wall(it.time_ns);
                    data::Exemplar {
                        label: vec![data::LabelPair {
                            name: "cookie".to_owned(),
                            value: it.cookie.to_string(),
                        }],
                        value: it.ns as f64 / 1e9,
                        timestamp: Some(prost_types::Timestamp {
                            seconds: i64::try_from(wall.as_secs()).unwrap_or(0),
                            nanos: wall.subsec_nanos().cast_signed(),
                        }),
                    }
                });
            }
        }
    }
}

/// The same for lines of OpenMetrics.
fn with_examples(lines: &str, all: &[Family<'_>], now: Moment) -> Result<String, fmt::Error> {
    let mut of: HashMap<String, &[Option<Example>]> = HashMap::new();
    for (family, at, timings) in examples(all) {
        let name = family.full_name();
        let labels = labels(at);
        let labels = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""));
        let labels: Vec<String> = labels.collect();
        of.insert(format!("{name}:{}", labels.join(",")), timings.examples());
    }
    let mut told = String::with_capacity(lines.len() * 5 / 4);
    // Buckets of one histogram follow one another.
    let mut bucket = (String::new(), 0);
    for line in lines.lines() {
        told.push_str(line);
        if let Some((name, rest)) = line.split_once("_bucket{le=\"")
            && let Some((_, rest)) = rest.split_once('"')
            && let Some((labels, _)) = rest.split_once('}')
        {
            let key = format!("{name}:{}", labels.trim_start_matches(','));
            bucket.1 = match key == bucket.0 {
                true => bucket.1 + 1,
                false => 0,
            };
            if let Some(Some(example)) = of.get(&key).and_then(|it| it.get(bucket.1)) {
                write!(
                    told,
                    " # {{cookie=\"{}\"}} {} {:.3}",
                    example.cookie,
                    example.ns as f64 / 1e9,
                    now.wall(example.time_ns).as_secs_f64()
                )?;
            }
            bucket.0 = key;
        }
        told.push('\n');
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aggregate::meters::{Meters, Series},
        metrics::{
            Grouped, Snapshot,
            families::{Teller, families},
        },
        model::{Cookie, FlowEnd, Reason, State},
    };

    const NOW: Moment = Moment {
        mono_ns: 10_000_000_000,
        wall_ns: 1_700_000_010_000_000_000,
        began_wall_ns: 1_700_000_000_000_000_000,
    };

    /// A form of a snapshot with one histogram.
    fn written(format: Format) -> Vec<u8> {
        let mut timings = Timings::default();
        timings.record(2_000_000, Cookie::new(0x2a), 9_000_000_000);
        timings.record(3_000_000, Cookie::new(0x2b), 9_500_000_000);
        timings.record(4_000_000_000, None, 9_600_000_000);
        let families = [Family {
            name: "tcptrace_handshake",
            otel: "tcptrace.handshake.duration",
            help: "Handshakes",
            kind: Kind::Histogram,
            unit: Unit::Seconds,
            points: vec![Point {
                labels: vec![("opener", "local".into())],
                value: Value::Timings(&timings),
            }],
        }];
        encode(&families, format, NOW).unwrap()
    }

    #[test]
    fn each_accept_header_gets_what_it_asks_for() {
        // Prometheus 2.42 without and with native histograms; 3.x; curl; a browser.
        let cases = [
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5",
                Format::Protobuf,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7",
                Format::Protobuf,
            ),
            ("*/*", Format::Text),
            ("", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("application/openmetrics-text;q=0,text/plain", Format::Text),
            (
                "application/vnd.google.protobuf;encoding=text",
                Format::Text,
            ),
        ];
        for (accept, format) in cases {
            assert_eq!(Format::accepted(accept), format, "{accept}");
        }
    }

    #[test]
    fn in_openmetrics_each_bucket_has_the_last_one_of_it_as_an_exemplar() {
        let text = String::from_utf8(written(Format::OpenMetrics)).unwrap();
        let line = |le: &str| {
            let mut lines = text.lines();
            let begin = format!("tcptrace_handshake_seconds_bucket{{le=\"{le}\"");
            lines.find(|it| it.starts_with(&begin)).unwrap().to_owned()
        };
        assert!(
            line("0.0025").ends_with("} 1 # {cookie=\"2a\"} 0.002 1700000009.000"),
            "{}",
            line("0.0025")
        );
        assert!(line("0.005").ends_with("} 2 # {cookie=\"2b\"} 0.003 1700000009.500"));
        assert!(line("5.0").ends_with("} 3"), "its cookie is unknown");
        assert!(text.ends_with("# EOF\n"));
        let plain = String::from_utf8(written(Format::Text)).unwrap();
        assert!(!plain.contains(" # "), "{plain}");
    }

    #[test]
    fn in_protobuf_a_histogram_has_native_buckets_and_exemplars_too() {
        let bytes = written(Format::Protobuf);
        let family = data::MetricFamily::decode_length_delimited(&*bytes).unwrap();
        assert_eq!(family.name, "tcptrace_handshake_seconds");
        let histogram = family.metric[0].histogram.as_ref().unwrap();
        assert_eq!((histogram.schema, histogram.sample_count), (3, 3));
        // 2 ms is in bucket -71 (up to 2.13 ms), 3 ms in -67, 4 s in 16.
        let spans: Vec<_> = histogram
            .positive_span
            .iter()
            .map(|it| (it.offset, it.length))
            .collect();
        assert_eq!(spans, [(-71, 1), (3, 1), (82, 1)]);
        assert_eq!(histogram.positive_delta, [1, 0, 0]);
        let exemplars: Vec<_> = histogram
            .bucket
            .iter()
            .filter_map(|it| Some(it.exemplar.as_ref()?.label[0].value.clone()))
            .collect();
        assert_eq!(exemplars, ["2a", "2b"]);
    }

    #[test]
    fn one_that_is_called_other_and_what_found_no_room_are_one_series() {
        let way = Series::Way(State::Closed, State::SynSent, Reason::Connect);
        let closed = Series::Closed(FlowEnd::Graceful, None);
        let snapshot = Snapshot {
            meters: Meters::default(),
            grouped: Some(Grouped {
                label: "comm",
                rows: vec![
                    ("other".to_owned(), way, 1),
                    ("other".to_owned(), way, 2),
                    ("a\"b\\c\n".to_owned(), closed, 4),
                ],
                folded: [2, 0, 0],
            }),
            ..Snapshot::default()
        };
        let teller = Teller {
            kernel: "6.1",
            process: None,
            deliveries: None,
        };
        let all = families(&snapshot, &teller);
        let text = String::from_utf8(encode(&all, Format::Text, NOW).unwrap()).unwrap();
        let lines: Vec<_> = text
            .lines()
            .filter(|it| it.starts_with("tcptrace_transitions_total{"))
            .collect();
        assert_eq!(
            lines,
            [
                "tcptrace_transitions_total{from=\"CLOSED\",to=\"SYN_SENT\",reason=\"connect\",comm=\"other\"} 3"
            ]
        );
        assert!(text.contains("comm=\"a\\\"b\\\\c\\n\""), "{text}");
        assert!(!text.contains("tcptrace_connections{"), "it is not known");
    }
}
