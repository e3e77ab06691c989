//! What runs in a control group: as it is told, asked for, summed up, recorded and read back.

use std::path::Path;

use tcptrace::{
    aggregate::stats::By,
    model::{Cgroup, Container, Event, Pod, Runtime, Workload},
    record::Limits,
};

use crate::{
    commands::{Again, Ran, Run},
    script::{self, Tell},
};

/// A container's client: it opens, is closed by the peer, and closes.
const CONNECTION: &str = "\
    1.00 socket sk:3 10.0.0.1:0 10.0.0.2:80 CLOSED -> SYN_SENT by=curl/100\n\
    2.00 socket sk:3 10.0.0.1:40000 10.0.0.2:80 SYN_SENT -> ESTABLISHED\n\
    500.00 socket sk:3 10.0.0.1:40000 10.0.0.2:80 ESTABLISHED -> CLOSE_WAIT shut\n\
    520.00 socket sk:3 10.0.0.1:40000 10.0.0.2:80 CLOSE_WAIT -> LAST_ACK by=curl/100 shut\n\
    521.00 socket sk:3 10.0.0.1:40000 10.0.0.2:80 LAST_ACK -> CLOSED shut\n\
    900.00 passed\n";

fn id() -> String {
    "0123456789abcdef".repeat(4)
}

fn workload() -> Workload {
    Workload {
        container: Some(Container {
            id: id(),
            name: Some("secret-app".to_owned()),
            image: Some("secret-image:1".to_owned()),
            runtime: Some(Runtime::Docker),
        }),
        pod: Some(Pod {
            namespace: Some("secret-shop".to_owned()),
            name: Some("secret-cart-0".to_owned()),
            uid: Some("secret-uid".to_owned()),
        }),
        unit: Some(format!("docker-{}.scope", id())),
    }
}

/// The container's control group is made, the connection is opened, and only then is the container's
/// name known, behind so many steps.
fn named_late(steps: usize) -> Run {
    let (mut script, mut beginning) = script::read(CONNECTION).expect("steps");
    beginning.cgroups = vec![(5, "/system.slice".to_owned())];
    for event in script.events() {
        if let Event::Socket(it) = event
            && let Some(owner) = &mut it.owner
        {
            owner.cgroup = Cgroup::new(7);
        }
    }
    script.put_in(steps, Tell::Workload(7, workload()));
    let name = format!("docker-{}.scope", id());
    script.put_first(Tell::CgroupMade(7, 5, Box::leak(name.into_boxed_str())));
    Run::new(script, beginning)
}

/// The id and the name of each transition's container.
fn containers(ran: &Ran) -> Vec<(Option<&str>, Option<&str>)> {
    let lines = ran.of_type("transition").into_iter();
    lines
        .map(|it| {
            let container = &it["container"];
            (container["id"].as_str(), container["name"].as_str())
        })
        .collect()
}

#[test]
fn lines_wait_a_moment_for_the_name_of_the_container() {
    let ran = named_late(2).watch();
    let id = id();
    let (before, after) = ((Some(&*id), None), (Some(&*id), Some("secret-app")));
    assert_eq!(containers(&ran), [after; 5]);
    // Who asks for no name does not wait for long.
    let late = named_late(3).watch();
    assert_eq!(containers(&late), [before, before, before, after, after]);
    let last = ran.of_type("transition").pop().expect("a line").clone();
    assert_eq!(last["pod"]["name"], "secret-cart-0");
    assert_eq!(last["container"]["runtime"], "docker");
    assert_eq!(last["unit"], format!("docker-{id}.scope"));
}

#[test]
fn a_container_a_pod_and_a_unit_are_asked_for_by_name() {
    let id = id();
    for (option, value, asked) in [
        ("container", "secret-app", true),
        ("container", &id[..12], true),
        ("container", &id[..4], true),
        ("container", "secret-ap", false),
        ("pod", "secret-cart-0", true),
        ("pod", "secret-shop/secret-cart-0", true),
        ("pod", "bank/secret-cart-0", false),
        ("unit", &format!("docker-{id}.scope"), true),
        ("unit", "docker", false),
    ] {
        let run = || named_late(4).within(option, value);
        let flows = run().flows();
        assert_eq!(
            flows.of_type("flow").len(),
            usize::from(asked),
            "{option} {value}"
        );
        let lines = run().watch();
        let lines = lines.of_type("transition").len();
        assert_eq!(lines, if asked { 5 } else { 0 }, "{option} {value}");
    }
    // Both.
    let both = named_late(4).within("container", "secret-app");
    let both = both.within("pod", "other").watch();
    assert!(both.of_type("transition").is_empty());
}

#[test]
fn figures_are_broken_down_by_the_names_that_are_known_in_the_end() {
    let value = |by| {
        let ran = named_late(4).stats_by(by);
        let stats = ran.of_type("stats")[0].clone();
        let groups = stats["groups"].as_array().expect("groups").clone();
        assert_eq!(groups.len(), 1, "{groups:?}");
        assert_eq!(groups[0]["transitions"], 5);
        groups[0]["value"].clone()
    };
    assert_eq!(value(By::Container), "secret-shop/secret-cart-0/secret-app");
    assert_eq!(value(By::Pod), "secret-shop/secret-cart-0");
    assert_eq!(value(By::Unit), format!("docker-{}.scope", id()));
}

#[test]
fn two_control_groups_of_a_container_are_one_group() {
    let two = CONNECTION.replace("900.00 passed\n", "");
    let other = two.replace("sk:3", "sk:4").replace("40000", "40001");
    let (mut script, beginning) = script::read(&format!("{two}{other}")).expect("steps");
    for event in script.events() {
        if let Event::Socket(it) = event
            && let Some(owner) = &mut it.owner
        {
            let cookie = it.cookie.expect("a cookie").0.get();
            owner.cgroup = Cgroup::new(4 + cookie);
        }
    }
    let scope: &str = Box::leak(format!("docker-{}.scope", id()).into_boxed_str());
    script.put_first(Tell::CgroupMade(8, 7, "worker"));
    script.put_first(Tell::CgroupMade(7, 5, scope));
    let ran = Run::new(script, beginning).stats_by(By::Container);
    let stats = ran.of_type("stats")[0].clone();
    let groups = stats["groups"].as_array().expect("groups").clone();
    assert_eq!(groups.len(), 1, "{groups:?}");
    assert_eq!(groups[0]["value"], id()[..12]);
    assert_eq!(groups[0]["transitions"], 10);
    assert_eq!(groups[0]["states"]["ESTABLISHED"]["entered"], 2);
}

fn again(folder: &Path) -> Ran {
    Again::of(folder).watch()
}

#[test]
fn what_runs_somewhere_is_recorded_and_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    named_late(4).recorded(folder.path(), &Limits::default());
    let (live, read) = (named_late(4).watch(), again(folder.path()));
    assert_eq!(live.of_type("transition"), read.of_type("transition"));
}

#[test]
fn a_recording_of_one_container_tells_of_that_one_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = named_late(4).within("container", "secret-app");
    run.recorded(folder.path(), &Limits::default());
    assert_eq!(again(folder.path()).of_type("transition").len(), 5);
    let folder = tempfile::tempdir().expect("a folder");
    let run = named_late(4).within("unit", "nginx");
    run.recorded(folder.path(), &Limits::default());
    assert_eq!(again(folder.path()).of_type("transition").len(), 0);
}

#[test]
fn an_anonymized_recording_has_no_name_of_a_container_a_pod_or_a_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = named_late(4).within("container", "secret-app");
    run.recorded_as(folder.path(), &Limits::default(), true);
    let read = again(folder.path());
    let text: String = read.lines.iter().map(ToString::to_string).collect();
    for real in ["secret", &id()[..12]] {
        assert!(!text.contains(real), "{real}: {text}");
    }
    let lines = read.of_type("transition");
    assert_eq!(lines.len(), 5);
    for it in lines {
        for name in ["id", "name", "image"] {
            assert!(
                it["container"][name]
                    .as_str()
                    .is_some_and(|it| it.starts_with('n')),
                "{it}"
            );
        }
        assert_eq!(it["container"]["runtime"], "docker");
        assert!(it["pod"]["uid"].is_string() && it["pod"]["namespace"].is_string());
        let unit = it["unit"].as_str().expect("a unit");
        assert!(unit.starts_with('n') && unit.ends_with(".scope"), "{unit}");
    }
}
