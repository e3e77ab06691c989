//! The filters that the kernel half can decide.
//!
//! They only ever drop what userspace would drop too. What is not known yet (a port that the
//! kernel has not chosen, the peer of a child of a listener before 6.15) passes, and so does
//! every listener of the namespaces asked for: connections get their owner from it.

use aya_ebpf::{
    macros::map,
    maps::{Array, LpmTrie, lpm_trie::Key},
};
use tcptrace_ebpf::{
    settings::{AddrKey, addr_set, port_set},
    wire::Head,
};

use crate::kernel::setting;

/// Three bitmaps of ports: see [`port_set`].
#[map]
static PORTS: Array<u64> = Array::with_max_entries(3 * port_set::WORDS, 0);

/// Address prefixes of three sets: see [`addr_set`].
#[map]
static ADDRS: LpmTrie<AddrKey, u8> =
    LpmTrie::with_max_entries(4096, aya_ebpf::bindings::BPF_F_NO_PREALLOC);

/// Whether a record with this head is asked for.
#[inline(always)]
pub fn wanted(head: &Head) -> bool {
    let family = setting!(family);
    if family != 0 && family != u32::from(head.family) {
        return false;
    }
    if !wanted_netns(head.netns) {
        return false;
    }
    let (local, remote) = (head.local_port, head.remote_port);
    if setting!(port_sets[0]) != 0 && local != 0 && !has_port(port_set::LOCAL, local) {
        return false;
    }
    if setting!(port_sets[1]) != 0 && remote != 0 && !has_port(port_set::REMOTE, remote) {
        return false;
    }
    if setting!(port_sets[2]) != 0
        && local != 0
        && remote != 0
        && !has_port(port_set::EITHER, local)
        && !has_port(port_set::EITHER, remote)
    {
        return false;
    }
    if setting!(addr_sets[0]) != 0 && !has_addr(addr_set::LOCAL, head.family, &head.local_addr) {
        return false;
    }
    // Without a remote port the remote address isn't known either.
    if remote == 0 {
        return true;
    }
    if setting!(addr_sets[1]) != 0 && !has_addr(addr_set::REMOTE, head.family, &head.remote_addr) {
        return false;
    }
    !(setting!(addr_sets[2]) != 0
        && !has_addr(addr_set::EITHER, head.family, &head.local_addr)
        && !has_addr(addr_set::EITHER, head.family, &head.remote_addr))
}

/// Whether a local port decides of a close, too. Not of one from SYN_SENT: userspace remembers that
/// connection as long as it does not know its port, which the SYN tells.
#[inline(always)]
pub fn asks_for_local_port() -> bool {
    (setting!(port_sets[0]) != 0 || setting!(port_sets[2]) != 0) && setting!(tcp_write_timer) != 0
}

/// Whether a namespace is asked for.
#[inline(always)]
pub fn wanted_netns(netns: u32) -> bool {
    let only = setting!(netns);
    only == 0 || only == netns
}

#[inline(always)]
fn has_port(set: u32, port: u16) -> bool {
    let word = set * port_set::WORDS + u32::from(port) / 64;
    PORTS
        .get(word)
        .is_some_and(|bits| bits >> (port % 64) & 1 == 1)
}

#[inline(always)]
fn has_addr(set: u8, family: u8, addr: &[u8; 16]) -> bool {
    let key = AddrKey {
        set,
        family,
        reserved: [0; 2],
        addr: *addr,
    };
    ADDRS.get(Key::new(AddrKey::BITS, key)).is_some()
}
