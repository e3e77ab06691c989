//! Sockets in all their states.

use std::{
    io::Write as _,
    net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    time::Duration,
};

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

use crate::{
    listing::{
        begin_connect, connect, defer_accept, listener, output, ports, sockets, wait_for,
        wait_for_state,
    },
    namespace::Namespace,
};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_listener_has_its_backlog_and_its_owner() {
    let net = Namespace::of_process();
    let listener = listener(&net, 7);
    let port = listener.local_addr().unwrap().port();
    let _waiting = TcpStream::connect(listener.local_addr().unwrap()).unwrap();

    let line = wait_for((port, 0), |line| line.recv_queue == 1);
    assert_eq!(line.state, "LISTEN");
    assert_eq!(line.send_queue, 7);
    assert_eq!(
        (line.remote_addr.as_deref(), line.remote_port),
        (None, None)
    );
    assert_eq!(line.interface, None, "it is bound to none");
    assert_eq!(line.pid, Some(std::process::id()));
    assert_eq!(line.uid, Some(0));
    assert!(line.comm.is_some());
    assert_eq!(line.netns, net.inode());
    assert!(!line.orphan && !line.minisock);
    assert!(line.timer.is_none() && line.age_ns.is_none() && line.keepalive.is_none());
}

#[test]
fn what_waits_to_be_accepted_has_no_owner_and_is_no_orphan() {
    let net = Namespace::of_process();
    let listener = listener(&net, 7);
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (local, remote) = ports(&client);

    let line = wait_for_state((remote, local), "ESTABLISHED");
    line.expect_no_owner();
    assert!(!line.orphan && !line.minisock);
    drop(client);
    let line = wait_for_state((remote, local), "CLOSE_WAIT");
    line.expect_no_owner();
    assert!(!line.orphan);
}

#[test]
fn unread_and_unacknowledged_data_are_in_the_queues() {
    let net = Namespace::of_process();
    let (mut client, server) = connect(&net);
    client.write_all(b"twelve bytes").unwrap();

    let (local, remote) = ports(&server);
    let line = wait_for((local, remote), |line| line.recv_queue == 12);
    assert_eq!(line.state, "ESTABLISHED");
    assert_eq!(line.send_queue, 0);
    assert_eq!(line.pid, Some(std::process::id()));

    // More than the peer takes: its window closes, and is asked after.
    client.set_nonblocking(true).unwrap();
    while client.write(&[0; 1 << 16]).is_ok() {}
    let line = wait_for((remote, local), |line| line.timer_kind() == Some("probe"));
    assert!(line.send_queue > 0);
    assert!(line.keepalive.is_none(), "it can't be told");
}

#[test]
fn a_time_wait_has_its_timer_and_age_and_no_owner() {
    let net = Namespace::of_process();
    let (client, server) = connect(&net);
    let ports = ports(&client);
    drop(client);
    drop(server);

    let line = wait_for_state(ports, "TIME_WAIT");
    line.expect_no_owner();
    assert!(line.cgroup.is_none() && line.unit.is_none());
    assert!(line.container.is_none() && line.pod.is_none());
    assert!(line.minisock && line.orphan);
    assert_eq!(line.timer_kind(), Some("timewait"));
    assert!((MINUTE / 2..=MINUTE).contains(&line.left()), "{line:?}");
    let age = Duration::from_nanos(line.age_ns.expect("its age is known"));
    assert_eq!(age + line.left(), MINUTE);
    assert!(line.cookie.is_some());
}

#[test]
fn an_orphans_fin_wait2_is_a_minisock() {
    let net = Namespace::of_process();
    let (client, _server) = connect(&net);
    let ports = ports(&client);
    drop(client);

    let line = wait_for_state(ports, "FIN_WAIT2");
    line.expect_no_owner();
    assert!(line.minisock && line.orphan);
    assert_eq!(line.timer_kind(), Some("timewait"));
    assert!((MINUTE / 2..=MINUTE).contains(&line.left()), "{line:?}");
    assert_eq!(
        line.age_ns, None,
        "how long it waits can be set for each socket"
    );
}

#[test]
fn an_orphan_that_waits_longer_is_a_full_socket_without_keepalive() {
    let net = Namespace::of_process();
    net.set("tcp_fin_timeout", 100);
    let (client, _server) = connect(&net);
    let ports = ports(&client);
    drop(client);

    let line = wait_for_state(ports, "FIN_WAIT2");
    line.expect_no_owner();
    assert!(line.orphan && !line.minisock);
    assert_eq!(
        line.timer_kind(),
        Some("timewait"),
        "it is the orphan's timer"
    );
    assert_eq!(line.keepalive, None);
}

#[test]
fn a_fin_wait2_that_a_process_has_is_its_own() {
    let net = Namespace::of_process();
    let (client, _server) = connect(&net);
    client.shutdown(Shutdown::Write).unwrap();

    let line = wait_for_state(ports(&client), "FIN_WAIT2");
    assert_eq!(line.pid, Some(std::process::id()));
    assert_eq!(line.uid, Some(0));
    assert!(!line.orphan && !line.minisock);
    assert!(line.timer.is_none(), "it may wait for ever");
}

#[test]
fn a_half_open_connection_is_there_without_owner() {
    let net = Namespace::of_process();
    let listener = listener(&net, 7);
    defer_accept(&listener);
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();

    let (local, remote) = ports(&client);
    let line = wait_for_state((remote, local), "SYN_RECV");
    line.expect_no_owner();
    assert!(!line.orphan && !line.minisock);
    assert_eq!(line.timer_kind(), Some("retransmit"));
    assert_eq!(
        wait_for_state((local, remote), "ESTABLISHED").pid,
        Some(std::process::id())
    );
}

#[test]
fn an_unanswered_syn_is_sent_again_and_counted() {
    let net = Namespace::of_process();
    // One waits to be accepted, and there is no room for more: SYNs are dropped.
    let listener = listener(&net, 0);
    let to = listener.local_addr().unwrap();
    let _first = TcpStream::connect(to).unwrap();
    let second = begin_connect(to);

    let local = second.local_addr().unwrap().as_socket().unwrap().port();
    let line = wait_for((local, to.port()), |line| {
        line.timer.as_ref().is_some_and(|timer| timer.retries > 0)
    });
    assert_eq!(line.state, "SYN_SENT");
    assert_eq!(line.timer_kind(), Some("retransmit"));
    assert_eq!(line.pid, Some(std::process::id()));
    assert!(line.left() <= Duration::from_secs(8), "{line:?}");
    let full = wait_for((to.port(), 0), |line| {
        line.recv_queue == 1 && line.dropped > Some(0)
    });
    assert_eq!(full.send_queue, 0, "no backlog");
    let [holder] = &full.holders[..] else {
        panic!("this process alone has it: {full:?}")
    };
    assert_eq!(
        (holder.pid, &*holder.comm),
        (full.pid, full.comm.as_deref().unwrap())
    );
    assert_eq!(holder.fd, u32::try_from(listener.as_raw_fd()).unwrap());
    assert_eq!(line.dropped, None, "of a listener only");
}

#[test]
fn keepalive_is_on_where_its_timer_runs() {
    let net = Namespace::of_process();
    let (client, server) = connect(&net);
    let settings = TcpKeepalive::new().with_time(Duration::from_secs(500));
    SockRef::from(&client).set_tcp_keepalive(&settings).unwrap();

    let line = wait_for(ports(&client), |line| line.keepalive.is_some());
    assert_eq!(line.timer_kind(), Some("keepalive"));
    assert!(line.left() <= Duration::from_secs(500), "{line:?}");
    assert!(line.left() > Duration::from_secs(400), "{line:?}");
    // 500 s are the socket's own, and sock_diag does not tell.
    let keepalive = line.keepalive.unwrap();
    assert_eq!(
        (keepalive.time_s, keepalive.interval_s, keepalive.probes),
        (None, None, None)
    );
    let other = wait_for_state(ports(&server), "ESTABLISHED");
    assert!(other.keepalive.is_none() && other.timer.is_none());
}

#[test]
fn a_socket_that_is_asked_tells_its_keepalive() {
    let net = Namespace::of_process();
    net.set("tcp_keepalive_probes", 4);
    let (client, server) = connect(&net);
    let settings = TcpKeepalive::new()
        .with_time(Duration::from_secs(500))
        .with_interval(Duration::from_secs(7));
    SockRef::from(&client).set_tcp_keepalive(&settings).unwrap();
    wait_for(ports(&client), |line| line.keepalive.is_some());

    let all = sockets(&["--keepalive"]);
    let of = |ports| {
        let found = all.iter().find(|line| line.ports() == ports);
        found.expect("the socket").keepalive.clone()
    };
    let keepalive = of(ports(&client)).expect("it is on");
    assert_eq!(keepalive.time_s, Some(500));
    assert_eq!(keepalive.interval_s, Some(7));
    assert_eq!(keepalive.probes, Some(4), "the namespace's");
    assert_eq!(keepalive.dead_peer_s, Some(528));
    assert_eq!(of(ports(&server)), None, "it is off");

    let table = output(&["--keepalive"]);
    let shown = table.lines().find(|line| line.contains("ka 8m48s"));
    assert!(shown.is_some(), "{table}");
}

#[test]
fn a_port_that_is_only_bound_is_there_too() {
    let _net = Namespace::of_process();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)).into())
        .unwrap();
    let all = sockets(&[]);
    // Linux tells of it since 6.8.
    if let [line] = &all[..] {
        assert_eq!(line.ports(), (4000, 0));
        assert_eq!(line.state, "CLOSED");
        assert_eq!(line.pid, Some(std::process::id()));
    } else {
        assert!(all.is_empty(), "{all:?}");
    }
    assert!(socket.as_raw_fd() >= 0);
}

#[test]
fn mapped_addresses_are_shown_as_ipv4() {
    let net = Namespace::of_process();
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let (server, _) = listener.accept().unwrap();

    let line = wait_for_state(ports(&server), "ESTABLISHED");
    assert_eq!(line.family, "ipv4");
    assert_eq!(line.local_addr, "127.0.0.1");
    assert_eq!(line.remote_addr.as_deref(), Some("127.0.0.1"));
    assert_eq!(wait_for_state((port, 0), "LISTEN").family, "ipv6");
    let of_ipv6: Vec<_> = sockets(&["-6"]).iter().map(|it| it.ports()).collect();
    assert_eq!(of_ipv6, [(port, 0)]);
    assert_eq!(sockets(&["-4"]).len(), 2);
    drop((client, net));
}

#[test]
fn a_listener_at_a_mapped_address_is_shown_as_ipv4() {
    let _net = Namespace::of_process();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let line = wait_for_state((port, 0), "LISTEN");
    assert_eq!(line.family, "ipv4");
    assert_eq!(line.local_addr, "127.0.0.1");
    assert_eq!(sockets(&["-4", "-a", "127.0.0.0/8"]).len(), 1);
    assert!(sockets(&["-6"]).is_empty());
}
