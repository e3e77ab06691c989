//! tcptrace and containers: containerd by its CRI, as a kubelet speaks to it, Docker and Podman; all with
//! runc.
//!
//! Every test has a network namespace and a mount namespace of its own, and an engine with a daemon one
//! of processes, too: what it sets up of the network is nobody else's, its folders in /run and
//! /var/lib are in memory, and whatever it started ends with it. They need root, and the packages
//! containerd, runc, docker.io, podman, busybox-static and curl: without them each test fails and says so.
//! `TCPTRACE_BIN` names another binary to test.

mod cri;
mod docker;
mod engine;
mod image;
#[path = "../live/namespace.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod namespace;
#[path = "../live/patience.rs"]
mod patience;
mod podman;
#[path = "../servers/program.rs"]
mod program;
mod protobuf;
#[path = "../view/schema.rs"]
mod schema;
#[path = "../live/told.rs"]
#[expect(dead_code, reason = "all are there, so that a missing one fails")]
mod told;
#[path = "../live/trace/mod.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod trace;
mod visit;
