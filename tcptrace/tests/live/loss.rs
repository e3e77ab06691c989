//! A reader that is too slow: what was lost is counted, and told.

use std::{thread::sleep, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    Family,
    namespace::Namespace,
    paths::{CLIENT_FIRST, SERVER_SECOND},
    sockets::{await_reset, close_in_turn, end, reset},
    trace::{Trace, tracing::Seen},
};

/// More connections than a small ring buffer holds, while nobody reads it.
fn flood(arguments: &[&str]) -> Seen {
    let net = Namespace::new();
    let mut trace = Trace::of(&net)
        .with(["--buffer-size", "16K"])
        .with(arguments)
        .start();
    trace.only_counted("most of them are lost");
    let listener = net.listen(Family::V4);
    for _ in 0..2 {
        trace.signal(Signal::SIGSTOP);
        for _ in 0..200 {
            let (client, server) = net.connect_to(&listener);
            reset(client);
            drop(server);
        }
        trace.signal(Signal::SIGCONT);
        trace.wait(Duration::from_millis(500));
    }
    // What comes later is whole again.
    let (client, server) = net.connect_to(&listener);
    let end = end(&client);
    reset(client);
    await_reset(&server);
    drop(server);
    trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -reset_by_us-> CLOSED",
    );
    trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -reset_by_peer-> CLOSED",
    );
    trace.signal(Signal::SIGTERM);
    let seen = trace.ended();
    assert!(seen.end.lost > 0, "{:?}", seen.end);
    assert!(
        seen.lost.len() >= 2,
        "a line for each time: {:?}",
        seen.lost
    );
    assert_eq!(
        seen.lost.iter().sum::<u64>(),
        seen.end.lost,
        "{:?}",
        seen.lost
    );
    seen
}

#[test]
fn events_that_are_lost_are_told_at_once_and_in_the_end() {
    let seen = flood(&[]);
    assert_eq!(seen.status.code(), Some(0));
    // Every state that was left is one that was entered, or one of which the entry was lost.
    assert!(
        seen.transitions.iter().all(|it| it.from != it.to),
        "{:?}",
        seen.transitions
    );
}

#[test]
fn strictness_makes_a_loss_a_failure() {
    let seen = flood(&["--strict"]);
    assert_eq!(seen.status.code(), Some(1));
}

#[test]
fn strictness_without_a_loss_is_no_failure() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).with(["--strict"]).start();
    let (client, server) = net.connect(Family::V6);
    let its = end(&client);
    close_in_turn(client, server);
    trace.expect(its, CLIENT_FIRST);
    trace.expect(its.peer(), SERVER_SECOND);
    trace.stop();
}

#[test]
fn after_a_loss_there_is_a_now_again() {
    let net = Namespace::new();
    let trace = Trace::of(&net)
        .subcommand("stats")
        .with(["--buffer-size", "16K", "--interval", "1s"])
        .start_raw();
    let listener = net.listen(Family::V4);
    let kept = net.connect_to(&listener);
    trace.signal(Signal::SIGSTOP);
    for _ in 0..300 {
        let (client, server) = net.connect_to(&listener);
        reset(client);
        drop(server);
    }
    trace.signal(Signal::SIGCONT);
    sleep(Duration::from_secs(4));
    let told = trace.stop();
    let reports: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["type"] == "stats")
        .collect();
    assert!(reports.last().unwrap()["lost"].as_u64() > Some(0), "{told}");
    let now = |it: &Value, state: &str| it["states"][state]["now"].clone();
    assert!(
        reports.iter().any(|it| now(it, "ESTABLISHED").is_null()),
        "right after it nobody knows: {told}"
    );
    let last = reports.last().unwrap();
    assert_eq!(now(last, "ESTABLISHED"), 2, "{last:#}");
    assert_eq!(now(last, "CLOSE_WAIT"), 0, "{last:#}");
    assert_eq!(now(last, "LISTEN"), 1, "{last:#}");
    drop(kept);
}
