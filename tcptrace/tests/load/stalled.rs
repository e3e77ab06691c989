//! A tcptrace that is kept from reading: every event that it lost is counted, and afterwards it
//! misses none.

use std::{thread::sleep, time::Duration};

use nix::sys::signal::Signal;

use crate::{
    load,
    loop_back::Loopback,
    namespace::Namespace,
    traced::{Told, Traced},
};

/// Room for a hundred connections or so.
const SMALL: &str = "64K";

/// Records that the kernel half sends of a connection that its client resets, as -vvv shows them.
fn records_of_one() -> u64 {
    const MANY: u64 = 100;
    let net = Namespace::new();
    let loopback = Loopback::new();
    let mut traced = Traced::start(&net.outside(), &["-o", "json", "--netns", "self", "-vvv"]);
    for number in 0..MANY {
        loopback.reset(number);
    }
    traced.wait_for(6 * MANY);
    let told = traced.stop();
    told.assert_whole();
    assert_eq!(told.records % MANY, 0, "the same of each: {}", told.records);
    told.records / MANY
}

/// What was sent was received, or is counted as lost; of what came later, nothing is missing.
fn check(told: &Told, sent: u64, connections: u64, after: u64) {
    assert!(told.lost > 0, "the buffer was too large for this test");
    assert!(
        (sent..=sent + told.missed).contains(&(told.records + told.lost)),
        "{} received, {} lost, {} missed",
        told.records,
        told.lost,
        told.missed
    );
    // The first transition of a connection is never told for another reason.
    let whole = told.of("CLOSED SYN_SENT connect");
    assert!(whole >= after && whole < connections, "{told:?}");
    eprintln!(
        "{connections} connections: {} records received, {} lost",
        told.records, told.lost
    );
}

#[test]
fn what_a_stopped_tcptrace_lost_is_counted_to_the_event() {
    let (stalled, after) = (load(100_000), 500);
    let sent = (stalled + after) * records_of_one();
    let (net, loopback) = (Namespace::new(), Loopback::new());
    let arguments = [
        "-o",
        "json",
        "--netns",
        "self",
        "-vvv",
        "--buffer-size",
        SMALL,
    ];
    let mut traced = Traced::start(&net.outside(), &arguments);
    for _ in 0..2 {
        traced.signal(Signal::SIGSTOP);
        for number in 0..stalled / 2 {
            loopback.reset(number);
        }
        traced.signal(Signal::SIGCONT);
        sleep(Duration::from_millis(500));
    }
    recovered(&mut traced, &loopback, after);
    let told = traced.stop();
    check(&told, sent, stalled + after, after);
}

#[test]
fn what_a_tcptrace_lost_whose_pipe_nobody_read_is_counted_to_the_event() {
    let (stalled, after) = (load(100_000), 500);
    let sent = (stalled + after) * records_of_one();
    let (net, loopback) = (Namespace::new(), Loopback::new());
    let arguments = [
        "-o",
        "json",
        "--netns",
        "self",
        "-vvv",
        "--buffer-size",
        SMALL,
    ];
    let mut traced = Traced::start_unread(&arguments);
    for number in 0..stalled {
        loopback.reset(number);
    }
    traced.read_on(&net.outside());
    sleep(Duration::from_millis(500));
    recovered(&mut traced, &loopback, after);
    let told = traced.stop();
    check(&told, sent, stalled + after, after);
}

/// Connections that it has the time for: each must be complete.
#[test]
fn what_happened_before_the_end_is_told_to_a_slow_reader() {
    const MANY: u64 = 4000;
    let (net, loopback) = (Namespace::new(), Loopback::new());
    let mut traced =
        Traced::start_unread(&["-o", "json", "--netns", "self", "--buffer-size", "16M"]);
    for number in 0..MANY {
        loopback.reset(number);
    }
    // 12 MB: about 200 reads, which take 6 s.
    traced.read_on_with(&net.outside(), Duration::from_millis(30));
    let told = traced.stop();
    told.assert_whole();
    assert_eq!(told.of("CLOSED SYN_SENT connect"), MANY);
    assert_eq!(told.of("ESTABLISHED CLOSED reset_by_peer"), MANY);
}

fn recovered(traced: &mut Traced, loopback: &Loopback, connections: u64) {
    for number in 0..connections {
        let before = traced.lines();
        loopback.reset(number);
        traced.wait_for(before + 6);
    }
}
