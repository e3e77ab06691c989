//! The tests' own test: what is not exactly as expected fails.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    Family,
    namespace::Namespace,
    paths::OPENED,
    patience::patient,
    sockets::{end, listening},
    trace::{End, Trace, Tracing},
};

/// A refused connection from port 4000 to port 81.
fn refused(net: &Namespace) -> (Tracing, End) {
    let trace = Trace::of(net).start();
    let socket = net.bound((Family::V4.loopback(), 4000).into());
    let nobody = SocketAddr::from((Family::V4.loopback(), 81));
    socket.connect(&nobody.into()).unwrap_err();
    (
        trace,
        End {
            local: 4000,
            remote: 81,
        },
    )
}

#[test]
#[should_panic(expected = "was expected to go\n  CLOSED -connect-> SYN_SENT -unreachable-> CLOSED")]
fn a_reason_that_differs_fails() {
    let net = Namespace::new();
    let (mut trace, end) = refused(&net);
    trace.expect(end, "CLOSED -connect-> SYN_SENT -unreachable-> CLOSED");
}

#[test]
#[should_panic(
    expected = "was expected to go\n  CLOSED -connect-> SYN_SENT -refused:given_up-> CLOSED"
)]
fn a_detail_that_is_missing_fails() {
    let net = Namespace::new();
    let (mut trace, end) = refused(&net);
    trace.expect(end, "CLOSED -connect-> SYN_SENT -refused:given_up-> CLOSED");
}

#[test]
#[should_panic(expected = "was expected to go\n  CLOSED -connect-> SYN_SENT\nand went")]
fn a_surplus_line_fails() {
    let net = Namespace::new();
    let (mut trace, end) = refused(&net);
    trace.until(|it| it.end() == end && it.to == "CLOSED");
    trace.expect(end, "CLOSED -connect-> SYN_SENT");
}

#[test]
#[should_panic(
    expected = "nobody expected\nEnd { local: 4000, remote: 81 }\n  CLOSED -connect-> SYN_SENT -refused-> CLOSED"
)]
fn a_path_that_the_test_does_not_name_fails() {
    let net = Namespace::new();
    let (mut trace, end) = refused(&net);
    trace.until(|it| it.end() == end && it.to == "CLOSED");
    trace.stop();
}

#[test]
#[should_panic(expected = "LISTEN -syn_received-> SYN_RECV | LISTEN")]
fn a_line_too_many_of_a_helpers_listener_fails() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(Family::V4);
    trace.until(|it| it.end() == listening(&listener) && it.to == "LISTEN");
    // As before Linux 6.15, when a child had its listener's address for a while.
    let mut surplus = trace.transitions()[0].clone();
    surplus.from = "LISTEN".to_owned();
    surplus.to = "SYN_RECV".to_owned();
    surplus.reason = "syn_received".to_owned();
    trace.pretend(surplus);
    drop(listener);
    trace.stop();
}

#[test]
#[should_panic(expected = "the test does not look at the end")]
fn a_test_that_does_not_look_at_the_end_fails() {
    let net = Namespace::new();
    drop(Trace::of(&net).start());
}

#[test]
#[should_panic(
    expected = "was expected to go\n  CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED\nand went"
)]
fn a_surplus_line_that_comes_at_the_end_fails() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, _server) = net.connect(Family::V4);
    trace.expect(end(&client), OPENED);
    drop(client);
    trace.stop();
}

#[test]
#[should_panic(expected = "within 1s, and went")]
fn a_missing_line_fails_in_time() {
    let net = Namespace::new();
    let (mut trace, end) = refused(&net);
    let began = Instant::now();
    trace.expect_within(
        Duration::from_secs(1),
        end,
        "CLOSED -connect-> SYN_SENT -refused-> CLOSED -connect-> SYN_SENT",
    );
    assert!(began.elapsed() < patient(Duration::from_secs(5)));
}
