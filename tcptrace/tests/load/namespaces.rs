//! A thousand network namespaces that come and go, as containers do, while tcptrace looks.

use std::{
    fs::File,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use nix::sched::{CloneFlags, unshare};

use crate::{
    load,
    loop_back::Loopback,
    memory::{assert_flat, descriptors, mib, resident, threads},
    namespace::{self, need_root},
    traced::Traced,
};

/// What [`Loopback`] connects to.
const ADDRESSES: &str = "127.71.0.0/24";

/// A namespace with a connection that was closed, whose TIME_WAIT is there when the namespace
/// goes, at the end of its thread.
fn short_lived(number: u64) {
    thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        namespace::set_flags("lo", libc::IFF_UP).expect("loopback up");
        Loopback::new().finish(number);
    })
    .join()
    .expect("a connection");
}

#[test]
fn namespaces_that_go_are_let_go_and_leave_nothing_behind() {
    need_root();
    let outside = File::open("/proc/thread-self/ns/net").expect("this namespace");
    let all = load(1000);
    let mut traced = Traced::start(&outside, &["watch", "-o", "json", "-a", ADDRESSES]);
    let used = |traced: &Traced| {
        let pid = traced.pid();
        (descriptors(pid), threads(pid), resident(pid).0)
    };
    let mut before = None;
    for number in 0..all {
        if number == all / 10 {
            before = Some(used(&traced));
        }
        short_lived(number);
    }
    // The last line of each is the end of its TIME_WAIT, which its namespace had to go for: the
    // kernel takes its time, but none is kept.
    traced.wait_for(all * 11);
    // A look at a namespace is over within that time.
    thread::sleep(Duration::from_millis(200));
    let (descriptors, threads, memory) = before.expect("so many");
    let (descriptors_now, threads_now, memory_now) = used(&traced);
    let told = traced.stop();
    eprintln!(
        "{all} namespaces: {} before, {} at the end",
        mib(memory),
        mib(memory_now)
    );
    told.assert_whole();
    told.assert_counts(&[
        ("CLOSED SYN_SENT connect", all),
        ("SYN_SENT ESTABLISHED handshake_complete", all),
        ("ESTABLISHED FIN_WAIT1 fin_sent", all),
        ("FIN_WAIT1 FIN_WAIT2 fin_acked", all),
        ("FIN_WAIT2 TIME_WAIT fin_received", all),
        ("TIME_WAIT CLOSED killed:netns_gone", all),
        ("LISTEN SYN_RECV syn_received", all),
        ("SYN_RECV ESTABLISHED handshake_complete", all),
        ("ESTABLISHED CLOSE_WAIT fin_received", all),
        ("CLOSE_WAIT LAST_ACK fin_sent", all),
        ("LAST_ACK CLOSED fin_acked", all),
    ]);
    assert_eq!(descriptors_now, descriptors, "descriptors leak");
    assert_eq!(threads_now, threads, "threads leak");
    assert_flat(memory, memory_now);
}

#[test]
fn many_namespaces_that_are_there_already_do_not_hold_up_the_start() {
    need_root();
    let outside = File::open("/proc/thread-self/ns/net").expect("this namespace");
    let all = load(1000);
    let go = Arc::new(Barrier::new(all as usize + 1));
    let (made, is_made) = std::sync::mpsc::channel();
    let living: Vec<_> = (0..all)
        .map(|number| {
            let (go, made) = (Arc::clone(&go), made.clone());
            thread::Builder::new()
                .stack_size(1 << 16)
                .spawn(move || {
                    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
                    namespace::set_flags("lo", libc::IFF_UP).expect("loopback up");
                    let loopback = Loopback::new();
                    let ends = loopback.connect(number);
                    made.send(()).expect("the test waits");
                    go.wait();
                    drop(ends);
                })
                .expect("a thread")
        })
        .collect();
    for _ in 0..all {
        is_made.recv().expect("a namespace");
    }
    let arguments = ["stats", "-o", "json", "-a", ADDRESSES];
    let traced = Traced::start(&outside, &arguments);
    let took = traced.took;
    let told = traced.stop();
    go.wait();
    for thread in living {
        thread.join().expect("a namespace");
    }
    eprintln!("{all} namespaces: started within {took:.2?}");
    let run = told.run.as_ref().expect("a line of the whole run");
    told.assert_whole();
    let now = &run["states"]["ESTABLISHED"]["now"];
    // After a loss, that is unknown.
    assert!(told.lost > 0 || *now == 2 * all, "{run}");
    // Without them it takes half a second.
    assert!(took < Duration::from_secs(5), "{took:?}");
}
