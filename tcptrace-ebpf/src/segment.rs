//! Segments that are dropped: what they did to the minisock that they were for.

use tcptrace_ebpf::wire::{change, kind};

use crate::{
    head::HeadBuffer,
    kernel::{now, peek, read, setting},
    minisock::SockBytes,
    ring,
    select::wanted,
    state::TIME_WAIT,
};

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const IPPROTO_TCP: u8 = 6;
/// TCPHDR_FIN, and the byte of the header that it is in.
const FIN: u8 = 0x01;
const FLAGS: u32 = 13;

/// Sends the state of a minisock that a segment was for.
#[inline(always)]
pub fn dropped(sk: *const u8) {
    // Most segments that are dropped are for nobody.
    // SAFETY: `sk` is the struct sock that the tracepoint passes; a minisock begins with a
    // sock_common just as well.
    if sk.is_null() || unsafe { read::<u8>(sk, setting!(offsets.sock_common_state)) } != TIME_WAIT {
        return;
    }
    let bytes = SockBytes::at(sk as u64);
    let mut buffer = HeadBuffer::new();
    let head = buffer.zeroed();
    if !bytes.read(head, change::SEGMENT) {
        return;
    }
    head.to = bytes.field(setting!(offsets.timewait_substate));
    head.kind = kind::MINISOCK;
    ring::send_head(head, bytes.link());
}

/// Sends the addresses of a FIN, and the link that it came by. One for a full socket is not
/// dropped, but read.
#[inline(always)]
pub fn fin_dropped(skb: *const u8) {
    // SAFETY: `skb` is the struct sk_buff that the tracepoint passes, here and below.
    let (start, network, transport, protocol): (u64, u16, u16, u16) = unsafe {
        (
            read(skb, setting!(offsets.skb_head)),
            read(skb, setting!(offsets.skb_network_header)),
            read(skb, setting!(offsets.skb_transport_header)),
            read(skb, setting!(offsets.skb_protocol)),
        )
    };
    // A transport header that was never set is all ones.
    if transport == u16::MAX {
        return;
    }
    let ip = start + u64::from(network);
    let tcp = start + u64::from(transport);
    // struct iphdr and struct ipv6hdr are the protocol's own; they don't change.
    let family = match u16::from_be(protocol) {
        ETH_P_IP if peek::<u8>(ip, 9) == IPPROTO_TCP => 4,
        ETH_P_IPV6 if peek::<u8>(ip, 6) == IPPROTO_TCP => 6,
        _ => return,
    };
    if peek::<u8>(tcp, FLAGS) & FIN == 0 {
        return;
    }
    let mut buffer = HeadBuffer::new();
    let head = buffer.zeroed();
    head.kind = kind::FIN_DROPPED;
    head.family = family;
    let remote = head.remote_addr.as_mut_ptr();
    let local = head.local_addr.as_mut_ptr();
    // SAFETY: both have room for 16 bytes.
    unsafe {
        if family == 4 {
            remote.cast::<u32>().write(peek(ip, 12));
            local.cast::<u32>().write(peek(ip, 16));
        } else {
            remote.cast::<u64>().write(peek(ip, 8));
            remote.cast::<u64>().add(1).write(peek(ip, 16));
            local.cast::<u64>().write(peek(ip, 24));
            local.cast::<u64>().add(1).write(peek(ip, 32));
        }
    }
    head.remote_port = u16::from_be(peek(tcp, 0));
    head.local_port = u16::from_be(peek(tcp, 2));
    // SAFETY: `dev` is a struct net_device, or null, of which reads are zero; so is its namespace.
    let link = unsafe {
        let dev: *const u8 = read(skb, setting!(offsets.skb_dev));
        let net: *const u8 = read(dev, setting!(offsets.net_device_net));
        head.netns = read(net, setting!(offsets.net_ns_inum));
        read(dev, setting!(offsets.net_device_ifindex))
    };
    if !wanted(head) {
        return;
    }
    head.time_ns = now();
    ring::send_head(head, link);
}
