//! Programs that tests take, from the packages of the distribution.

use std::{env, ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::SigSet;

use crate::{
    cargo::succeed,
    root, search_path,
    services::{Off, Uninterrupted},
    setup,
};

/// A program, and who has it.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    name: &'static str,
    /// Debian's package.
    debian: &'static str,
    /// Packages of Fedora and RHEL, and of Arch.
    others: [&'static str; 2],
}

/// What tests start beside tcptrace: the servers of tests/servers, the engines of tests/containers, the
/// database of tests/fleet, the browser of tests/report.
pub const OF_TESTS: &[Program] = &[
    IP,
    program("ss", "iproute2", ["iproute", "iproute2"]),
    program("nft", "nftables", ["nftables", "nftables"]),
    program("apache2", "apache2-bin", ["httpd", "apache"]),
    program("nginx", "nginx", ["nginx", "nginx"]),
    program("haproxy", "haproxy", ["haproxy", "haproxy"]),
    program("curl", "curl", ["curl", "curl"]),
    program("containerd", "containerd", ["containerd", "containerd"]),
    program("runc", "runc", ["runc", "runc"]),
    program("dockerd", "docker.io", ["moby-engine", "docker"]),
    program("docker", "docker.io", ["docker-cli", "docker"]),
    program("podman", "podman", ["podman", "podman"]),
    program("busybox", "busybox-static", ["busybox", "busybox"]),
    program("prometheus", "prometheus", PROMETHEUS),
    program("promtool", "prometheus", PROMETHEUS),
    program("clickhouse-server", "clickhouse-server", CLICKHOUSE),
    program(
        "java",
        "default-jre-headless",
        ["java-latest-openjdk-headless", "jre-openjdk-headless"],
    ),
    // All that the package has where programs are; its server is a library of Java.
    program("zooinspector", "zookeeper", ["zookeeper", "zookeeper"]),
    program("openssl", "openssl", ["openssl", "openssl"]),
    // It opens pages of `tcptrace report`.
    program("chromium", "chromium", ["chromium", "chromium"]),
    program("systemd-analyze", "systemd", ["systemd", "systemd"]),
];
/// What load tests start.
pub const OF_LOAD: &[Program] = &[IP];
/// What runs other kernels, and unpacks them.
pub const OF_KERNELS: &[Program] = &[
    program(
        "qemu-system-x86_64",
        "qemu-system-x86",
        ["qemu-system-x86", "qemu-system-x86"],
    ),
    program("xz", "xz-utils", ["xz", "xz"]),
];
/// The same for Arm's.
pub const OF_ARM_KERNELS: &[Program] = &[
    program(
        "qemu-system-aarch64",
        "qemu-system-arm",
        ["qemu-system-aarch64", "qemu-system-aarch64"],
    ),
    program("xz", "xz-utils", ["xz", "xz"]),
];
/// What makes and reads a guest's disk.
pub const OF_DISKS: &[Program] = &[program("debugfs", "e2fsprogs", ["e2fsprogs", "e2fsprogs"])];
/// Python, and what makes environments of it.
pub const OF_PYTHON: &[Program] = &[program("python3", "python3-venv", ["python3", "python"])];
/// What compiles libFuzzer.
pub const OF_FUZZING: &[Program] = &[program("c++", "g++", ["gcc-c++", "gcc"])];
/// What builds packages for all architectures: compilers, and the headers of their C library; and
/// debhelper.
pub const OF_DIST: &[Program] = &[
    program(
        "x86_64-linux-gnu-gcc",
        "gcc-x86-64-linux-gnu",
        [GCC_X86, GCC_X86],
    ),
    program(
        "x86_64-linux-gnu-gcc",
        "libc6-dev-amd64-cross",
        [GCC_X86, GCC_X86],
    ),
    program(
        "aarch64-linux-gnu-gcc",
        "gcc-aarch64-linux-gnu",
        [GCC_ARM, GCC_ARM],
    ),
    program(
        "aarch64-linux-gnu-gcc",
        "libc6-dev-arm64-cross",
        [GCC_ARM, GCC_ARM],
    ),
    program("dh", "debhelper", ["debhelper", "debhelper"]),
    program("dpkg-architecture", "dpkg-dev", ["dpkg-dev", "dpkg"]),
];
/// What tries them out.
pub const OF_DIST_TESTS: &[Program] = &[
    program("lintian", "lintian", ["lintian", "lintian"]),
    program("mandoc", "mandoc", ["mandoc", "mandoc"]),
    program("debootstrap", "debootstrap", ["debootstrap", "debootstrap"]),
    program(
        "systemd-nspawn",
        "systemd-container",
        ["systemd-container", "systemd"],
    ),
];

/// Fedora calls it by its programming language, too.
const PROMETHEUS: [&str; 2] = ["golang-github-prometheus", "prometheus"];
/// Theirs is newer than the one that tests know.
const CLICKHOUSE: [&str; 2] = ["clickhouse-server", "clickhouse"];
const GCC_X86: &str = "gcc-x86_64-linux-gnu";
const GCC_ARM: &str = "aarch64-linux-gnu-gcc";
const IP: Program = program("ip", "iproute2", ["iproute", "iproute2"]);

const fn program(name: &'static str, debian: &'static str, others: [&'static str; 2]) -> Program {
    Program {
        name,
        debian,
        others,
    }
}

/// Installs those that are missing, by apt-get, as root.
///
/// # Errors
/// When that fails, or there is no apt-get: says what to type.
pub fn install(programs: &[Program]) -> Result<()> {
    let missing = missing(programs);
    if missing.is_empty() {
        return Ok(());
    }
    install_all(&missing)
}

/// Installs all, even those that are there: a program may not be all that its package has.
///
/// # Errors
/// See [`install`].
pub fn install_all(programs: &[Program]) -> Result<()> {
    let packages = names(programs, |it| it.debian);
    if search_path::find("apt-get").is_none() {
        bail!("{}", by_hand(programs));
    }
    eprintln!(
        "set-up: installing {} (services stay off)",
        packages.join(" ")
    );
    let own = env::current_exe().context("the path of xtask can't be told: is /proc mounted?")?;
    let arguments: Vec<&str> = ["install-packages"]
        .into_iter()
        .chain(packages.clone())
        .collect();
    let typed = format!("sudo apt-get install {}", packages.join(" "));
    setup::install(&typed, &mut root::command(&own, &arguments)?)?;
    let missing = missing(programs);
    ensure!(missing.is_empty(), "{}", by_hand(&missing));
    Ok(())
}

/// Installs Debian's packages; run by root. Services that they have are not started: tests start
/// servers by themselves.
///
/// # Errors
/// When apt-get fails.
pub fn install_by_root(packages: &[OsString]) -> Result<()> {
    // Dropped last: who interrupts it does so once all is cleaned up.
    let _uninterrupted = Uninterrupted::begin()?;
    let _off = Off::begin()?;
    let install = || {
        apt(&[
            &["install".into(), "--no-install-recommends".into()],
            packages,
        ]
        .concat())
    };
    // Without lists, or with old ones, it does not know the packages.
    if install().is_err() {
        apt(&["update".into()])?;
        install()?;
    }
    Ok(())
}

/// apt-get, as quiet as it is while it still tells how far it is.
fn apt(arguments: &[OsString]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .args(["--quiet", "--yes"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    // It may be interrupted, and then we clean up.
    // SAFETY: pthread_sigmask(3) may be called between fork and exec, and no memory is touched.
    unsafe {
        command.pre_exec(|| Ok(SigSet::empty().thread_set_mask()?));
    }
    succeed(&mut command)
}

fn missing(programs: &[Program]) -> Vec<Program> {
    programs
        .iter()
        .copied()
        .filter(|it| search_path::find_with_sbin(it.name).is_none())
        .collect()
}

/// Packages by name, each once.
fn names(programs: &[Program], name: impl Fn(&Program) -> &'static str) -> Vec<&'static str> {
    let mut names: Vec<&str> = programs.iter().map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What to type where it is not known how to install, or nothing came of it.
fn by_hand(missing: &[Program]) -> String {
    let programs: Vec<&str> = missing.iter().map(|it| it.name).collect();
    let typed = |name: fn(&Program) -> &'static str| names(missing, name).join(" ");
    format!(
        "missing, which this takes: {}; type one of:\n  \
         sudo apt-get install {}    (Debian, Ubuntu)\n  \
         sudo dnf install {}    (Fedora, RHEL)\n  \
         sudo pacman -S {}    (Arch)\n\
         and start again. Programs must have the names that Debian gives them",
        programs.join(", "),
        typed(|it| it.debian),
        typed(|it| it.others[0]),
        typed(|it| it.others[1]),
    )
}

#[cfg(test)]
mod tests {
    use super::{IP, OF_TESTS, by_hand, missing, program};

    #[test]
    fn what_is_missing_is_named_with_what_to_type() {
        let nobodys = program("no-such-program", "no-such-package", ["nsp", "nsp-arch"]);
        let missing = missing(&[nobodys, program("sh", "dash", ["dash", "dash"])]);
        let said = by_hand(&missing);
        for words in [
            "takes: no-such-program;",
            "apt-get install no-such-package ",
            "dnf install nsp ",
            "pacman -S nsp-arch ",
        ] {
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn a_package_with_two_programs_is_installed_once() {
        let said = by_hand(OF_TESTS);
        assert_eq!(said.matches(IP.debian).count(), 2, "{said}");
    }
}
