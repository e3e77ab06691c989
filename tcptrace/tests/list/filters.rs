//! What is asked for is shown, and nothing else.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt as _,
    path::Path,
    process::Command,
};

use nix::sched::{CloneFlags, setns};

use crate::{
    copied::Copied,
    listing::{connect, listener, ports, sockets, tcptrace, wait_for_state},
    namespace::Namespace,
};

/// The ports of the sockets that are shown.
fn shown(arguments: &[&str]) -> Vec<(u16, u16)> {
    sockets(arguments).iter().map(|it| it.ports()).collect()
}

#[test]
fn each_filter_narrows_down() {
    let net = Namespace::of_process();
    let listener = listener(&net, 8);
    let to = listener.local_addr().unwrap();
    let client = TcpStream::connect(to).unwrap();
    let _server = listener.accept().unwrap();
    let (local, remote) = ports(&client);
    wait_for_state((remote, local), "ESTABLISHED");

    let (listens, ours, theirs) = ((remote, 0), (local, remote), (remote, local));
    let all = |mut expected: Vec<(u16, u16)>, arguments: &[&str]| {
        let mut shown = shown(arguments);
        expected.sort_unstable();
        shown.sort_unstable();
        assert_eq!(shown, expected, "{arguments:?}");
    };
    let (local, remote) = (local.to_string(), remote.to_string());
    let pid = std::process::id().to_string();
    let nobody = (std::process::id() + 1).to_string();
    all(vec![listens, ours, theirs], &[]);
    all(vec![listens, ours, theirs], &["-4"]);
    all(vec![], &["-6"]);
    all(vec![listens, theirs], &["-L", &remote]);
    all(vec![ours], &["-D", &remote]);
    all(vec![ours, theirs], &["-P", &local]);
    all(vec![listens], &["--state", "listen"]);
    all(vec![ours, theirs], &["--state", "estab,time-wait"]);
    all(vec![listens, ours, theirs], &["-a", "127.0.0.0/8"]);
    all(vec![], &["-a", "10.0.0.0/8"]);
    all(vec![listens, ours, theirs], &["--local-addr", "127.0.0.1"]);
    all(vec![ours, theirs], &["--remote-addr", "127.0.0.1"]);
    all(vec![listens, ours, theirs], &["-p", &pid]);
    all(vec![], &["-p", &nobody]);
    all(vec![], &["-c", "no-such-name"]);
    all(vec![listens, ours, theirs], &["--uid", "0"]);
    all(vec![], &["--uid", "65534"]);
    all(vec![ours], &["-L", &local, "--state", "established"]);
}

#[test]
fn names_of_processes_narrow_down() {
    let net = Namespace::of_process();
    let _listener = listener(&net, 8);
    let [line] = &sockets(&[])[..] else {
        panic!("there is one socket");
    };
    let comm = line.comm.clone().expect("its process is known");
    assert_eq!(sockets(&["-c", &comm]).len(), 1);
}

#[test]
fn another_namespace_is_looked_into_from_outside() {
    let net = Namespace::of_process();
    let _inhabitant = net.inhabitant();
    let (client, _server) = connect(&net);
    let inode = net.inode().to_string();
    let outside = |arguments: &[&str]| {
        let there = net.outside();
        let mut command = tcptrace(&["list", "-o", "json"]);
        command.args(arguments);
        // SAFETY: setns() may be called between fork and exec.
        unsafe { command.pre_exec(move || Ok(setns(&there, CloneFlags::CLONE_NEWNET)?)) };
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let port = format!("\"local_port\":{},", ports(&client).0);
    assert!(outside(&["--netns", &inode]).contains(&port));
    assert!(outside(&["--all-netns"]).contains(&port));
    assert!(!outside(&["--netns", "self"]).contains(&format!("\"netns\":{inode}")));
    assert!(!outside(&[]).contains(&format!("\"netns\":{inode}")));
}

#[test]
fn a_cgroup_narrows_down() {
    let net = Namespace::of_process();
    let _listener = listener(&net, 8);
    let [line] = &sockets(&[])[..] else {
        panic!("there is one socket");
    };
    // Where cgroup v2 is not mounted, there is none to ask for.
    if let Some(cgroup) = &line.cgroup {
        assert_eq!(sockets(&["--cgroup", cgroup]).len(), 1);
        let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
        let mount = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(1))
            .find(|mount| Path::new(mount).join("cgroup.procs").exists())
            .expect("cgroup v2");
        let other = Path::new(mount).join(format!("tcptrace-list-{}", std::process::id()));
        fs::create_dir(&other).expect("a cgroup");
        let found = sockets(&["--cgroup", other.to_str().unwrap()]).len();
        fs::remove_dir(&other).expect("nobody is in it");
        assert_eq!(found, 0);
    }
}

#[test]
fn without_capabilities_the_own_namespace_is_shown_and_others_are_not() {
    let net = Namespace::of_process();
    let listener = listener(&net, 8);
    let copy = Copied::of(tcptrace(&[]).get_program());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(copy.path());
        command.current_dir("/").arg("list").args(arguments);
        command.uid(65_534).gid(65_534).output().unwrap()
    };

    let own = run(&["-o", "json"]);
    assert!(own.status.success());
    let port = listener.local_addr().unwrap().port();
    let text = String::from_utf8(own.stdout).unwrap();
    assert!(text.contains(&format!("\"local_port\":{port},")), "{text}");
    assert!(text.contains("\"pid\":null"), "{text}");
    let said = String::from_utf8(own.stderr).unwrap();
    assert!(said.contains("CAP_SYS_PTRACE"), "{said}");

    // It can't see who is there.
    let other = run(&["--netns", "4026599999"]);
    assert_eq!(other.status.code(), Some(3));
    let said = String::from_utf8(other.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("CAP_SYS_ADMIN"), "{said}");
    assert_eq!(listener.local_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);
}
