//! Prometheus, running.

use std::fs;

use serde_json::Value;

use crate::{
    deployed, http,
    namespace::Namespace,
    serve,
    server::{Program, Server, folder},
};

const PROMETHEUS: Program = Program {
    name: "prometheus",
    package: "prometheus",
};

/// Prometheus in the namespace of the test, which asks tcptrace every second.
pub struct Prometheus {
    _server: Server,
    port: u16,
}

impl Prometheus {
    /// Starts it with these features.
    pub fn start(_: &Namespace, port: u16, features: &str) -> Self {
        let folder = folder();
        let config = folder.path().join("prometheus.yml");
        let rules = deployed("prometheus/tcptrace.rules.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules:?}]
scrape_configs:
  - job_name: tcptrace
    static_configs: [{{targets: ['127.0.0.1:{}']}}]
",
            serve::PORT
        );
        fs::write(&config, text).expect("its settings");
        let config = format!("--config.file={}", config.display());
        let data = format!("--storage.tsdb.path={}/data", folder.path().display());
        let listen = format!("--web.listen-address=127.0.0.1:{port}");
        let features = format!("--enable-feature={features}");
        let arguments = [&*config, &*data, &*listen, &*features, "--log.level=warn"];
        Self {
            _server: Server::start(PROMETHEUS, folder, arguments, port),
            port,
        }
    }

    /// The answer to an expression, now: a number for each set of labels that has one. Empty, too, while
    /// it is not ready.
    pub fn ask(&self, expression: &str) -> Vec<f64> {
        let parameters = [("query", expression)];
        let Some(answer) = http::post(self.port, "/api/v1/query", &parameters) else {
            return Vec::new();
        };
        if answer.status == 503 {
            return Vec::new();
        }
        let data = data(expression, &answer.body);
        assert_eq!(data["resultType"], "vector", "{expression}");
        let samples = data["result"].as_array().expect("samples").iter();
        // Histograms have none.
        let values = samples.filter_map(|it| it["value"][1].as_str()?.parse().ok());
        values.collect()
    }

    /// What it has at another path.
    pub fn look(&self, path: &str) -> Value {
        let answer = http::get(self.port, path).expect("an answer");
        data(path, &answer.body)
    }
}

fn data(asked: &str, body: &str) -> Value {
    let answer: Value =
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!(answer["status"], "success", "{asked}: {answer:#}");
    answer["data"].clone()
}
