//! What would disturb the machine itself: only within a guest that runs for these tests alone.
//! `TCPTRACE_TEST_GUEST=1` there says so, and `--ignored` runs them; anywhere else they are listed
//! as ignored, and fail when they are run all the same.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpStream},
    thread::{self, sleep},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nix::{
    sched::{CloneFlags, setns},
    sys::{time::TimeSpec, utsname::uname},
    time::{ClockId, clock_gettime, clock_settime},
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    Family,
    namespace::Namespace,
    paths::{CLIENT_FIRST, OPENED, SERVER_SECOND},
    sockets::end,
    told::Transition,
    trace::{Trace, Tracing},
    wire::Wire,
};

fn need_guest() {
    assert!(
        std::env::var_os("TCPTRACE_TEST_GUEST").is_some_and(|it| it == "1"),
        "this disturbs the whole machine: it is for a guest that is told TCPTRACE_TEST_GUEST=1"
    );
}

/// Seconds since 1970 of a transition's wall-clock time.
fn wall(it: &Transition) -> f64 {
    let time: jiff::Timestamp = it.time.parse().expect("a time");
    time.as_nanosecond() as f64 / 1e9
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time after 1970")
        .as_secs_f64()
}

/// Steps the clock, and back in the end.
struct Stepped(TimeSpec);

impl Stepped {
    fn by(seconds: i64) -> Self {
        let realtime = || clock_gettime(ClockId::CLOCK_REALTIME).expect("the time");
        let step = TimeSpec::new(seconds, 0);
        clock_settime(ClockId::CLOCK_REALTIME, realtime() + step).expect("a step of the clock");
        Self(step)
    }
}

impl Drop for Stepped {
    fn drop(&mut self) {
        if let Ok(now) = clock_gettime(ClockId::CLOCK_REALTIME) {
            let _ = clock_settime(ClockId::CLOCK_REALTIME, now - self.0);
        }
    }
}

#[test]
#[ignore = "steps the machine's clock: for a guest, with TCPTRACE_TEST_GUEST=1"]
fn a_step_of_the_clock_changes_the_time_of_day_and_no_duration() {
    need_guest();
    let net = Namespace::new();
    for step in [3600, -3600] {
        let mut trace = Trace::of(&net).start();
        let (client, server) = net.connect(Family::V4);
        let its = end(&client);
        trace.until(|it| it.end() == its && it.to == "ESTABLISHED");
        sleep(Duration::from_millis(500));
        let _stepped = Stepped::by(step);
        sleep(Duration::from_millis(500));
        drop(client);
        sleep(Duration::from_millis(100));
        drop(server);
        trace.expect(its.peer(), SERVER_SECOND);
        let path = trace.expect(its, CLIENT_FIRST);
        let (opened, closed) = (&path[1], &path[2]);
        let held = closed.held().expect("a known time");
        assert!((1.0..5.0).contains(&held.as_secs_f64()), "{held:?}");
        assert!(path.is_sorted_by_key(|it| it.mono_ns), "{path:#?}");
        let between = wall(closed) - wall(opened) - held.as_secs_f64();
        assert!((between - step as f64).abs() < 1.0, "{between}");
        assert!((now() - wall(closed)).abs() < 5.0);
        trace.stop();
    }
}

/// A CPU that is offline, and online again in the end.
struct Offline(&'static str);

impl Offline {
    fn new(file: &'static str) -> Self {
        fs::write(file, "0").expect("a CPU that can be taken offline: the guest needs two");
        Self(file)
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        let _ = fs::write(self.0, "1");
    }
}

#[test]
#[ignore = "takes a CPU offline: for a guest with two, with TCPTRACE_TEST_GUEST=1"]
fn a_cpu_that_goes_takes_no_event_along() {
    need_guest();
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let paths = |traces: &mut [&mut Tracing]| {
        for _ in 0..20 {
            let (client, server) = net.connect(Family::V4);
            let its = end(&client);
            drop(client);
            sleep(Duration::from_millis(20));
            drop(server);
            for trace in &mut *traces {
                trace.expect(its, CLIENT_FIRST);
                trace.expect(its.peer(), SERVER_SECOND);
            }
        }
    };
    paths(&mut [&mut trace]);
    let offline = Offline::new("/sys/devices/system/cpu/cpu1/online");
    paths(&mut [&mut trace]);
    // It begins with one, too.
    let mut second = Trace::of(&net).start();
    paths(&mut [&mut trace, &mut second]);
    drop(offline);
    paths(&mut [&mut trace, &mut second]);
    trace.stop();
    second.stop();
}

/// A setting that holds for the whole machine, and is what it was in the end. It is to be seen in
/// the machine's own network namespace alone.
struct Setting<'n> {
    net: &'n Namespace,
    file: &'static str,
    before: String,
}

impl<'n> Setting<'n> {
    fn new(net: &'n Namespace, file: &'static str, value: &str) -> Self {
        let before = outside(net, || {
            let before = fs::read_to_string(file).expect("a setting");
            fs::write(file, value).expect("a setting that can be changed");
            before
        });
        Self { net, file, before }
    }
}

impl Drop for Setting<'_> {
    fn drop(&mut self) {
        let _ = outside(self.net, || fs::write(self.file, &self.before));
    }
}

/// On a thread in the namespace that this one was made in.
fn outside<T: Send>(net: &Namespace, run: impl FnOnce() -> T + Send) -> T {
    let outside = net.outside();
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(outside, CloneFlags::CLONE_NEWNET).expect("the namespace outside");
            run()
        });
        thread.join().expect("a thread outside")
    })
}

/// tcp_check_oom() resets what a process closes, and what sends its FIN again.
#[test]
#[ignore = "allows the machine no orphans: for a guest, with TCPTRACE_TEST_GUEST=1"]
fn an_orphan_too_many_is_reset_by_us() {
    need_guest();
    for family in [Family::V4, Family::V6] {
        let net = Namespace::new();
        let wire = Wire::new(&net, family);
        let mut trace = Trace::of(&net).start();
        let (orphan, its_peer) = wire.connected(&net);
        let (socket, peer) = wire.connected(&net);
        drop(orphan);
        trace.until(|it| it.end() == its_peer.end() && it.to == "FIN_WAIT1");
        // They are counted ten times a second (tcp_orphan_update(), net/ipv4/tcp.c).
        sleep(Duration::from_millis(300));
        let _none = Setting::new(&net, "/proc/sys/net/ipv4/tcp_max_orphans", "0");
        let mut stream = TcpStream::from(socket);
        stream.write_all(b"never acknowledged").expect("room");
        drop(stream);
        let reset = format!("{OPENED} -fin_sent-> FIN_WAIT1 -reset_by_us-> CLOSED");
        for peer in [peer, its_peer] {
            let path = trace.expect(peer.end(), &reset);
            assert_eq!(path[3].closer.as_deref(), Some("local"), "{path:?}");
        }
        trace.stop();
    }
}

/// The kernels that still had DCCP (`SOCK_DCCP`, `IPPROTO_DCCP`): it went with 6.16.
const WITH_DCCP: [&str; 2] = ["6.1.", "6.12."];

/// DCCP has states, minisocks and requests of the same structures, and the same functions of their
/// timers.
#[test]
#[ignore = "takes the modules of DCCP: for a guest, with TCPTRACE_TEST_GUEST=1"]
fn dccp_is_not_told_as_tcp() {
    need_guest();
    let name = uname().expect("a name");
    let release = name.release().to_string_lossy();
    let dccp = |family: Family| {
        let domain = match family {
            Family::V4 => Domain::IPV4,
            Family::V6 => Domain::IPV6,
        };
        Socket::new(domain, Type::from(6), Some(Protocol::from(33)))
    };
    if !WITH_DCCP.iter().any(|series| release.starts_with(series)) {
        let none = dccp(Family::V4).expect_err("a kernel that has it belongs to WITH_DCCP");
        assert!(
            [libc::ESOCKTNOSUPPORT, libc::EPROTONOSUPPORT, libc::EINVAL]
                .contains(&none.raw_os_error().unwrap_or_default()),
            "{none}"
        );
        return;
    }
    for family in [Family::V4, Family::V6] {
        let net = Namespace::new();
        let mut trace = Trace::of(&net).start();
        let listener = dccp(family).expect("the module dccp");
        listener
            .bind(&SocketAddr::new(family.loopback(), 0).into())
            .expect("a port");
        listener.listen(8).expect("a listener");
        let to = listener.local_addr().expect("an address");
        for client_first in [true, false] {
            let client = dccp(family).expect("a socket");
            client.connect(&to).expect("a connection");
            let (server, _) = listener.accept().expect("the other end");
            let (first, second) = match client_first {
                true => (client, server),
                false => (server, client),
            };
            drop(first);
            sleep(Duration::from_millis(100));
            drop(second);
        }
        drop(listener);
        // What is told surplus fails the test.
        trace.settle();
        trace.stop();
    }
}
