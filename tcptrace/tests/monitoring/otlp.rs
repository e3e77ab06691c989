//! What a collector of OpenTelemetry is sent, and what becomes of tcptrace when it is not there.

use std::{
    net::TcpListener,
    thread::sleep,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{AggregationTemporality, metric::Data, number_data_point::Value},
};
use prost::Message as _;

use crate::{
    Family,
    collector::{Collector, address, rotel},
    namespace::Namespace,
    patience::patient,
    serve::Serving,
    sockets::close_in_turn,
};

const LOST: &str = "tcptrace_events_lost_total";
const SENT: &str = "tcptrace_otlp_sent_total";
const DROPPED: &str = "tcptrace_otlp_dropped_total";
/// How long tcptrace may take to end, whatever the collector does.
const END: Duration = Duration::from_secs(4);
/// The same where the collector answers, or is not there: none waits for an answer then.
const SOON: Duration = Duration::from_millis(1500);
/// How long something is waited for.
const LIMIT: Duration = Duration::from_secs(20);

/// Figures every second, and records of connections; it fails where an event is lost.
fn start(net: &Namespace, variables: &[(&str, &str)]) -> Serving {
    let mut all = vec![("OTEL_METRIC_EXPORT_INTERVAL", "1000")];
    all.extend_from_slice(variables);
    Serving::start(net, &arguments(&address()), &all)
}

fn arguments(address: &str) -> [&str; 4] {
    ["--otlp", address, "--otlp-flows", "--strict"]
}

/// So many connections, closed by both sides.
fn connect(net: &Namespace, count: usize) {
    connect_to(net, &net.listen(Family::V4), count);
}

fn connect_to(net: &Namespace, listener: &TcpListener, count: usize) {
    for _ in 0..count {
        let (client, server) = net.connect_to(listener);
        close_in_turn(client, server);
    }
}

/// Waits until something holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + patient(LIMIT);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} does not come");
        sleep(Duration::from_millis(50));
    }
}

/// Ends it: soon, and with nothing lost. Returns what it said.
fn stop(serving: Serving, within: Duration) -> String {
    assert_eq!(serving.sum(LOST, &[]), 0.0);
    let ended = serving.stop();
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.took < patient(within), "{ended:?}");
    ended.stderr
}

#[test]
fn a_collector_has_figures_by_the_names_of_the_conventions_and_a_record_of_each_connection() {
    let net = Namespace::new();
    let collector = rotel(&net);
    let serving = start(
        &net,
        &[
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
            ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "gzip"),
        ],
    );
    let (_client, _server) = net.connect(Family::V4);
    connect(&net, 20);
    // Both sides of each.
    serving.until(SENT, &["logs"], |it| it >= 40.0);
    until("a second round of figures", || {
        let output = collector.output();
        output
            .matches("Name: system.network.connection.count")
            .count()
            >= 2
            && output.contains("Name: tcptrace.handshake.duration")
    });
    assert_eq!(serving.sum(DROPPED, &[]), 0.0);
    stop(serving, END);

    let output = collector.output();
    for words in [
        "deployment.environment: Str(test)",
        "service.name: Str(tcptrace)",
        "network.connection.state: Str(established)",
        "network.connection.state: Str(fin_wait_1)",
        "network.connection.state: Str(syn_received)",
        "network.transport: Str(tcp)",
        "Unit: {connection}",
        "Name: tcptrace.transitions",
        "Name: tcptrace.events.lost",
        "tcptrace.end: Str(graceful)",
        "network.local.address: Str(127.0.0.1)",
        "SeverityText: INFO",
    ] {
        assert!(output.contains(words), "{words} is not in\n{output}");
    }
    let records = output.matches("EventName: tcptrace.flow").count();
    assert!(records >= 40, "{records}");
}

/// What a request has of a metric: since when it counts, and whether from the last time; how many.
fn told(body: &[u8], name: &str) -> Option<(bool, u64)> {
    let request = ExportMetricsServiceRequest::decode(body).expect("a request");
    let scopes = request.resource_metrics.into_iter();
    let scopes = scopes.flat_map(|it| it.scope_metrics);
    let mut metrics = scopes.flat_map(|it| it.metrics);
    let delta = |it: i32| it == AggregationTemporality::Delta as i32;
    Some(match metrics.find(|it| it.name == name)?.data? {
        Data::Sum(sum) => {
            let counts = sum.data_points.iter().map(|it| match it.value {
                Some(Value::AsInt(count)) => u64::try_from(count).expect("no less than before"),
                _ => panic!("no count: {it:?}"),
            });
            (delta(sum.aggregation_temporality), counts.sum())
        }
        Data::ExponentialHistogram(all) => {
            let points = all.data_points.iter();
            let counts = points.map(|it| {
                assert!(it.exemplars.is_empty(), "{it:?}");
                let buckets = it.positive.iter().flat_map(|it| &it.bucket_counts);
                assert_eq!(it.count, it.zero_count + buckets.sum::<u64>());
                it.count
            });
            (delta(all.aggregation_temporality), counts.sum())
        }
        other => panic!("{name} is {other:?}"),
    })
}

#[test]
fn a_collector_that_wants_deltas_is_told_of_each_connection_once_even_after_it_was_away() {
    let net = Namespace::new();
    // It is away at first, and for a while after it took some.
    let collector = Collector::start(&net, |came| match came {
        0 | 2 | 3 => Some((503, "Retry-After: 1\r\n")),
        _ => Some((200, "")),
    });
    let listener = net.listen(Family::V4);
    let port = listener
        .local_addr()
        .expect("its address")
        .port()
        .to_string();
    // Connections to the collector are not among these.
    let serving = Serving::start(
        &net,
        &[&arguments(&address())[..], &["--port", &port]].concat(),
        &[
            ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
            (
                "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                "base2_exponential_bucket_histogram",
            ),
            ("OTEL_METRICS_EXEMPLAR_FILTER", "always_off"),
            ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "4"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
        ],
    );
    let requests = || collector.taken("/v1/metrics");
    for round in 1..=4 {
        connect_to(&net, &listener, 5);
        let before = requests().len();
        until("a round of figures", || requests().len() > before);
        serving.until("tcptrace_connections_closed_total", &[], |it| {
            it >= f64::from(round) * 10.0
        });
    }
    stop(serving, END);
    for name in ["tcptrace.connections.closed", "tcptrace.handshake.duration"] {
        let all = requests();
        let all: Vec<_> = all.iter().filter_map(|it| told(&it.body, name)).collect();
        assert!(all.len() >= 4, "{name}: {all:?}");
        assert!(all.iter().all(|it| it.0), "{name}: {all:?}");
        let whole: u64 = all.iter().map(|it| it.1).sum();
        assert_eq!(whole, 40, "both sides of twenty: {name}: {all:?}");
    }
    let records = collector.taken("/v1/logs");
    let counts: Vec<_> = records.iter().map(|it| it.count("tcptrace.flow")).collect();
    assert_eq!(counts.iter().sum::<usize>(), 40, "{counts:?}");
    assert!(counts.iter().all(|it| *it <= 4), "{counts:?}");
}

#[test]
fn what_happened_last_is_sent_before_it_ends() {
    let net = Namespace::new();
    let collector = Collector::start(&net, |_| Some((200, "")));
    let serving = start(&net, &[("OTEL_METRIC_EXPORT_INTERVAL", "600000")]);
    connect(&net, 3);
    serving.until("tcptrace_connections_closed_total", &[], |it| it >= 6.0);
    assert!(collector.taken("/v1/metrics").is_empty());
    stop(serving, SOON);
    let [figures] = &collector.taken("/v1/metrics")[..] else {
        panic!("figures were sent once: {:?}", collector.requests());
    };
    assert!(figures.has("tcptrace.connections.closed"));
    let records = collector.taken("/v1/logs");
    let count: usize = records.iter().map(|it| it.count("tcptrace.flow")).sum();
    assert!(count >= 6, "{count}");
}

#[test]
fn nothing_is_lost_and_it_ends_soon_while_no_collector_is_there() {
    let net = Namespace::new();
    let serving = start(&net, &[]);
    connect(&net, 200);
    serving.until("tcptrace_connections_closed_total", &[], |it| it >= 400.0);
    // It has tried more than once.
    sleep(Duration::from_secs(2));
    assert_eq!(serving.sum(SENT, &[]), 0.0);
    let said = stop(serving, SOON);
    // Why, of each address, and not each time.
    assert_eq!(said.matches("Connection refused").count(), 2, "{said}");
}

#[test]
fn a_collector_that_comes_late_has_all_that_happened_before() {
    let net = Namespace::new();
    let serving = start(&net, &[]);
    connect(&net, 20);
    sleep(Duration::from_secs(1));
    let collector = Collector::start(&net, |_| Some((200, "")));
    let records = || -> usize {
        let taken = collector.taken("/v1/logs");
        taken.iter().map(|it| it.count("tcptrace.end")).sum()
    };
    until("a record of each", || records() >= 40);
    until("figures", || !collector.taken("/v1/metrics").is_empty());
    assert_eq!(serving.sum(DROPPED, &[]), 0.0);
    stop(serving, SOON);
}

#[test]
fn records_that_find_no_room_while_a_collector_hangs_are_counted_and_nothing_is_lost() {
    let net = Namespace::new();
    let collector = Collector::start(&net, |_| None);
    let serving = start(&net, &[]);
    connect(&net, 1);
    until("a record", || {
        collector.requests().iter().any(|it| it.path == "/v1/logs")
    });
    // 8 MiB wait.
    connect(&net, 7_000);
    serving.until(DROPPED, &["logs"], |it| it > 0.0);
    serving.until("tcptrace_connections_closed_total", &[], |it| {
        it >= 14_000.0
    });
    assert_eq!(serving.sum(SENT, &[]), 0.0);
    stop(serving, END);
}

#[test]
fn what_a_busy_collector_does_not_take_is_sent_again_when_it_says_so() {
    let net = Namespace::new();
    let collector = Collector::start(&net, |before| match before {
        0 | 1 => Some((503, "Retry-After: 1\r\n")),
        _ => Some((200, "")),
    });
    let serving = start(&net, &[]);
    connect(&net, 5);
    for path in ["/v1/logs", "/v1/metrics"] {
        until(path, || !collector.taken(path).is_empty());
        let requests = collector.requests();
        let times: Vec<_> = requests.iter().filter(|it| it.path == path).collect();
        for two in times[..3].windows(2) {
            let pause = two[1].at - two[0].at;
            assert!(pause >= Duration::from_millis(950), "{path}: {pause:?}");
        }
    }
    let requests = collector.requests();
    let records: Vec<_> = requests.iter().filter(|it| it.path == "/v1/logs").collect();
    assert_eq!(
        records[0].count("tcptrace.end"),
        records[2].count("tcptrace.end")
    );
    assert_eq!(serving.sum(DROPPED, &[]), 0.0);
    serving.until(SENT, &["logs"], |it| it >= 10.0);
    stop(serving, SOON);
}

#[test]
fn what_a_collector_refuses_is_dropped_and_counted() {
    let net = Namespace::new();
    let collector = Collector::start(&net, |_| Some((400, "")));
    let serving = start(&net, &[]);
    connect(&net, 5);
    serving.until(DROPPED, &["logs"], |it| it >= 10.0);
    serving.until(DROPPED, &["metrics"], |it| it > 0.0);
    assert_eq!(serving.sum(SENT, &[]), 0.0);
    // The same is not sent twice.
    let requests = collector.requests();
    let mut records: Vec<_> = requests.iter().filter(|it| it.path == "/v1/logs").collect();
    records.dedup_by(|one, other| one.body == other.body);
    assert!(!records.is_empty());
    stop(serving, SOON);
}
