//! Control groups of the processes that have the sockets.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    Family,
    namespace::Namespace,
    sockets::end,
    trace::{End, Trace},
};

/// A cgroup (v2), removed in the end.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
        let mount = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|words| words.get(2) == Some(&"cgroup2"))
            .expect("cgroup v2 is needed: mount -t cgroup2 none /sys/fs/cgroup");
        let name = format!("tcptrace-{name}-{}", std::process::id());
        Self::at(Path::new(mount[1]).join(name))
    }

    fn at(path: PathBuf) -> Self {
        fs::create_dir(&path).expect("a cgroup");
        Self(path)
    }

    fn inside(&self, name: &str) -> Self {
        Self::at(self.0.join(name))
    }

    /// As tcptrace shows it.
    fn path(&self) -> String {
        let mut names: Vec<_> = self.0.components().rev().collect();
        let mine = |it: &std::path::Component<'_>| {
            it.as_os_str().to_string_lossy().starts_with("tcptrace-")
        };
        let top = names.iter().position(mine).expect("the one on top");
        names.truncate(top + 1);
        names
            .iter()
            .rev()
            .map(|name| format!("/{}", name.as_os_str().display()))
            .collect()
    }

    /// A process of it connects, and closes first.
    fn connect(&self, listener: &TcpListener) -> End {
        let addr = listener.local_addr().unwrap();
        let script = format!(
            "echo 0 > {}/cgroup.procs && exec 3<>/dev/tcp/{}/{} && exec 3>&-",
            self.0.display(),
            addr.ip(),
            addr.port()
        );
        let mut child = Command::new("bash").args(["-c", &script]).spawn().unwrap();
        let (server, _) = listener.accept().unwrap();
        assert!(child.wait().unwrap().success());
        end(&server).peer()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            sleep(Duration::from_millis(1));
        }
    }
}

const CLIENT: &str = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
    -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT";

#[test]
fn cgroups_that_are_gone_before_they_are_looked_for_have_their_names() {
    let net = Namespace::new();
    let listener = net.listen(Family::V4);
    let parent = Cgroup::new("short-lived");
    let long = "x".repeat(255);
    let above = parent.path();
    let port = listener.local_addr().unwrap().port().to_string();
    let clients = || Trace::of(&net).with(["-D", &port]);
    let mut all = clients().start();
    let mut filtered = clients().with(["--cgroup", &above]).start();
    let mut ends = Vec::new();
    for name in ["a", "b", "c", "with space", "e\x1b[31m", "größe", &long] {
        let cgroup = parent.inside(name);
        // Names of two levels, of which the upper one is as new.
        let inner = cgroup.inside("inner");
        // bash would have to quote the names that are hard to write.
        let plain = name.chars().all(|it| it.is_ascii_alphanumeric());
        if plain {
            ends.push((inner.connect(&listener), inner.path()));
            ends.push((cgroup.connect(&listener), cgroup.path()));
        }
    }
    let outside = Cgroup::new("beside");
    let hidden = outside.connect(&listener);
    for (end, path) in ends {
        for trace in [&mut all, &mut filtered] {
            for it in trace.expect(end, CLIENT) {
                assert_eq!(it.cgroup.as_ref(), Some(&path), "{it:?}");
            }
        }
    }
    all.expect(hidden, CLIENT);
    filtered.expect(hidden, "");
    all.stop();
    filtered.stop();
}

#[test]
fn a_container_a_pod_and_a_unit_are_told_by_the_path_where_no_file_tells_more() {
    let net = Namespace::new();
    let listener = net.listen(Family::V4);
    let top = Cgroup::new("container");
    let id = "0123456789abcdef".repeat(4);
    let uid = "1c9ae2f4-0d5b-4c0e-9d3a-0b1f6b1f2a77";
    let port = listener.local_addr().unwrap().port().to_string();
    let clients = || Trace::of(&net).with(["-D", &port]);
    let mut all = clients().start();
    let mut container = clients().with(["--container", &id[..4]]).start();
    let mut pod = clients().with(["--pod", uid]).start();
    let mut unit = clients().with(["--unit", "web"]).start();
    let service = top.inside("web.service");
    let pods = service.inside(&format!("pod{uid}"));
    let inside = pods.inside(&id).connect(&listener);
    let beside = service.connect(&listener);
    for trace in [&mut all, &mut container, &mut pod] {
        for it in trace.expect_within(Duration::from_secs(20), inside, CLIENT) {
            let container = it.container.as_ref().expect("a container");
            assert_eq!(
                (&container["id"], &container["name"]),
                (&id.as_str().into(), &().into())
            );
            assert_eq!(it.pod.as_ref().expect("a pod")["uid"], uid);
            // What this test runs in is no unit's.
            assert_eq!(it.unit, None);
        }
    }
    for it in all.expect(beside, CLIENT) {
        assert_eq!((it.container, it.pod), (None, None));
    }
    container.expect(beside, "");
    pod.expect(beside, "");
    unit.expect(inside, "");
    unit.expect(beside, "");
    for trace in [all, container, pod, unit] {
        trace.stop();
    }
}

#[test]
fn the_root_of_v2_says_nothing_where_v1_has_the_processes() {
    let net = Namespace::new();
    let listener = net.listen(Family::V4);
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap();
    let in_root = cgroups.lines().any(|line| line == "0::/");
    let v1 = cgroups
        .lines()
        .any(|line| !line.starts_with("0:") && !line.contains("net_cls"));
    if !in_root {
        return;
    }
    let port = listener.local_addr().unwrap().port().to_string();
    let mut trace = Trace::of(&net).with(["-D", &port]).start();
    let (client, server) = net.connect_to(&listener);
    let end = end(&client);
    crate::sockets::close_in_turn(client, server);
    for it in trace.expect(end, CLIENT) {
        assert_eq!(it.cgroup.as_deref(), (!v1).then_some("/"), "{it:?}");
    }
    trace.stop();
}
