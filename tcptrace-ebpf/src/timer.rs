//! Minisocks and requests, seen by their timers.
//!
//! A connection in TIME_WAIT, an orphan in FIN_WAIT2 and a half-open one in SYN_RECV are no full
//! sockets (`struct inet_timewait_sock`, `struct request_sock`). No tracepoint is made for them,
//! but each of them has a timer, and it lives as long as they do.

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::{bpf_get_stack, bpf_jiffies64},
    macros::map,
    maps::PerCpuArray,
    programs::BtfTracePointContext,
};
use tcptrace_ebpf::wire::{EarlyEnd, Head, RequestBegin, STACK_DEPTH, change, flag, kind};

use crate::{
    kernel::{peek, read, setting, zero},
    minisock::Snapshot,
    reset, ring,
};

/// The child that this CPU made last and whose request is not gone yet.
#[map]
static COMPLETING: PerCpuArray<Child> = PerCpuArray::with_max_entries(1, 0);

/// The child of a listener, by what its request has in common with it.
#[derive(Clone, Copy)]
#[repr(C)]
struct Child {
    /// Address of the network namespace; 0: there is no child.
    net: u64,
    remote_addr: [u64; 2],
    local_port: u16,
    /// 0 where it is not known yet.
    remote_port: u16,
    reserved: u32,
}

/// Sends what became of a timer, if it is a minisock's or a request's.
#[inline(always)]
pub fn changed(ctx: &BtfTracePointContext, what: u8) {
    let timer: *const u8 = ctx.arg(0);
    // These tracepoints fire for every timer of the machine: nothing may come before this.
    // SAFETY: `timer` is the struct timer_list that the tracepoint passes.
    let function: u64 = unsafe { read(timer, setting!(offsets.timer_list_function)) };
    if function == setting!(tw_timer_handler) {
        let minisock = timer as u64 - u64::from(setting!(offsets.timewait_timer));
        minisock_changed(ctx, timer, minisock, what);
    } else if function == setting!(reqsk_timer_handler) {
        let request = timer as u64 - u64::from(setting!(offsets.request_timer));
        request_changed(ctx, timer, request, what);
    }
}

/// A child of a listener was made; its request goes next, on this CPU.
///
/// tcp_check_req(), net/ipv4/tcp_minisocks.c: syn_recv_sock(), then
/// inet_csk_complete_hashdance().
#[inline(always)]
pub fn expect_completion(head: &Head, net: u64) {
    if let Some(completing) = COMPLETING.get_ptr_mut(0) {
        let child = Child {
            net,
            remote_addr: remote_addr(head),
            local_port: head.local_port,
            remote_port: head.remote_port,
            reserved: 0,
        };
        // SAFETY: the value of this CPU; the verifier checked the address.
        unsafe { completing.write(child) };
    }
}

/// The child goes on, as tcp_child_process() lets it after all that: one of a SYN cookie had no
/// request.
#[inline(always)]
pub fn expect_no_completion() {
    if let Some(completing) = COMPLETING.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe { (*completing).net = 0 };
    }
}

/// The child that the request became, if it was one.
#[inline(always)]
fn completed(head: &Head, net: u64) -> Option<Child> {
    let completing = COMPLETING.get_ptr_mut(0)?;
    // SAFETY: as above.
    let child = unsafe { *completing };
    if child.net != net || child.local_port != head.local_port {
        return None;
    }
    // Before 6.15 the peer is not known yet.
    let same = child.remote_port == head.remote_port && child.remote_addr == remote_addr(head);
    if child.remote_port != 0 && !same {
        return None;
    }
    // SAFETY: as above.
    unsafe { (*completing).net = 0 };
    Some(child)
}

#[inline(always)]
fn remote_addr(head: &Head) -> [u64; 2] {
    // SAFETY: 16 bytes, in a struct that is aligned for u64, behind three fields of 8 bytes.
    unsafe { (&raw const head.remote_addr).cast::<[u64; 2]>().read() }
}

#[inline(always)]
fn minisock_changed(ctx: &BtfTracePointContext, timer: *const u8, address: u64, what: u8) {
    let bytes = Snapshot::at(address);
    let Some(mut head) = bytes.head(what) else {
        return;
    };
    head.to = bytes.field(setting!(offsets.timewait_substate));
    if what == change::CANCELLED && early(timer) {
        head.kind = kind::MINISOCK_EARLY;
        send_early(ctx, head);
    } else {
        head.kind = kind::MINISOCK;
        ring::send_head(&head);
    }
}

#[inline(always)]
fn request_changed(ctx: &BtfTracePointContext, timer: *const u8, address: u64, what: u8) {
    let bytes = Snapshot::at(address);
    let child = match what {
        change::CANCELLED => bytes
            .addresses()
            .and_then(|head| completed(&head, bytes.net())),
        _ => None,
    };
    // The child's record said which request it came from. Were it lost for want of room, this one
    // would be, too.
    if child.is_some_and(|child| child.remote_port != 0) {
        return;
    }
    let Some(mut head) = bytes.head(what) else {
        return;
    };
    head.to = bytes.field(setting!(offsets.request_num_retrans));
    head.shutdown = bytes.field(setting!(offsets.request_num_timeout));
    if what == change::STARTED {
        head.kind = kind::REQUEST_BEGIN;
        let listener: u64 = bytes.field(setting!(offsets.sock_common_listener));
        let listener = peek(listener, setting!(offsets.sock_common_cookie));
        ring::send(|to: *mut RequestBegin| {
            // SAFETY: `to` is a reserved record.
            unsafe { to.write(RequestBegin { head, listener }) };
        });
    } else if what == change::CANCELLED && child.is_none() && early(timer) {
        head.kind = kind::REQUEST_EARLY;
        if reset::ends_request(&head) {
            head.flags |= flag::RST_SENT;
        }
        send_early(ctx, head);
    } else {
        head.kind = kind::REQUEST;
        ring::send_head(&head);
    }
}

/// Whether a timer that is stopped had time left. The kernel stops it before an expiry, too.
#[inline(always)]
fn early(timer: *const u8) -> bool {
    if setting!(stacks) == 0 {
        return false;
    }
    // SAFETY: `timer` is the struct timer_list that the tracepoint passes; the helper has no
    // argument. Timers count in jiffies, of the width of a long.
    unsafe {
        let expires: u64 = read(timer, setting!(offsets.timer_list_expires));
        (expires.wrapping_sub(bpf_jiffies64()) as i64) > 0
    }
}

/// Sends the end of a minisock or request with the way that led to it: whether an RST, a SYN,
/// connect(), `ss -K` or the end of its namespace stopped the timer is in nothing else.
#[inline(always)]
fn send_early(ctx: &BtfTracePointContext, head: Head) {
    ring::send(|to: *mut EarlyEnd| {
        // SAFETY: `to` is a reserved record, and the stack has room for STACK_DEPTH addresses.
        unsafe {
            (&raw mut (*to).head).write(head);
            zero(&raw mut (*to).stack);
            let stack = (&raw mut (*to).stack).cast();
            bpf_get_stack(ctx.as_ptr(), stack, (STACK_DEPTH * 8) as u32, 0);
        }
    });
}
