//! Where the fields of kernel structs are, from BTF of the running kernel.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write as _},
    os::fd::AsRawFd as _,
};

use btf_rs::{Backend, Btf, Type};
use nix::sys::memfd::{MFdFlags, memfd_create};
use tcptrace_ebpf::settings::{BitOffset, MINISOCK_BYTES, Offsets};

use super::KernelError;

/// Structs within structs, and names for a type, that are followed. The kernel's own need four.
const DEPTH: usize = 8;
/// Members looked at for one field; `task_struct` has fewer than 500. BTF that is damaged may nest
/// a struct in itself many times over: without an end, looking through it takes years.
const MEMBERS: usize = 10_000;

/// Looks all offsets up in the bytes of /sys/kernel/btf/vmlinux.
///
/// # Errors
/// [`KernelError::NoBtf`] and [`KernelError::NoField`].
pub fn look_up(btf: &[u8]) -> Result<Offsets, KernelError> {
    let btf = open(btf).map_err(|error| KernelError::from_types(error.as_ref()))?;
    let mut structs = Structs {
        btf,
        ids: HashMap::new(),
    };
    let repair = structs.bit("tcp_sock", "repair");
    let only_ipv6 = structs.bit("sock_common", "skc_ipv6only");
    let mut at = |container, fields: &[&'static str]| structs.offset(container, fields);

    let daddr = at("sock_common", &["skc_daddr"])?;
    let mut offsets = Offsets {
        sock_common_daddr: daddr,
        sock_common_rcv_saddr: at("sock_common", &["skc_rcv_saddr"])?,
        // Without CONFIG_IPV6 there are none, and no socket is of a family that has them: they are
        // never read there.
        sock_common_v6_daddr: at("sock_common", &["skc_v6_daddr"]).unwrap_or(daddr),
        sock_common_v6_rcv_saddr: at("sock_common", &["skc_v6_rcv_saddr"]).unwrap_or(daddr),
        sock_common_dport: at("sock_common", &["skc_dport"])?,
        sock_common_num: at("sock_common", &["skc_num"])?,
        sock_common_family: at("sock_common", &["skc_family"])?,
        sock_common_state: at("sock_common", &["skc_state"])?,
        sock_common_net: at("sock_common", &["skc_net"])?,
        sock_common_cookie: at("sock_common", &["skc_cookie"])?,
        sock_common_listener: at("sock_common", &["skc_listener"])?,
        sock_common_prot: at("sock_common", &["skc_prot"])?,
        proto_name: at("proto", &["name"])?,
        sock_common_bound_dev_if: at("sock_common", &["skc_bound_dev_if"])?,
        sock_protocol: at("sock", &["sk_protocol"])?,
        sock_lock_owned: at("sock", &["sk_lock.owned"])?,
        sock_err: at("sock", &["sk_err"])?,
        sock_shutdown: at("sock", &["sk_shutdown"])?,
        sock_flags: at("sock", &["__sk_common.skc_flags", "sk_flags"])?,
        sock_lingertime: at("sock", &["sk_lingertime"])?,
        sock_uid: at("sock", &["sk_uid"])?,
        net_ns_inum: at("net", &["ns.inum"])?,
        net_ns_count: at("net", &["ns.__ns_ref", "ns.count", "count"])?,
        timer_list_function: at("timer_list", &["function"])?,
        timer_list_expires: at("timer_list", &["expires"])?,
        timer_list_pprev: at("timer_list", &["entry.pprev"])?,
        timewait_substate: at("inet_timewait_sock", &["tw_substate"])?,
        timewait_timer: at("inet_timewait_sock", &["tw_timer"])?,
        request_num_retrans: at("request_sock", &["num_retrans"])?,
        request_num_timeout: at("request_sock", &["num_timeout"])?,
        request_timer: at("request_sock", &["rsk_timer"])?,
        tcp_write_timer: write_timer(&mut at),
        tcp_inet_sport: at("tcp_sock", &["inet_conn.icsk_inet.inet_sport"])?,
        tcp_mstamp: at("tcp_sock", &["tcp_mstamp"])?,
        tcp_packets_out: at("tcp_sock", &["packets_out"])?,
        tcp_bytes_acked: at("tcp_sock", &["bytes_acked"])?,
        tcp_bytes_received: at("tcp_sock", &["bytes_received"])?,
        tcp_total_retrans: at("tcp_sock", &["total_retrans"])?,
        tcp_srtt_us: at("tcp_sock", &["srtt_us"])?,
        tcp_lsndtime: at("tcp_sock", &["lsndtime"])?,
        tcp_lrcvtime: at("tcp_sock", &["inet_conn.icsk_ack.lrcvtime"])?,
        tcp_keepalive_time: at("tcp_sock", &["keepalive_time"])?,
        tcp_keepalive_intvl: at("tcp_sock", &["keepalive_intvl"])?,
        tcp_keepalive_probes: at("tcp_sock", &["keepalive_probes"])?,
        tcp_write_seq: at("tcp_sock", &["write_seq"])?,
        tcp_snd_una: at("tcp_sock", &["snd_una"])?,
        tcp_rcv_nxt: at("tcp_sock", &["rcv_nxt"])?,
        tcp_copied_seq: at("tcp_sock", &["copied_seq"])?,
        tcp_repair: repair,
        tcp_data_segs_out: at("tcp_sock", &["data_segs_out"])?,
        tcp_data_segs_in: at("tcp_sock", &["data_segs_in"])?,
        task_tgid: at("task_struct", &["tgid"])?,
        task_group_leader: at("task_struct", &["group_leader"])?,
        task_files: at("task_struct", &["files"])?,
        task_comm: at("task_struct", &["comm"])?,
        task_flags: at("task_struct", &["flags"])?,
        task_thread_pid: at("task_struct", &["thread_pid"])?,
        pid_level: at("pid", &["level"])?,
        pid_numbers: at("pid", &["numbers"])?,
        upid_nr: at("upid", &["nr"])?,
        upid_ns: at("upid", &["ns"])?,
        upid_size: 0,
        pid_namespace_inum: at("pid_namespace", &["ns.inum"])?,
        skb_head: at("sk_buff", &["head"])?,
        skb_network_header: at("sk_buff", &["network_header"])?,
        skb_transport_header: at("sk_buff", &["transport_header"])?,
        skb_protocol: at("sk_buff", &["protocol"])?,
        skb_dev: at("sk_buff", &["dev"])?,
        net_device_net: at("net_device", &["nd_net"])?,
        net_device_ifindex: at("net_device", &["ifindex"])?,
        sock_common_ipv6only: only_ipv6,
        ..Offsets::default()
    };
    // Without control groups, there are none of these.
    if let Err(missing) = control_groups(&mut offsets, at) {
        log::info!("control groups are not known as they are made: {missing}");
        offsets.cgroup_kn = 0;
    }

    offsets.upid_size = structs.size("upid")?;

    // What the kernel half reads of a minisock or request in one go.
    let within = |offset: u32, bytes: usize| offset as usize + bytes <= MINISOCK_BYTES;
    if !within(offsets.timewait_substate, 1) {
        return Err(KernelError::NoField {
            container: "inet_timewait_sock",
            field: "tw_substate",
        });
    }
    if !within(
        offsets.request_num_retrans.max(offsets.request_num_timeout),
        1,
    ) {
        return Err(KernelError::NoField {
            container: "request_sock",
            field: "num_retrans",
        });
    }
    if !within(offsets.sock_common_cookie, 8)
        || !within(offsets.sock_common_prot, 8)
        || !within(offsets.sock_common_v6_rcv_saddr, 16)
        || !within(offsets.sock_common_bound_dev_if, 4)
    {
        return Err(KernelError::NoField {
            container: "sock_common",
            field: "skc_cookie",
        });
    }
    Ok(offsets)
}

/// Where a socket has the timer of `tcp_write_timer()`; 0 where it is not found: there it can't
/// be. It is in `struct sock` since 7.0.
fn write_timer(
    at: &mut impl FnMut(&'static str, &[&'static str]) -> Result<u32, KernelError>,
) -> u32 {
    at("inet_connection_sock", &["icsk_retransmit_timer"])
        .or_else(|_| at("sock", &["tcp_retransmit_timer"]))
        .unwrap_or(0)
}

/// Looks up what is followed from a control group to its id, its name and the one above.
fn control_groups(
    offsets: &mut Offsets,
    mut at: impl FnMut(&'static str, &[&'static str]) -> Result<u32, KernelError>,
) -> Result<(), KernelError> {
    offsets.cgroup_root = at("cgroup", &["root"])?;
    offsets.cgroup_kn = at("cgroup", &["kn"])?;
    offsets.cgroup_self_parent = at("cgroup", &["self.parent"])?;
    offsets.cgroup_subsys_state_cgroup = at("cgroup_subsys_state", &["cgroup"])?;
    offsets.cgroup_root_hierarchy_id = at("cgroup_root", &["hierarchy_id"])?;
    offsets.kernfs_node_id = at("kernfs_node", &["id"])?;
    offsets.kernfs_node_name = at("kernfs_node", &["name"])?;
    Ok(())
}

/// Opens types without parsing them all: that takes a third of a second and 30 MiB, for a dozen
/// structs. btf-rs does so only of a file that it can map, which the kernel's is since 6.16.
fn open(btf: &[u8]) -> anyhow::Result<Btf> {
    let memory = memfd_create(c"btf", MFdFlags::MFD_CLOEXEC).map_err(io::Error::from)?;
    let mut file = File::from(memory);
    file.write_all(btf)?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(Btf::from_file_with_backend(path, Backend::Mmap)?)
}

struct Structs {
    btf: Btf,
    /// Type ids that were looked up by name: BTF has no index of names.
    ids: HashMap<&'static str, btf_rs::Struct>,
}

impl Structs {
    /// The offset in bytes of the first of `fields` that there is.
    fn offset(
        &mut self,
        container: &'static str,
        fields: &[&'static str],
    ) -> Result<u32, KernelError> {
        self.bits(container, fields).map(|bits| bits / 8)
    }

    /// Where a field of one bit is, if there is one of that name.
    fn bit(&mut self, container: &'static str, field: &'static str) -> BitOffset {
        // The first bit of a byte is its lowest where the byte of least weight comes first.
        self.bits(container, &[field]).map_or_else(
            |_| BitOffset::default(),
            |bits| BitOffset {
                byte: bits / 8,
                mask: 1 << (bits % 8),
            },
        )
    }

    /// The offset in bits of the first of `fields` that there is.
    fn bits(
        &mut self,
        container: &'static str,
        fields: &[&'static str],
    ) -> Result<u32, KernelError> {
        let missing = || KernelError::NoField {
            container,
            field: fields[0],
        };
        let outer = self.named(container).ok_or_else(missing)?.clone();
        fields
            .iter()
            .find_map(|path| {
                let path: Vec<&str> = path.split('.').collect();
                let mut members_left = MEMBERS;
                self.walk(&outer, &path, DEPTH, &mut members_left)
            })
            .ok_or_else(missing)
    }

    /// The size in bytes of a struct.
    fn size(&mut self, container: &'static str) -> Result<u32, KernelError> {
        self.named(container)
            .and_then(|found| u32::try_from(found.size()).ok())
            .ok_or(KernelError::NoField {
                container,
                field: "(any)",
            })
    }

    /// A struct by its name.
    fn named(&mut self, container: &'static str) -> Option<&btf_rs::Struct> {
        if !self.ids.contains_key(container) {
            let types = self.btf.resolve_types_by_name(container).ok()?;
            let of_name = types.into_iter().find_map(|kind| match kind {
                Type::Struct(found) if !found.members.is_empty() => Some(found),
                _ => None,
            })?;
            self.ids.insert(container, of_name);
        }
        self.ids.get(container)
    }

    /// The offset in bits of a field, through nested structs and anonymous members.
    /// At most `depth` levels down, and at most `members_left` members.
    fn walk(
        &self,
        container: &btf_rs::Struct,
        path: &[&str],
        depth: usize,
        members_left: &mut usize,
    ) -> Option<u32> {
        let deeper = depth.checked_sub(1)?;
        let (name, rest) = path.split_first()?;
        container.members.iter().find_map(|member| {
            *members_left = members_left.checked_sub(1)?;
            let member_name = self.btf.resolve_name(member).unwrap_or_default();
            let inner = if member_name.is_empty() {
                // A member without a name: its fields count as the container's.
                self.walk(&self.target(member)?, path, deeper, members_left)?
            } else if member_name != *name {
                return None;
            } else if rest.is_empty() {
                0
            } else {
                self.walk(&self.target(member)?, rest, deeper, members_left)?
            };
            member.bit_offset().checked_add(inner)
        })
    }

    /// The struct or union that a member is of.
    fn target(&self, member: &btf_rs::Member) -> Option<btf_rs::Struct> {
        let mut kind = self.btf.resolve_chained_type(member).ok()?;
        for _ in 0..DEPTH {
            kind = match kind {
                Type::Struct(found) | Type::Union(found) => return Some(found),
                Type::Typedef(ref chained) => self.btf.resolve_chained_type(chained).ok()?,
                Type::Const(ref chained) => self.btf.resolve_chained_type(chained).ok()?,
                Type::Volatile(ref chained) => self.btf.resolve_chained_type(chained).ok()?,
                _ => return None,
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRUCT: u32 = 4;
    const TYPEDEF: u32 = 8;
    const CONST: u32 = 10;

    /// BTF as include/uapi/linux/btf.h has it: a type of each row, which is its name, kind, what
    /// it is of, and the types of its members, that have no names.
    fn btf(types: &[(&str, u32, u32, &[u32])]) -> Vec<u8> {
        let mut names = vec![0];
        let mut words: Vec<u32> = Vec::new();
        for (name, kind, of, members) in types {
            let count = u32::try_from(members.len()).expect("few members");
            let at = u32::try_from(names.len()).expect("few names");
            words.extend([at, kind << 24 | count, *of]);
            words.extend(members.iter().flat_map(|member| [0, *member, 0]));
            names.extend(name.bytes().chain([0]));
        }
        let types: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
        let (types_len, names_len) = (types.len() as u32, names.len() as u32);
        let header = [24, 0, types_len, types_len, names_len];
        [0xeb9f_u16.to_ne_bytes(), 1_u16.to_le_bytes()]
            .concat()
            .into_iter()
            .chain(header.into_iter().flat_map(u32::to_ne_bytes))
            .chain(types)
            .chain(names)
            .collect()
    }

    #[track_caller]
    fn has_no_addresses(btf: &[u8]) {
        let error = look_up(btf).expect_err("no addresses to be found");
        let KernelError::NoField { container, field } = error else {
            panic!("not read as BTF: {error}");
        };
        assert_eq!((container, field), ("sock_common", "skc_daddr"));
    }

    #[test]
    fn a_type_that_stands_for_itself_is_not_followed_for_ever() {
        has_no_addresses(&btf(&[
            ("sock_common", STRUCT, 8, &[2]),
            ("loop", TYPEDEF, 3, &[]),
            ("", CONST, 2, &[]),
        ]));
    }

    #[test]
    fn a_struct_that_is_in_itself_many_times_over_is_not_looked_through_to_the_end() {
        has_no_addresses(&btf(&[("sock_common", STRUCT, 8, &[1; 60])]));
    }
}
