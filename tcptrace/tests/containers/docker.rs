//! A container of Docker.

use std::{
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    engine::{Engine, Room},
    image::{self, succeed},
    patience::patient,
    program::Program,
    trace::{self, Trace},
    visit,
};

const DOCKERD: Program = Program {
    name: "dockerd",
    package: "docker.io",
};
const DOCKER: Program = Program {
    name: "docker",
    package: "docker.io",
};

/// dockerd, and how it is spoken to.
struct Docker {
    _engine: Engine,
    host: String,
}

impl Docker {
    fn start(room: &Room) -> Self {
        let host = format!("unix://{}", room.path("docker.sock").display());
        let at = |name: &str| room.path(name).display().to_string();
        let arguments = [
            "--host",
            &host,
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            "--storage-driver=vfs",
            "--exec-root",
            &at("exec"),
            "--pidfile",
            &at("docker.pid"),
            "--cgroup-parent",
            &format!("/{}/docker", room.cgroup),
        ];
        let engine = Engine::start(room, &DOCKERD.path(), &arguments, || {
            let version = Command::new(DOCKER.path())
                .args(["-H", &host, "version"])
                .output();
            version.is_ok_and(|it| it.status.success())
        });
        let docker = Self {
            _engine: engine,
            host,
        };
        let image = image::make(room.folder.path()).display().to_string();
        docker.run(["load", "--input", &image]);
        docker
    }

    fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new(DOCKER.path());
        command.args(["-H", &self.host]).args(arguments);
        command
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> String {
        succeed(&mut self.command(arguments)).trim().to_owned()
    }
}

/// What `list` has of another container, which listens: port, name and image. It asks for that one alone.
fn listed(docker: &Docker) -> Vec<(u64, String, String)> {
    let run = [
        "run",
        "--detach",
        "--network=host",
        "--ulimit=nofile=20000:20000",
        "--name=server",
        image::NAME,
        "/bin/busybox",
        "nc",
        "-l",
        "-p",
        "7777",
    ];
    docker.run(run);
    let deadline = Instant::now() + patient(Duration::from_secs(20));
    loop {
        let mut list = Command::new(trace::binary());
        list.args(["list", "-o", "json", "--container", "server"]);
        let lines = succeed(&mut list);
        let sockets = lines.lines().filter_map(|line| {
            let it: serde_json::Value = serde_json::from_str(line).ok()?;
            let text = |field: &str| it["container"][field].as_str().map(str::to_owned);
            Some((it["local_port"].as_u64()?, text("name")?, text("image")?))
        });
        let sockets: Vec<_> = sockets.collect();
        if !sockets.is_empty() || Instant::now() > deadline {
            docker.run(["rm", "--force", "server"]);
            return sockets;
        }
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_container_of_docker_is_named_from_the_first_syn_until_after_it_is_gone() {
    let room = Room::new("docker");
    let docker = Docker::start(&room);
    let listener = visit::listener();
    let trace = || Trace::of(&room.net);
    let mut all = trace().start();
    let mut by_name = trace().with(["--container", "visitor"]).start();
    let mut other = trace().with(["--container", "visit"]).start();

    let run = [
        "run",
        "--detach",
        "--network=host",
        "--ulimit=nofile=20000:20000",
        "--name=visitor",
        image::NAME,
    ];
    let mut run = docker.command(run);
    let id = succeed(run.args(visit::command(&listener)))
        .trim()
        .to_owned();
    // By the beginning of its id, when it is there already.
    let mut by_id = trace().with(["--container", &id[..12]]).start();
    let end = visit::receive(&listener);
    assert_eq!(
        listed(&docker),
        [(7777, "server".to_owned(), image::NAME.to_owned())]
    );
    docker.run(["wait", &id]);
    docker.run(["rm", &id]);
    drop(docker);
    visit::take_its_place(&listener, end);

    for trace in [&mut all, &mut by_name] {
        for it in visit::of_container(trace, end) {
            let container = json!({
                "id": id,
                "name": "visitor",
                "image": image::NAME,
                "runtime": "docker",
            });
            assert_eq!(it.container, Some(container), "{it:?}");
            assert_eq!(it.pod, None, "{it:?}");
        }
    }
    visit::is_not_shown(&mut other, end);
    by_id.only_counted("it begins while the connection is there, or before");
    let last = by_id.until(|it| it.end() == end && it.reason == visit::LAST);
    assert_eq!(last.container.expect("a container")["id"], id);
    for trace in [all, by_name, other, by_id] {
        trace.stop();
    }
}
