//! Which sockets are asked for: options that all commands about sockets have.

use std::path::Path;

use anyhow::bail;
use clap::{Args, builder::NonEmptyStringValueParser};
use tcptrace::{
    filter::{Filter, Network, PortSet, WrittenNetwork, written_network},
    host::{CgroupFilter, Cgroups, Scope, links_called, snapshot},
    model::Family,
};

use super::Usage;

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
    netns: Option<Netns>,
    /// One cgroup (v2) and those below it.
    #[arg(long, value_name = "PATH", value_parser = cgroup, help_heading = "Filters")]
    cgroup: Option<WrittenCgroup>,
    /// One container: its name, or its id, of which the first 4 digits are enough.
    #[arg(long, value_name = "NAME|ID", value_parser = NonEmptyStringValueParser::new(), help_heading = "Filters")]
    container: Option<String>,
    /// One pod, by its name or uid; without a namespace, in any.
    #[arg(long, value_name = "[NAMESPACE/]POD", value_parser = NonEmptyStringValueParser::new(), help_heading = "Filters")]
    pod: Option<String>,
    /// One unit of systemd, or of a user's: nginx.service; without a type, a service.
    #[arg(long, value_name = "UNIT", value_parser = NonEmptyStringValueParser::new(), help_heading = "Filters")]
    unit: Option<String>,
}

impl SocketArgs {
    /// The one network namespace that is asked for. `here`: it must be one of this machine.
    ///
    /// # Errors
    /// When there is no such namespace.
    pub fn netns(&self, here: bool) -> Result<Option<u32>, Usage> {
        match &self.netns {
            None => Ok(None),
            Some(Netns::There(inode)) => Ok(Some(*inode)),
            Some(Netns::Gone(inode, _)) if !here => Ok(Some(*inode)),
            Some(Netns::Gone(inode, why)) => Err(Usage(format!(
                "invalid value '{inode}' for '--netns <NETNS>': {why}"
            ))),
        }
    }

    /// Which control groups are asked for, all of these at once. `here`: one that is asked for by its
    /// path must be one of this machine.
    ///
    /// # Errors
    /// When there is no such control group.
    pub fn cgroups(&self, here: bool) -> Result<Vec<CgroupFilter>, Usage> {
        let named = [
            ("container", &self.container),
            ("pod", &self.pod),
            ("unit", &self.unit),
        ];
        let named = named
            .into_iter()
            .filter_map(|(option, value)| CgroupFilter::of_option(option, value.as_ref()?));
        let path = self.cgroup_path(here)?.map(CgroupFilter::Path);
        Ok(path.into_iter().chain(named).collect())
    }

    fn cgroup_path(&self, here: bool) -> Result<Option<String>, Usage> {
        let Some(WrittenCgroup(given)) = &self.cgroup else {
            return Ok(None);
        };
        if !here {
            return Ok(Some(format!("/{}", given.trim_matches('/'))));
        }
        let resolved = Cgroups::new().resolve(Path::new(given));
        resolved.map(Some).map_err(|error| {
            Usage(format!(
                "invalid value '{given}' for '--cgroup <PATH>': {error}"
            ))
        })
    }

    /// The filter, of another machine.
    ///
    /// # Errors
    /// When an interface is asked for, whose name or number means nothing here.
    pub fn into_filter_elsewhere(mut self) -> anyhow::Result<Filter> {
        let all = [&self.addr, &self.local_addr, &self.remote_addr];
        if all.into_iter().flatten().any(|it| it.link.is_some()) {
            bail!(Usage(
                "with -r, an address is asked for without its interface: fe80::1".to_owned()
            ));
        }
        let netns = self.netns(false)?;
        self.netns = None;
        Ok(Filter {
            netns,
            ..self.into_filter(Scope::Own)?
        })
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
        let netns = self.netns(true)?;
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
            netns,
            in_cgroup: self.cgroup.is_some()
                || self.container.is_some()
                || self.pod.is_some()
                || self.unit.is_some(),
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

/// A network namespace, as it was asked for.
#[derive(Clone, Debug)]
enum Netns {
    /// There is one.
    There(u32),
    /// A number, and why it is none of this machine.
    Gone(u32, String),
}

fn netns(given: &str) -> Result<Netns, String> {
    let why = match snapshot::namespace_called(given) {
        Ok(inode) => return Ok(Netns::There(inode)),
        Err(error) => format!(
            "{error}; it takes a path as in /proc/123/ns/net, a name of `ip netns`, an inode \
             number, or self"
        ),
    };
    match given.parse() {
        Ok(inode) => Ok(Netns::Gone(inode, why)),
        Err(_) => Err(why),
    }
}

/// A control group, as it was asked for.
#[derive(Clone, Debug)]
struct WrittenCgroup(String);

fn cgroup(given: &str) -> Result<WrittenCgroup, std::convert::Infallible> {
    Ok(WrittenCgroup(given.to_owned()))
}
