//! The sockets that there are now.

use anyhow::Result;

use super::lines;
use crate::{
    engine::{ReplayOptions, RunOptions, Then},
    filter::Filter,
    host::{CgroupFilter, Cgroups, Clock, Links, Listing, Scope, Socket, monotonic_now, snapshot},
    output::say,
    privileges,
};

/// Sockets, and what helps to show them.
pub struct Sockets {
    /// When they were looked at: ns since 1970.
    pub wall_ns: i64,
    /// The sockets that are asked for.
    pub listing: Listing,
    /// Knows the paths of control groups.
    pub cgroups: Cgroups,
    /// Knows the names of network interfaces.
    pub links: Links,
}

/// Looks at the sockets of `scope` that `filter` lets through. `cgroups`: the control groups
/// that are asked for; `keepalive`: each is asked for its own, too. What can't be looked at is said on stderr.
///
/// # Errors
/// [`Unable`](crate::host::Unable) when this machine can't tell.
pub fn sockets(
    scope: Scope,
    filter: &Filter,
    cgroups: &[CgroupFilter],
    keepalive: bool,
) -> Result<Sockets> {
    privileges::keep(match scope {
        Scope::Own => privileges::OWNERS,
        Scope::One(_) | Scope::All => privileges::ELSEWHERE,
    });
    let mut listing = snapshot::list(scope)?;
    let wall_ns = Clock::new().wall(monotonic_now());
    for failure in &listing.failures {
        say(failure);
    }
    lines::report_unknown_owners(listing.unknown_owners);
    let mut cgroups = Cgroups::new().only(cgroups);
    let mut links = Links::default();
    for (netns, names) in listing.links.drain(..) {
        links.learn(netns, names);
    }
    listing.sockets.retain(|it| {
        let in_cgroup = cgroups.is_asked_for(it.owner.cgroup);
        filter.matches_socket(&it.tuple, &it.owner, it.state, in_cgroup)
    });
    if keepalive {
        let silent = listing.ask_for_keepalive();
        if silent > 0 {
            say(format_args!(
                "{silent} of the sockets can't be asked for their keepalive: that takes root, or \
                 CAP_SYS_PTRACE, and Linux 5.6"
            ));
        }
    }
    Ok(Sockets {
        wall_ns,
        listing,
        cgroups,
        links,
    })
}

/// The same of a recording, at the last moment that is asked for: what a trace knows of them.
///
/// # Errors
/// When it can't be read.
pub fn recorded_sockets(options: &RunOptions, replay: &ReplayOptions) -> Result<Sockets> {
    let then = Then::read(options, replay)?;
    let connections = then.connections.iter();
    let mut listing = Listing {
        sockets: connections.map(|it| Socket::of(it, then.now_ns)).collect(),
        ..Listing::default()
    };
    listing.sort();
    Ok(Sockets {
        wall_ns: then.wall_ns,
        listing,
        cgroups: then.cgroups,
        links: then.links,
    })
}
