//! A SYN flood: half-open connections from addresses that nobody has.

use std::{fs, net::SocketAddr};

use socket2::{Domain, Socket, Type};

use crate::{
    counters::counter,
    load,
    memory::{MIB, mib, resident},
    namespace::Namespace,
    traced::{Told, Traced},
    wire::{HOST, Wire},
};

const PORT: u16 = 80;
const ARGUMENTS: [&str; 7] = [
    "watch",
    "-o",
    "json",
    "--netns",
    "self",
    "--buffer-size",
    "64M",
];

fn listen(backlog: i32) -> Socket {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener
        .bind(&SocketAddr::from((HOST, PORT)).into())
        .expect("the port");
    listener.listen(backlog).expect("a listener");
    listener
}

/// So many SYNs to a listener with that backlog, and what was told of them, which will be so many
/// lines.
fn flood(net: &Namespace, backlog: i32, lines: impl Fn(u64) -> u64) -> (u64, Told) {
    let mut wire = Wire::new();
    let _listener = listen(backlog);
    let all = load(100_000);
    let mut traced = Traced::start(&net.outside(), &ARGUMENTS);
    for number in 0..all {
        wire.syn(number, PORT);
    }
    traced.wait_for(lines(all));
    let (now, most) = resident(traced.pid());
    // What takes its time to be seen to be too much.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let told = traced.stop();
    eprintln!(
        "{all} SYNs: {} at the end, {} at the most",
        mib(now),
        mib(most)
    );
    // The ring buffer, which is mapped twice; the program, as it starts; and 300 bytes of each.
    assert!(most < 128 * MIB + 64 * MIB + all * 300, "{}", mib(most));
    told.assert_whole();
    (all, told)
}

#[test]
fn every_half_open_connection_of_a_flood_is_told_and_its_end() {
    let net = Namespace::new();
    fs::write("/proc/sys/net/core/somaxconn", "1000000").expect("somaxconn");
    net.set("tcp_max_syn_backlog", 1_000_000);
    net.set("tcp_syncookies", 0);
    // Given up after 1, 2 and 4 s, so that all are there at once.
    net.set("tcp_synack_retries", 2);
    let (all, told) = flood(&net, 1_000_000, |all| 2 * all);
    assert_eq!(counter("ListenDrops"), 0, "the kernel dropped SYNs");
    told.assert_counts(&[
        ("LISTEN SYN_RECV syn_received", all),
        ("SYN_RECV CLOSED timed_out", all),
    ]);
}

#[test]
fn of_a_flood_that_is_answered_by_cookies_only_what_is_half_open_is_told() {
    let net = Namespace::new();
    net.set("tcp_syncookies", 1);
    net.set("tcp_synack_retries", 0);
    let (all, told) = flood(&net, 128, |all| 2 * (all - counter("TCPReqQFullDoCookies")));
    let cookies = counter("TCPReqQFullDoCookies");
    let half_open = all - cookies;
    eprintln!("{cookies} answered by cookies, {half_open} half-open");
    assert!(cookies > all / 2 && half_open >= 128);
    told.assert_counts(&[
        ("LISTEN SYN_RECV syn_received", half_open),
        ("SYN_RECV CLOSED timed_out", half_open),
    ]);
}
