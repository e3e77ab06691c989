//! tcptrace against servers and clients that people run: Apache httpd, nginx, HAProxy, curl, each
//! as Debian packages it, with settings that make it close at a time that is known.
//!
//! Every test has a network namespace of its own, and its servers live in it. They need root, and
//! the packages apache2-bin, nginx, haproxy and curl: without them each test fails and says so.
//! `TCPTRACE_BIN` names another binary to test.

mod apache;
mod client;
mod curl;
mod ends;
#[path = "../live/flow.rs"]
mod flow;
mod haproxy;
#[path = "../live/namespace.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod namespace;
mod nginx;
#[path = "../live/patience.rs"]
mod patience;
mod program;
mod race;
#[path = "../view/schema.rs"]
mod schema;
#[expect(dead_code, reason = "the tests of monitoring need more of it")]
mod server;
#[path = "../live/told.rs"]
#[expect(dead_code, reason = "all are there, so that a missing one fails")]
mod told;
#[path = "../live/trace/mod.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod trace;
