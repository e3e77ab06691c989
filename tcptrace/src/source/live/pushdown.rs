//! Hands the filters to the kernel half, as far as it can decide them.
//!
//! Process, user, cgroup and state are left to userspace: a socket changes hands (accept(),
//! fork(), a descriptor passed on), and the kernel half, which remembers nothing, would lose the
//! beginning of its connection.

use aya::{
    Ebpf,
    maps::{Array, LpmTrie, MapError, lpm_trie::Key},
};
use ipnet::IpNet;
use tcptrace_ebpf::settings::{AddrKey, Settings, addr_set, port_set};

use crate::{
    filter::{Filter, PortSet},
    model::Family,
};

/// How many prefixes the kernel's trie takes; more are left to userspace.
const MOST_PREFIXES: usize = 4096;

/// Sets what is needed before loading.
pub fn settings(filter: &Filter, settings: &mut Settings) {
    settings.family = match filter.family {
        None => 0,
        Some(Family::Ipv4) => 4,
        Some(Family::Ipv6) => 6,
    };
    settings.netns = filter.netns.unwrap_or(0);
    settings.port_sets =
        [&filter.local_ports, &filter.remote_ports, &filter.ports].map(|set| set.is_some().into());
    settings.addr_sets = [&filter.local_addrs, &filter.remote_addrs, &filter.addrs]
        .map(|list| (!list.is_empty() && list.len() <= MOST_PREFIXES / 3).into());
}

/// Fills the maps, after loading and before attaching.
pub fn fill(filter: &Filter, settings: &Settings, ebpf: &mut Ebpf) -> Result<(), MapError> {
    if let Some(map) = ebpf.map_mut("PORTS") {
        let mut map: Array<_, u64> = map.try_into()?;
        let sets = [
            (port_set::LOCAL, &filter.local_ports),
            (port_set::REMOTE, &filter.remote_ports),
            (port_set::EITHER, &filter.ports),
        ];
        for (index, set) in sets {
            for (word, bits) in set.iter().flat_map(PortSet::words) {
                map.set(index * port_set::WORDS + word, bits, 0)?;
            }
        }
    }
    if let Some(map) = ebpf.map_mut("ADDRS") {
        let mut map: LpmTrie<_, Addr, u8> = map.try_into()?;
        let sets = [
            (addr_set::LOCAL, &filter.local_addrs),
            (addr_set::REMOTE, &filter.remote_addrs),
            (addr_set::EITHER, &filter.addrs),
        ];
        for (set, list) in sets {
            if settings.addr_sets[usize::from(set)] != 0 {
                // Which interface they are on is left to userspace.
                for it in list {
                    map.insert(&key(set, &it.net), 1, 0)?;
                }
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct Addr(AddrKey);

// SAFETY: integers without padding.
unsafe impl aya::Pod for Addr {}

fn key(set: u8, net: &IpNet) -> Key<Addr> {
    let mut addr = [0; 16];
    let family = match net {
        IpNet::V4(net) => {
            addr[..4].copy_from_slice(&net.network().octets());
            4
        }
        IpNet::V6(net) => {
            addr = net.network().octets();
            6
        }
    };
    Key::new(
        AddrKey::PREFIX + u32::from(net.prefix_len()),
        Addr(AddrKey {
            set,
            family,
            reserved: [0; 2],
            addr,
        }),
    )
}
