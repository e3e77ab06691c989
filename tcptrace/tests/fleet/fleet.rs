//! Hosts of a fleet: network namespaces at one bridge, each with a name, real programs, and a tracer of
//! its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{namespace::need_root, patience::patient, program::Program};

const IP: Program = Program {
    name: "ip",
    package: "iproute2",
};
const NSENTER: Program = Program {
    name: "nsenter",
    package: "util-linux",
};
const UNSHARE: Program = Program {
    name: "unshare",
    package: "util-linux",
};
const HAPROXY: Program = Program {
    name: "haproxy",
    package: "haproxy",
};
const NGINX: Program = Program {
    name: "nginx",
    package: "nginx",
};
const CURL: Program = Program {
    name: "curl",
    package: "curl",
};

/// How long a program may take to begin, and to end.
const LIMIT: Duration = Duration::from_secs(120);
/// Where haproxy, nginx, and who closes nothing listen.
const FRONT: u16 = 80;
const BACK: u16 = 8080;
const LEAK: u16 = 5000;

/// A process that ends with this value.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A host: a network namespace with a name.
pub struct Host {
    pub name: &'static str,
    pub address: String,
    inhabitant: Running,
    recording: PathBuf,
    recorder: Option<Running>,
}

impl Host {
    /// A command on it.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(NSENTER.path());
        command.args(["--net", "--uts", "--target"]);
        command
            .arg(self.inhabitant.pid().to_string())
            .arg("--")
            .arg(program);
        command
    }

    fn run(&self, program: Program, arguments: &[&str]) {
        told(self.command(&program.path()).args(arguments));
    }

    /// Whether anybody listens at the port.
    fn listens(&self, port: u16) -> bool {
        let path = format!("/proc/{}/net/tcp", self.inhabitant.pid());
        let sockets = fs::read_to_string(path).expect("sockets");
        let at_port = format!(":{port:04X} 00000000:0000 0A");
        sockets.lines().any(|line| line.contains(&at_port))
    }

    fn serves(&self, port: u16, command: &mut Command) -> Running {
        let running = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        until("it listens", || self.listens(port));
        running
    }

    /// Ends its tracer, and gives its recording.
    fn recorded(&mut self) {
        let Some(mut recorder) = self.recorder.take() else {
            return;
        };
        let pid = Pid::from_raw(recorder.pid() as i32);
        kill(pid, Signal::SIGINT).expect("a signal");
        let status = recorder.0.wait().expect("its status");
        assert!(status.success(), "record on {}: {status}", self.name);
    }
}

/// Waits until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + patient(LIMIT);
    while !is_so() {
        assert!(Instant::now() < deadline, "not yet: {what}");
        sleep(Duration::from_millis(20));
    }
}

fn told(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// Three hosts at one bridge: who shops, what is in front, and what is behind it.
pub struct Fleet {
    _bridge: Running,
    pub hosts: [Host; 3],
    folder: TempDir,
}

impl Fleet {
    /// Starts them, each with a tracer.
    pub fn start() -> Self {
        need_root();
        let folder = crate::server::folder();
        let bridge = Running::start(Command::new(UNSHARE.path()).args(["--net", "sleep", "600"]));
        let pid = bridge.pid();
        until("the bridge's namespace", || is_apart(pid));
        let at_bridge = |arguments: &[&str]| {
            let mut command = Command::new(NSENTER.path());
            command.args(["--net", "--target", &pid.to_string(), "--"]);
            told(command.arg(IP.path()).args(arguments));
        };
        at_bridge(&["link", "add", "lan", "type", "bridge"]);
        at_bridge(&["link", "set", "lan", "up"]);
        let mut number = 0;
        let hosts = ["shop-1", "edge-1", "api-1"].map(|name| {
            number += 1;
            let inhabitant = Running::start(
                Command::new(UNSHARE.path()).args(["--net", "--uts", "sleep", "600"]),
            );
            until("its namespace", || is_apart(inhabitant.pid()));
            let (port, owner) = (format!("to-{name}"), inhabitant.pid().to_string());
            at_bridge(&[
                "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &owner,
            ]);
            at_bridge(&["link", "set", &port, "master", "lan", "up"]);
            let host = Host {
                name,
                address: format!("10.77.0.{number}"),
                inhabitant,
                recording: folder.path().join(name),
                recorder: None,
            };
            told(host.command(Path::new("hostname")).arg(name));
            host.run(IP, &["link", "set", "lo", "up"]);
            host.run(
                IP,
                &[
                    "address",
                    "add",
                    &format!("{}/24", host.address),
                    "dev",
                    "eth0",
                ],
            );
            host.run(IP, &["link", "set", "eth0", "up"]);
            host
        });
        let mut fleet = Self {
            _bridge: bridge,
            hosts,
            folder,
        };
        fleet.trace();
        fleet
    }

    fn trace(&mut self) {
        for host in &mut self.hosts {
            let mut command = host.command(Path::new(&crate::shipping::binary()));
            command
                .args(["record", "--netns", "self", "-o"])
                .arg(&host.recording);
            host.recorder = Some(Running::start(command.stderr(Stdio::null())));
        }
        for host in &self.hosts {
            until("it records", || {
                let mut files = fs::read_dir(&host.recording).into_iter().flatten();
                files.any(|it| {
                    it.is_ok_and(|it| it.file_name().to_string_lossy().ends_with(".tcptrace"))
                })
            });
        }
    }

    /// So many requests from the first host, which the second one hands to the third.
    pub fn requests(&self, requests: u32) {
        let [shop, edge, api] = &self.hosts;
        let folder = self.folder.path().to_str().expect("UTF-8");
        let settings = self.folder.path().join("nginx.conf");
        let text = format!(
            "daemon off; pid {folder}/pid; error_log stderr; user root; worker_processes 1;
             events {{ worker_connections 64; }}
             http {{ access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2;
                 fastcgi_temp_path {folder}/3; uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
                 server {{ listen {BACK}; location / {{ return 200 \"hello\\n\"; }} }} }}\n"
        );
        fs::write(&settings, text).expect("nginx's settings");
        let mut command = api.command(&NGINX.path());
        let _nginx = api.serves(BACK, command.args(["-e", "stderr", "-c"]).arg(&settings));
        let settings = self.folder.path().join("haproxy.cfg");
        let text = format!(
            "global\n  nbthread 1\ndefaults\n  mode http\n  option httpclose\n  timeout connect 10s\n  \
             timeout client 30s\n  timeout server 30s\nfrontend front\n  bind :{FRONT}\n  \
             default_backend back\nbackend back\n  server one {}:{BACK}\n",
            api.address
        );
        fs::write(&settings, text).expect("haproxy's settings");
        let mut command = edge.command(&HAPROXY.path());
        let _haproxy = edge.serves(FRONT, command.args(["-db", "-f"]).arg(&settings));
        let url = format!("http://{}/", edge.address);
        for _ in 0..requests {
            let page = told(
                shop.command(&CURL.path())
                    .args(["--silent", "--fail", &url]),
            );
            assert_eq!(page, "hello\n");
        }
    }

    /// What goes wrong in a fleet: a port where nobody listens, a program that closes too late, one that
    /// takes all ports.
    pub fn troubles(&self) {
        let [shop, edge, api] = &self.hosts;
        let nobody = format!("http://{}:9/", api.address);
        for _ in 0..3 {
            let mut command = shop.command(&CURL.path());
            let _ = command.args(["--silent", &nobody]).status().expect("curl");
        }
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleet/program.py");
        let python = |host: &Host, arguments: &[&str]| {
            let mut command = host.command(Path::new("python3"));
            command.arg(&program).args(arguments);
            command
        };
        let mut leaks = python(api, &["billing", "leak", &LEAK.to_string(), "13"]);
        let mut leaking = api.serves(LEAK, &mut leaks);
        let late = format!("http://{}:{LEAK}/", api.address);
        for _ in 0..3 {
            let mut command = shop.command(&CURL.path());
            let _ = command
                .args(["--silent", "--max-time", "0.2", &late])
                .status()
                .expect("curl");
        }
        let path = "/proc/sys/net/ipv4/ip_local_port_range";
        let mut narrow = shop.command(Path::new("sh"));
        told(narrow.args(["-c", &format!("echo 50000 50063 > {path}")]));
        let mut serves = python(edge, &["images", "leak", "81", "2"]);
        let images = edge.serves(81, &mut serves);
        told(&mut python(
            shop,
            &["crawler", "crawl", &edge.address, "81", "80"],
        ));
        drop(images);
        leaking.0.wait().expect("its end");
    }

    /// Ends the tracers, and gives the folder with a recording of each host.
    pub fn recordings(mut self) -> TempDir {
        for host in &mut self.hosts {
            host.recorded();
        }
        self.folder
    }
}

/// Whether a process is in another network namespace than this one.
fn is_apart(pid: u32) -> bool {
    let net = |of: &str| fs::read_link(format!("/proc/{of}/ns/net")).ok();
    net(&pid.to_string()).is_some_and(|it| Some(it) != net("self")) && {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name == "sleep\n"
    }
}
