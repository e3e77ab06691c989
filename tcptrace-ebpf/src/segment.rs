//! Segments that are dropped: what they did to the socket or minisock that they were for.

use aya_ebpf::programs::BtfTracePointContext;
use aya_log_ebpf::debug;
use tcptrace_ebpf::wire::{change, kind};

use crate::{
    kernel::{read, setting},
    minisock::Snapshot,
    ring,
};

/// TCP_TIME_WAIT, include/net/tcp_states.h: of minisocks, whatever their substate.
const TIME_WAIT: u8 = 6;

/// Sends what a dropped segment did, if it did something.
#[inline(always)]
pub fn dropped(ctx: &BtfTracePointContext, reason: u32, sk: *const u8) {
    // Most segments that are dropped are for nobody.
    if sk.is_null() {
        return;
    }
    // SAFETY: `sk` is the struct sock that the tracepoint passes; a minisock begins with a
    // sock_common just as well.
    let state: u8 = unsafe { read(sk, setting!(offsets.sock_common_state)) };
    if state == TIME_WAIT {
        minisock_answered(ctx, sk);
    } else if reason == setting!(abort_on_data) && reason != 0 {
        aborted(ctx, sk);
    }
}

/// Sends the state of a minisock that a segment was for.
#[inline(always)]
fn minisock_answered(ctx: &BtfTracePointContext, sk: *const u8) {
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
    ring::send_head(head);
}

/// Sends that a full socket was closed by data that nobody will read.
#[inline(always)]
fn aborted(ctx: &BtfTracePointContext, sk: *const u8) {
    // A full socket begins with a sock_common, too.
    let Some(mut head) = Snapshot::at(sk as u64).head(0) else {
        return;
    };
    head.kind = kind::ABORTED;
    debug!(
        ctx,
        "socket {:x}: closed by data that came too late", head.cookie
    );
    ring::send_head(head);
}
