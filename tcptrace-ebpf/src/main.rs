//! The kernel half: BTF tracepoints that put the transitions of TCP sockets into a ring buffer.
//!
//! Above each program stands the kernel source that it relies on. Every offset comes from BTF of
//! the running kernel, through [`settings::Settings`]; nothing here knows a kernel's version.

#![no_std]
#![no_main]
// No atomic type of `core` is there for BPF, though it has the instruction.
#![feature(core_intrinsics)]
#![feature(asm_experimental_arch)]
#![expect(
    internal_features,
    reason = "the build has one compiler: rust-toolchain.toml"
)]

mod accept;
mod cgroup;
mod child;
mod follow;
mod head;
mod kernel;
mod minisock;
mod nested;
mod reset;
mod ring;
mod segment;
mod select;
mod sock;
mod sock_common;
mod state;
mod syn;
mod task;
mod timer;

use aya_ebpf::{
    macros::{btf_tracepoint, fexit},
    programs::{BtfTracePointContext, FExitContext},
};
use tcptrace_ebpf::wire;

use self::{kernel::setting, nested::Change};

/// A full socket changes its state.
///
/// `trace_inet_sock_set_state(const struct sock *sk, const int oldstate, const int newstate)`,
/// include/trace/events/sock.h, since 4.16; from `inet_sk_set_state()` and
/// `inet_sk_state_store()`, net/ipv4/af_inet.c.
#[btf_tracepoint(function = "inet_sock_set_state")]
fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    let change = change(&ctx);
    nested::first(change, |flags| changed(&ctx, change, flags));
    0
}

/// The same where the program above could not be run. Attached behind it where tasks may lose the
/// CPU in it: tracepoints don't disable preemption since 7.0 (`__do_trace_##name()`,
/// include/linux/tracepoint.h).
#[btf_tracepoint(function = "inet_sock_set_state")]
fn preempted_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    let change = change(&ctx);
    nested::between(change, |flags| changed(&ctx, change, flags));
    0
}

/// The same where neither could. Attached behind them.
#[btf_tracepoint(function = "inet_sock_set_state")]
fn nested_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    let change = change(&ctx);
    nested::last(change, |flags| changed(&ctx, change, flags));
    0
}

/// The arguments of that tracepoint.
#[inline(always)]
fn change(ctx: &BtfTracePointContext) -> Change {
    Change {
        sk: ctx.arg(0),
        from: ctx.arg::<u64>(1) as u32,
        to: ctx.arg::<u64>(2) as u32,
    }
}

#[inline(always)]
fn changed(ctx: &BtfTracePointContext, change: Change, flags: u8) {
    sock::changed(
        ctx,
        change.sk as *const u8,
        change.from as u8,
        change.to as u8,
        flags,
    );
}

/// A timer is armed.
///
/// `trace_timer_start(struct timer_list *timer, …)`, include/trace/events/timer.h; from
/// `debug_timer_activate()`, kernel/time/timer.c. The arguments behind `timer` differ by version.
/// Minisocks: `__inet_twsk_schedule()`, net/ipv4/inet_timewait_sock.c. Requests:
/// `reqsk_queue_hash_req()` and `reqsk_timer_handler()`, net/ipv4/inet_connection_sock.c. SYNs:
/// `tcp_connect()`, net/ipv4/tcp_output.c, and `tcp_retransmit_timer()`, net/ipv4/tcp_timer.c.
#[btf_tracepoint(function = "timer_start")]
fn timer_start(ctx: BtfTracePointContext) -> i32 {
    timer::changed(&ctx, wire::change::STARTED);
    0
}

/// A timer is stopped, by `timer_delete()`, by `mod_timer()` or because it is about to expire.
///
/// `trace_timer_cancel(struct timer_list *timer)`, include/trace/events/timer.h; from
/// `debug_deactivate()`, kernel/time/timer.c. Minisocks: `inet_twsk_deschedule_put()`. Requests:
/// `reqsk_queue_unlink()`.
#[btf_tracepoint(function = "timer_cancel")]
fn timer_cancel(ctx: BtfTracePointContext) -> i32 {
    timer::changed(&ctx, wire::change::CANCELLED);
    0
}

/// The function of a timer is about to be called.
///
/// `trace_timer_expire_entry(struct timer_list *timer, unsigned long baseclk)`,
/// include/trace/events/timer.h; from `call_timer_fn()`, kernel/time/timer.c.
#[btf_tracepoint(function = "timer_expire_entry")]
fn timer_expire_entry(ctx: BtfTracePointContext) -> i32 {
    timer::changed(&ctx, wire::change::EXPIRED);
    0
}

/// A segment is dropped, after a minisock dealt with it.
///
/// `trace_kfree_skb(skb, location, reason, rx_sk)`, include/trace/events/skb.h, with `rx_sk` since
/// 6.11; from `tcp_v4_rcv()` and `tcp_v6_rcv()`, `discard_it`, for each segment of a minisock,
/// the FIN that makes TIME_WAIT of FIN_WAIT2 included: its timer is not always told to be armed
/// again, since `__mod_timer()` only changes the time when it stays in its bucket of the wheel.
#[btf_tracepoint(function = "kfree_skb")]
fn kfree_skb(ctx: BtfTracePointContext) -> i32 {
    segment::dropped(ctx.arg(3));
    0
}

/// The same before 6.11, where only the segment is told: `trace_kfree_skb(skb, location, …)`.
#[btf_tracepoint(function = "kfree_skb")]
fn kfree_skb_alone(ctx: BtfTracePointContext) -> i32 {
    segment::fin_dropped(ctx.arg(0));
    0
}

/// An RST arrives that closes a full socket.
///
/// `trace_tcp_receive_reset(struct sock *sk)`, include/trace/events/tcp.h, since 4.15; from
/// `tcp_reset()`, net/ipv4/tcp_input.c, just before `tcp_done()`. ECONNREFUSED is also what ICMP
/// sets (`tcp_v4_err()`, net/ipv4/tcp_ipv4.c), and an old error may stand in `sk_err`.
#[btf_tracepoint(function = "tcp_receive_reset")]
fn tcp_receive_reset(ctx: BtfTracePointContext) -> i32 {
    reset::received(ctx.arg(0));
    0
}

/// An RST is sent.
///
/// `trace_tcp_send_reset(sk, skb, …)`, include/trace/events/tcp.h; from `tcp_v4_send_reset()` and
/// `tcp_v6_send_reset()` in answer to a segment, and from `tcp_send_active_reset()`,
/// net/ipv4/tcp_output.c, where `skb` is null. Without it, an RST by us
/// could not be told from one by the peer: `tcp_rcv_state_process()`, net/ipv4/tcp_input.c, sets
/// ECONNRESET for both, and `tcp_check_req()`, net/ipv4/tcp_minisocks.c, drops the request.
#[btf_tracepoint(function = "tcp_send_reset")]
fn tcp_send_reset(ctx: BtfTracePointContext) -> i32 {
    reset::sent(ctx.arg(0), ctx.arg(1));
    0
}

/// A process or thread is made.
///
/// `trace_sched_process_fork(struct task_struct *parent, struct task_struct *child)`,
/// include/trace/events/sched.h; from `kernel_clone()`, kernel/fork.c, by the parent, before the
/// child runs.
#[btf_tracepoint(function = "sched_process_fork")]
fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    if setting!(follow) != 0 {
        follow::forked(ctx.arg(1));
    }
    accept::forked(ctx.arg(1));
    0
}

/// A process accepts a connection: the return value. Not on every machine.
///
/// `inet_csk_accept(struct sock *sk, struct proto_accept_arg *arg)`,
/// net/ipv4/inet_connection_sock.c, since 6.10.
#[fexit(function = "inet_csk_accept")]
fn inet_csk_accept(ctx: FExitContext) -> i32 {
    sock::accepted(ctx.arg(2));
    0
}

/// The same before: `inet_csk_accept(struct sock *sk, int flags, int *err, bool kern)`.
#[fexit(function = "inet_csk_accept")]
fn inet_csk_accept_of_four(ctx: FExitContext) -> i32 {
    sock::accepted(ctx.arg(4));
    0
}

/// A control group is made, before any process can be in it.
///
/// `trace_cgroup_mkdir(struct cgroup *cgrp, const char *path)`, include/trace/events/cgroup.h; from
/// `cgroup_mkdir()`, kernel/cgroup/cgroup.c, before `kernfs_activate()` shows its directory. Those
/// of v2 keep their name and place: only v1 lets them be renamed (`cgroup1_rename()`).
#[btf_tracepoint(function = "cgroup_mkdir")]
fn cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    cgroup::made(ctx.arg(0));
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Needed for the helpers marked GPL-only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
