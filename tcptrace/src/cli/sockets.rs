//! Which sockets are asked for: options that all commands about sockets have.

use std::path::Path;

use clap::{Args, builder::NonEmptyStringValueParser};
use tcptrace::{
    filter::{Filter, Network, PortSet, WrittenNetwork, written_network},
    host::{Cgroups, Scope, links_called, snapshot},
    model::Family,
};

/// Which sockets are asked for.
#[derive(Args, Debug)]
pub struct SocketArgs {
    /// IPv4 only (IPv4-mapped IPv6 is IPv4).
    #[arg(short = '4', long, conflicts_with = "ipv6", help_heading = "Filters")]
    ipv4: bool,
    /// IPv6 only.
    #[arg(short = '6', long, help_heading = "Filters")]
    ipv6: bool,
    /// Local ports: 80, 80,443 or 8000-8099.
    #[arg(short = 'L', long, value_name = "PORTS", help_heading = "Filters")]
    local_port: Option<PortSet>,
    /// Remote ports.
    #[arg(short = 'D', long, value_name = "PORTS", help_heading = "Filters")]
    remote_port: Option<PortSet>,
    /// Ports of either side.
    #[arg(short = 'P', long, value_name = "PORTS", help_heading = "Filters")]
    port: Option<PortSet>,
    /// Addresses of either side: 10.0.0.1, 10.0.0.0/8, 2001:db8::/32; fe80::1%eth0 (or %2) where
    /// the interface is a part of the identity: link-local, bound to it, or a VRF.
    #[arg(short = 'a', long, value_name = "CIDR", value_delimiter = ',', value_parser = written_network, help_heading = "Filters")]
    addr: Vec<WrittenNetwork>,
    /// Local addresses.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = written_network, help_heading = "Filters")]
    local_addr: Vec<WrittenNetwork>,
    /// Remote addresses.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = written_network, help_heading = "Filters")]
    remote_addr: Vec<WrittenNetwork>,
    /// Process ids.
    #[arg(short = 'p', long, value_name = "PID", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..), help_heading = "Filters")]
    pid: Vec<u32>,
    /// Names of processes, or of threads.
    #[arg(
        short = 'c',
        long,
        value_name = "NAME",
        value_parser = NonEmptyStringValueParser::new(),
        value_delimiter = ',',
        help_heading = "Filters"
    )]
    comm: Vec<String>,
    /// Users, by id or name.
    #[arg(long, value_name = "UID", value_delimiter = ',', value_parser = uid, help_heading = "Filters")]
    uid: Vec<u32>,
    /// One network namespace: a path, a name of `ip netns`, an inode number, or self.
    #[arg(long, value_name = "NETNS", value_parser = netns, help_heading = "Filters")]
    netns: Option<u32>,
    /// One cgroup (v2) and those below it.
    #[arg(long, value_name = "PATH", value_parser = cgroup, help_heading = "Filters")]
    cgroup: Option<String>,
}

impl SocketArgs {
    /// The one network namespace that is asked for.
    pub fn netns(&self) -> Option<u32> {
        self.netns
    }

    /// The path of the one control group that is asked for.
    pub fn cgroup(&self) -> Option<String> {
        self.cgroup.clone()
    }

    /// The filter; states are not among these options. Interfaces are looked for in `scope`.
    pub fn into_filter(self, scope: Scope) -> anyhow::Result<Filter> {
        let networks = |all: Vec<WrittenNetwork>| -> anyhow::Result<Vec<Network>> {
            let resolve = |it: WrittenNetwork| {
                let links = it.link.map(|link| links_called(&link, scope)).transpose()?;
                Ok(Network { net: it.net, links })
            };
            all.into_iter().map(resolve).collect()
        };
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::Ipv4),
            (_, true) => Some(Family::Ipv6),
            _ => None,
        };
        Ok(Filter {
            family,
            local_ports: self.local_port,
            remote_ports: self.remote_port,
            ports: self.port,
            local_addrs: networks(self.local_addr)?,
            remote_addrs: networks(self.remote_addr)?,
            addrs: networks(self.addr)?,
            pids: self.pid,
            comms: self.comm,
            uids: self.uid,
            netns: self.netns,
            in_cgroup: self.cgroup.is_some(),
            states: Vec::new(),
            followed: false,
            within: None,
        })
    }
}

fn uid(given: &str) -> Result<u32, String> {
    given
        .parse()
        .or_else(|_| match nix::unistd::User::from_name(given) {
            Ok(Some(user)) => Ok(user.uid.as_raw()),
            _ => Err("there is no such user; it takes an id, as in 1000, or a name".to_owned()),
        })
}

fn netns(given: &str) -> Result<u32, String> {
    snapshot::namespace_called(given).map_err(|error| {
        format!(
            "{error}; it takes a path as in /proc/123/ns/net, a name of `ip netns`, an inode \
             number, or self"
        )
    })
}

fn cgroup(given: &str) -> Result<String, String> {
    Cgroups::new()
        .resolve(Path::new(given))
        .map_err(|error| error.to_string())
}
