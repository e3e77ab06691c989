//! A container of Podman, which starts containers itself: what runs in one is followed.

use std::{path::PathBuf, process::Command};

use serde_json::json;

use crate::{
    engine::Room,
    image::{self, succeed},
    program::Program,
    trace::Trace,
    visit,
};

const PODMAN: Program = Program {
    name: "podman",
    package: "podman",
};
const RUNC: Program = Program {
    name: "runc",
    package: "runc",
};

/// What is said to it first, whatever is asked of it: it takes less of the machine so.
fn podman(room: &Room) -> Vec<String> {
    let words = [
        PODMAN.path(),
        PathBuf::from("--cgroup-manager=cgroupfs"),
        PathBuf::from("--events-backend=file"),
        PathBuf::from("--storage-driver=vfs"),
        PathBuf::from("--runtime"),
        RUNC.path(),
        PathBuf::from("--tmpdir"),
        room.path("podman"),
    ];
    words.iter().map(|it| it.display().to_string()).collect()
}

#[test]
fn what_a_command_runs_in_a_container_of_podman_is_followed_and_named() {
    let room = Room::new("podman");
    let words = podman(&room);
    let asked = |more: &[&str]| {
        let mut command = Command::new(&words[0]);
        succeed(command.args(&words[1..]).args(more))
    };
    let image = image::make(room.folder.path()).display().to_string();
    asked(&["load", "--input", &image]);
    let listener = visit::listener();
    let parent = format!("--cgroup-parent=/{}", room.cgroup);
    let run = [
        "run",
        "--rm",
        "--network=host",
        "--ulimit=nofile=20000:20000",
        "--ulimit=nproc=1000:1000",
        "--name=guest",
        &parent,
        image::NAME,
    ];
    let mut command = words.clone();
    command.extend(run.map(str::to_owned));
    command.extend(visit::command(&listener));
    let mut trace = Trace::of(&room.net).command_of(command).start();
    let end = visit::receive(&listener);
    let last = trace.until(|it| it.end() == end && it.to == "TIME_WAIT");
    trace.only_counted("each is looked at below");
    let seen = trace.ended();
    assert_eq!(seen.status.code(), Some(0), "{}", seen.stderr);
    assert!(!seen.stderr.contains("--container"), "{}", seen.stderr);
    let container = last.container.expect("a container");
    let id = container["id"].as_str().expect("an id").to_owned();
    assert_eq!(id.len(), 64, "{id}");
    for it in seen.transitions.iter().filter(|it| it.end() == end) {
        let named = json!({
            "id": id,
            "name": "guest",
            "image": image::NAME,
            "runtime": "podman",
        });
        assert_eq!(it.container, Some(named), "{it:?}");
    }
}
