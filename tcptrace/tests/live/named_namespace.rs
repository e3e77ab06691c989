//! `--netns` with what people call a namespace: a name of `ip netns`, and where it is mounted.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::{fd::AsRawFd as _, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use nix::sched::{CloneFlags, setns};
use serde_json::Value;

use crate::{
    Family,
    namespace::{Namespace, set_flags},
    paths::{CLIENT_FIRST, SERVER_SECOND},
    sockets::{close_in_turn, end},
    trace::{Trace, binary},
};

/// A namespace of `ip netns`, gone with this value.
struct Named(String);

impl Named {
    fn new(name: &str) -> Self {
        // Other tests may run in another process at the same time.
        let named = Self(format!("{name}{}", std::process::id()));
        ip(["netns", "add", &named.0]);
        named
    }

    fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.0)
    }

    fn inode(&self) -> u64 {
        fs::metadata(self.path()).expect("it is mounted").ino()
    }

    /// Takes this thread there, away from the namespace of the test.
    fn enter(&self) {
        let file = File::open(self.path()).expect("it is mounted");
        setns(file, CloneFlags::CLONE_NEWNET).expect("into the namespace");
        set_flags("lo", libc::IFF_UP).expect("loopback up");
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

fn ip<const N: usize>(arguments: [&str; N]) {
    let status = Command::new("ip").args(arguments).status();
    assert!(status.expect("iproute2 is there").success());
}

/// Runs tcptrace for a second at the most; returns its status and what it said.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary())
        .args(arguments)
        .output()
        .expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn connections_are_shown(net: &Namespace, named: &Named, called: &str) {
    let mut trace = Trace::of(net).outside_of_it().called(called).start();
    named.enter();
    let (client, server) = net.connect(Family::V4);
    let its = end(&client);
    close_in_turn(client, server);
    trace.expect(its, CLIENT_FIRST);
    trace.expect(its.peer(), SERVER_SECOND);
    let seen = trace.stop();
    let inode = named.inode();
    assert!(
        seen.transitions
            .iter()
            .all(|it| u64::from(it.netns) == inode)
    );
}

#[test]
fn a_name_of_ip_netns_shows_its_connections() {
    let net = Namespace::new();
    let named = Named::new("web");
    connections_are_shown(&net, &named, &named.0.clone());
}

#[test]
fn a_mounted_namespace_shows_its_connections() {
    let net = Namespace::new();
    let named = Named::new("path");
    let path = named.path().display().to_string();
    connections_are_shown(&net, &named, &path);
}

#[test]
fn a_name_that_is_a_number_is_a_name_first() {
    let net = Namespace::new();
    let named = Named::new("");
    assert!(named.0.parse::<u32>().is_ok());
    connections_are_shown(&net, &named, &named.0.clone());
}

#[test]
fn every_command_takes_a_name_and_a_path() {
    let _net = Namespace::new();
    let named = Named::new("every");
    let path = named.path().display().to_string();
    for called in [&named.0, &path] {
        for command in ["flows", "stats", "stuck"] {
            let (status, _, said) = run(&[command, "--netns", called, "-d", "1s", "-o", "json"]);
            assert_eq!(status, Some(0), "{command} {called}: {said}");
        }
    }
    // Nobody lives there, and a listener is found all the same.
    let there = std::thread::scope(|scope| {
        let elsewhere = scope.spawn(|| {
            named.enter();
            TcpListener::bind("127.0.0.1:0").expect("a listener")
        });
        elsewhere.join().expect("a listener")
    });
    let port = there.local_addr().expect("an address").port();
    for called in [&named.0, &path, &named.inode().to_string()] {
        let (status, listed, said) = run(&["list", "-o", "json", "--netns", called]);
        assert_eq!(status, Some(0), "{said}");
        let sockets: Vec<Value> = listed
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert!(
            sockets.iter().any(|it| it["local_port"] == port),
            "{called}: {listed}"
        );
    }
}

#[test]
fn a_way_in_that_only_a_descriptor_knows_is_enough() {
    let _net = Namespace::new();
    let named = Named::new("fd");
    let file = File::open(named.path()).expect("it is mounted");
    drop(named);
    // Nobody lives there, and it is mounted no more.
    let own = fs::canonicalize("/proc/thread-self").expect("/proc");
    let path = own.join("fd").join(file.as_raw_fd().to_string());
    let path = path.display().to_string();
    let (status, _, said) = run(&["list", "--netns", &path]);
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn what_is_no_namespace_is_refused_in_one_line() {
    let _net = Namespace::new();
    let named = Named::new("gone");
    let name = named.0.clone();
    drop(named);
    for given in ["1", "12345678", &name, "/run", "/proc/self/ns/mnt"] {
        for command in ["watch", "flows", "stats", "stuck", "list"] {
            let (status, listed, said) = run(&[command, "--netns", given]);
            assert_eq!(status, Some(2), "{command} {given}: {said}");
            assert!(listed.is_empty(), "{listed}");
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(said.contains(given) && said.contains("ip netns"), "{said}");
        }
    }
}
