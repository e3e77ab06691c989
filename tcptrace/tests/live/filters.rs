//! Options that narrow down what is shown.

use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    paths::LISTENS,
    sockets::{begin_connect, close_in_turn, end, listening, reset},
    trace::{End, Trace},
    wire::Wire,
};

in_both_families!(
    a_remote_port_shows_the_clients_side_alone,
    a_local_port_shows_the_servers_side_alone,
    a_port_shows_both_sides,
    a_local_port_that_was_bound_shows_the_connect_too,
    a_local_port_that_the_kernel_will_choose_shows_the_connect_too,
    of_other_local_ports_the_kernel_half_sends_no_close,
    an_address_shows_those_who_have_it,
    a_state_shows_what_comes_to_it_and_goes_from_it,
    a_process_shows_its_own_sockets,
    a_name_shows_the_sockets_of_processes_of_that_name,
    a_user_shows_their_sockets,
    another_namespace_is_not_shown,
);

const CLIENT: &str = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
    -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT";
const SERVER: &str = "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
    -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED";

/// A listener at a port that is known before.
fn listen(family: Family, port: u16) -> TcpListener {
    TcpListener::bind((family.loopback(), port)).unwrap()
}

/// A connection that comes and goes; the client's end of it.
fn come_and_go(net: &Namespace, listener: &TcpListener) -> End {
    let (client, server) = net.connect_to(listener);
    let end = end(&client);
    close_in_turn(client, server);
    end
}

fn a_remote_port_shows_the_clients_side_alone(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).with(["-D", "80"]).start();
    let (wanted, other) = (listen(family, 80), listen(family, 81));
    let hidden = come_and_go(&net, &other);
    let end = come_and_go(&net, &wanted);
    trace.expect(end, CLIENT);
    trace.expect(end.peer(), "");
    trace.expect(hidden, "");
    let seen = trace.stop();
    assert!(seen.transitions.iter().all(|it| it.remote_port == Some(80)));
}

fn a_local_port_shows_the_servers_side_alone(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).with(["-L", "70-79,80"]).start();
    let (wanted, other) = (listen(family, 80), listen(family, 81));
    come_and_go(&net, &other);
    let end = come_and_go(&net, &wanted);
    trace.expect(end.peer(), SERVER);
    trace.expect(listening(&wanted), LISTENS);
    let seen = trace.stop();
    assert!(seen.transitions.iter().all(|it| it.local_port == Some(80)));
}

fn a_port_shows_both_sides(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).with(["-P", "80"]).start();
    let (wanted, other) = (listen(family, 80), listen(family, 81));
    come_and_go(&net, &other);
    let end = come_and_go(&net, &wanted);
    trace.expect(end, CLIENT);
    trace.expect(end.peer(), SERVER);
    trace.expect(listening(&wanted), LISTENS);
    let seen = trace.stop();
    assert!(
        seen.transitions
            .iter()
            .all(|it| it.end().local == 80 || it.end().remote == 80)
    );
}

fn a_local_port_that_was_bound_shows_the_connect_too(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).with(["-L", "4000"]).start();
    let listener = listen(family, 80);
    come_and_go(&net, &listener);
    let (client, server) = net.connect_from((family.loopback(), 4000).into(), &listener);
    close_in_turn(client, server);
    trace.expect(
        End {
            local: 4000,
            remote: 80,
        },
        CLIENT,
    );
    let seen = trace.stop();
    assert!(
        seen.transitions
            .iter()
            .all(|it| it.local_port == Some(4000))
    );
}

fn a_local_port_that_the_kernel_will_choose_shows_the_connect_too(family: Family) {
    let net = Namespace::new();
    net.set("ip_local_port_range", "45000 45000");
    let wire = Wire::new(&net, family);
    for option in ["-L", "-P"] {
        let mut trace = Trace::of(&net).with([option, "45000"]).start();
        let socket = net.socket(family);
        let to = wire.peer();
        begin_connect(&socket, to);
        let end = End {
            local: 45_000,
            remote: to.port(),
        };
        trace.expect(end, "CLOSED -connect-> SYN_SENT");
        drop(socket);
        trace.expect(end, "CLOSED -connect-> SYN_SENT -unknown:given_up-> CLOSED");
        trace.stop();
        // And not one that turns out to have another.
        let mut trace = Trace::of(&net).with([option, "44000"]).start();
        let socket = net.socket(family);
        begin_connect(&socket, to);
        trace.wait(Duration::from_millis(300));
        drop(socket);
        let seen = trace.stop();
        assert!(seen.transitions.is_empty(), "{:?}", seen.transitions);
    }
}

fn of_other_local_ports_the_kernel_half_sends_no_close(family: Family) {
    let net = Namespace::new();
    for option in ["-L", "-P"] {
        // With -vvv it logs each record.
        let mut trace = Trace::of(&net).with([option, "80", "-vvv"]).start();
        let (wanted, other) = (listen(family, 80), listen(family, 81));
        let hidden = come_and_go(&net, &other);
        let (client, server) = net.connect_to(&other);
        let reset_by_us = end(&client);
        reset(client);
        drop(server);
        let shown = come_and_go(&net, &wanted);
        trace.expect(shown.peer(), SERVER);
        if option == "-P" {
            trace.expect(shown, CLIENT);
        }
        trace.expect(listening(&wanted), LISTENS);
        let seen = trace.stop();
        let closes = |port: u16| {
            let records = seen.stderr.lines().filter(|it| it.contains("Socket("));
            let closes =
                records.filter(|it| it.contains("to: Closed") && !it.contains("from: Listen"));
            closes.filter(|it| it.contains(&format!(":{port}"))).count()
        };
        assert!(closes(80) > 0, "{option}: {}", seen.stderr);
        for hidden in [hidden.local, reset_by_us.local, 81] {
            assert_eq!(closes(hidden), 0, "{option} {hidden}: {}", seen.stderr);
        }
    }
}

fn an_address_shows_those_who_have_it(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let cidr = if family == Family::V4 {
        "10.9.0.0/24"
    } else {
        "fd00:9::/64"
    };
    let traces: Vec<_> = ["-a", "--local-addr", "--remote-addr"]
        .map(|option| Trace::of(&net).with([option, cidr]).start())
        .into();
    let listener = listen(family, 80);
    let hidden = come_and_go(&net, &listener);
    let (socket, peer) = wire.connect(&net);
    drop(socket);
    for mut trace in traces {
        trace.expect(
            peer.end(),
            "CLOSED -connect-> SYN_SENT -unknown:given_up-> CLOSED",
        );
        trace.expect(hidden, "");
        assert_eq!(trace.stop().transitions.len(), 2);
    }
}

fn a_state_shows_what_comes_to_it_and_goes_from_it(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net)
        .with(["-s", "time-wait,SYN_RECEIVED"])
        .start();
    let listener = listen(family, 80);
    let end = come_and_go(&net, &listener);
    trace.expect(end, "FIN_WAIT2 -fin_received-> TIME_WAIT");
    let path = trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED",
    );
    assert!(path[1].held_ns.is_some());
    assert_eq!(trace.stop().transitions.len(), 3);
}

/// A process that connects when it is told to, and is there before tcptrace is.
fn a_process_shows_its_own_sockets(family: Family) {
    let net = Namespace::new();
    let listener = listen(family, 80);
    let connect = format!(
        "read; exec 3<>/dev/tcp/{}/80; read; exec 3>&-; read",
        family.loopback()
    );
    let mut child = Command::new("bash")
        .args(["-c", &connect])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut trace = Trace::of(&net)
        .with(["--pid", &child.id().to_string()])
        .start();
    let hidden = come_and_go(&net, &listener);
    let mut tell = child.stdin.take().unwrap();
    tell.write_all(b"\n").unwrap();
    let (server, _) = listener.accept().unwrap();
    let end = end(&server).peer();
    tell.write_all(b"\n").unwrap();
    trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
         -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2",
    );
    // Its socket is nobody's by now, and still known as its own.
    tell.write_all(b"\n").unwrap();
    child.wait().unwrap();
    drop(server);
    let path = trace.expect(end, CLIENT);
    assert!(path.iter().all(|it| it.pid == Some(child.id())), "{path:?}");
    assert!(
        path.iter().all(|it| it.comm.as_deref() == Some("bash")),
        "{path:?}"
    );
    trace.expect(end.peer(), "");
    trace.expect(hidden, "");
    trace.stop();
}

fn a_name_shows_the_sockets_of_processes_of_that_name(family: Family) {
    let net = Namespace::new();
    let listener = listen(family, 80);
    let mut trace = Trace::of(&net)
        .with(["-c", "other,a-long-named-client"])
        .start();
    let hidden = come_and_go(&net, &listener);
    let to = listener.local_addr().unwrap();
    let end = thread::scope(|scope| {
        // The kernel keeps 15 bytes of a name.
        let client = thread::Builder::new().name("a-long-named-client".to_owned());
        let client = client.spawn_scoped(scope, || {
            let stream = TcpStream::connect(to).unwrap();
            end(&stream)
        });
        let end = client.unwrap().join().unwrap();
        drop(listener.accept().unwrap());
        end
    });
    let path = trace.expect(end, CLIENT);
    assert_eq!(
        path[0].thread.as_deref(),
        Some("a-long-named-cl"),
        "{path:?}"
    );
    trace.expect(hidden, "");
    trace.expect(end.peer(), "");
    trace.stop();
}

fn a_user_shows_their_sockets(family: Family) {
    let net = Namespace::new();
    let listener = listen(family, 80);
    let mut trace = Trace::of(&net).with(["--uid", "1234"]).start();
    let hidden = come_and_go(&net, &listener);
    // A socket belongs to whom it was made by.
    // SAFETY: the call changes this thread alone, and takes and gives integers.
    unsafe { libc::setfsuid(1234) };
    let socket = net.socket(family);
    // SAFETY: as above.
    unsafe { libc::setfsuid(0) };
    socket
        .connect(&listener.local_addr().unwrap().into())
        .unwrap();
    let stream = TcpStream::from(socket);
    let end = end(&stream);
    drop(stream);
    drop(listener.accept().unwrap());
    let path = trace.expect(end, CLIENT);
    assert!(path.iter().all(|it| it.uid == Some(1234)), "{path:?}");
    trace.expect(hidden, "");
    trace.stop();
}

fn another_namespace_is_not_shown(family: Family) {
    let outer = Namespace::new();
    let mut trace = Trace::of(&outer).start();
    let elsewhere = thread::spawn(move || {
        let inner = Namespace::new();
        come_and_go(&inner, &listen(family, 80));
    });
    elsewhere.join().unwrap();
    let listener = listen(family, 81);
    let end = come_and_go(&outer, &listener);
    trace.expect(end, CLIENT);
    trace.expect(end.peer(), SERVER);
    trace.expect(listening(&listener), LISTENS);
    let seen = trace.stop();
    assert!(seen.transitions.iter().all(|it| it.netns == outer.inode()));
    assert!(
        seen.transitions
            .iter()
            .all(|it| it.end().local != 80 && it.end().remote != 80)
    );
}

#[test]
fn a_family_shows_itself_alone() {
    let net = Namespace::new();
    for (option, wanted, other, name) in [
        ("-4", Family::V4, Family::V6, "ipv4"),
        ("-6", Family::V6, Family::V4, "ipv6"),
    ] {
        let mut trace = Trace::of(&net).with([option]).start();
        let (wanted, other) = (net.listen(wanted), net.listen(other));
        let hidden = come_and_go(&net, &other);
        let end = come_and_go(&net, &wanted);
        trace.expect(end, CLIENT);
        trace.expect(end.peer(), SERVER);
        trace.expect(hidden, "");
        let seen = trace.stop();
        assert!(seen.transitions.iter().all(|it| it.family == name));
    }
}
