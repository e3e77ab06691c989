//! What tcptrace may do: what it keeps, what it does with less, and that the traced command is none
//! the wiser.

use std::{
    fs,
    io::Read as _,
    os::{fd::AsFd as _, unix::fs::PermissionsExt as _},
    process::Command,
    thread::sleep,
    time::Duration,
};

use nix::{
    fcntl::{FcntlArg, fcntl},
    poll::{PollFd, PollFlags, poll},
    sys::signal::Signal,
};
use rustix::{
    fs::{XattrFlags, setxattr},
    thread::CapabilitySet,
};
use serde_json::Value;
use tcptrace::privileges::{CAPABILITIES, ELSEWHERE, SIGNAL, load};

use crate::{
    Family,
    copied::Copied,
    namespace::Namespace,
    paths::{ACCEPTED, OPENED},
    run::run_under,
    sockets::end,
    trace::{Trace, binary},
};

/// As a service runs: nobody, in no group.
const NOBODY: [&str; 6] = [
    "setpriv",
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
];

/// A copy of the binary with capabilities, as `setcap …=ep` gives it.
fn capable(capabilities: CapabilitySet) -> Copied {
    let copy = Copied::of(binary());
    // `struct vfs_cap_data` with VFS_CAP_REVISION_2 and VFS_CAP_FLAGS_EFFECTIVE
    // (include/uapi/linux/capability.h).
    let bits = capabilities.bits();
    let words = [0x0200_0001, bits as u32, 0, (bits >> 32) as u32, 0];
    let data: Vec<u8> = words
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect();
    setxattr(
        copy.path(),
        c"security.capability",
        &data,
        XattrFlags::empty(),
    )
    .expect("a file system that keeps capabilities of files");
    copy
}

fn all() -> CapabilitySet {
    load() | ELSEWHERE
}

/// The thread that looks for who has a connection, where accept() can't be seen; and the one that reads
/// files of container runtimes.
const LOOKERS: [&str; 2] = ["holders\n", READS_OF_CONTAINERS];
const READS_OF_CONTAINERS: &str = "containers\n";

/// A line of `/proc/PID/status`, of each thread but those.
fn of_threads(pid: u32, name: &str) -> Vec<String> {
    of_threads_called(pid, name, |comm| !LOOKERS.contains(&comm))
}

/// The same of threads by their names.
fn of_threads_called(pid: u32, name: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let those = threads.flatten().filter(|thread| {
        fs::read_to_string(thread.path().join("comm")).is_ok_and(|it| wanted(&it))
    });
    those
        .map(|thread| {
            let status = fs::read_to_string(thread.path().join("status")).expect("its status");
            let line = status.lines().find(|line| line.starts_with(name));
            line.expect(name)
                .trim_start_matches(name)
                .trim_start_matches(':')
                .trim()
                .to_owned()
        })
        .collect()
}

/// What the main thread may do must be this, and no other may do more.
fn assert_may(pid: u32, wanted: CapabilitySet) {
    for set in ["CapPrm", "CapEff"] {
        let held: Vec<CapabilitySet> = of_threads(pid, set)
            .iter()
            .map(|it| CapabilitySet::from_bits_retain(u64::from_str_radix(it, 16).unwrap()))
            .collect();
        // The thread that waits for signals needs none of them.
        assert!(held.contains(&wanted), "{set}: {held:?}");
        assert!(
            held.iter().all(|it| wanted.contains(*it)),
            "{set}: {held:?}"
        );
    }
    for set in ["CapInh", "CapAmb", "CapBnd"] {
        for it in of_threads(pid, set) {
            assert_eq!(u64::from_str_radix(&it, 16), Ok(0), "{set}");
        }
    }
    assert!(of_threads(pid, "NoNewPrivs").iter().all(|it| it == "1"));
}

#[test]
fn what_is_not_needed_is_given_up_at_the_start() {
    let _net = Namespace::new();
    for (command, wanted) in [
        ("schema", CapabilitySet::empty()),
        ("explain", CapabilitySet::empty()),
        ("doctor", all()),
    ] {
        // It waits for room in a pipe that nobody reads.
        let (mut reader, writer) = std::io::pipe().unwrap();
        fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        let mut child = Command::new(binary())
            .arg(command)
            .stdout(writer)
            .spawn()
            .unwrap();
        let mut output = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
        poll(&mut output, 30_000_u16).unwrap();
        assert_may(child.id(), wanted);
        reader.read_to_end(&mut Vec::new()).unwrap();
        assert!(child.wait().unwrap().success(), "{command}");
    }
}

#[test]
fn of_its_own_namespace_it_needs_nothing_more_once_attached() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    assert_may(trace.pid(), CapabilitySet::empty());
    // All that comes later still works: addresses of unanswered SYNs, counting losses, sleeping.
    let (client, _server) = net.connect(Family::V4);
    trace.expect(end(&client), OPENED);
    trace.expect(end(&client).peer(), ACCEPTED);
    sleep(Duration::from_millis(1500));
    assert_may(trace.pid(), CapabilitySet::empty());
    trace.stop();
}

#[test]
fn what_reads_files_of_container_runtimes_may_read_and_nothing_else() {
    let net = Namespace::new();
    let trace = Trace::of(&net).start();
    let reads = |comm: &str| comm == READS_OF_CONTAINERS;
    for (set, wanted) in [
        ("CapPrm", CapabilitySet::DAC_READ_SEARCH),
        ("CapEff", CapabilitySet::DAC_READ_SEARCH),
        ("CapBnd", CapabilitySet::empty()),
    ] {
        let held = of_threads_called(trace.pid(), set, reads);
        assert_eq!(held, [format!("{:016x}", wanted.bits())], "{set}");
    }
    trace.stop();
}

#[test]
fn of_other_namespaces_it_keeps_what_leads_into_them() {
    let net = Namespace::new();
    let trace = Trace::of(&net).outside_of_it().start();
    assert_may(trace.pid(), ELSEWHERE);
    trace.stop();
}

#[test]
fn with_a_command_it_keeps_what_passes_signals_on() {
    let net = Namespace::new();
    let trace = Trace::of(&net).command(["sleep", "60"]).start();
    sleep(Duration::from_millis(500));
    assert_may(trace.pid(), SIGNAL);
    trace.signal(Signal::SIGTERM);
    assert_eq!(trace.ended().status.code(), Some(143));
}

#[test]
fn a_command_has_the_callers_privileges() {
    let net = Namespace::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let script = format!(
        "grep -E '^(Uid|Cap|NoNewPrivs)' /proc/self/status > {}",
        file.path().display()
    );
    // Those of root; and those that a service hands down.
    let nobody = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=+bpf,+perfmon,+net_admin",
        "--ambient-caps=+bpf,+perfmon,+net_admin",
    ];
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o666)).unwrap();
    // Capabilities of the file would take the place of those that are handed down.
    let copy = Copied::of(binary());
    for caller in [&[][..], &nobody] {
        let under = ["setpriv"].iter().chain(caller);
        let status = Command::new("setpriv")
            .args(caller)
            .args(["sh", "-c", &script])
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
        let direct = fs::read_to_string(file.path()).unwrap();
        fs::write(file.path(), "").unwrap();
        let seen = Trace::of(&net)
            .under(under)
            .binary(copy.path())
            .command(["sh", "-c", &script])
            .start()
            .ended();
        assert_eq!(seen.status.code(), Some(0));
        assert_eq!(
            fs::read_to_string(file.path()).unwrap(),
            direct,
            "{caller:?}"
        );
        assert!(direct.contains("NoNewPrivs:\t0"), "{direct}");
    }
}

#[test]
fn a_command_that_became_another_user_still_gets_the_signal() {
    let net = Namespace::new();
    let trace = Trace::of(&net)
        .command([
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "sleep",
            "60",
        ])
        .start();
    sleep(Duration::from_millis(500));
    trace.signal(Signal::SIGTERM);
    assert_eq!(trace.ended().status.code(), Some(143));
}

#[test]
fn a_service_user_sees_all_by_capabilities_of_the_file() {
    assert_sees_all(capable(all()), &NOBODY);
}

#[test]
fn a_service_user_sees_all_by_ambient_capabilities() {
    let names = CAPABILITIES.map(|it| it.name.trim_start_matches("CAP_").to_lowercase());
    let set = format!("-all,+{}", names.join(",+"));
    // What the service manager does for the unit in docs/limits.md.
    let options = ["inh-caps", "ambient-caps", "bounding-set"].map(|it| format!("--{it}={set}"));
    let options = options.iter().map(String::as_str);
    let under: Vec<&str> = NOBODY
        .into_iter()
        .chain(options)
        .chain(["--no-new-privs"])
        .collect();
    assert_sees_all(Copied::of(binary()), &under);
}

fn assert_sees_all(copy: Copied, under: &[&str]) {
    // Its sockets must be found in /proc.
    let net = Namespace::of_process();
    let (client, server) = net.connect(Family::V4);
    let its = end(&client);
    let mut trace = Trace::of(&net)
        .outside_of_it()
        .under(under)
        .binary(copy.path())
        .start();
    assert_eq!(
        of_threads(trace.pid(), "Uid")[0].split('\t').next(),
        Some("65534")
    );
    // The owner is root, and was there before.
    drop(server);
    sleep(Duration::from_millis(50));
    drop(client);
    let path = trace.expect(
        its,
        "ESTABLISHED -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    assert_eq!(path[0].pid, Some(std::process::id()));
    let path = trace.expect(
        its.peer(),
        "ESTABLISHED -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    assert!(
        path.iter().all(|it| it.pid == Some(std::process::id())),
        "{path:?}"
    );
    let (client, _server) = net.connect(Family::V4);
    trace.expect(end(&client), OPENED);
    trace.expect(end(&client).peer(), ACCEPTED);
    trace.stop();
}

#[test]
fn each_capability_that_is_missing_is_told_with_the_remedy() {
    let net = Namespace::new();
    for missing in CAPABILITIES {
        // CAP_SYS_ADMIN includes two others.
        let mut held = all() - missing.flag;
        if CapabilitySet::BPF
            .union(CapabilitySet::PERFMON)
            .contains(missing.flag)
        {
            held -= CapabilitySet::SYS_ADMIN;
        }
        let copy = capable(held);
        if !missing.is_among(held) && missing.without == "nothing can be traced" {
            let under = NOBODY.iter().map(|it| (*it).to_owned());
            let copy = copy.path().display().to_string();
            let ran = run_under(
                under.chain(["sh", "-c", "shift; exec \"$0\" \"$@\"", &copy].map(str::to_owned)),
                ["-d", "1s"],
            );
            let said = ran.refusal(3);
            assert!(
                said.contains(missing.name) && said.contains("sudo"),
                "{said}"
            );
            continue;
        }
        let raw = Trace::of(&net)
            .outside_of_it()
            .under(NOBODY)
            .binary(copy.path())
            .start_raw();
        let start = raw.start();
        let told = start["degraded"].as_array().expect("a list");
        // Of addresses, the file tells.
        let what = match missing.name {
            "CAP_SYSLOG" => "/proc/kallsyms",
            name => name,
        };
        let whats: Vec<&Value> = told.iter().map(|it| &it["what"]).collect();
        assert_eq!(whats, [what], "{start}");
        let why = told[0]["why"].as_str().unwrap();
        assert!(why.contains(missing.name), "{why}");
        raw.stop();
    }
}

#[test]
fn what_needs_no_privileges_has_none() {
    let _net = Namespace::new();
    for arguments in [&["explain"][..], &["schema"], &["list"]] {
        run_under(NOBODY, arguments).succeeded();
    }
}

#[test]
fn capabilities_of_the_file_open_nothing_that_its_caller_may_not_read() {
    let copy = capable(all());
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    let secret = folder.path().join("secret");
    fs::write(&secret, "the key is 4711\n").expect("room");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("ours");
    let path = secret.to_str().expect("text");
    for arguments in [
        &["top", "--config", path][..],
        &["flows", "--idle-table", path],
        &["watch", "-r", path],
        &["list", "-r", path],
        &["info", path],
        &["export", "-r", path, "--to", "json", "-o", "/nonexistent"],
    ] {
        let output = Command::new(NOBODY[0])
            .args(&NOBODY[1..])
            .arg(copy.path())
            .args(arguments)
            .output()
            .expect("setpriv");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(!said.contains("4711"), "{arguments:?}: {said}");
        assert!(said.contains("Permission denied"), "{arguments:?}: {said}");
    }
}
