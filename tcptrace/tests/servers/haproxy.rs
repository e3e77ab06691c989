//! HAProxy, in front of another server.

use std::{fs, net::TcpListener, time::Duration};

use serde_json::Value;

use crate::{
    apache::{self, apache},
    client::Client,
    ends::{Ends, candidates, idle},
    flow::{exactly, start, states},
    namespace::Namespace,
    nginx::{self, nginx},
    server::{Program, Server, folder},
};

const HAPROXY: Program = Program {
    name: "haproxy",
    package: "haproxy",
};
/// Where it listens.
pub const PORT: u16 = 8000;
/// Where nobody does.
const NOBODY: u16 = 8099;

/// Starts it in front of a port, with these settings in its `defaults`, which come last.
pub fn haproxy(_: &Namespace, backend: u16, defaults: &str) -> Server {
    let folder = folder();
    let config = folder.path().join("haproxy.cfg");
    let text = format!(
        "global
    nbthread 1
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 30s
    {defaults}
frontend front
    bind 127.0.0.1:{PORT}
    default_backend back
backend back
    server one 127.0.0.1:{backend}\n"
    );
    fs::write(&config, text).expect("its settings");
    let config = config.to_str().unwrap().to_owned();
    Server::start(HAPROXY, folder, ["-db", "-f", &config], PORT)
}

#[test]
fn each_side_of_a_proxy_has_its_own_closer_and_idle_time() {
    let net = Namespace::new();
    let _nginx = nginx(&net, "keepalive_timeout 3s;");
    let _haproxy = haproxy(&net, nginx::PORT, "timeout http-keep-alive 2s");
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    assert_eq!(client.get(), 200);
    assert_eq!(client.get(), 200);
    let (waited, end) = (client.until_closed(), client.end());
    let (sent, received) = (client.sent, client.received);
    drop(client);

    // One connection on each side: that to nginx is kept, and used again.
    let flows = exactly(4, trace);
    let front = Ends::of(&flows, end);
    front.closed_by_server();
    front.expect_idle(Duration::from_secs(2), waited);
    front.expect_bytes(sent, received);
    assert_eq!(front.server["comm"], "haproxy");
    assert_eq!(front.client["pid"], std::process::id());

    let [back] = Ends::all_to(&flows, nginx::PORT)[..] else {
        panic!("not one connection to nginx: {flows:#?}");
    };
    back.closed_by_server();
    back.expect_idle(Duration::from_secs(3), Duration::from_secs(4));
    back.expect_programs("haproxy", "nginx");
    assert_eq!(back.client["pid"], front.server["pid"]);
    let sent = back.client["bytes_sent"].as_u64().unwrap();
    let received = back.client["bytes_received"].as_u64().unwrap();
    assert!(sent > 0 && received > 0, "{back:#?}");
    back.expect_bytes(sent, received);
    assert_eq!(front.hint(), [""; 0]);
    assert_eq!(back.hint(), [""; 0]);
}

#[test]
fn a_server_side_that_is_not_kept_is_a_connection_a_request() {
    let net = Namespace::new();
    let _nginx = nginx(&net, "");
    let _haproxy = haproxy(
        &net,
        nginx::PORT,
        "timeout http-keep-alive 1s\n    option http-server-close",
    );
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    for _ in 0..3 {
        assert_eq!(client.get(), 200);
    }
    client.until_closed();
    let end = client.end();
    drop(client);

    let flows = exactly(8, trace);
    Ends::of(&flows, end).closed_by_server();
    let back = Ends::all_to(&flows, nginx::PORT);
    assert_eq!(back.len(), 3, "{flows:#?}");
    for each in back {
        // Both close at the end of the answer: whoever is first, both must tell the same.
        let closer = each.closer();
        assert!(["local", "remote", "both"].contains(&closer), "{each:#?}");
        each.expect_programs("haproxy", "nginx");
        assert!(idle(each.client) < Duration::from_secs(1), "{each:#?}");
        assert_eq!(each.hint(), [""; 0]);
    }
}

#[test]
fn timeout_client_closes_both_sides_and_names_no_server_for_its_own() {
    let net = Namespace::new();
    let _apache = apache(&net, "KeepAliveTimeout 30\nTimeOut 30");
    let _haproxy = haproxy(&net, apache::PORT, "mode tcp\n    timeout client 5s");
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    assert_eq!(client.get(), 200);
    let (waited, end) = (client.until_closed(), client.end());
    drop(client);

    let flows = exactly(4, trace);
    let front = Ends::of(&flows, end);
    front.closed_by_server();
    front.expect_idle(Duration::from_secs(5), waited);
    // The client can't know who is behind that port.
    assert!(!front.hint().is_empty(), "{front:#?}");

    let [back] = Ends::all_to(&flows, apache::PORT)[..] else {
        panic!("not one connection to Apache: {flows:#?}");
    };
    back.closed_by_client();
    back.expect_idle(Duration::from_secs(5), waited);
    back.expect_programs("haproxy", "apache2");
    assert_eq!(
        back.hint(),
        [""; 0],
        "the one who closed is no server there"
    );
}

#[test]
fn a_backend_that_is_dead_is_refused() {
    let net = Namespace::new();
    let settings = "timeout http-keep-alive 1s\n    retries 1";
    let _haproxy = haproxy(&net, NOBODY, settings);
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    assert_eq!(client.get(), 503);
    client.until_closed();
    let end = client.end();
    drop(client);

    let flows = exactly(4, trace);
    Ends::of(&flows, end).closed_by_server();
    let tries: Vec<&Value> = to(&flows, NOBODY);
    assert_eq!(tries.len(), 2, "the first, and one more: {flows:#?}");
    for flow in tries {
        assert_eq!(flow["end"], "refused", "{flow:#}");
        assert_eq!(flow["closer"], "remote", "{flow:#}");
        assert_eq!(flow["opener"], "local", "{flow:#}");
        assert_eq!(flow["comm"], "haproxy", "{flow:#}");
        assert_eq!(flow["bytes_sent"], 0, "{flow:#}");
        assert_eq!(states(flow), ["SYN_SENT"], "{flow:#}");
        assert_eq!(candidates(flow), [""; 0], "{flow:#}");
    }
}

#[test]
fn a_backend_that_is_slower_than_timeout_server_is_reset_by_the_proxy() {
    let net = Namespace::new();
    // It takes connections, and says nothing.
    let _slow = TcpListener::bind(("127.0.0.1", nginx::PORT)).expect("a listener");
    let settings = "timeout server 2s\n    timeout http-keep-alive 1s";
    let _haproxy = haproxy(&net, nginx::PORT, settings);
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    assert_eq!(client.get(), 504);
    let (waited, end) = (client.until_closed(), client.end());
    drop(client);

    let flows = exactly(4, trace);
    Ends::of(&flows, end).closed_by_server();
    let [back] = Ends::all_to(&flows, nginx::PORT)[..] else {
        panic!("not one connection to the backend: {flows:#?}");
    };
    assert_eq!(back.closer(), "local", "the proxy closed: {back:#?}");
    assert_eq!(back.client["comm"], "haproxy");
    assert_eq!(back.client["end"], "reset_by_us", "{back:#?}");
    assert_eq!(back.server["end"], "reset_by_peer", "{back:#?}");
    assert_eq!(states(back.client), ["SYN_SENT", "ESTABLISHED"]);
    assert_eq!(back.client["bytes_received"], 0, "{back:#?}");
    assert!(back.client["bytes_sent"].as_u64() > Some(0), "{back:#?}");
    back.expect_idle(Duration::from_secs(2), waited);
    assert_eq!(back.hint(), [""; 0]);
}

/// The flows to a port.
fn to(flows: &[Value], port: u16) -> Vec<&Value> {
    flows
        .iter()
        .filter(|flow| flow["remote_port"] == u64::from(port))
        .collect()
}
