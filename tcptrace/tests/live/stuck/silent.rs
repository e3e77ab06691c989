//! ESTABLISHED: the peer is silent; and CLOSED: it is over, and not closed.

use std::{
    io::Write as _,
    net::{Shutdown, TcpStream},
    os::fd::AsRawFd as _,
    time::Duration,
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::waitpid,
    },
    unistd::{ForkResult, fork},
};
use socket2::SockRef;

use super::line::{follow_with, look, told_of};
use crate::{
    Family, in_both_families,
    namespace::Namespace,
    patience::patient,
    wire::{ACK, RST, Wire},
};

in_both_families!(
    a_peer_that_has_gone_silent,
    a_connection_that_is_over_and_not_closed,
);

const SHORT: [&str; 4] = ["--for", "1s", "-n", "1"];

fn a_peer_that_has_gone_silent(family: Family) {
    let net = Namespace::of_process();
    let trace = follow_with(&net, &SHORT);
    let wire = Wire::new(&net, family);
    let (socket, peer) = wire.connected(&net);
    let (idle, _) = wire.connected(&net);
    let mut stream = TcpStream::from(socket);
    stream.write_all(b"is there anybody?").unwrap();
    let live = told_of(trace, peer.end());
    let looked = look(&net, &["--for", "1s", "-s", "established"]);
    assert_eq!(looked.len(), 1, "the other is idle: {looked:#?}");
    for line in [&live, &looked[0]] {
        assert_eq!(line.state, "ESTABLISHED");
        assert_eq!(line.verdict, "peer_silent");
        assert_eq!(line.end(), peer.end());
        line.expect_ours(Some(stream.as_raw_fd()));
        assert_eq!(line.setting(), (Some("tcp_retries2"), Some(15)));
        assert_eq!(line.unacked_bytes, Some(17));
        assert!(line.retries >= Some(1), "{line:#?}");
        assert!(line.left() > Duration::from_secs(600), "{line:#?}");
        assert!(line.held() >= Some(Duration::from_secs(1)), "{line:#?}");
    }
    SockRef::from(&stream)
        .set_tcp_user_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let looked = look(&net, &["--for", "1s", "-s", "established"]);
    assert_eq!(
        looked[0].setting(),
        (Some("TCP_USER_TIMEOUT"), Some(60_000))
    );
    assert!(looked[0].left() < Duration::from_secs(60));
    drop(idle);
}

fn a_connection_that_is_over_and_not_closed(family: Family) {
    let net = Namespace::of_process();
    let trace = follow_with(&net, &["--for", "1s", "-n", "1", "-s", "closed"]);
    let wire = Wire::new(&net, family);
    let (socket, mut peer) = wire.connected(&net);
    peer.send(RST | ACK);
    let live = told_of(trace, peer.end());
    assert_eq!(live.reason.as_deref(), Some("reset_by_peer"));
    assert!(live.verdict_text.contains("the peer has reset it"));
    let looked = look(&net, &["--for", "1s", "-s", "closed"]);
    assert_eq!(looked.len(), 1, "{looked:#?}");
    assert_eq!(looked[0].reason, None, "nobody saw its end");
    for line in [&live, &looked[0]] {
        assert_eq!(line.state, "CLOSED");
        assert_eq!(line.verdict, "not_closed");
        assert_eq!(line.end(), peer.end());
        line.expect_ours(Some(socket.as_raw_fd()));
        line.expect_no_end();
    }
    drop(socket);
    assert!(look(&net, &["--for", "1s", "-s", "closed"]).is_empty());
}

#[test]
fn all_processes_that_hold_a_connection_are_named() {
    let net = Namespace::of_process();
    let (client, server) = net.connect(Family::V4);
    // SAFETY: the child only waits.
    let child = match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => loop {
            // SAFETY: no arguments; it ends by a signal.
            unsafe { libc::pause() };
        },
    };
    client.shutdown(Shutdown::Write).unwrap();
    std::thread::sleep(patient(Duration::from_secs(1)));
    let lines = look(&net, &["--for", "300ms", "-s", "close-wait"]);
    kill(child, Signal::SIGKILL).unwrap();
    waitpid(child, None).unwrap();
    let [line] = &lines[..] else {
        panic!("one is stuck: {lines:#?}")
    };
    let fd = server.as_raw_fd();
    line.expect_ours(Some(fd));
    let mut holders: Vec<_> = line
        .holders
        .iter()
        .map(|it| (it.pid.unwrap(), it.fd))
        .collect();
    holders.sort_unstable();
    let fd = fd.try_into().unwrap();
    let mut both = [std::process::id(), child.as_raw().try_into().unwrap()].map(|pid| (pid, fd));
    both.sort_unstable();
    assert_eq!(holders, both);
    assert!(
        line.verdict_text
            .contains("2 processes hold it (its descriptor was inherited)")
    );
}
