//! Alerts, and the form of what is served, as promtool sees them.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::{
    Family, deployed,
    namespace::Namespace,
    serve::Serving,
    server::Program,
    sockets::{close_in_turn, reset},
};

const PROMTOOL: Program = Program {
    name: "promtool",
    package: "prometheus",
};

/// Runs it; it must have nothing to say against what it reads.
fn promtool(arguments: &[&str], input: Stdio) -> String {
    let output = Command::new(PROMTOOL.path())
        .args(arguments)
        .stdin(input)
        .output()
        .expect("promtool starts");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    said
}

fn path(name: &str) -> String {
    deployed(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn the_alerts_and_the_example_of_a_configuration_are_valid() {
    let said = promtool(
        &["check", "rules", &path("prometheus/tcptrace.rules.yml")],
        Stdio::null(),
    );
    assert!(said.contains("SUCCESS"), "{said}");
    promtool(
        &["check", "config", &path("prometheus/prometheus.yml")],
        Stdio::null(),
    );
}

#[test]
fn each_alert_fires_where_it_should_and_no_other_does() {
    let tests = path("prometheus/tcptrace.rules.test.yml");
    promtool(&["test", "rules", &tests], Stdio::null());
    // None is without a test.
    let tests = fs::read_to_string(tests).unwrap();
    let rules = fs::read_to_string(path("prometheus/tcptrace.rules.yml")).unwrap();
    let alerts = rules
        .lines()
        .filter_map(|it| it.trim().strip_prefix("- alert: "));
    let mut count = 0;
    for alert in alerts {
        let fires = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\", severity=");
        assert!(tests.contains(&fires), "{alert} has no test");
        count += 1;
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn promtool_has_nothing_against_the_metrics_whatever_is_served() {
    let net = Namespace::new();
    let recording = tempfile::tempdir().unwrap();
    let recording = recording.path().to_str().unwrap();
    for arguments in [
        &[][..],
        &["--by", "port", "--max-series", "10"],
        &["--record", recording, "--otlp", "http://127.0.0.1:1"],
    ] {
        let serving = Serving::start(&net, arguments, &[]);
        for _ in 0..10 {
            let (client, server) = net.connect(Family::V4);
            close_in_turn(client, server);
            let (client, _server) = net.connect(Family::V4);
            reset(client);
        }
        serving.until("tcptrace_connections_closed_total", &[], |it| it >= 40.0);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("metrics");
        fs::write(&file, serving.metrics()).unwrap();
        let said = promtool(&["check", "metrics"], fs::File::open(&file).unwrap().into());
        assert_eq!(said, "", "{arguments:?}");
        assert!(serving.stop().status.success());
    }
}
