//! `tcptrace -- COMMAND`: its sockets alone, and its end.

use std::{
    fs::{self, Permissions},
    io::Read as _,
    net::{SocketAddr, TcpListener},
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    patience::patient,
    sockets::end,
    trace::{End, Trace, tracing::Seen},
};

in_both_families!(
    a_command_shows_its_own_sockets_alone,
    a_command_shows_the_sockets_of_its_children,
    a_listener_of_a_command_shows_the_connections_it_gets,
);

const CLOSED_FIRST: &str = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
    -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2";

/// What bash opens as a connection to a listener.
fn device(listener: &TcpListener) -> String {
    let addr = listener.local_addr().unwrap();
    format!("/dev/tcp/{}/{}", addr.ip(), addr.port())
}

#[test]
fn a_command_that_has_a_daemon_start_containers_says_what_to_type_instead() {
    let folder = tempfile::tempdir().unwrap();
    let stand_in = folder.path().join("docker");
    fs::write(&stand_in, "#!/bin/sh\nexit 3\n").unwrap();
    fs::set_permissions(&stand_in, Permissions::from_mode(0o755)).unwrap();
    let docker = stand_in.display().to_string();
    let seen = run([&docker, "run", "--name", "web", "nginx"]);
    assert_eq!(seen.status.code(), Some(3), "the command's own status");
    let told: Vec<&str> = seen.stderr.lines().collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("start tcptrace --container web before"),
        "{told:?}"
    );
}

fn run<const N: usize>(command: [&str; N]) -> Seen {
    let net = Namespace::new();
    Trace::of(&net).command(command).start().ended()
}

fn a_command_shows_its_own_sockets_alone(family: Family) {
    let net = Namespace::new();
    let listener = net.listen(family);
    let script = format!(
        "sleep 0.5; exec 3<>{}; exec 3>&-; sleep 0.3; exit 7",
        device(&listener)
    );
    let mut trace = Trace::of(&net).command(["bash", "-c", &script]).start();
    drop(net.connect(family));
    let (server, _) = listener.accept().unwrap();
    let end = end(&server).peer();
    let path = trace.expect(end, CLOSED_FIRST);
    assert!(
        path.iter().all(|it| it.comm.as_deref() == Some("bash")),
        "{path:?}"
    );
    let seen = trace.ended();
    assert_eq!(seen.status.code(), Some(7), "the command's own status");
    assert!(
        seen.transitions.iter().all(|it| it.end() == end),
        "{:?}",
        seen.transitions
    );
}

fn a_command_shows_the_sockets_of_its_children(family: Family) {
    let net = Namespace::new();
    let listener = net.listen(family);
    // A child of a child, which outlives its parent.
    let script = format!(
        "(bash -c 'sleep 0.2; exec 3<>{}' & ) ; sleep 0.8",
        device(&listener)
    );
    let mut trace = Trace::of(&net).command(["sh", "-c", &script]).start();
    let (server, _) = listener.accept().unwrap();
    let end = end(&server).peer();
    let path = trace.expect(end, CLOSED_FIRST);
    assert!(
        path.iter().all(|it| it.comm.as_deref() == Some("bash")),
        "{path:?}"
    );
    let pid = path[0].pid;
    assert!(pid.is_some() && pid != Some(std::process::id()), "{pid:?}");
    assert!(path.iter().all(|it| it.pid == pid), "{path:?}");
    let seen = trace.ended();
    assert_eq!(seen.status.code(), Some(0));
}

/// Names the address at which [`helper_that_listens_once`] listens.
const LISTEN: &str = "TCPTRACE_TEST_LISTEN";

/// Takes a connection, and waits until the peer closes.
#[test]
#[ignore = "no test, but a command for one"]
fn helper_that_listens_once() {
    let Ok(addr) = std::env::var(LISTEN) else {
        return;
    };
    let listener = TcpListener::bind(addr).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let _ = server.read_to_end(&mut Vec::new());
}

fn a_listener_of_a_command_shows_the_connections_it_gets(family: Family) {
    let net = Namespace::new();
    let port = 84;
    let addr = SocketAddr::from((family.loopback(), port));
    let helper = std::env::current_exe().unwrap();
    // Its standard output is tcptrace's, too.
    let script = format!(
        "{LISTEN}={addr} exec {} --ignored --exact command::helper_that_listens_once >&2",
        helper.display()
    );
    let mut trace = Trace::of(&net).command(["sh", "-c", &script]).start();
    let began = Instant::now();
    let client = loop {
        match std::net::TcpStream::connect(addr) {
            Ok(client) => break client,
            Err(error) => assert!(began.elapsed() < patient(Duration::from_secs(5)), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let end = end(&client).peer();
    drop(client);
    let path = trace.expect(
        end,
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    assert!(
        path.iter()
            .all(|it| it.pid != Some(std::process::id()) && it.pid.is_some())
    );
    trace.expect(end.peer(), "");
    trace.expect(
        End {
            local: port,
            remote: 0,
        },
        "CLOSED -listen-> LISTEN -listener_closed-> CLOSED",
    );
    let seen = trace.ended();
    assert_eq!(seen.status.code(), Some(0));
}

#[test]
fn a_command_that_is_not_there_is_127() {
    let net = Namespace::new();
    let seen = Trace::of(&net)
        .command(["/nonexistent/command"])
        .start()
        .ended();
    assert_eq!(seen.status.code(), Some(127));
    assert!(seen.transitions.is_empty());
}

#[test]
fn a_command_that_is_no_program_is_126() {
    let net = Namespace::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "no program").unwrap();
    let path = file.path().to_str().unwrap();
    let seen = Trace::of(&net).command([path]).start().ended();
    assert_eq!(seen.status.code(), Some(126));
}

#[test]
fn a_command_that_a_signal_ends_is_128_and_the_signal() {
    assert_eq!(run(["sh", "-c", "kill -TERM $$"]).status.code(), Some(143));
    assert_eq!(run(["sh", "-c", "kill -KILL $$"]).status.code(), Some(137));
}

#[test]
fn a_signal_is_passed_on_to_the_command() {
    let net = Namespace::new();
    for (signal, status) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let trace = Trace::of(&net).command(["sleep", "60"]).start();
        std::thread::sleep(Duration::from_millis(300));
        trace.signal(signal);
        let seen = trace.ended();
        assert_eq!(seen.status.signal(), None);
        assert_eq!(seen.status.code(), Some(status));
    }
}

#[test]
fn a_command_that_handles_the_signal_decides_its_status() {
    let net = Namespace::new();
    let script = "trap 'exit 9' TERM; while :; do sleep 0.1; done";
    let trace = Trace::of(&net).command(["bash", "-c", script]).start();
    std::thread::sleep(Duration::from_millis(500));
    trace.signal(Signal::SIGTERM);
    assert_eq!(trace.ended().status.code(), Some(9));
}

#[test]
fn a_duration_ends_the_command_too() {
    let net = Namespace::new();
    let began = Instant::now();
    let trace = Trace::of(&net)
        .with(["-d", "1s"])
        .command(["sleep", "60"])
        .start();
    let seen = trace.ended();
    assert_eq!(seen.status.code(), Some(143));
    assert!(began.elapsed() < patient(Duration::from_secs(20)));
}
