//! Full sockets: `struct sock` and what it is the beginning of.

use aya_ebpf::{
    helpers::generated::{bpf_jiffies64, bpf_skc_to_tcp_sock},
    programs::BtfTracePointContext,
};
use aya_log_ebpf::debug;
use tcptrace_ebpf::wire::{
    Head, MeasuredSocket, Metrics, OwnedSocket, Owner, Reach, evidence, flag, kind,
};

use crate::{
    accept, child, follow,
    head::{HeadBuffer, at_most_255},
    kernel::{now, read, setting, zero},
    reset, ring,
    select::{asks_for_local_port, wanted, wanted_netns},
    sock_common::{addresses, cookie, link},
    state::{CLOSE_WAIT, CLOSED, ESTABLISHED, LAST_ACK, LISTEN, SYN_RECV, SYN_SENT},
    task,
};

const IPPROTO_TCP: u16 = 6;

/// enum sock_flags, include/net/sock.h.
const SOCK_DEAD: u64 = 1 << 0;
const SOCK_DONE: u64 = 1 << 1;
const SOCK_KEEPOPEN: u64 = 1 << 3;
const SOCK_LINGER: u64 = 1 << 4;

/// Sends a transition of a full socket.
#[inline(always)]
pub fn changed(ctx: &BtfTracePointContext, sk: *const u8, from: u8, to: u8, flags: u8) {
    // SAFETY: `sk` is the struct sock that the tracepoint passes, here and below.
    // The protocol is u16 since 5.6; MPTCP's own sockets (262) are not TCP's.
    if unsafe { read::<u16>(sk, setting!(offsets.sock_protocol)) } != IPPROTO_TCP {
        return;
    }
    let mut buffer = HeadBuffer::new();
    let head = buffer.zeroed();
    // SAFETY: as above.
    if !unsafe { addresses(sk, head) } {
        return;
    }
    // SAFETY: as above.
    let net: *const u8 = unsafe { read(sk, setting!(offsets.sock_common_net)) };
    // SAFETY: `skc_net` is a pointer whose type BTF knows.
    head.netns = unsafe { read(net, setting!(offsets.net_ns_inum)) };
    head.from = from;
    head.to = to;
    head.flags = flags;

    let is_child = from == LISTEN && to == SYN_RECV;
    // Before 6.15 it has no peer yet, and it is not known whether it is asked for.
    if is_child && head.remote_port == 0 {
        // SAFETY: as above.
        unsafe { child::born(sk) };
        return;
    }
    let listener = (from == LISTEN && !is_child) || to == LISTEN;
    if to == CLOSED && from != SYN_SENT && head.local_port == 0 && asks_for_local_port() {
        // SAFETY: as above.
        head.local_port = unsafe { released_port(sk) };
    }
    if if listener {
        !wanted_netns(head.netns)
    } else {
        !wanted(head)
    } {
        debug!(
            ctx,
            "socket of port {}: {} -> {}, not asked for", head.local_port, from, to
        );
        return;
    }
    // SAFETY: as above.
    head.cookie = unsafe { cookie(sk) };
    if is_child {
        // SAFETY: as above.
        unsafe { child::born(sk) };
        return;
    }
    if from == SYN_RECV
        && let Some(time_ns) = child::goes_on(sk as u64)
    {
        // SAFETY: as above.
        send_child(head, time_ns, unsafe { link(sk) });
    }
    // SAFETY: as above.
    unsafe {
        head.errno = at_most_255(read(sk, setting!(offsets.sock_err)));
        head.evidence = read::<u8>(sk, setting!(offsets.sock_shutdown))
            & (evidence::RECEIVE_SHUTDOWN | evidence::SEND_SHUTDOWN);
        let flags: u64 = read(sk, setting!(offsets.sock_flags));
        if flags & SOCK_DEAD != 0 {
            head.flags |= flag::ORPHAN;
        }
        if flags & SOCK_KEEPOPEN != 0 {
            head.flags |= flag::KEEPALIVE;
        }
        if read::<u32>(sk, setting!(offsets.sock_lock_owned)) == 1 {
            head.flags |= flag::OWNED;
            if follow::is_followed() {
                head.flags |= flag::FOLLOWED;
            }
            if to == LISTEN {
                accept::holds();
            }
        }
    }
    if to == LISTEN {
        // SAFETY: as above.
        unsafe { reach(sk, head) };
    }
    // SAFETY: as above.
    let link = unsafe { link(sk) };
    head.time_ns = now();
    debug!(
        ctx,
        "socket {:x} of port {}: {} -> {}", head.cookie, head.local_port, from, to
    );

    let closed = to == CLOSED && from != LISTEN;
    let mut measured =
        setting!(metrics) != 0 && (closed || from == ESTABLISHED || to == CLOSE_WAIT);
    if closed || measured || from == SYN_SENT || from == SYN_RECV {
        // SAFETY: the helper checks that the socket is a full one of TCP.
        let tcp: *const u8 = unsafe { bpf_skc_to_tcp_sock(sk.cast_mut().cast()) }.cast();
        if !tcp.is_null() {
            // SAFETY: `tcp` is a struct tcp_sock, as the helper says.
            unsafe {
                if head.local_port == 0 {
                    // See `released_port()`.
                    head.local_port = u16::from_be(read(tcp, setting!(offsets.tcp_inet_sport)));
                }
                if closed {
                    head.evidence |= evidence_in(tcp);
                    let out: u32 = read(tcp, setting!(offsets.tcp_packets_out));
                    if from == SYN_SENT && out != 0 {
                        head.flags |= flag::SYN_OUT;
                    }
                }
            }
            if closed {
                closes(net, head);
            }
            // SAFETY: as above.
            let retransmits: u32 = unsafe { read(tcp, setting!(offsets.tcp_total_retrans)) };
            head.retransmits = at_most_255(retransmits);
            // Those that a byte can't count are told in full.
            measured |= retransmits > 255;
            if measured {
                send_measured(sk, tcp, head, link);
                return;
            }
        }
    }
    if head.flags & flag::OWNED != 0 {
        head.kind = kind::SOCKET_OWNED;
        ring::send(link, |to: *mut OwnedSocket| {
            // SAFETY: `to` is a reserved record.
            unsafe {
                (&raw mut (*to).head).write(*head);
                owner(sk, &raw mut (*to).owner, true);
            }
        });
    } else {
        head.kind = kind::SOCKET;
        ring::send_head(head, link);
    }
}

/// The local port of a socket that has released it: inet_num is zero by then, inet_sport stays
/// (`__inet_put_port()`, net/ipv4/inet_hashtables.c, from `tcp_set_state()`, net/ipv4/tcp.c, before
/// it tells of the new state). Zero if it never had one.
///
/// # Safety
/// `sk` is a struct sock that a tracepoint passes.
#[inline(always)]
unsafe fn released_port(sk: *const u8) -> u16 {
    // SAFETY: the helper checks that the socket is a full one of TCP, and gives a struct tcp_sock.
    unsafe {
        let tcp: *const u8 = bpf_skc_to_tcp_sock(sk.cast_mut().cast()).cast();
        if tcp.is_null() {
            return 0;
        }
        u16::from_be(read(tcp, setting!(offsets.tcp_inet_sport)))
    }
}

/// Sends that a listener's child was made, without a request.
#[inline(always)]
fn send_child(next: &Head, time_ns: u64, link: u32) {
    let mut head = *next;
    head.kind = kind::SOCKET;
    head.time_ns = time_ns;
    head.from = LISTEN;
    head.to = SYN_RECV;
    ring::send_head(&head, link);
}

/// Sends who accepted a connection. What was there before tracing began, and has no cookie, does
/// not matter.
#[inline(always)]
pub fn accepted(sk: *const u8) {
    let mut buffer = HeadBuffer::new();
    let head = buffer.zeroed();
    // SAFETY: `sk` is the struct sock that the function returns; of none, all reads zero.
    unsafe {
        if sk.is_null()
            || read::<u16>(sk, setting!(offsets.sock_protocol)) != IPPROTO_TCP
            || !addresses(sk, head)
        {
            return;
        }
        let net: *const u8 = read(sk, setting!(offsets.sock_common_net));
        head.netns = read(net, setting!(offsets.net_ns_inum));
        head.cookie = read(sk, setting!(offsets.sock_common_cookie));
    }
    if head.cookie == 0 || !wanted(head) {
        return;
    }
    head.kind = kind::ACCEPTED;
    head.flags = flag::OWNED;
    if follow::is_followed() {
        head.flags |= flag::FOLLOWED;
    }
    head.time_ns = now();
    accept::holds();
    ring::send(0, |to: *mut OwnedSocket| {
        // SAFETY: `to` is a reserved record.
        unsafe {
            (&raw mut (*to).head).write(*head);
            owner(sk, &raw mut (*to).owner, true);
        }
    });
}

/// Writes what else decides which connections a listener gets, in the place of the peer.
///
/// # Safety
/// `sk` is a struct sock that begins to listen.
#[inline(always)]
unsafe fn reach(sk: *const u8, head: &mut Head) {
    // SAFETY: the caller's.
    unsafe {
        let bits: u8 = read(sk, setting!(offsets.sock_common_ipv6only.byte));
        let told = Reach {
            only_ipv6: (u32::from(bits) & setting!(offsets.sock_common_ipv6only.mask) != 0).into(),
            reserved: [0; 15],
        };
        head.remote_addr.as_mut_ptr().cast::<Reach>().write(told);
    }
}

/// A full socket is closed: whether by an RST, and whether one that it sends next would tell why.
/// One that closes it from ESTABLISHED or CLOSE_WAIT without an error sends one in any case.
#[inline(always)]
fn closes(net: *const u8, head: &mut Head) {
    head.evidence |= reset::evidence_of(head.cookie);
    if head.evidence & (evidence::RST_RECEIVED | evidence::RST_SENT) != 0 {
        return;
    }
    let certain = match head.from {
        LAST_ACK => head.evidence & evidence::UNACKED == 0,
        from => head.errno == 0 && matches!(from, ESTABLISHED | CLOSE_WAIT | SYN_SENT),
    };
    if !certain {
        reset::doubt(head.cookie);
        // Where its namespace goes, it goes without an RST.
        // SAFETY: `skc_net` is a pointer whose type BTF knows.
        if unsafe { read::<u32>(net, setting!(offsets.net_ns_count)) } == 0 {
            head.flags |= flag::NETNS_GONE;
        }
    }
}

/// What of a socket tells why it is closed.
///
/// # Safety
/// `tcp` is a struct tcp_sock.
#[inline(always)]
unsafe fn evidence_in(tcp: *const u8) -> u8 {
    let mut bits = 0;
    // SAFETY: the caller's.
    unsafe {
        let flags: u64 = read(tcp, setting!(offsets.sock_flags));
        if flags & SOCK_LINGER != 0 && read::<u64>(tcp, setting!(offsets.sock_lingertime)) == 0 {
            bits |= evidence::LINGER_0;
        }
        let written: u32 = read(tcp, setting!(offsets.tcp_write_seq));
        if written != read::<u32>(tcp, setting!(offsets.tcp_snd_una)) {
            bits |= evidence::UNACKED;
        }
        // The peer's FIN counts 1, until its end of file was read.
        let fin = u32::from(flags & SOCK_DONE != 0);
        if unread(tcp) > fin {
            bits |= evidence::UNREAD;
        }
        let repair: u8 = read(tcp, setting!(offsets.tcp_repair.byte));
        if u32::from(repair) & setting!(offsets.tcp_repair.mask) != 0 {
            bits |= evidence::REPAIR;
        }
    }
    bits
}

/// Bytes that were received and not read, the peer's FIN included.
///
/// # Safety
/// `tcp` is a struct tcp_sock.
#[inline(always)]
unsafe fn unread(tcp: *const u8) -> u32 {
    // SAFETY: the caller's.
    unsafe {
        let received: u32 = read(tcp, setting!(offsets.tcp_rcv_nxt));
        received.wrapping_sub(read(tcp, setting!(offsets.tcp_copied_seq)))
    }
}

/// Sends a transition together with what the connection did.
#[inline(always)]
fn send_measured(sk: *const u8, tcp: *const u8, head: &mut Head, link: u32) {
    head.kind = kind::SOCKET_MEASURED;
    ring::send(link, |to: *mut MeasuredSocket| {
        // SAFETY: `to` is a reserved record, `tcp` a struct tcp_sock.
        unsafe {
            (&raw mut (*to).head).write(*head);
            owner(sk, &raw mut (*to).owner, head.flags & flag::OWNED != 0);
            measure(tcp, &raw mut (*to).metrics);
        }
    });
}

/// Writes the owner: the running task where that is who made the transition, and always the uid.
///
/// # Safety
/// `sk` is a struct sock, `to` has room for an owner.
#[inline(always)]
unsafe fn owner(sk: *const u8, to: *mut Owner, current: bool) {
    // SAFETY: the caller's.
    unsafe {
        if current {
            task::describe(to);
        } else {
            zero(to);
        }
        (&raw mut (*to).uid).write(read(sk, setting!(offsets.sock_uid)));
    }
}

/// Writes what the connection did so far.
///
/// # Safety
/// `tcp` is a struct tcp_sock, `to` has room for metrics.
#[inline(always)]
unsafe fn measure(tcp: *const u8, to: *mut Metrics) {
    /// Copies a field as it is.
    macro_rules! copy {
        ($($field:ident <- $offset:ident),+ $(,)?) => {
            $((&raw mut (*to).$field).write(read(tcp, setting!(offsets.$offset)));)+
        };
    }
    // SAFETY: the caller's.
    unsafe {
        copy! {
            bytes_acked <- tcp_bytes_acked,
            bytes_received <- tcp_bytes_received,
            retransmits <- tcp_total_retrans,
            srtt_us_8 <- tcp_srtt_us,
            last_sent <- tcp_lsndtime,
            last_received <- tcp_lrcvtime,
            keepalive_time <- tcp_keepalive_time,
            keepalive_interval <- tcp_keepalive_intvl,
            data_segments_sent <- tcp_data_segs_out,
            data_segments_received <- tcp_data_segs_in,
            keepalive_probes <- tcp_keepalive_probes,
        }
        (&raw mut (*to).now).write(bpf_jiffies64() as u32);
        let flags: u64 = read(tcp, setting!(offsets.sock_flags));
        let fin = flags & SOCK_DONE != 0;
        let received: u64 = read(tcp, setting!(offsets.tcp_bytes_received));
        let uncounted = fin && u64::from(unread(tcp)) > received;
        (&raw mut (*to).fin_received).write(u8::from(fin));
        (&raw mut (*to).fin_uncounted).write(u8::from(uncounted));
        (&raw mut (*to).reserved).write(0);
    }
}
