//! The records in the ring buffer.
//!
//! Each record begins with a [`Head`], whose `kind` says which record it is. Records are sized so
//! that a transition made in softirq costs 64 bytes; the owner and the metrics of a connection
//! are sent only where they can be known or have a use. So is its network interface, behind the
//! record: see [`kind::LINKED`].

use core::mem::size_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Values of [`Head::kind`].
pub mod kind {
    /// A transition of a full socket: a bare [`Head`](super::Head).
    pub const SOCKET: u8 = 1;
    /// The same, made by a process: [`OwnedSocket`](super::OwnedSocket).
    pub const SOCKET_OWNED: u8 = 2;
    /// The same, with what the connection did so far: [`MeasuredSocket`](super::MeasuredSocket).
    pub const SOCKET_MEASURED: u8 = 3;
    /// The timer of a TIME_WAIT or FIN_WAIT2 minisock: a bare [`Head`](super::Head).
    pub const MINISOCK: u8 = 4;
    /// A minisock's timer was stopped before its time: [`EarlyEnd`](super::EarlyEnd).
    pub const MINISOCK_EARLY: u8 = 5;
    /// The timer of a request socket (SYN_RECV): a bare [`Head`](super::Head).
    pub const REQUEST: u8 = 6;
    /// A request socket began: [`RequestBegin`](super::RequestBegin).
    pub const REQUEST_BEGIN: u8 = 7;
    /// A request was dropped before its time: [`EarlyEnd`](super::EarlyEnd).
    pub const REQUEST_EARLY: u8 = 8;
    /// An RST was sent by a full socket just after it was told to be CLOSED: a bare
    /// [`Head`](super::Head).
    pub const RESET_SENT: u8 = 9;
    /// A FIN was dropped, by whatever it was for: a bare [`Head`](super::Head) without a cookie.
    pub const FIN_DROPPED: u8 = 10;
    /// A process that has a listener, or what it accepted, made another one:
    /// [`Forked`](super::Forked).
    pub const FORKED: u8 = 11;
    /// A process accepted a connection: [`OwnedSocket`](super::OwnedSocket).
    pub const ACCEPTED: u8 = 12;
    /// A SYN was sent, or sent again: a bare [`Head`](super::Head), whose `time_ns` is that of the
    /// segment (`tcp_mstamp`), to the microsecond.
    pub const SYN: u8 = 13;
    /// A control group was made: [`CgroupMade`](super::CgroupMade).
    pub const CGROUP_MADE: u8 = 20;
    /// Added to any of these: a [`Link`](super::Link) follows the record.
    pub const LINKED: u8 = 1 << 7;
}

/// Values of [`Head::from`] in records of minisocks and requests: what became of their timer,
/// mostly.
pub mod change {
    /// Armed: the minisock or request begins, or goes on with a new time.
    pub const STARTED: u8 = 1;
    /// Stopped. The kernel does so before an expiry, too.
    pub const CANCELLED: u8 = 2;
    /// Its time is over.
    pub const EXPIRED: u8 = 3;
    /// None of these: a segment arrived for a minisock, and was dealt with.
    pub const SEGMENT: u8 = 4;
}

/// Bits of [`Head::evidence`] of full sockets. All but the first two only of one that is closed.
pub mod evidence {
    /// `sk_shutdown` has RCV_SHUTDOWN: a FIN was received, or the socket was closed.
    pub const RECEIVE_SHUTDOWN: u8 = 1 << 0;
    /// `sk_shutdown` has SEND_SHUTDOWN.
    pub const SEND_SHUTDOWN: u8 = 1 << 1;
    /// SO_LINGER with a time of zero.
    pub const LINGER_0: u8 = 1 << 2;
    /// Data was received that nobody has read.
    pub const UNREAD: u8 = 1 << 3;
    /// Data or a FIN is not acknowledged: `snd_una` is not `write_seq`.
    pub const UNACKED: u8 = 1 << 4;
    /// TCP_REPAIR is on: the socket goes without a word to its peer.
    pub const REPAIR: u8 = 1 << 5;
    /// The RST that closes it arrived just now.
    pub const RST_RECEIVED: u8 = 1 << 6;
    /// It sent an RST just now.
    pub const RST_SENT: u8 = 1 << 7;
}

/// Bits of [`Head::flags`].
pub mod flag {
    /// `sk_lock.owned` was 1: the running task holds the socket, and made the transition.
    pub const OWNED: u8 = 1 << 0;
    /// The running task is the traced command or one of its children.
    pub const FOLLOWED: u8 = 1 << 1;
    /// The reference count of the network namespace is zero: the namespace is being taken down. Only of
    /// full sockets that close, and of timers that are stopped.
    pub const NETNS_GONE: u8 = 1 << 2;
    /// SOCK_DEAD: no process has the socket any more (an orphan).
    pub const ORPHAN: u8 = 1 << 3;
    /// SOCK_KEEPOPEN: keepalive is on.
    pub const KEEPALIVE: u8 = 1 << 4;
    /// An RST was sent for the segment that ended the request.
    pub const RST_SENT: u8 = 1 << 5;
    /// Told by the program that stands in for the one that mostly tells. Rarely, both did.
    pub const STOOD_IN: u8 = 1 << 6;
    /// SYN_SENT is left for CLOSED, and a SYN is on its way: `packets_out` is not 0.
    pub const SYN_OUT: u8 = 1 << 7;
}

/// The beginning of every record, and all of most.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Head {
    /// CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// The socket cookie; 0 where there is none yet.
    pub cookie: u64,
    /// IPv4 in the first four bytes (the rest zero), or IPv6; network order.
    pub local_addr: [u8; 16],
    /// As `local_addr`. Of a socket that begins to listen: [`Reach`].
    pub remote_addr: [u8; 16],
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Host order; 0 while the kernel has not chosen it, or no longer has it.
    pub local_port: u16,
    /// Host order; 0 if there is none yet.
    pub remote_port: u16,
    /// One of [`kind`], perhaps with [`kind::LINKED`].
    pub kind: u8,
    /// 4 or 6. IPv4-mapped IPv6 is 4.
    pub family: u8,
    /// Full sockets: the kernel's number of the state left. SYNs: 1 if its port, now that it is
    /// known, is not asked for. Others: one of [`change`].
    pub from: u8,
    /// Full sockets: the kernel's number of the state entered. Minisocks: `tw_substate`.
    /// Requests: SYN+ACKs sent again so far (`num_retrans`).
    pub to: u8,
    /// Bits of [`flag`].
    pub flags: u8,
    /// Full sockets: bits of [`evidence`]. Requests: the byte of `num_timeout`, not 0 once the
    /// timer of its SYN+ACK has expired.
    pub evidence: u8,
    /// `sk_err`, 255 at the most; 0 for minisocks and requests.
    pub errno: u8,
    /// `total_retrans`, 255 at the most: SYNs, and full sockets out of SYN_SENT and SYN_RECV and
    /// into CLOSED; 0 for others.
    pub retransmits: u8,
}

/// What else than its address decides which connections a listener gets.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Reach {
    /// IPV6_V6ONLY: 1 if it is set.
    pub only_ipv6: u8,
    /// Zero.
    pub reserved: [u8; 15],
}

/// The network interface that is a part of the identity of a socket, minisock or request
/// (`skc_bound_dev_if`): it was bound to a device, has a link-local address, or is in a VRF. Behind
/// a record, if there is one: few have it.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Link {
    /// Its index in the network namespace; not 0.
    pub index: u32,
    /// Zero.
    pub reserved: u32,
}

/// The process that made a transition.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Owner {
    /// Id of the cgroup (v2) of the task.
    pub cgroup: u64,
    /// Process id (the kernel's tgid), in the pid namespace of tcptrace; 0: it is not in it.
    pub pid: u32,
    /// Effective user of the socket (`sk_uid`), in the initial user namespace.
    pub uid: u32,
    /// Name of the process (its first thread's), ended by a zero byte. Any bytes: a process
    /// chooses it.
    pub comm: [u8; 16],
    /// Name of the thread, as `comm`; without a zero byte if it is that long.
    pub thread: [u8; 15],
    /// 1 for a thread of the kernel (PF_KTHREAD), which belongs to no process.
    pub kernel: u8,
}

/// What a connection did so far: fields of `struct tcp_sock` and `struct inet_connection_sock`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Metrics {
    /// `bytes_acked`: sent and acknowledged; the SYN and the FIN count 1 each.
    pub bytes_acked: u64,
    /// `bytes_received`: bytes; the FIN counts 1.
    pub bytes_received: u64,
    /// `total_retrans`: segments.
    pub retransmits: u32,
    /// `srtt_us`: µs, times 8.
    pub srtt_us_8: u32,
    /// jiffies now, lower 32 bits.
    pub now: u32,
    /// `lsndtime`: jiffies when data was last sent.
    pub last_sent: u32,
    /// `icsk_ack.lrcvtime`: jiffies when data was last received.
    pub last_received: u32,
    /// `keepalive_time`: jiffies; 0: the namespace's setting.
    pub keepalive_time: u32,
    /// `keepalive_intvl`: jiffies; 0: the namespace's setting.
    pub keepalive_interval: u32,
    /// `data_segs_out`: segments with data sent, retransmissions included.
    pub data_segments_sent: u32,
    /// `data_segs_in`: segments with data received.
    pub data_segments_received: u32,
    /// `keepalive_probes`; 0: the namespace's setting.
    pub keepalive_probes: u8,
    /// SOCK_DONE: 1 if a full socket got the peer's FIN, which `bytes_received` counts mostly.
    pub fin_received: u8,
    /// 1 if it is certain that `bytes_received` does not count the peer's FIN: it came in a SYN or
    /// SYN+ACK. Not certain any more once something was read.
    pub fin_uncounted: u8,
    /// Zero.
    pub reserved: u8,
}

/// A transition that a process made.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OwnedSocket {
    /// `kind` is [`kind::SOCKET_OWNED`].
    pub head: Head,
    /// The process.
    pub owner: Owner,
}

/// A transition out of ESTABLISHED or into CLOSED.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MeasuredSocket {
    /// `kind` is [`kind::SOCKET_MEASURED`].
    pub head: Head,
    /// The process if [`flag::OWNED`] is set; all zero but `uid` otherwise.
    pub owner: Owner,
    /// The connection so far.
    pub metrics: Metrics,
}

/// A SYN arrived and a request socket was made for it.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RequestBegin {
    /// `kind` is [`kind::REQUEST_BEGIN`].
    pub head: Head,
    /// Cookie of the listener; 0 if it has none.
    pub listener: u64,
}

/// A process was made that has copies of another's descriptors.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Forked {
    /// `kind` is [`kind::FORKED`]; nothing else but the time is in it.
    pub head: Head,
    /// Who made it, as [`Owner::pid`].
    pub pid: u32,
    /// Zero.
    pub reserved: u32,
}

/// How many return addresses an [`EarlyEnd`] carries.
pub const STACK_DEPTH: usize = 12;

/// The end of a minisock or request before its time, with the way that led there.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EarlyEnd {
    /// `kind` is [`kind::MINISOCK_EARLY`] or [`kind::REQUEST_EARLY`].
    pub head: Head,
    /// Kernel return addresses, innermost first; the rest zero.
    pub stack: [u64; STACK_DEPTH],
}

/// A control group (v2) was made.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CgroupMade {
    /// `kind` is [`kind::CGROUP_MADE`]; only `time_ns` is set besides.
    pub head: Head,
    /// Its id.
    pub id: u64,
    /// The id of the one that it was made in.
    pub parent: u64,
    /// Its name (NAME_MAX bytes at the most), ended by a zero byte; what is behind that is
    /// anything. Any bytes: whoever makes it chooses it.
    pub name: [u8; 256],
}

const _: () = {
    assert!(size_of::<Head>() == 64);
    assert!(size_of::<Reach>() == 16);
    assert!(size_of::<Link>() == 8);
    assert!(size_of::<Owner>() == 48);
    assert!(size_of::<Metrics>() == 56);
    assert!(size_of::<OwnedSocket>() == 112);
    assert!(size_of::<MeasuredSocket>() == 168);
    assert!(size_of::<RequestBegin>() == 72);
    assert!(size_of::<Forked>() == 72);
    assert!(size_of::<EarlyEnd>() == 160);
    assert!(size_of::<CgroupMade>() == 336);
};
