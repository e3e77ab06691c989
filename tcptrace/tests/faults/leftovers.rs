//! What stays behind, and who else is there.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use aya::{
    maps::loaded_maps,
    programs::{loaded_links, loaded_programs},
};

use crate::{
    Family,
    namespace::Namespace,
    paths::{ACCEPTED, CLIENT_FIRST, OPENED, SERVER_SECOND},
    sockets::end,
    trace::{Trace, Tracing},
};

/// Kinds of objects, as fdinfo calls their ids (`bpf_prog_show_fdinfo()` and its like,
/// kernel/bpf/syscall.c).
const KINDS: [&str; 3] = ["prog_id", "map_id", "link_id"];

/// The BPF objects that a process has, by kind and id.
fn objects_of(pid: u32) -> BTreeSet<(&'static str, u32)> {
    let folder = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("its descriptors");
    let mut objects = BTreeSet::new();
    for entry in folder.flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        for line in text.lines() {
            let Some((name, id)) = line.split_once(':') else {
                continue;
            };
            if let Some(kind) = KINDS.into_iter().find(|kind| *kind == name) {
                objects.insert((kind, id.trim().parse().expect("an id")));
            }
        }
    }
    objects
}

/// The BPF objects that there are.
fn objects() -> BTreeSet<(&'static str, u32)> {
    // One that goes while they are counted can't be looked at.
    let programs = loaded_programs().flatten().map(|it| ("prog_id", it.id()));
    let maps = loaded_maps().flatten().map(|it| ("map_id", it.id()));
    let links = loaded_links().flatten().map(|it| ("link_id", it.id()));
    programs.chain(maps).chain(links).collect()
}

/// Waits until none of them is there any more: the kernel takes its time to free them.
fn assert_gone(objects_of_it: &BTreeSet<(&'static str, u32)>) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left: Vec<_> = objects().intersection(objects_of_it).copied().collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left in the kernel: {left:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Starts it, and asks for all that it has loaded.
fn start(net: &Namespace) -> (Tracing, BTreeSet<(&'static str, u32)>) {
    let trace = Trace::of(net).start();
    let its = objects_of(trace.pid());
    for kind in KINDS {
        assert!(its.iter().any(|it| it.0 == kind), "no {kind} in {its:?}");
    }
    assert!(its.is_subset(&objects()), "{its:?}");
    (trace, its)
}

#[test]
fn a_kill_leaves_nothing_in_the_kernel() {
    let net = Namespace::new();
    let (trace, its) = start(&net);
    trace.killed();
    assert_gone(&its);
}

#[test]
fn an_orderly_end_leaves_nothing_in_the_kernel() {
    let net = Namespace::new();
    let (trace, its) = start(&net);
    trace.stop();
    assert_gone(&its);
}

#[test]
fn two_at_once_see_the_same() {
    let net = Namespace::new();
    let mut traces = [(); 2].map(|()| Trace::of(&net).start());
    let (client, server) = net.connect(Family::V4);
    let its = end(&client);
    drop(client);
    std::thread::sleep(Duration::from_millis(50));
    drop(server);
    let paths = traces.each_mut().map(|trace| {
        trace.expect(its.peer(), SERVER_SECOND);
        trace.expect(its, CLIENT_FIRST)
    });
    let cookies = paths.each_ref().map(|path| path[0].cookie.clone());
    assert_eq!(cookies[0], cookies[1]);
    // The other one's end takes nothing away.
    let [first, mut second] = traces;
    first.stop();
    let (client, _server) = net.connect(Family::V4);
    second.expect(end(&client), OPENED);
    second.expect(end(&client).peer(), ACCEPTED);
    second.stop();
}
