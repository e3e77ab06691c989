//! The flows of a fleet: `tcptrace ship` beside what it ships to.
//!
//! Every test has a network namespace of its own. They need root, Debian's packages clickhouse-server and
//! zookeeper, and the packages of PyPI in `.tools/python`, where `cargo xtask test` puts them
//! (`TCPTRACE_PYTHON` names another Python that has them): without them each test fails and says so.
//! `TCPTRACE_BIN` names another binary to test.

mod asked;
mod bad_input;
#[path = "../monitoring/by_tls.rs"]
#[expect(dead_code, reason = "the tests of serve need more of it")]
mod by_tls;
mod clickhouse;
mod cluster;
#[path = "../monitoring/collector.rs"]
#[expect(dead_code, reason = "the tests of serve need more of it")]
mod collector;
mod document;
mod engine;
mod exactly_once;
mod fleet;
mod hosts;
#[path = "../live/namespace.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod namespace;
#[path = "../scenarios/notation.rs"]
#[expect(dead_code, reason = "the scenarios need more of it")]
mod notation;
mod otlp;
#[path = "../live/patience.rs"]
mod patience;
#[path = "../servers/program.rs"]
mod program;
mod proxy;
mod recordings;
mod rows;
mod schema;
#[path = "../engine/script.rs"]
#[expect(dead_code, reason = "the tests of the engine need more of it")]
mod script;
#[path = "../servers/server.rs"]
mod server;
mod shipping;
mod tls;
