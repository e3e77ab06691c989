//! The sockets that there are now.

use anyhow::Result;

use super::lines;
use crate::{
    engine::{ReplayOptions, RunOptions, Then},
    filter::Filter,
    host::{CgroupFilter, Cgroups, Clock, Links, Listing, Scope, Socket, monotonic_now, snapshot},
    output::{ShownSockets, say},
    privileges,
};

/// Looks at the sockets of `scope` that `filter` lets through, and has them shown, piece by piece
/// where there are many. `cgroups`: the control groups that are asked for; `keepalive`: each is asked
/// for its own, too. What can't be looked at is said on stderr.
///
/// # Errors
/// [`Unable`](crate::host::Unable) when this machine can't tell, or what `show` fails with.
pub fn sockets(
    scope: Scope,
    filter: &Filter,
    cgroups: &[CgroupFilter],
    keepalive: bool,
    mut show: impl FnMut(&mut ShownSockets<'_>) -> Result<()>,
) -> Result<()> {
    privileges::keep(match scope {
        Scope::Own => privileges::OWNERS,
        Scope::One(_) | Scope::All => privileges::ELSEWHERE,
    });
    let mut cgroups = Cgroups::new().only(cgroups);
    let mut links = Links::default();
    let (mut unknown_owners, mut silent) = (0, 0);
    snapshot::list(scope, &filter.states, |mut piece| {
        for failure in &piece.failures {
            say(failure);
        }
        unknown_owners += piece.unknown_owners;
        for (netns, names) in piece.links.drain(..) {
            links.learn(netns, names);
        }
        piece.sockets.retain(|it| {
            let in_cgroup = cgroups.is_asked_for(it.owner.cgroup);
            filter.matches_socket(&it.tuple, &it.owner, it.state, in_cgroup)
        });
        if keepalive {
            silent += piece.ask_for_keepalive();
        }
        show(&mut ShownSockets {
            wall_ns: Clock::new().wall(monotonic_now()),
            sockets: &piece.sockets,
            cgroups: &mut cgroups,
            links: &mut links,
        })
    })?;
    lines::report_unknown_owners(unknown_owners);
    if silent > 0 {
        say(format_args!(
            "{silent} of the sockets can't be asked for their keepalive: that takes root, or \
             CAP_SYS_PTRACE, and Linux 5.6"
        ));
    }
    Ok(())
}

/// The same of a recording, at the last moment that is asked for: what a trace knows of them.
///
/// # Errors
/// When it can't be read, or what `show` fails with.
pub fn recorded_sockets(
    options: &RunOptions,
    replay: &ReplayOptions,
    show: impl FnOnce(&mut ShownSockets<'_>) -> Result<()>,
) -> Result<()> {
    let mut then = Then::read(options, replay)?;
    let connections = then.connections.iter();
    let mut listing = Listing {
        sockets: connections.map(|it| Socket::of(it, then.now_ns)).collect(),
        ..Listing::default()
    };
    listing.sort();
    show(&mut ShownSockets {
        wall_ns: then.wall_ns,
        sockets: &listing.sockets,
        cgroups: &mut then.cgroups,
        links: &mut then.links,
    })
}
