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
use aya_log_ebpf::debug;
use tcptrace_ebpf::{
    settings::MINISOCK_BYTES,
    wire::{EarlyEnd, Head, RequestBegin, STACK_DEPTH, change, flag, kind},
};

use crate::{
    kernel::{now, peek, peek_into, read, setting},
    ring,
    select::wanted,
    sock,
};

/// TCP_TIME_WAIT, include/net/tcp_states.h: of minisocks, whatever their substate.
const TIME_WAIT: u8 = 6;

/// The local port of the child that this CPU made last and whose request is not gone yet.
#[map]
static COMPLETING: PerCpuArray<u32> = PerCpuArray::with_max_entries(1, 0);

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

/// Sends the state of a minisock that a segment was for.
#[inline(always)]
pub fn segment_dropped(ctx: &BtfTracePointContext, sk: *const u8) {
    // Most segments that are dropped are for nobody.
    // SAFETY: `sk` is the struct sock that the tracepoint passes, or null; a minisock begins with
    // a sock_common just as well.
    if sk.is_null() || unsafe { read::<u8>(sk, setting!(offsets.sock_common_state)) } != TIME_WAIT {
        return;
    }
    let bytes = Snapshot::at(sk as u64);
    let Some(mut head) = bytes.head(change::SEGMENT) else {
        return;
    };
    head.to = bytes.field(setting!(offsets.timewait_substate));
    head.kind = kind::MINISOCK;
    debug!(
        ctx,
        "minisock {:x}: segment, substate {}", head.cookie, head.to
    );
    send(head);
}

/// A child of a listener was made; its request goes next, on this CPU.
///
/// tcp_check_req(), net/ipv4/tcp_minisocks.c: syn_recv_sock(), then
/// inet_csk_complete_hashdance().
#[inline(always)]
pub fn expect_completion(local_port: u16) {
    if let Some(completing) = COMPLETING.get_ptr_mut(0) {
        // SAFETY: the value of this CPU; the verifier checked the address.
        unsafe { *completing = u32::from(local_port) };
    }
}

#[inline(always)]
fn completes(local_port: u16) -> bool {
    COMPLETING.get_ptr_mut(0).is_some_and(|completing| {
        // SAFETY: as above.
        let expected = unsafe { completing.replace(0) };
        expected == u32::from(local_port)
    })
}

#[inline(always)]
fn minisock_changed(ctx: &BtfTracePointContext, timer: *const u8, address: u64, what: u8) {
    let bytes = Snapshot::at(address);
    let Some(mut head) = bytes.head(what) else {
        return;
    };
    head.to = bytes.field(setting!(offsets.timewait_substate));
    debug!(
        ctx,
        "minisock {:x}: change {}, substate {}", head.cookie, what, head.to
    );
    if what == change::CANCELLED && early(timer) {
        head.kind = kind::MINISOCK_EARLY;
        send_early(ctx, head);
    } else {
        head.kind = kind::MINISOCK;
        send(head);
    }
}

#[inline(always)]
fn request_changed(ctx: &BtfTracePointContext, timer: *const u8, address: u64, what: u8) {
    let bytes = Snapshot::at(address);
    let Some(mut head) = bytes.head(what) else {
        return;
    };
    head.to = bytes.field(setting!(offsets.request_num_retrans));
    head.shutdown = bytes.field(setting!(offsets.request_num_timeout));
    debug!(
        ctx,
        "request of port {}: change {}, retransmits {}", head.remote_port, what, head.to
    );
    if what == change::STARTED {
        head.kind = kind::REQUEST_BEGIN;
        let listener: u64 = bytes.field(setting!(offsets.sock_common_listener));
        let listener = peek(listener, setting!(offsets.sock_common_cookie));
        ring::send(|to: *mut RequestBegin| {
            // SAFETY: `to` is a reserved record.
            unsafe { to.write(RequestBegin { head, listener }) };
        });
    } else if what == change::CANCELLED && !completes(head.local_port) && early(timer) {
        head.kind = kind::REQUEST_EARLY;
        send_early(ctx, head);
    } else {
        head.kind = kind::REQUEST;
        send(head);
    }
}

/// The beginning of a minisock or request: a copy, since the verifier knows no type for it.
#[repr(align(8))]
struct Snapshot([u8; MINISOCK_BYTES]);

impl Snapshot {
    #[inline(always)]
    fn at(address: u64) -> Self {
        let mut bytes = core::mem::MaybeUninit::<Self>::uninit();
        // SAFETY: the helper writes all of it, zero on a fault.
        unsafe {
            peek_into(bytes.as_mut_ptr().cast(), MINISOCK_BYTES as u32, address);
            bytes.assume_init()
        }
    }

    #[inline(always)]
    fn field<T: Copy>(&self, offset: u32) -> T {
        // SAFETY: userspace checked that the offsets lie within.
        unsafe { read(self.0.as_ptr(), offset) }
    }

    /// `None` if it is not asked for.
    #[inline(always)]
    fn head(&self, what: u8) -> Option<Head> {
        // SAFETY: minisocks and requests begin with a sock_common.
        let mut head = unsafe { sock::common(self.0.as_ptr()) }?;
        let (netns, gone) = sock::netns_of(self.field(setting!(offsets.sock_common_net)));
        head.netns = netns;
        if !wanted(&head) {
            return None;
        }
        if gone {
            head.flags = flag::NETNS_GONE;
        }
        head.from = what;
        head.cookie = self.field(setting!(offsets.sock_common_cookie));
        head.time_ns = now();
        Some(head)
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

#[inline(always)]
fn send(head: Head) {
    ring::send(|to: *mut Head| {
        // SAFETY: `to` is a reserved record.
        unsafe { to.write(head) };
    });
}

/// Sends the end of a minisock or request with the way that led to it: whether an RST, a SYN,
/// connect(), `ss -K` or the end of its namespace stopped the timer is in nothing else.
#[inline(always)]
fn send_early(ctx: &BtfTracePointContext, head: Head) {
    ring::send(|to: *mut EarlyEnd| {
        // SAFETY: `to` is a reserved record, and the stack has room for STACK_DEPTH addresses.
        unsafe {
            (&raw mut (*to).head).write(head);
            (&raw mut (*to).stack)
                .cast::<[u64; STACK_DEPTH]>()
                .write([0; STACK_DEPTH]);
            let stack = (&raw mut (*to).stack).cast();
            bpf_get_stack(ctx.as_ptr(), stack, (STACK_DEPTH * 8) as u32, 0);
        }
    });
}
