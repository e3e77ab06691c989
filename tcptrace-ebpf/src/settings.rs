//! What the kernel half is told when it is loaded.
//!
//! The settings are read-only data to the kernel half: the verifier knows their values, follows
//! the offsets like constants and removes the code of filters that are off.

use core::mem::size_of;

use zerocopy::{Immutable, IntoBytes};

/// The settings of one load.
#[derive(Clone, Copy, Debug, Default, IntoBytes, Immutable)]
#[repr(C)]
pub struct Settings {
    /// Address of `tw_timer_handler`; 0: minisocks are not traced.
    pub tw_timer_handler: u64,
    /// Address of `reqsk_timer_handler`; 0: requests are not traced.
    pub reqsk_timer_handler: u64,
    /// Address of `tcp_write_timer`; 0: SYNs are not told.
    pub tcp_write_timer: u64,
    /// Bytes waiting in the ring buffer at which the reader is woken.
    pub wake_at: u64,
    /// Id of a cgroup that says nothing of the processes in it; 0: none.
    pub silent_cgroup: u64,
    /// Where the fields of kernel structs are.
    pub offsets: Offsets,
    /// 4, 6, or 0 for both.
    pub family: u32,
    /// Inode number of the one network namespace to trace; 0: all.
    pub netns: u32,
    /// Inode number of the pid namespace of tcptrace, or [`ANY_PID_NAMESPACE`].
    pub pid_namespace: u32,
    /// 1 if the port set of that index is in use: see [`port_set`].
    pub port_sets: [u32; 3],
    /// 1 if the address set of that index is in use: see [`addr_set`].
    pub addr_sets: [u32; 3],
    /// To mark what the children of tcptrace do: its process id in its pid namespace; else 0.
    pub follow: u32,
    /// 1 where DCCP may have minisocks and requests, too.
    pub dccp: u32,
    /// 1 to say by which way minisocks and requests end early.
    pub stacks: u32,
    /// 1 to send what each connection did; 0: only where that tells why it closed.
    pub metrics: u32,
    /// Zero.
    pub reserved: u32,
}

/// Indices of the port sets: a bitmap of 65,536 bits each, one after another in map `PORTS`.
pub mod port_set {
    /// The local port must be in it.
    pub const LOCAL: u32 = 0;
    /// The remote port must be in it.
    pub const REMOTE: u32 = 1;
    /// One of the two must be in it.
    pub const EITHER: u32 = 2;
    /// 64-bit words of one set.
    pub const WORDS: u32 = 65_536 / 64;
}

/// Indices of the address sets: the first byte of the keys in map `ADDRS`.
pub mod addr_set {
    /// The local address must be in it.
    pub const LOCAL: u8 = 0;
    /// The remote address must be in it.
    pub const REMOTE: u8 = 1;
    /// One of the two must be in it.
    pub const EITHER: u8 = 2;
}

/// A key of map `ADDRS`, a longest-prefix trie: which set, which family, and the address.
#[derive(Clone, Copy, Debug, IntoBytes, Immutable)]
#[repr(C)]
pub struct AddrKey {
    /// One of [`addr_set`].
    pub set: u8,
    /// 4 or 6.
    pub family: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// As [`Head::local_addr`](crate::wire::Head::local_addr).
    pub addr: [u8; 16],
}

impl AddrKey {
    /// Bits of the key before the address.
    pub const PREFIX: u32 = 32;
    /// Bits of the whole key.
    pub const BITS: u32 = Self::PREFIX + 128;
}

/// Byte offsets of fields, as BTF of the running kernel has them.
///
/// A field of a nested struct counts from the outer one that is named first.
#[derive(Clone, Copy, Debug, Default, IntoBytes, Immutable)]
#[repr(C)]
#[expect(
    missing_docs,
    reason = "each is named after the struct and the field that it is of"
)]
pub struct Offsets {
    pub sock_common_daddr: u32,
    pub sock_common_rcv_saddr: u32,
    pub sock_common_v6_daddr: u32,
    pub sock_common_v6_rcv_saddr: u32,
    pub sock_common_dport: u32,
    pub sock_common_num: u32,
    pub sock_common_family: u32,
    pub sock_common_state: u32,
    pub sock_common_net: u32,
    pub sock_common_cookie: u32,
    pub sock_common_listener: u32,
    pub sock_common_prot: u32,
    pub proto_name: u32,
    pub sock_protocol: u32,
    pub sock_lock_owned: u32,
    pub sock_err: u32,
    pub sock_shutdown: u32,
    pub sock_flags: u32,
    pub sock_lingertime: u32,
    pub sock_uid: u32,
    pub net_ns_inum: u32,
    pub net_ns_count: u32,
    pub timer_list_function: u32,
    pub timer_list_expires: u32,
    pub timer_list_pprev: u32,
    pub timewait_substate: u32,
    pub timewait_timer: u32,
    pub request_num_retrans: u32,
    pub request_num_timeout: u32,
    pub request_timer: u32,
    pub tcp_write_timer: u32,
    pub tcp_inet_sport: u32,
    pub tcp_mstamp: u32,
    pub tcp_packets_out: u32,
    pub tcp_bytes_acked: u32,
    pub tcp_bytes_received: u32,
    pub tcp_total_retrans: u32,
    pub tcp_srtt_us: u32,
    pub tcp_lsndtime: u32,
    pub tcp_lrcvtime: u32,
    pub tcp_keepalive_time: u32,
    pub tcp_keepalive_intvl: u32,
    pub tcp_keepalive_probes: u32,
    pub tcp_write_seq: u32,
    pub tcp_snd_una: u32,
    pub tcp_rcv_nxt: u32,
    pub tcp_copied_seq: u32,
    pub tcp_repair: BitOffset,
    pub tcp_data_segs_out: u32,
    pub tcp_data_segs_in: u32,
    pub task_tgid: u32,
    pub task_group_leader: u32,
    pub task_files: u32,
    pub task_comm: u32,
    pub task_flags: u32,
    pub task_thread_pid: u32,
    pub pid_level: u32,
    pub pid_numbers: u32,
    pub upid_nr: u32,
    pub upid_ns: u32,
    pub upid_size: u32,
    pub pid_namespace_inum: u32,
    pub skb_head: u32,
    pub skb_network_header: u32,
    pub skb_transport_header: u32,
    pub skb_protocol: u32,
    pub skb_dev: u32,
    pub net_device_net: u32,
    pub net_device_ifindex: u32,
    pub cgroup_root: u32,
    pub cgroup_kn: u32,
    pub cgroup_self_parent: u32,
    pub cgroup_subsys_state_cgroup: u32,
    pub cgroup_root_hierarchy_id: u32,
    pub kernfs_node_id: u32,
    pub kernfs_node_name: u32,
    pub sock_common_bound_dev_if: u32,
    pub sock_common_ipv6only: BitOffset,
}

/// [`Settings::pid_namespace`] where every process has the id that the kernel itself knows it by:
/// in the initial pid namespace.
pub const ANY_PID_NAMESPACE: u32 = 0;

/// Where a field of one bit is.
#[derive(Clone, Copy, Debug, Default, IntoBytes, Immutable)]
#[repr(C)]
pub struct BitOffset {
    /// Offset of its byte.
    pub byte: u32,
    /// The bit in it; 0: there is no such field.
    pub mask: u32,
}

/// Bytes at the beginning of a minisock or request that are read at once; the fields of
/// `sock_common`, `timewait_substate` and `request_num_retrans` must lie within.
pub const MINISOCK_BYTES: usize = 168;

const _: () = {
    assert!(size_of::<Offsets>() == 80 * 4);
    assert!(size_of::<Settings>() == 40 + 80 * 4 + 56);
    assert!(size_of::<AddrKey>() == 20);
};
