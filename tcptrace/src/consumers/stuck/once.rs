//! One look at what is there, which loads nothing into the kernel.

use std::{io, time::Instant};

use anyhow::Result;

use super::look::{Candidate, Looks, find_owners, over};
use crate::{
    consumers::{lines, lines::Lines},
    diagnose::{Age, Thresholds},
    engine::Outcome,
    host,
    host::{
        CgroupFilter, Cgroups, Clock, Links, Namespace, Namespaces, Unable, monotonic_now, snapshot,
    },
    model::State,
    output::{Context, End, ShownStuck, Start, View, say},
    privileges,
};

/// Shows those that have been in their state for too long, as far as the kernel tells, and those
/// of which it tells nothing. `cgroups`: the control groups that are asked for; `for_people`: says so if there is none.
pub(super) fn look(
    mut looks: Looks,
    thresholds: &Thresholds,
    view: &mut dyn View<ShownStuck>,
    lines: &mut Lines,
    cgroups: &[CgroupFilter],
    for_people: bool,
) -> Result<Outcome> {
    privileges::keep(privileges::ELSEWHERE);
    let mut passing = 0_usize;
    let mut unknown_owners = 0_usize;
    let began = Instant::now();
    let clock = Clock::new();
    let mut cgroups = Cgroups::new().only(cgroups);
    let now = monotonic_now();
    let namespaces = namespaces(&looks)?;
    let start = Start {
        version: env!("CARGO_PKG_VERSION"),
        kernel: host::kernel_release(),
        netns: snapshot::own_netns(),
        mono_ns: now,
        degraded: Vec::new(),
    };
    view.start(&start, &clock)?;
    let mut ended = match thresholds.of(State::Closed) {
        Some(_) => looks.ended(),
        None => Vec::new(),
    };
    let mut groups = Vec::new();
    let mut links = Links::default();
    for namespace in namespaces {
        let mut all = match looks.all(&namespace) {
            Ok(all) => all,
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                return Err(Unable::NoSockDiag(error).into());
            }
            Err(error)
                if looks.only().is_some() && error.kind() == io::ErrorKind::PermissionDenied =>
            {
                return Err(Unable::NotPermitted(namespace.inode).into());
            }
            Err(error) => {
                looks.tell(namespace.inode, &error);
                continue;
            }
        };
        // Without them, indices are shown.
        if let Ok(names) = namespace.links() {
            links.learn(namespace.inode, names);
        }
        let here = ended.extract_if(.., |it| it.tuple.netns == namespace.inode);
        all.extend(here.map(|it| over(&it)));
        groups.push(all);
    }
    // Those of namespaces that no process lives in.
    groups.push(ended.iter().map(over).collect());
    for all in groups {
        let mut found: Vec<Candidate> = Vec::new();
        for it in all {
            match is_stuck(&it, thresholds) {
                Some(true) => found.push(it),
                Some(false) => passing += 1,
                None => {}
            }
        }
        find_owners(found.iter_mut());
        let found = found
            .into_iter()
            .map(|it| {
                let held = Age::of(&it.suspect).since_before(None);
                (it, held)
            })
            .collect();
        let mut shown = looks.diagnose(found, now, &mut cgroups);
        shown.sort_by_key(order);
        unknown_owners += shown
            .iter()
            .filter(|it| it.suspect.owned && it.connection.owner.process.is_none())
            .count();
        for it in &shown {
            if lines.are_enough() {
                break;
            }
            let around = &mut Context {
                clock: &clock,
                cgroups: &mut cgroups,
                links: &mut links,
            };
            view.show(it, around)?;
            let _ = lines.one_more();
        }
    }
    let end = End {
        transitions: lines.shown(),
        lost: 0,
        forgotten: 0,
        duration: began.elapsed(),
    };
    view.end(&end)?;
    view.flush()?;
    lines::report_unknown_owners(unknown_owners);
    if for_people && lines.shown() == 0 {
        say(format_args!("nothing is stuck{}", among(passing)));
    }
    Ok(Outcome {
        code: 0,
        of_command: false,
        unread: false,
        interrupted: false,
        damaged: false,
        end,
    })
}

/// Whether one is stuck, as far as the kernel tells; `None` if it is not in a state that should be
/// short.
fn is_stuck(it: &Candidate, thresholds: &Thresholds) -> Option<bool> {
    let threshold = thresholds.of(it.connection.state)?;
    let longest = Age::of(&it.suspect).longest();
    match it.connection.state {
        // It lasts as long as it likes, while its peer answers.
        State::Established => longest.is_some_and(|it| it >= threshold).then_some(true),
        // It lived when its last ACK came.
        State::Closed => Some(
            it.suspect
                .info
                .is_none_or(|info| info.last_ack >= threshold),
        ),
        _ => Some(longest.is_none_or(|it| it >= threshold)),
    }
}

/// Those that are in such a state, and not for long.
fn among(passing: usize) -> String {
    match passing {
        0 => String::new(),
        1 => ": one connection is in a state that should be short, and not for long".to_owned(),
        many => {
            format!(": {many} connections are in states that should be short, and not for long")
        }
    }
}

/// By state, the longest first.
fn order(it: &ShownStuck) -> (crate::model::State, std::cmp::Reverse<Option<u64>>) {
    (it.connection.state, std::cmp::Reverse(it.held.ns))
}

/// All, or the one that is asked for.
fn namespaces(looks: &Looks) -> Result<Vec<Namespace>> {
    let namespaces: Vec<Namespace> = match looks.only() {
        Some(inode) => Namespaces::find(inode, None).into_iter().collect(),
        None => Namespaces::read().all().collect(),
    };
    match (looks.only(), &namespaces[..]) {
        (Some(inode), []) if privileges::missing(privileges::ELSEWHERE).count() > 0 => {
            Err(Unable::NotPermitted(inode).into())
        }
        (Some(inode), []) => {
            anyhow::bail!("no process lives in network namespace {inode}, and it has no name")
        }
        (None, []) => Err(Unable::NoProc.into()),
        _ => Ok(namespaces),
    }
}
