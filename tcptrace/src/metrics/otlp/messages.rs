//! Figures and records of connections, as OTLP has them.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
        metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse},
    },
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    metrics::v1::{
        AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint,
        Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
        ScopeMetrics, Sum, exemplar, exponential_histogram_data_point::Buckets, metric::Data,
        number_data_point,
    },
    resource::v1::Resource,
};
use prost::Message as _;
use serde_json::Value as Json;

use super::{
    OtlpSettings,
    client::{Post, bytes},
    settings::FigureForm,
};
use crate::{
    aggregate::meters::{BOUNDS_S, SCHEMA, Timings},
    host::host_name,
    metrics::{
        Snapshot,
        families::{Family, Kind, Point, Unit, Value},
    },
};

/// Where figures and records come from.
#[derive(Debug)]
pub struct Origin {
    resource: Resource,
    /// The kernel's release.
    pub kernel: String,
}

impl Origin {
    /// This machine, with what is said of it besides, which comes first.
    pub fn of(settings: &OtlpSettings, kernel: &str) -> Self {
        let own = [
            ("service.name", "tcptrace"),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("host.name", &host_name()),
            ("os.type", "linux"),
            ("os.version", kernel),
        ];
        let said = |name: &str| settings.attributes.iter().any(|it| it.0 == name);
        let own = own.into_iter().filter(|(name, _)| !said(name));
        let own = own.map(|(name, value)| text(name, value));
        let given = settings.attributes.iter();
        let given = given.map(|(name, value)| text(name, value));
        Self {
            resource: Resource {
                attributes: own.chain(given).collect(),
                ..Resource::default()
            },
            kernel: kernel.to_owned(),
        }
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "tcptrace".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn any(value: any_value::Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, any(any_value::Value::StringValue(value.to_owned())))
}

/// What OpenTelemetry calls a label, or a field of a connection.
fn attribute(name: &str) -> String {
    match name {
        "state" => "network.connection.state",
        "comm" => "process.executable.name",
        "pid" => "process.pid",
        "remote" | "remote_addr" => "network.peer.address",
        "remote_port" => "network.peer.port",
        "local_addr" => "network.local.address",
        "local_port" => "network.local.port",
        "family" => "network.type",
        "container" => "container.name",
        "pod" => "k8s.pod.name",
        other => return format!("tcptrace.{other}"),
    }
    .to_owned()
}

/// What OpenTelemetry calls a state.
fn state(name: &str) -> String {
    match name {
        "FIN_WAIT1" => "fin_wait_1".to_owned(),
        "FIN_WAIT2" => "fin_wait_2".to_owned(),
        "SYN_RECV" => "syn_received".to_owned(),
        other => other.to_ascii_lowercase(),
    }
}

fn attributes(point: &Point<'_>) -> Vec<KeyValue> {
    let labels = point.labels.iter().filter(|(_, value)| !value.is_empty());
    labels
        .map(|(name, value)| match *name {
            "state" => text(&attribute(name), &state(value)),
            _ => text(&attribute(name), value),
        })
        .collect()
}

/// The times of a point, ns since 1970.
struct Times {
    began: u64,
    now: u64,
}

impl Times {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            began: u64::try_from(snapshot.began_wall_ns).unwrap_or(0),
            now: u64::try_from(snapshot.wall_ns).unwrap_or(0),
        }
    }
}

/// All figures, as they have come to since tcptrace began.
pub fn metrics(all: &[Family<'_>], snapshot: &Snapshot, form: FigureForm) -> Vec<Metric> {
    let times = Times::of(snapshot);
    let metrics = all.iter().filter(|it| !it.points.is_empty());
    let metrics = metrics.map(|family| Metric {
        name: family.otel.to_owned(),
        description: family.help.to_owned(),
        unit: match family.unit {
            Unit::Count if family.otel == "system.network.connection.count" => "{connection}",
            Unit::Count => "{count}",
            Unit::Seconds => "s",
            Unit::Bytes => "By",
            Unit::Ratio => "1",
        }
        .to_owned(),
        data: Some(data(family, snapshot, &times, form)),
        ..Metric::default()
    });
    metrics.collect()
}

/// A request with them.
pub fn metrics_request(metrics: Vec<Metric>, origin: &Origin) -> Post {
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(origin.resource.clone()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope()),
                metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    Post {
        body: bytes(&request),
        rejected: |answer| {
            let answer = ExportMetricsServiceResponse::decode(answer).ok()?;
            let partly = answer.partial_success?;
            let count = u64::try_from(partly.rejected_data_points).ok()?;
            Some((count, partly.error_message))
        },
    }
}

fn data(family: &Family<'_>, snapshot: &Snapshot, times: &Times, form: FigureForm) -> Data {
    let cumulative = AggregationTemporality::Cumulative as i32;
    let timings = || {
        let points = family.points.iter();
        points.filter_map(|it| match it.value {
            Value::Timings(timings) => {
                Some((it, timings, exemplars(timings, snapshot, times, form)))
            }
            _ => None,
        })
    };
    let numbers = || {
        let points = family.points.iter();
        points.filter_map(|it| number(it, times)).collect()
    };
    match family.kind {
        Kind::Counter => Data::Sum(Sum {
            data_points: numbers(),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        // By the semantic conventions it is a sum that goes up and down.
        Kind::Gauge if family.otel == "system.network.connection.count" => Data::Sum(Sum {
            data_points: family
                .points
                .iter()
                .filter_map(|it| {
                    let mut point = number(it, times)?;
                    point.attributes.push(text("network.transport", "tcp"));
                    Some(point)
                })
                .collect(),
            aggregation_temporality: cumulative,
            is_monotonic: false,
        }),
        Kind::Gauge | Kind::Info => Data::Gauge(Gauge {
            data_points: numbers(),
        }),
        Kind::Histogram if form.exponential => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: timings()
                .map(|(point, timings, examples)| exponential(point, timings, examples, times))
                .collect(),
            aggregation_temporality: cumulative,
        }),
        Kind::Histogram => Data::Histogram(Histogram {
            data_points: timings()
                .map(|(point, timings, examples)| histogram(point, timings, examples, times))
                .collect(),
            aggregation_temporality: cumulative,
        }),
    }
}

fn number(point: &Point<'_>, times: &Times) -> Option<NumberDataPoint> {
    let value = match point.value {
        Value::Count(count) => {
            number_data_point::Value::AsInt(i64::try_from(count).unwrap_or(i64::MAX))
        }
        Value::Number(number) => number_data_point::Value::AsDouble(number),
        Value::Timings(_) => return None,
    };
    Some(NumberDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: times.began,
        time_unix_nano: times.now,
        value: Some(value),
        ..NumberDataPoint::default()
    })
}

fn exemplars(
    timings: &Timings,
    snapshot: &Snapshot,
    times: &Times,
    form: FigureForm,
) -> Vec<Exemplar> {
    if form.without_exemplars {
        return Vec::new();
    }
    let examples = timings.examples().iter().flatten();
    let exemplars = examples.map(|it| Exemplar {
        filtered_attributes: vec![text("tcptrace.cookie", &it.cookie.to_string())],
        time_unix_nano: times
            .now
            .saturating_sub(snapshot.mono_ns.saturating_sub(it.time_ns)),
        value: Some(exemplar::Value::AsDouble(it.ns as f64 / 1e9)),
        ..Exemplar::default()
    });
    exemplars.collect()
}

fn histogram(
    point: &Point<'_>,
    timings: &Timings,
    exemplars: Vec<Exemplar>,
    times: &Times,
) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: times.began,
        time_unix_nano: times.now,
        count: timings.count(),
        sum: Some(timings.sum_s()),
        bucket_counts: timings.classic().iter().map(|it| it.1).collect(),
        explicit_bounds: BOUNDS_S.to_vec(),
        exemplars,
        ..HistogramDataPoint::default()
    }
}

/// Bucket i of OpenTelemetry is above 2^(i/8) s, where that of tcptrace is up to it.
fn exponential(
    point: &Point<'_>,
    timings: &Timings,
    exemplars: Vec<Exemplar>,
    times: &Times,
) -> ExponentialHistogramDataPoint {
    let mut positive = None;
    for (index, count) in timings.native() {
        let buckets = positive.get_or_insert(Buckets {
            offset: index - 1,
            bucket_counts: Vec::new(),
        });
        // Those between, which are empty, are there.
        let at = usize::try_from(index - 1 - buckets.offset).unwrap_or(0);
        buckets.bucket_counts.resize(at, 0);
        buckets.bucket_counts.push(count);
    }
    ExponentialHistogramDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: times.began,
        time_unix_nano: times.now,
        count: timings.count(),
        sum: Some(timings.sum_s()),
        scale: SCHEMA.into(),
        zero_count: timings.zero(),
        zero_threshold: Timings::zero_s(),
        positive,
        exemplars,
        ..ExponentialHistogramDataPoint::default()
    }
}

/// A record of each connection, from lines of `flows -o json`.
pub fn logs_request(lines: &[u8], observed_ns: u64, origin: &Origin) -> Post {
    let lines = lines.split(|byte| *byte == b'\n');
    let records = lines.filter(|it| !it.is_empty());
    let records = records.filter_map(|line| record(line, observed_ns));
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(origin.resource.clone()),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope()),
                log_records: records.collect(),
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    Post {
        body: bytes(&request),
        rejected: |answer| {
            let answer = ExportLogsServiceResponse::decode(answer).ok()?;
            let partly = answer.partial_success?;
            let count = u64::try_from(partly.rejected_log_records).ok()?;
            Some((count, partly.error_message))
        },
    }
}

fn record(line: &[u8], observed_ns: u64) -> Option<LogRecord> {
    let Json::Object(fields) = serde_json::from_slice(line).ok()? else {
        return None;
    };
    let said = |name: &str| fields.get(name).and_then(Json::as_str).unwrap_or("-");
    let time = said("time").parse::<jiff::Timestamp>().ok();
    let end = |addr: &str, port: &str| {
        let port = fields.get(port).and_then(Json::as_u64);
        format!(
            "{} {}",
            said(addr),
            port.map_or("-".to_owned(), |it| it.to_string())
        )
    };
    let body = format!(
        "{} to {}: {}",
        end("local_addr", "local_port"),
        end("remote_addr", "remote_port"),
        said("end")
    );
    let mut attributes = vec![text("network.transport", "tcp")];
    for (name, value) in &fields {
        if name != "type" && name != "time" {
            flatten(&attribute(name), value, &mut attributes);
        }
    }
    Some(LogRecord {
        time_unix_nano: time
            .and_then(|it| u64::try_from(it.as_nanosecond()).ok())
            .unwrap_or(0),
        observed_time_unix_nano: observed_ns,
        severity_number: SeverityNumber::Info as i32,
        severity_text: "INFO".to_owned(),
        event_name: "tcptrace.flow".to_owned(),
        body: Some(any(any_value::Value::StringValue(body))),
        attributes,
        ..LogRecord::default()
    })
}

/// What is unknown is left out; an object's fields have its name before theirs.
fn flatten(name: &str, value: &Json, to: &mut Vec<KeyValue>) {
    match value {
        Json::Object(fields) => {
            for (field, value) in fields {
                flatten(&format!("{name}.{field}"), value, to);
            }
        }
        value => to.extend(any_of(value).map(|it| pair(name, it))),
    }
}

fn any_of(value: &Json) -> Option<AnyValue> {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
    Some(any(match value {
        Json::Null => return None,
        Json::Bool(it) => any_value::Value::BoolValue(*it),
        Json::Number(it) => match it.as_i64() {
            Some(it) => any_value::Value::IntValue(it),
            None => any_value::Value::DoubleValue(it.as_f64()?),
        },
        Json::String(it) => any_value::Value::StringValue(it.clone()),
        Json::Array(all) => any_value::Value::ArrayValue(ArrayValue {
            values: all.iter().filter_map(any_of).collect(),
        }),
        Json::Object(fields) => {
            let mut values = Vec::new();
            for (name, value) in fields {
                values.extend(any_of(value).map(|it| pair(name, it)));
            }
            any_value::Value::KvlistValue(KeyValueList { values })
        }
    }))
}
