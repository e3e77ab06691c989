//! A tcptrace in a time namespace, whose CLOCK_MONOTONIC is not the kernel's.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::{
    Family,
    namespace::Namespace,
    paths::{ACCEPTED, OPENED},
    patience::patient,
    sockets::{begin_connect, end},
    trace::{End, Trace},
    wire::Wire,
};

fn seconds(clock: ClockId) -> f64 {
    Duration::from(clock_gettime(clock).expect("a clock")).as_secs_f64()
}

fn is_near(told: f64, now: f64) -> bool {
    (told - now).abs() < patient(Duration::from_secs(20)).as_secs_f64()
}

fn times_are_right(offset: i32) {
    let net = Namespace::new();
    let wire = Wire::new(&net, Family::V4);
    let mut trace = Trace::of(&net)
        .under(["unshare", "--time", "--monotonic", &offset.to_string()])
        .start();
    let (client, _server) = net.connect(Family::V4);
    let its = end(&client);
    let first = trace.until(|it| it.end() == its);
    let own = seconds(ClockId::CLOCK_MONOTONIC) + f64::from(offset);
    let mono = Duration::from_nanos(first.mono_ns).as_secs_f64();
    assert!(is_near(mono, own), "{mono} s, and it is {own} s");
    let time: jiff::Timestamp = first.time.parse().expect("a time");
    let time = time.as_nanosecond() as f64 / 1e9;
    let now = seconds(ClockId::CLOCK_REALTIME);
    assert!(is_near(time, now), "{}, and it is {now}", first.time);

    // What waits for its time to come is not told at the end alone.
    let socket = net.socket(Family::V4);
    let to = wire.peer();
    begin_connect(&socket, to);
    let local = socket.local_addr().expect("an address");
    let half_open = End {
        local: local.as_socket().expect("an IP address").port(),
        remote: to.port(),
    };
    trace.expect(half_open, "CLOSED -connect-> SYN_SENT");
    trace.expect(its, OPENED);
    trace.expect(its.peer(), ACCEPTED);
    trace.stop();
}

#[test]
fn ahead_of_the_kernel() {
    times_are_right(100_000);
}

#[test]
fn behind_the_kernel() {
    times_are_right(-600);
}
