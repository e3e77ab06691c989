//! What netlink answers, whoever sends it: sockets, an error, or nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptrace::host::{netlink::datagram, reply};

fuzz_target!(|bytes: &[u8]| {
    let mut found = Vec::new();
    let _ = datagram(bytes, |answer| {
        found.extend(reply::read(1, answer));
        let _ = reply::tcp_info(answer);
    });
    // A socket takes 72 bytes, and a message's header 16.
    assert!(found.len() <= bytes.len() / 88);
    found.extend(reply::read(1, bytes));
    for socket in found {
        assert_eq!(socket.tuple.netns, 1);
        assert_eq!(
            socket.tuple.local.addr.is_ipv4(),
            socket.tuple.remote.addr.is_ipv4()
        );
    }
});
