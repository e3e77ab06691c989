//! Signals, more often or other ones than usual.

use std::{thread::sleep, time::Duration};

use nix::sys::signal::Signal;

use crate::{
    Family,
    namespace::Namespace,
    paths::{ACCEPTED, OPENED},
    sockets::end,
    trace::Trace,
};

#[test]
fn impatience_does_not_spoil_the_end() {
    let net = Namespace::new();
    for signals in [
        [Signal::SIGTERM, Signal::SIGTERM],
        [Signal::SIGINT, Signal::SIGINT],
        [Signal::SIGINT, Signal::SIGTERM],
        [Signal::SIGHUP, Signal::SIGINT],
    ] {
        let trace = Trace::of(&net).start();
        for signal in signals {
            trace.signal(signal);
        }
        let seen = trace.ended();
        assert_eq!(seen.status.code(), Some(0), "{signals:?}");
    }
}

#[test]
fn a_terminal_that_goes_ends_it_in_good_order() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, _server) = net.connect(Family::V4);
    trace.expect(end(&client), OPENED);
    trace.expect(end(&client).peer(), ACCEPTED);
    trace.stop_by(Signal::SIGHUP);
}

#[test]
fn a_terminal_that_goes_is_ignored_where_nohup_says_so() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net)
        .under(["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"])
        .start();
    trace.signal(Signal::SIGHUP);
    sleep(Duration::from_millis(300));
    let (client, _server) = net.connect(Family::V4);
    trace.expect(end(&client), OPENED);
    trace.expect(end(&client).peer(), ACCEPTED);
    trace.stop();
}

#[test]
fn a_signal_of_a_broken_pipe_is_none_of_its_business() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    trace.signal(Signal::SIGPIPE);
    sleep(Duration::from_millis(100));
    let (client, _server) = net.connect(Family::V4);
    trace.expect(end(&client), OPENED);
    trace.expect(end(&client).peer(), ACCEPTED);
    trace.stop();
}

#[test]
fn a_command_gets_the_hang_up_too_and_decides() {
    let net = Namespace::new();
    let script = "trap 'exit 9' HUP; while :; do sleep 0.1; done";
    let trace = Trace::of(&net).command(["bash", "-c", script]).start();
    sleep(Duration::from_millis(500));
    trace.signal(Signal::SIGHUP);
    assert_eq!(trace.ended().status.code(), Some(9));
}
