//! The far end of a wire: a TUN device, and peers whose every segment the test writes itself.

use std::{
    cell::Cell,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    net::{
        IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket,
    },
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::fs::OpenOptionsExt as _,
    },
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;

use crate::{
    Family,
    namespace::{self, Listeners, Namespace},
    patience::patient,
    sockets::{begin_connect, connect_fast},
    trace::End,
};

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;

/// How long a segment of the kernel's is waited for: two retransmissions of a SYN.
const LIMIT: Duration = Duration::from_secs(5);
const WINDOW: u16 = 60_000;
const TCP: u8 = 6;

/// A wire to peers that say nothing by themselves.
pub struct Wire {
    tun: File,
    device: &'static str,
    family: Family,
    link_local: bool,
    ports: Cell<u16>,
    listeners: Listeners,
}

/// A segment that the kernel sent.
#[derive(Clone, Debug)]
pub struct Segment {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub flags: u8,
    pub seq: u32,
    pub length: u32,
    packet: Vec<u8>,
}

/// A peer's end of a connection.
pub struct Peer<'w> {
    wire: &'w Wire,
    /// The peer's address and port.
    addr: SocketAddr,
    /// The kernel's.
    host: SocketAddr,
    /// The next that the peer sends.
    pub seq: u32,
    /// The next that the peer wants.
    pub ack: u32,
    /// How much the peer takes.
    pub window: u16,
}

impl Wire {
    /// Lays a wire into the namespace: the kernel is 10.9.0.1 or fd00:9::1, the peers .2.
    pub fn new(net: &Namespace, family: Family) -> Self {
        Self::lay(net, family, "wire", false)
    }

    /// The same with a name of its own, and the same addresses.
    pub fn called(net: &Namespace, family: Family, device: &'static str) -> Self {
        Self::lay(net, family, device, false)
    }

    /// The same with link-local addresses: the kernel is fe80::1.
    pub fn link_local(net: &Namespace, device: &'static str) -> Self {
        Self::lay(net, Family::V6, device, true)
    }

    fn lay(net: &Namespace, family: Family, device: &'static str, link_local: bool) -> Self {
        let tun = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")
            .expect("/dev/net/tun");
        let mut request = namespace::request(device);
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        // SAFETY: the kernel reads and writes no more than the struct.
        let made = unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
        assert_eq!(made, 0, "a TUN device: {}", std::io::Error::last_os_error());
        match addr(family, link_local, 1) {
            IpAddr::V4(addr) => set_ipv4_address(device, addr),
            IpAddr::V6(addr) => set_ipv6_address(device, addr),
        }
        namespace::set_flags(device, libc::IFF_UP | libc::IFF_RUNNING).expect("the wire is up");
        let wire = Self {
            tun,
            device,
            family,
            link_local,
            ports: Cell::new(20_000),
            listeners: net.listeners().clone(),
        };
        wire.wait_for_address();
        wire
    }

    /// In IPv6 the kernel takes its time, even without duplicate address detection.
    fn wait_for_address(&self) {
        let deadline = Instant::now() + patient(LIMIT);
        while let Err(error) = UdpSocket::bind(self.at(self.host(), 0)) {
            assert!(Instant::now() < deadline, "{}: {error}", self.host());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A listener at the kernel's end, and its port.
    pub fn listen(&self) -> (TcpListener, u16) {
        let listener = TcpListener::bind(self.at(self.host(), 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        self.listeners.add(port);
        (listener, port)
    }

    /// The index of its device.
    pub fn index(&self) -> u32 {
        nix::net::if_::if_nametoindex(self.device).expect("the device")
    }

    /// An address and port, as a socket takes them.
    fn at(&self, addr: IpAddr, port: u16) -> SocketAddr {
        match addr {
            IpAddr::V6(addr) if self.link_local => {
                SocketAddrV6::new(addr, port, 0, self.index()).into()
            }
            addr => (addr, port).into(),
        }
    }

    /// The kernel's address.
    pub fn host(&self) -> IpAddr {
        self.addr(1)
    }

    /// An address and port of a peer that nobody has yet.
    pub fn peer(&self) -> SocketAddr {
        let port = self.ports.get();
        self.ports.set(port + 1);
        (self.addr(2), port).into()
    }

    /// A socket that connects to a peer, whose SYN is on the wire: the socket, and the peer, who
    /// has not answered.
    pub fn connect(&self, net: &Namespace) -> (Socket, Peer<'_>) {
        let socket = net.socket(self.family);
        let peer = self.connect_with(&socket);
        (socket, peer)
    }

    /// The same with a socket that was made before.
    pub fn connect_with(&self, socket: &Socket) -> Peer<'_> {
        self.connect_showing_syn(socket).0
    }

    /// The same with the SYN.
    pub fn connect_showing_syn(&self, socket: &Socket) -> (Peer<'_>, Segment) {
        let to = self.peer();
        begin_connect(socket, self.at(to.ip(), to.port()));
        let syn = self.receive(|segment| segment.to == to && segment.flags == SYN);
        let ack = syn.seq.wrapping_add(1);
        (
            Peer {
                wire: self,
                addr: to,
                host: syn.from,
                seq: 1000,
                ack,
                window: WINDOW,
            },
            syn,
        )
    }

    /// A connection that a socket made to a peer.
    pub fn connected(&self, net: &Namespace) -> (Socket, Peer<'_>) {
        let (socket, mut peer) = self.connect(net);
        peer.send(SYN | ACK);
        peer.receive(ACK);
        (socket, peer)
    }

    /// A socket that sent data in its SYN to a peer, who has not answered.
    pub fn connect_fast(&self, data: &[u8]) -> (TcpStream, Peer<'_>) {
        let to = self.peer();
        let stream = connect_fast(self.family, to, data);
        let syn = self.receive(|segment| segment.to == to && segment.flags & !PSH == SYN);
        let peer = Peer {
            wire: self,
            addr: to,
            host: syn.from,
            seq: 1000,
            ack: syn.seq.wrapping_add(syn.length + 1),
            window: WINDOW,
        };
        (stream, peer)
    }

    /// A peer that has sent a SYN to a port of the kernel's, and has its SYN+ACK.
    pub fn syn(&self, port: u16) -> Peer<'_> {
        self.syn_with(port, &[])
    }

    /// The same with data in the SYN.
    pub fn syn_with(&self, port: u16, data: &[u8]) -> Peer<'_> {
        let (addr, host) = (self.peer(), (self.host(), port).into());
        let mut peer = Peer {
            wire: self,
            addr,
            host,
            seq: 1000,
            ack: 0,
            window: WINDOW,
        };
        peer.send_data(SYN, data);
        let answer = peer.receive(SYN | ACK);
        peer.ack = answer.seq.wrapping_add(1);
        peer
    }

    /// Waits for a segment of the kernel's.
    fn receive(&self, wanted: impl Fn(&Segment) -> bool) -> Segment {
        let deadline = Instant::now() + patient(LIMIT);
        let mut others = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(self.tun.as_fd(), PollFlags::POLLIN)];
            let timeout = PollTimeout::try_from(left.as_millis() as i32).unwrap();
            assert_ne!(
                poll(&mut fds, timeout).expect("poll"),
                0,
                "the kernel did not send the segment that was waited for, but {others:?}"
            );
            let mut packet = vec![0; 2048];
            let length = (&self.tun).read(&mut packet).expect("a packet");
            packet.truncate(length);
            if let Some(segment) = Segment::parse(packet) {
                if wanted(&segment) {
                    return segment;
                }
                others.push((segment.to.port(), segment.flags));
            }
        }
    }

    fn send(&self, protocol: u8, payload: &mut [u8], checksum_at: usize) {
        let (from, to) = (self.addr(2), self.addr(1));
        let checksum = checksum(from, to, protocol, payload);
        payload[checksum_at..checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
        let length = payload.len() as u16;
        let mut packet = Vec::new();
        match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                packet.extend([0x45, 0]);
                packet.extend((length + 20).to_be_bytes());
                packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
                packet.extend(from.octets());
                packet.extend(to.octets());
                let header = !sum(&packet, 0);
                packet[10..12].copy_from_slice(&header.to_be_bytes());
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                packet.extend([0x60, 0, 0, 0]);
                packet.extend(length.to_be_bytes());
                packet.extend([protocol, 64]);
                packet.extend(from.octets());
                packet.extend(to.octets());
            }
            _ => unreachable!("both are of one family"),
        }
        packet.extend_from_slice(payload);
        (&self.tun).write_all(&packet).expect("a packet is sent");
    }

    fn addr(&self, host: u8) -> IpAddr {
        addr(self.family, self.link_local, host)
    }
}

fn addr(family: Family, link_local: bool, host: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 9, 0, host).into(),
        Family::V6 if link_local => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, host.into()).into(),
        Family::V6 => Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, host.into()).into(),
    }
}

impl Peer<'_> {
    /// Sends a segment without data.
    pub fn send(&mut self, flags: u8) {
        self.send_data(flags, &[]);
    }

    /// Sends a segment.
    pub fn send_data(&mut self, flags: u8, data: &[u8]) {
        let mut segment = Vec::new();
        segment.extend(self.addr.port().to_be_bytes());
        segment.extend(self.host.port().to_be_bytes());
        segment.extend(self.seq.to_be_bytes());
        segment.extend(if flags & ACK == 0 { 0 } else { self.ack }.to_be_bytes());
        segment.extend([5 << 4, flags]);
        segment.extend(self.window.to_be_bytes());
        segment.extend([0; 4]);
        segment.extend_from_slice(data);
        self.wire.send(TCP, &mut segment, 16);
        self.seq = self.seq.wrapping_add(data.len() as u32 + phantom(flags));
    }

    /// Waits for a segment of this connection with these flags (PSH apart), and takes it in: what
    /// is sent next acknowledges it.
    pub fn receive(&mut self, flags: u8) -> Segment {
        let segment = self.overhear(flags);
        self.ack = segment
            .seq
            .wrapping_add(segment.length + phantom(segment.flags));
        segment
    }

    /// Waits for a segment, and does not take it in.
    pub fn overhear(&self, flags: u8) -> Segment {
        self.wire.receive(|segment| {
            segment.to == self.addr && segment.from == self.host && segment.flags & !PSH == flags
        })
    }

    /// Says by ICMP that a segment of the kernel's did not get through.
    pub fn unreachable(&self, kind: u8, code: u8, about: &Segment) {
        let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
        message.extend_from_slice(&about.packet);
        self.wire
            .send(if self.addr.is_ipv4() { 1 } else { 58 }, &mut message, 2);
    }

    /// The kernel's end of the connection.
    pub fn end(&self) -> End {
        End {
            local: self.host.port(),
            remote: self.addr.port(),
        }
    }

    /// The peer's address and port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Segment {
    fn parse(packet: Vec<u8>) -> Option<Self> {
        let (from, to, protocol, start): (IpAddr, IpAddr, u8, usize) = match packet.first()? >> 4 {
            4 => (
                <[u8; 4]>::try_from(packet.get(12..16)?).ok()?.into(),
                <[u8; 4]>::try_from(packet.get(16..20)?).ok()?.into(),
                packet[9],
                usize::from(packet[0] & 15) * 4,
            ),
            6 => (
                <[u8; 16]>::try_from(packet.get(8..24)?).ok()?.into(),
                <[u8; 16]>::try_from(packet.get(24..40)?).ok()?.into(),
                packet[6],
                40,
            ),
            _ => return None,
        };
        let tcp = packet
            .get(start..)
            .filter(|tcp| protocol == TCP && tcp.len() >= 20)?;
        let short = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
        let long = |at: usize| u32::from(short(at)) << 16 | u32::from(short(at + 2));
        Some(Self {
            from: (from, short(0)).into(),
            to: (to, short(2)).into(),
            flags: tcp[13] & 31,
            seq: long(4),
            length: (tcp.len() - usize::from(tcp[12] >> 4) * 4) as u32,
            packet,
        })
    }
}

/// SYN and FIN count as a byte each.
fn phantom(flags: u8) -> u32 {
    (flags & (SYN | FIN)).count_ones()
}

/// The checksum of TCP and ICMPv6, which covers the addresses, and of ICMP, which does not.
fn checksum(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> u16 {
    let mut covered = Vec::new();
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) if protocol == TCP => {
            covered.extend(from.octets());
            covered.extend(to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            covered.extend(from.octets());
            covered.extend(to.octets());
        }
        _ => return !sum(payload, 0),
    }
    let begin = sum(&covered, u32::from(protocol) + payload.len() as u32);
    !sum(payload, begin.into())
}

/// The sum in one's complement.
fn sum(bytes: &[u8], begin: u32) -> u16 {
    let mut sum = begin;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([
            pair[0],
            pair.get(1).copied().unwrap_or(0),
        ]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn set_ipv4_address(device: &str, addr: Ipv4Addr) {
    for (what, address) in [
        (libc::SIOCSIFADDR, addr),
        (libc::SIOCSIFNETMASK, Ipv4Addr::new(255, 255, 255, 0)),
    ] {
        let mut request = namespace::request(device);
        let address = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: 0,
            sin_addr: libc::in_addr {
                s_addr: u32::from(address).to_be(),
            },
            sin_zero: [0; 8],
        };
        // SAFETY: the two kinds of sockaddr have one size; the kernel reads no more than the
        // request.
        unsafe {
            request.ifr_ifru.ifru_addr =
                std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(address);
            namespace::ioctl(libc::AF_INET, what as _, (&raw mut request).cast()).expect("address");
        }
    }
}

fn set_ipv6_address(device: &str, addr: Ipv6Addr) {
    let conf = format!("/proc/sys/net/ipv6/conf/{device}");
    for setting in ["accept_dad", "router_solicitations"] {
        fs::write(format!("{conf}/{setting}"), "0").expect("a quiet device");
    }
    let index = nix::net::if_::if_nametoindex(device).expect("the device");
    let mut request = libc::in6_ifreq {
        ifr6_addr: libc::in6_addr {
            s6_addr: addr.octets(),
        },
        ifr6_prefixlen: 64,
        ifr6_ifindex: index as i32,
    };
    // SAFETY: the kernel reads no more than the request.
    unsafe {
        namespace::ioctl(
            libc::AF_INET6,
            libc::SIOCSIFADDR as _,
            (&raw mut request).cast(),
        )
        .expect("address");
    }
}
