//! Minisocks and requests, seen by their timers.
//!
//! A connection in TIME_WAIT, an orphan in FIN_WAIT2 and a half-open one in SYN_RECV are no full
//! sockets (`struct inet_timewait_sock`, `struct request_sock`). No tracepoint is made for them,
//! but each of them has a timer, and it lives as long as they do.

use aya_ebpf::{
    EbpfContext as _, helpers::generated::bpf_get_stack, programs::BtfTracePointContext,
};
use tcptrace_ebpf::wire::{EarlyEnd, Head, RequestBegin, STACK_DEPTH, change, flag, kind};

use crate::{
    child,
    head::HeadBuffer,
    kernel::{peek, read, setting, zero},
    minisock::SockBytes,
    reset, ring, syn,
};

/// Sends what became of a timer, if it is a minisock's or a request's.
#[inline(always)]
pub fn changed(ctx: &BtfTracePointContext, what: u8) {
    let timer: *const u8 = ctx.arg(0);
    // These tracepoints fire for every timer of the machine: nothing may come before this.
    // SAFETY: `timer` is the struct timer_list that the tracepoint passes.
    let function: u64 = unsafe { read(timer, setting!(offsets.timer_list_function)) };
    if function == setting!(tw_timer_handler) {
        // That it expires is told next.
        if what != change::CANCELLED || !about_to_expire(ctx, timer) {
            let minisock = timer as u64 - u64::from(setting!(offsets.timewait_timer));
            minisock_changed(ctx, minisock, what);
        }
    } else if function == setting!(reqsk_timer_handler) {
        request_changed(ctx, timer, what);
    } else if what == change::STARTED && function == setting!(tcp_write_timer) {
        syn::armed(timer as u64 - u64::from(setting!(offsets.tcp_write_timer)));
    }
}

#[inline(always)]
fn minisock_changed(ctx: &BtfTracePointContext, address: u64, what: u8) {
    let bytes = SockBytes::at(address);
    let mut buffer = HeadBuffer::new();
    let head = buffer.zeroed();
    if !bytes.read(head, what) {
        return;
    }
    head.to = bytes.field(setting!(offsets.timewait_substate));
    if what == change::CANCELLED && setting!(stacks) != 0 {
        head.kind = kind::MINISOCK_EARLY;
        send_early(ctx, head, bytes.link());
    } else {
        head.kind = kind::MINISOCK;
        ring::send_head(head, bytes.link());
    }
}

#[inline(always)]
fn request_changed(ctx: &BtfTracePointContext, timer: *const u8, what: u8) {
    let bytes = SockBytes::at(timer as u64 - u64::from(setting!(offsets.request_timer)));
    // That its child goes on tells which request it came from; that it expires is told next.
    if what == change::CANCELLED && (child::completes(&bytes) || about_to_expire(ctx, timer)) {
        return;
    }
    let mut buffer = HeadBuffer::new();
    let head = buffer.zeroed();
    if !bytes.read(head, what) {
        return;
    }
    head.to = bytes.field(setting!(offsets.request_num_retrans));
    head.evidence = bytes.field(setting!(offsets.request_num_timeout));
    if what == change::STARTED {
        head.kind = kind::REQUEST_BEGIN;
        let listener: u64 = bytes.field(setting!(offsets.sock_common_listener));
        let listener = peek(listener, setting!(offsets.sock_common_cookie));
        ring::send(bytes.link(), |to: *mut RequestBegin| {
            // SAFETY: `to` is a reserved record.
            unsafe {
                (&raw mut (*to).head).write(*head);
                (&raw mut (*to).listener).write(listener);
            }
        });
    } else if what == change::CANCELLED && setting!(stacks) != 0 {
        head.kind = kind::REQUEST_EARLY;
        if reset::ends_request(head) {
            head.flags |= flag::RST_SENT;
        }
        send_early(ctx, head, bytes.link());
    } else {
        head.kind = kind::REQUEST;
        ring::send_head(head, bytes.link());
    }
}

/// Whether a timer that is stopped is about to expire: `expire_timers()`, kernel/time/timer.c,
/// stops it first. It was put on a list that begins on the kernel stack then (`__run_timers()`:
/// `heads`, since 4.8), where it is the first; the arguments of a tracepoint are on the same stack
/// (`bpf_trace_run1()`, kernel/trace/bpf_trace.c). Whether its time is over does not tell: the
/// wheel is late by up to an eighth of the time, and until then anybody may stop it.
///
/// Were this wrong, the way that led here would be looked at for nothing, or be unknown.
#[inline(always)]
fn about_to_expire(ctx: &BtfTracePointContext, timer: *const u8) -> bool {
    /// THREAD_SIZE or IRQ_STACK_SIZE, or less.
    const STACK: u64 = 16 * 1024;
    // SAFETY: `timer` is the struct timer_list that the tracepoint passes.
    let previous: u64 = unsafe { read(timer, setting!(offsets.timer_list_pprev)) };
    previous.wrapping_sub(address(ctx)).wrapping_add(STACK) < 2 * STACK
}

/// Where the arguments of the tracepoint are. The verifier lets nobody calculate with a pointer
/// to them, but with a copy that it knows nothing of.
#[inline(always)]
fn address(ctx: &BtfTracePointContext) -> u64 {
    let pointer = ctx.as_ptr();
    peek(&raw const pointer as u64, 0)
}

/// Sends the end of a minisock or request with the way that led to it: whether an RST, a SYN,
/// connect(), `ss -K` or the end of its namespace stopped the timer is in nothing else.
#[inline(always)]
fn send_early(ctx: &BtfTracePointContext, head: &Head, link: u32) {
    ring::send(link, |to: *mut EarlyEnd| {
        // SAFETY: `to` is a reserved record, and the stack has room for STACK_DEPTH addresses.
        unsafe {
            (&raw mut (*to).head).write(*head);
            zero(&raw mut (*to).stack);
            let stack = (&raw mut (*to).stack).cast();
            bpf_get_stack(ctx.as_ptr(), stack, (STACK_DEPTH * 8) as u32, 0);
        }
    });
}
