//! Who is told to have a socket: the process, by its own name, in the numbering of tcptrace's own
//! pid namespace.

use std::{
    io::Read as _,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    paths::{ACCEPTED, SERVER_FIRST, SERVER_SECOND},
    patience::patient,
    sockets::{end, reset},
    trace::{End, Trace, Tracing, Transition},
};

in_both_families!(
    a_thread_that_names_itself_is_told_beside_its_process,
    a_filter_by_name_takes_a_process_and_a_thread,
    the_kernel_that_closes_for_a_process_is_not_the_owner,
    in_a_pid_namespace_pids_are_its_own,
    in_a_pid_namespace_a_process_outside_has_a_name_and_no_pid,
    who_gets_the_id_of_an_ended_child_is_not_followed,
    a_child_that_accepts_is_the_owner_and_never_its_parent,
    a_child_that_accepts_at_an_older_listener_is_the_owner,
    a_child_that_goes_on_with_what_its_parent_accepted_is_the_owner,
);

const THREAD: &str = "Socket Thread";

/// What the kernel has as the name of this process.
fn own_name() -> String {
    let name = std::fs::read_to_string("/proc/self/comm").expect("/proc");
    name.trim_end().to_owned()
}

/// Connects in a thread of that name; the connection is handed back, open.
fn connect_in_a_thread(to: SocketAddr) -> TcpStream {
    let thread = thread::Builder::new().name(THREAD.to_owned());
    thread
        .spawn(move || TcpStream::connect(to).expect("connect"))
        .expect("a thread")
        .join()
        .expect("a connection")
}

fn a_thread_that_names_itself_is_told_beside_its_process(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    let client = connect_in_a_thread(listener.local_addr().unwrap());
    let (server, _) = listener.accept().unwrap();
    let ours = end(&client);
    drop(server);
    let path = trace.expect(
        ours,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT",
    );
    let name = own_name();
    for it in &path {
        assert_eq!(it.comm.as_ref(), Some(&name), "{it:?}");
        assert_eq!(it.pid, Some(std::process::id()), "{it:?}");
    }
    assert_eq!(path[0].thread.as_deref(), Some(THREAD), "it connected");
    assert_eq!(path[2].thread, None, "no thread did that");
    drop(client);
    let path = trace.expect(
        ours,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    let closed = path[3].thread.as_deref();
    assert!(closed.is_some() && closed != Some(THREAD), "{closed:?}");
    assert_eq!(path[3].comm.as_ref(), Some(&name));
    trace.expect(ours.peer(), SERVER_FIRST);
    trace.stop();
}

fn a_filter_by_name_takes_a_process_and_a_thread(family: Family) {
    let net = Namespace::new();
    for wanted in [own_name(), THREAD.to_owned()] {
        let mut trace = Trace::of(&net).with(["--comm", &wanted]).start();
        let listener = net.listen(family);
        let client = connect_in_a_thread(listener.local_addr().unwrap());
        let (server, _) = listener.accept().unwrap();
        drop(server);
        trace.expect(
            end(&client),
            "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
             -fin_received-> CLOSE_WAIT",
        );
        // Another thread has the server's end.
        let theirs = if wanted == THREAD {
            String::new()
        } else {
            format!("{ACCEPTED} -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2")
        };
        trace.expect(end(&client).peer(), &theirs);
        trace.stop();
    }
}

/// Names the address that [`helper_that_leaves_its_socket_to_io_uring`] connects to.
const CONNECT: &str = "TCPTRACE_TEST_CONNECT";

/// Connects, registers the socket with io_uring and ends.
#[test]
#[ignore = "no test, but a command for one"]
fn helper_that_leaves_its_socket_to_io_uring() {
    let Ok(addr) = std::env::var(CONNECT) else {
        return;
    };
    let client = TcpStream::connect(addr).unwrap();
    let socket = client.as_raw_fd();
    // struct io_uring_params, include/uapi/linux/io_uring.h: 120 bytes.
    let mut parameters = [0_u32; 30];
    // SAFETY: both calls read and write what they are given, and no more.
    unsafe {
        let ring = libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr());
        assert!(ring >= 0, "io_uring: {}", std::io::Error::last_os_error());
        // IORING_REGISTER_FILES.
        let told = libc::syscall(libc::SYS_io_uring_register, ring, 2, &raw const socket, 1);
        assert_eq!(told, 0, "register: {}", std::io::Error::last_os_error());
        libc::_exit(0);
    }
}

/// Starts one of the commands of this file.
fn helper(name: &str, variable: &str, value: impl ToString) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", name])
        .env(variable, value.to_string())
        .stdout(Stdio::null())
        .spawn()
        .expect("this program again")
}

fn the_kernel_that_closes_for_a_process_is_not_the_owner(family: Family) {
    let net = Namespace::new();
    if std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
        .is_ok_and(|it| it.trim() == "2")
    {
        return;
    }
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    let addr = listener.local_addr().unwrap();
    let mut child = helper(
        "owner::helper_that_leaves_its_socket_to_io_uring",
        CONNECT,
        addr,
    );
    let (mut server, _) = listener.accept().unwrap();
    let ours = end(&server).peer();
    server
        .set_read_timeout(Some(patient(Duration::from_secs(10))))
        .unwrap();
    assert_eq!(server.read(&mut [0; 8]).expect("the FIN"), 0);
    drop(server);
    assert!(child.wait().unwrap().success());
    let path = trace.expect(
        ours,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    for it in &path {
        assert_eq!(it.pid, Some(child.id()), "{it:?}");
        assert_eq!(it.comm, path[0].comm, "{it:?}");
    }
    assert_eq!(
        path[2].thread, None,
        "a thread of the kernel is none of its"
    );
    trace.expect(ours.peer(), SERVER_SECOND);
    trace.stop();
}

/// What bash opens as a connection to a listener.
fn device(listener: &TcpListener) -> String {
    let addr = listener.local_addr().unwrap();
    format!("/dev/tcp/{}/{}", addr.ip(), addr.port())
}

const IN_A_PID_NAMESPACE: [&str; 3] = ["unshare", "-pf", "--mount-proc"];

fn in_a_pid_namespace_pids_are_its_own(family: Family) {
    let net = Namespace::new();
    let listener = net.listen(family);
    // It exits with its own idea of its id. A child of a namespace within has an id here, too.
    let script = format!(
        "exec 3<>{0}; exec 3>&-; unshare -pf --mount-proc bash -c 'exec 3<>{0}'; exit $$",
        device(&listener)
    );
    let mut trace = Trace::of(&net)
        .under(IN_A_PID_NAMESPACE)
        .command(["bash", "-c", &script])
        .start();
    trace.only_counted("whose they are is asked of each below");
    let first = listener.accept().unwrap().0;
    let second = listener.accept().unwrap().0;
    let (first, second) = (end(&first).peer(), end(&second).peer());
    let seen = trace.ended();
    let pid = seen.status.code().map(i32::cast_unsigned);
    let of = |end: End| -> Vec<&Transition> {
        let all = seen.transitions.iter();
        all.filter(|it| it.end() == end).collect()
    };
    assert!(of(first).len() >= 3, "{:?}", seen.transitions);
    assert!(of(first).iter().all(|it| it.pid == pid), "{pid:?} {seen:?}");
    let within: Vec<Option<u32>> = of(second).iter().map(|it| it.pid).collect();
    assert!(within.len() >= 3, "{:?}", seen.transitions);
    assert!(
        within
            .iter()
            .all(|it| it.is_some() && *it > pid && *it < pid.map(|pid| pid + 20)),
        "its id here, not its own 1: {within:?}"
    );
}

fn in_a_pid_namespace_a_process_outside_has_a_name_and_no_pid(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net)
        .under(IN_A_PID_NAMESPACE)
        .with(["-n", "2"])
        .start();
    let listener = net.listen(family);
    drop(net.connect_to(&listener));
    let it = trace.until(|it| it.reason == "connect");
    assert_eq!(it.pid, None);
    assert_eq!(it.comm, Some(own_name()));
    assert_eq!(it.uid, Some(0));
    trace.ended();
}

fn who_gets_the_id_of_an_ended_child_is_not_followed(family: Family) {
    let net = Namespace::new();
    let listener = net.listen(family);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().display();
    // A stranger in the same pid namespace takes the id of a child that has ended, and connects.
    let stranger = format!(
        "(until [ -s {folder}/pid ]; do sleep 0.05; done
          for try in 1 2 3 4 5 6 7 8 9; do
            echo $(($(cat {folder}/pid) - 1)) >/proc/sys/kernel/ns_last_pid
            bash -c '[ $$ = $(cat {folder}/pid) ] && exec 3<>{} && touch {folder}/taken'
            [ -e {folder}/taken ] && break
          done
          touch {folder}/done) >&2 & exec \"$@\"",
        device(&listener)
    );
    // `:` alone would be no child.
    let script = format!(
        "sleep 0.01 & echo $! >{folder}/new; wait; mv {folder}/new {folder}/pid
         until [ -e {folder}/done ]; do sleep 0.05; done
         [ -e {folder}/taken ] || exit 9
         exec 3<>{}",
        device(&listener)
    );
    let mut trace = Trace::of(&net)
        .under(IN_A_PID_NAMESPACE)
        .under_too(["bash", "-c", &stranger, "bash"])
        .command(["bash", "-c", &script])
        .start();
    trace.only_counted("each is looked at below");
    let stranger = end(&listener.accept().unwrap().0).peer();
    let own = end(&listener.accept().unwrap().0).peer();
    let seen = trace.ended();
    assert_eq!(seen.status.code(), Some(0), "the id was not taken");
    assert!(!seen.transitions.is_empty());
    for it in &seen.transitions {
        assert_ne!(it.end(), stranger, "{it:?}");
        assert_eq!(it.end(), own, "{it:?}");
    }
}

/// Names the address at which [`helper_that_serves_by_a_child`] listens.
const SERVE: &str = "TCPTRACE_TEST_SERVE";
/// Set: the parent accepts, and leaves the connection to the child.
const ACCEPT_FIRST: &str = "TCPTRACE_TEST_ACCEPT_FIRST";

/// Listens, and has a child that takes the one connection. Neither ends by itself.
#[test]
#[ignore = "no test, but a command for one"]
fn helper_that_serves_by_a_child() {
    let Ok(addr) = std::env::var(SERVE) else {
        return;
    };
    std::fs::write("/proc/self/comm", "server").unwrap();
    let listener = TcpListener::bind(addr).unwrap();
    let accepted = std::env::var_os(ACCEPT_FIRST).map(|_| listener.accept().unwrap());
    // SAFETY: the child does nothing but accept and wait.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    let _mine = if child == 0 {
        // SAFETY: it goes with its parent, and has its name, not that of the thread that made it.
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::prctl(libc::PR_SET_NAME, c"server".as_ptr());
        };
        Some(accepted.unwrap_or_else(|| listener.accept().unwrap()))
    } else {
        drop(accepted);
        None
    };
    loop {
        thread::park();
    }
}

/// A server whose child serves.
struct Server {
    parent: std::process::Child,
    addr: SocketAddr,
}

impl Server {
    fn start(family: Family, accept_first: bool) -> Self {
        let addr = SocketAddr::from((family.loopback(), 85));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--ignored",
                "--exact",
                "owner::helper_that_serves_by_a_child",
            ])
            .env(SERVE, addr.to_string())
            .stdout(Stdio::null());
        if accept_first {
            command.env(ACCEPT_FIRST, "");
        }
        let parent = command.spawn().expect("this program again");
        Self { parent, addr }
    }

    /// Connects as soon as it listens.
    fn connect(&self) -> TcpStream {
        let began = Instant::now();
        loop {
            match TcpStream::connect(self.addr) {
                Ok(client) => return client,
                Err(error) => assert!(
                    began.elapsed() < patient(Duration::from_secs(20)),
                    "{error}"
                ),
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The id of the child, once there is one.
    fn child(&self) -> u32 {
        let began = Instant::now();
        loop {
            let tasks = std::fs::read_dir(format!("/proc/{}/task", self.parent.id())).unwrap();
            let children = tasks
                .flatten()
                .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
                .collect::<String>();
            if let Some(child) = children.split_whitespace().next() {
                return child.parse().unwrap();
            }
            assert!(
                began.elapsed() < patient(Duration::from_secs(20)),
                "no child"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
    }
}

/// The client resets what the child has: softirq does all of it.
fn reset_by_the_client(trace: &mut Tracing, server: &Server, client: TcpStream) {
    let theirs = end(&client).peer();
    let child = server.child();
    // It is looked for meanwhile, where accept() can't be seen.
    trace.wait(patient(Duration::from_millis(700)));
    reset(client);
    let path = trace.expect(
        theirs,
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -reset_by_peer-> CLOSED",
    );
    assert_eq!(path[2].pid, Some(child), "{path:?}");
    assert_eq!(path[2].uid, Some(0), "{path:?}");
}

fn a_child_that_accepts_is_the_owner_and_never_its_parent(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    trace.only_counted("the lines of the server alone are looked at");
    let server = Server::start(family, false);
    server.child();
    let client = server.connect();
    let theirs = end(&client).peer();
    reset_by_the_client(&mut trace, &server, client);
    let seen = trace.stop();
    let parent = Some(server.parent.id());
    let lines = seen.transitions.iter().filter(|it| it.end() == theirs);
    for it in lines {
        assert_ne!(it.pid, parent, "who accepts, or nobody: {it:?}");
    }
}

fn a_child_that_accepts_at_an_older_listener_is_the_owner(family: Family) {
    let net = Namespace::new();
    let server = Server::start(family, false);
    server.child();
    let mut trace = Trace::of(&net).start();
    trace.only_counted("the lines of the server alone are looked at");
    let client = server.connect();
    let theirs = end(&client).peer();
    reset_by_the_client(&mut trace, &server, client);
    let seen = trace.stop();
    let parent = Some(server.parent.id());
    for it in seen.transitions.iter().filter(|it| it.end() == theirs) {
        assert_ne!(it.pid, parent, "who accepts, or nobody: {it:?}");
        // All that listen have one name.
        assert_eq!(it.comm.as_deref(), Some("server"), "{it:?}");
    }
}

fn a_child_that_goes_on_with_what_its_parent_accepted_is_the_owner(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    trace.only_counted("the lines of the server alone are looked at");
    let server = Server::start(family, true);
    let client = server.connect();
    server.child();
    let theirs = end(&client).peer();
    trace.wait(patient(Duration::from_millis(300)));
    client.shutdown(Shutdown::Write).unwrap();
    // The parent has let go of it: the child, or nobody as long as that is not known.
    let path = trace.expect(
        theirs,
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT",
    );
    let parent = Some(server.parent.id());
    assert_ne!(path[2].pid, parent, "{path:?}");
    trace.wait(patient(Duration::from_millis(300)));
    reset(client);
    let path = trace.expect(
        theirs,
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -reset_by_peer-> CLOSED",
    );
    assert_ne!(path[3].pid, parent, "{path:?}");
    trace.stop();
}
