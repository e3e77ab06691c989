//! Where the fields of kernel structs are, from BTF of the running kernel.

use tcptrace_ebpf::settings::{BitOffset, MINISOCK_BYTES, Offsets};

use super::btf::Types;
use crate::model::KernelError;

/// Looks all offsets up in the bytes of /sys/kernel/btf/vmlinux.
///
/// # Errors
/// [`KernelError::NoBtf`] and [`KernelError::NoField`].
pub fn look_up(btf: &[u8]) -> Result<Offsets, KernelError> {
    let types = Types::read(btf).ok_or(KernelError::DamagedBtf)?;
    let structs = Structs(types);
    let repair = structs.bit("tcp_sock", "repair");
    let only_ipv6 = structs.bit("sock_common", "skc_ipv6only");
    let at = |container, fields: &[&'static str]| structs.offset(container, fields);

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
        tcp_write_timer: write_timer(&at),
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

    offsets.upid_size = structs.0.size("upid").ok_or(KernelError::NoField {
        container: "upid".into(),
        field: "(any)".into(),
    })?;

    // What the kernel half reads of a minisock or request in one go.
    let within = |offset: u32, bytes: usize| offset as usize + bytes <= MINISOCK_BYTES;
    if !within(offsets.timewait_substate, 1) {
        return Err(KernelError::NoField {
            container: "inet_timewait_sock".into(),
            field: "tw_substate".into(),
        });
    }
    if !within(
        offsets.request_num_retrans.max(offsets.request_num_timeout),
        1,
    ) {
        return Err(KernelError::NoField {
            container: "request_sock".into(),
            field: "num_retrans".into(),
        });
    }
    if !within(offsets.sock_common_cookie, 8)
        || !within(offsets.sock_common_prot, 8)
        || !within(offsets.sock_common_v6_rcv_saddr, 16)
        || !within(offsets.sock_common_bound_dev_if, 4)
    {
        return Err(KernelError::NoField {
            container: "sock_common".into(),
            field: "skc_cookie".into(),
        });
    }
    Ok(offsets)
}

/// Where a socket has the timer of `tcp_write_timer()`; 0 where it is not found: there it can't
/// be. It is in `struct sock` since 7.0.
fn write_timer(at: &impl Fn(&'static str, &[&'static str]) -> Result<u32, KernelError>) -> u32 {
    at("inet_connection_sock", &["icsk_retransmit_timer"])
        .or_else(|_| at("sock", &["tcp_retransmit_timer"]))
        .unwrap_or(0)
}

/// Looks up what is followed from a control group to its id, its name and the one above.
fn control_groups(
    offsets: &mut Offsets,
    at: impl Fn(&'static str, &[&'static str]) -> Result<u32, KernelError>,
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

/// The structs that are looked into.
struct Structs<'a>(Types<'a>);

impl Structs<'_> {
    /// The offset in bytes of the first of `fields` that there is.
    fn offset(&self, container: &'static str, fields: &[&'static str]) -> Result<u32, KernelError> {
        let bits = fields.iter().find_map(|it| self.0.bits(container, it));
        bits.map(|bits| bits / 8).ok_or(KernelError::NoField {
            container: container.into(),
            field: fields[0].into(),
        })
    }

    /// Where a field of one bit is, if there is one of that name.
    fn bit(&self, container: &str, field: &str) -> BitOffset {
        // The first bit of a byte is its lowest where the byte of least weight comes first.
        self.0
            .bits(container, field)
            .map_or_else(BitOffset::default, |bits| BitOffset {
                byte: bits / 8,
                mask: 1 << (bits % 8),
            })
    }
}
