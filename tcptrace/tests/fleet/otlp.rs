//! Flows as log records, at a collector of OpenTelemetry.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    collector::{Collector, PORT, rotel},
    namespace::Namespace,
    patience::patient,
    recordings::{self, repeated},
    shipping::Ship,
};

fn to() -> String {
    format!("otlp+http://127.0.0.1:{PORT}")
}

#[test]
fn a_collector_has_a_record_of_each_flow_with_the_batch_that_it_is_of() {
    let net = Namespace::new();
    let collector = rotel(&net);
    let folder = repeated(2, Duration::from_millis(25));
    let ship = Ship::new(folder.path(), to());
    ship.run().done();
    let all = recordings::flows(folder.path()).len();
    let records = || {
        collector
            .output()
            .matches("EventName: tcptrace.flow")
            .count()
    };
    let deadline = Instant::now() + patient(Duration::from_secs(30));
    while records() < all {
        assert!(Instant::now() < deadline, "{} of {all}", records());
        sleep(Duration::from_millis(50));
    }
    let output = collector.output();
    for words in [
        "tcptrace.batch: Str(0)",
        "tcptrace.segment: Str(2)",
        "tcptrace.run: Str(",
        "tcptrace.boot: Str(",
        "tcptrace.end: Str(graceful)",
        "network.local.port: Int(",
    ] {
        assert!(output.contains(words), "{words} is not in\n{output}");
    }
    // What was taken is not sent again.
    ship.run().done();
    sleep(Duration::from_millis(300));
    assert_eq!(records(), all);
}

#[test]
fn what_a_collector_does_not_take_at_once_is_sent_again() {
    let net = Namespace::new();
    let collector = Collector::start(&net, |before| match before {
        0 | 2 => Some((503, "Retry-After: 0\r\n")),
        _ => Some((200, "")),
    });
    let folder = repeated(8, Duration::from_millis(50));
    Ship::new(folder.path(), to()).run().done();
    let taken = collector.taken("/v1/logs");
    let records: usize = taken.iter().map(|it| it.count("tcptrace.flow")).sum();
    assert_eq!(records, recordings::flows(folder.path()).len());
}

#[test]
fn a_collector_that_refuses_records_stops_it_with_one_line() {
    let net = Namespace::new();
    let _collector = Collector::start(&net, |_| Some((400, "")));
    let folder = repeated(1, Duration::from_secs(3600));
    let ended = Ship::new(folder.path(), to()).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("refuses the records"), "{ended:?}");
    Ship::new(folder.path(), to())
        .with(&["--create"])
        .run()
        .failed(2, &["a collector has none"]);
}
