//! The engine of today, behind a small HTTP front of the tests' own: chDB of PyPI, in `.tools/python`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use tcptrace::ship::schema::{Dialect, Schema, insert_query, insert_settings};

use crate::{
    asked::ask,
    namespace::Namespace,
    server::{Server, folder},
    shipping::Ship,
};

/// Where it listens.
pub const PORT: u16 = 8123;
/// The same for ship.
const TO: &str = "clickhouse+http://default@127.0.0.1:8123/default";

/// It, in the namespace of the test.
pub struct Engine {
    _server: Server,
}

impl Engine {
    /// Starts it, with nothing in it.
    pub fn start(_: &Namespace) -> Self {
        Self::configured("<clickhouse></clickhouse>")
    }

    /// The same as the only server of a cluster.
    pub fn of_cluster(_: &Namespace, cluster: &str) -> Self {
        // It is the one that it would connect to, and so it does not.
        Self::configured(&format!(
            "<clickhouse><tcp_port>9000</tcp_port><remote_servers><{cluster}><shard>
             <internal_replication>true</internal_replication>
             <replica><host>127.0.0.1</host><port>9000</port></replica>
             </shard></{cluster}></remote_servers></clickhouse>"
        ))
    }

    fn configured(configuration: &str) -> Self {
        let (python, folder) = (python(), folder());
        let settings = folder.path().join("config.xml");
        fs::write(&settings, configuration).expect("its settings");
        let front = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleet/front.py");
        let data = folder.path().join("data");
        let port = PathBuf::from(PORT.to_string());
        let arguments = [&front, &port, &data, &settings];
        let arguments = arguments.map(|it| it.to_str().expect("UTF-8").to_owned());
        let arguments = arguments.each_ref().map(String::as_str);
        Self {
            _server: Server::start_file(&python, folder, arguments, PORT),
        }
    }

    /// The same with all tables and views, which keep rows for ever: those of tests get old.
    pub fn with_tables(net: &Namespace) -> Self {
        let engine = Self::start(net);
        engine.make(&Schema::default().statements());
        engine.keep_rows(&["flows", "flows_by_minute"]);
        engine
    }

    /// Makes tables.
    pub fn make(&self, statements: &[String]) {
        for statement in statements {
            self.told(statement);
        }
    }

    /// Has tables keep rows for ever.
    pub fn keep_rows(&self, tables: &[&str]) {
        for table in tables {
            self.told(&format!("ALTER TABLE {table} REMOVE TTL"));
        }
    }

    /// The answer to a query.
    #[track_caller]
    pub fn told(&self, query: &str) -> String {
        ask(PORT, &[], query.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{query}"))
    }

    /// Ships a recording to it.
    #[track_caller]
    pub fn take(&self, recording: &Path) {
        Ship::new(recording, TO).with(&["--create"]).run().done();
    }

    /// Inserts rows as ship does; an error: what the server said, or nothing if it did not answer.
    pub fn insert(&self, token: &str, rows: &str) -> Result<(), String> {
        let query = insert_query();
        let mut parameters = insert_settings(Dialect::Today).to_vec();
        parameters.push(("insert_deduplication_token", token));
        parameters.push(("query", &query));
        ask(PORT, &parameters, rows.as_bytes()).map(drop)
    }

    /// So many answers are lost, though rows are taken.
    pub fn lose_answers(&self, answers: u32) {
        let path = format!("/front?lose={answers}");
        crate::asked::ask_at(PORT, &path, &[]).expect("an answer");
    }
}

/// Python, with the packages that tests take.
pub fn python() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/python/bin/python");
    let python = env::var_os("TCPTRACE_PYTHON").map_or(installed, PathBuf::from);
    assert!(
        python.exists(),
        "{} is not there: cargo xtask test puts it there",
        python.display()
    );
    python
}
