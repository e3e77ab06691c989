//! The dashboard, over a Prometheus that asks tcptrace.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Family, deployed,
    namespace::Namespace,
    patience::patient,
    prometheus::Prometheus,
    serve::{PORT, Serving},
    trace::Trace,
    traffic::{self, Traffic},
    wire::Wire,
};

/// How long it may take until all is told.
const LIMIT: Duration = Duration::from_secs(30);

/// A panel, and an expression that it asks for.
type Query = (String, String);

fn dashboard() -> Value {
    let text = fs::read_to_string(deployed("grafana/tcptrace.json")).unwrap();
    serde_json::from_str(&text).expect("JSON")
}

/// All queries, with what Grafana puts in for variables.
fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    let dashboard = dashboard();
    let mut panels: Vec<&Value> = dashboard["panels"].as_array().unwrap().iter().collect();
    while let Some(panel) = panels.pop() {
        panels.extend(panel["panels"].as_array().into_iter().flatten());
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().expect("an expression");
            let expression = expression
                .replace("$job", "tcptrace")
                .replace("$instance", &format!("127.0.0.1:{PORT}"))
                .replace("$__rate_interval", "20s")
                .replace("$__range", "1m");
            assert!(!expression.contains('$'), "{expression}");
            let title = panel["title"].as_str().expect("a title");
            queries.push((title.to_owned(), expression));
        }
    }
    assert!(queries.len() > 20, "{queries:?}");
    queries
}

#[test]
fn each_panel_of_the_dashboard_says_what_it_shows_and_asks_the_chosen_prometheus() {
    let dashboard = dashboard();
    assert!(
        dashboard["schemaVersion"].as_u64() >= Some(38),
        "Grafana 10"
    );
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["datasource", "job", "instance"]);
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64()), "{title}: an id twice");
        if panel["type"] == "row" {
            continue;
        }
        let said = panel["description"].as_str().unwrap_or_default();
        assert!(!said.is_empty(), "{title}: no description");
        for target in panel["targets"].as_array().expect("queries") {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let expression = target["expr"].as_str().unwrap();
            let metrics = expression.matches("{").count();
            let chosen = r#"{job=~"$job", instance=~"$instance""#;
            assert_eq!(expression.matches(chosen).count(), metrics, "{title}");
        }
    }
}

#[test]
fn every_panel_has_data_whichever_histograms_prometheus_keeps_and_exemplars_lead_to_connections() {
    let net = Namespace::new();
    let wire = Wire::new(&net, Family::V4);
    traffic::few_local_ports(&net);
    let mut trace = Trace::of(&net).start();
    trace.only_counted("its connections are looked up by their cookies");
    let serving = Serving::start(&net, &[], &[]);
    let native = Prometheus::start(&net, 9090, "native-histograms,exemplar-storage");
    let classic = Prometheus::start(&net, 9091, "exemplar-storage");

    let mut traffic = Traffic::begin(&net, &wire);
    let histogram = "tcptrace_handshake_seconds";
    let quantile = |of: &str| format!("histogram_quantile(0.5, {of})");
    let own = |it: &str| ("-".to_owned(), it.to_owned());
    let mut of_native = queries();
    of_native.push(own(&quantile(&format!("sum(rate({histogram}[20s]))"))));
    let mut of_classic = queries();
    let buckets = format!("sum by (le) (rate({histogram}_bucket[20s]))");
    of_classic.push(own(&quantile(&buckets)));
    for all in [&mut of_native, &mut of_classic] {
        all.push(own("tcptrace_time_wait_ends_total{reason='reused_by_syn'}"));
        all.push(own("tcptrace_handshakes_retried_total{result='completed'}"));
        all.push(own("tcptrace_handshakes_retried_total{result='failed'}"));
        all.push(own("tcptrace_listener_drops_total > 0"));
        all.push(own("tcptrace_half_open_connections > 1"));
        all.push(own(
            "tcptrace_stuck_connections{state='CLOSE_WAIT', verdict='not_closed'} == 1",
        ));
        all.push(own(
            "ALERTS{alertname='TcptraceTimeWaitOverflow', alertstate='firing'}",
        ));
        for (end, closer) in [
            ("graceful", "local"),
            ("graceful", "remote"),
            ("reset_by_us", "local"),
            ("reset_by_peer", "remote"),
            ("refused", "remote"),
            ("overflow", "local"),
        ] {
            all.push(own(&format!(
                "tcptrace_connections_closed_total{{end='{end}', closer='{closer}'}} > 1"
            )));
        }
    }
    let deadline = Instant::now() + patient(LIMIT);
    loop {
        traffic.round();
        for (prometheus, queries) in [(&native, &mut of_native), (&classic, &mut of_classic)] {
            queries.retain(|(_, expression)| {
                let values = prometheus.ask(expression);
                !values.iter().any(|it| it.is_finite())
            });
        }
        if of_native.is_empty() && of_classic.is_empty() {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "without data: native {of_native:#?}, classic {of_classic:#?} of\n{}",
            serving.metrics()
        );
    }

    let mut cookies = BTreeSet::new();
    for (prometheus, series) in [
        (&native, "tcptrace_state_duration_seconds"),
        (&classic, "tcptrace_state_duration_seconds_bucket"),
    ] {
        // All went well, each time.
        let up = prometheus.ask("min_over_time(up[1m])");
        assert_eq!(up, [1.0]);
        let targets = prometheus.look("/api/v1/targets");
        let targets = targets["activeTargets"].as_array().unwrap();
        assert!(
            targets.iter().all(|it| it["lastError"] == ""),
            "{targets:#?}"
        );
        let rules = prometheus.look("/api/v1/rules");
        let rules = rules["groups"][0]["rules"].as_array().unwrap();
        assert!(rules.iter().all(|it| it["health"] == "ok"), "{rules:#?}");

        let now = prometheus.ask("vector(time())")[0];
        let path = format!(
            "/api/v1/query_exemplars?query={series}&start={}&end={}",
            now - 120.0,
            now + 10.0
        );
        let exemplars = prometheus.look(&path);
        let found = exemplars.as_array().expect("series").iter();
        let found = found.flat_map(|it| it["exemplars"].as_array().unwrap());
        let before = cookies.len();
        cookies.extend(found.map(|it| it["labels"]["cookie"].as_str().unwrap().to_owned()));
        assert!(cookies.len() > before, "{series}: no exemplars");
    }

    let ended = serving.stop();
    assert!(ended.status.success(), "{ended:?}");
    assert!(
        ended.took < patient(Duration::from_millis(1500)),
        "{ended:?}"
    );
    // Each is one that `watch` told of.
    trace.settle();
    let seen = trace.stop();
    let told: BTreeSet<String> = seen
        .transitions
        .into_iter()
        .filter_map(|it| it.cookie)
        .collect();
    let unknown: Vec<_> = cookies.difference(&told).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
