//! A kernel that hides something, or has no room.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Family,
    namespace::Namespace,
    paths::SERVER_SECOND,
    run::{Ran, after_mounting, run_under},
    sockets::end,
    trace::Trace,
};

const BTF: &str = "/sys/kernel/btf/vmlinux";

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), content).expect("its content");
    file
}

/// Runs it where a file has other content.
fn run_with(path: &str, content: &[u8], arguments: &[&str]) -> Ran {
    let other = file(content);
    let script = format!("mount --bind {} {path}", other.path().display());
    run_under(after_mounting(&script), arguments)
}

#[test]
fn types_that_cannot_be_read_end_it_with_the_remedy() {
    let _net = Namespace::new();
    let types = fs::read(BTF).expect(BTF);
    let mut broken = types.clone();
    // The types, behind a header that is good.
    for byte in &mut broken[2000..4000] {
        *byte = 0xff;
    }
    let contents = [
        ("empty", &b""[..]),
        ("garbage", &[0x5a; 4096]),
        ("cut off in its header", &types[..10]),
        ("cut off", &types[..types.len() / 2]),
        ("broken", &broken),
    ];
    for (what, content) in contents {
        for command in ["watch", "flows", "stats"] {
            let ran = run_with(BTF, content, &[command, "-d", "1s"]);
            let said = ran.refusal(3);
            // What can be read of it may make sense.
            let told = said.contains(BTF) && said.contains("CONFIG_DEBUG_INFO_BTF=y");
            assert!(told || what == "broken", "{what}: {said}");
        }
    }
    let absent = "mount -t tmpfs none /sys/kernel/btf";
    let ran = run_under(after_mounting(absent), ["-d", "1s"]);
    let said = ran.refusal(3);
    assert!(said.contains("CONFIG_DEBUG_INFO_BTF=y"), "{said}");
}

#[test]
fn hidden_kernel_addresses_take_the_minisocks_away_and_nothing_else() {
    let net = Namespace::new();
    let hidden: String = fs::read_to_string("/proc/kallsyms")
        .expect("/proc/kallsyms")
        .lines()
        .map(|line| format!("{:016x}{}\n", 0, &line[16..]))
        .collect();
    let hidden = file(hidden.as_bytes());
    let mount = format!("mount --bind {} /proc/kallsyms", hidden.path().display());

    let raw = Trace::of(&net).under(after_mounting(&mount)).start_raw();
    let start = raw.start();
    let degraded = start["degraded"].as_array().expect("a list");
    let told = degraded.iter().find(|it| it["what"] == "/proc/kallsyms");
    let why = told.and_then(|it| it["why"].as_str()).unwrap_or_default();
    for word in ["TIME_WAIT", "kernel.kptr_restrict", "CAP_SYSLOG"] {
        assert!(why.contains(word), "{word} is missing in {start}");
    }
    raw.stop();

    let mut trace = Trace::of(&net).under(after_mounting(&mount)).start();
    let (client, server) = net.connect(Family::V4);
    let its = end(&client);
    drop(client);
    std::thread::sleep(Duration::from_millis(50));
    drop(server);
    // Its minisock is not seen, and so not why the full socket goes.
    trace.expect(
        its,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -fin_acked-> FIN_WAIT2 -unknown-> CLOSED",
    );
    trace.expect(its.peer(), SERVER_SECOND);
    trace.stop();
}

#[test]
fn neither_tracefs_nor_debugfs_nor_bpffs_is_needed() {
    let net = Namespace::new();
    let hide: Vec<String> = ["/sys/kernel/tracing", "/sys/kernel/debug", "/sys/fs/bpf"]
        .iter()
        .filter(|place| Path::new(place).is_dir())
        .map(|place| format!("mount -t tmpfs -o ro none {place}"))
        .collect();
    assert!(!hide.is_empty(), "this kernel has none of them");
    let raw = Trace::of(&net)
        .under(after_mounting(&hide.join("; ")))
        .start_raw();
    assert_eq!(raw.start()["degraded"], serde_json::json!([]));
    raw.stop();
}

/// A memory cgroup, removed in the end.
struct MemoryCgroup(PathBuf);

impl MemoryCgroup {
    /// In whichever version of cgroups this machine has its memory controller.
    fn new(bytes: u64) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
        let mount_of = |wanted: &dyn Fn(&[&str]) -> bool| {
            mounts
                .lines()
                .map(|line| line.split(' ').collect::<Vec<_>>())
                .find(|words| words.len() > 3 && wanted(words))
                .map(|words| PathBuf::from(words[1]))
        };
        let old =
            mount_of(&|words| words[2] == "cgroup" && words[3].split(',').any(|it| it == "memory"));
        let new = mount_of(&|words| words[2] == "cgroup2");
        let name = format!("tcptrace-test-{}", std::process::id());
        let (folder, limit) = match (old, new) {
            (Some(mount), _) => (mount.join(name), "memory.limit_in_bytes"),
            (None, Some(mount)) => {
                fs::write(mount.join("cgroup.subtree_control"), "+memory")
                    .expect("a memory controller");
                (mount.join(name), "memory.max")
            }
            (None, None) => panic!("cgroups are needed: mount -t cgroup2 none /sys/fs/cgroup"),
        };
        fs::create_dir(&folder).expect("a cgroup");
        let cgroup = Self(folder);
        fs::write(cgroup.0.join(limit), bytes.to_string()).expect("a limit of memory");
        cgroup
    }
}

impl Drop for MemoryCgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_ring_buffer_beyond_the_memory_limit_ends_it_with_the_remedy() {
    let _net = Namespace::new();
    let cgroup = MemoryCgroup::new(64 << 20);
    let enter = format!(
        "echo $$ > {}; exec \"$@\"",
        cgroup.0.join("cgroup.procs").display()
    );
    let ran = run_under(
        ["sh", "-c", &enter, "sh"],
        ["-d", "1s", "--buffer-size", "1G"],
    );
    let said = ran.refusal(3);
    assert!(said.contains("smaller --buffer-size"), "{said}");
    assert_eq!(said.matches("os error 12").count(), 1, "{said}");
    // A small one has room there.
    run_under(
        ["sh", "-c", &enter, "sh"],
        ["--netns", "self", "-d", "1ms", "--buffer-size", "1M"],
    )
    .succeeded();
}

#[test]
fn a_ring_buffer_beyond_the_address_space_ends_it_with_the_remedy() {
    let _net = Namespace::new();
    // It is mapped twice. The kernel half has it by then: no more than a small machine has.
    let ran = run_under(
        ["prlimit", "--as=500000000"],
        ["-d", "1s", "--buffer-size", "256M"],
    );
    let said = ran.refusal(3);
    assert!(said.contains("smaller --buffer-size"), "{said}");
}

#[test]
fn too_few_descriptors_are_said_to_be_too_few() {
    let _net = Namespace::new();
    for most in [10, 14, 16, 20, 26] {
        let ran = run_under(["prlimit", &format!("--nofile={most}")], ["-d", "1s"]);
        let said = ran.refusal(3);
        assert!(said.contains("ulimit -n"), "{most}: {said}");
    }
}
