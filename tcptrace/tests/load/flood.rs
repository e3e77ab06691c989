//! A SYN flood: half-open connections from addresses that nobody has.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    os::fd::AsRawFd as _,
};

use socket2::{Domain, Socket, Type};

use crate::{
    load,
    memory::{MIB, mib, resident},
    namespace::{self, Namespace},
    traced::{Told, Traced},
};

const DEVICE: &str = "wire";
const HOST: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const PORT: u16 = 80;
const ARGUMENTS: [&str; 7] = [
    "watch",
    "-o",
    "json",
    "--netns",
    "self",
    "--buffer-size",
    "64M",
];

/// A wire to all of 10.0.0.0/8, on which nobody answers.
struct Wire(File);

impl Wire {
    fn new() -> Self {
        let tun = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/net/tun");
        let tun = tun.expect("/dev/net/tun");
        let mut request = namespace::request(DEVICE);
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        // SAFETY: the kernel reads and writes no more than the struct.
        let made = unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
        assert_eq!(made, 0, "a TUN device: {}", std::io::Error::last_os_error());
        set_address(libc::SIOCSIFADDR, HOST);
        set_address(libc::SIOCSIFNETMASK, Ipv4Addr::new(255, 0, 0, 0));
        namespace::set_flags(DEVICE, libc::IFF_UP | libc::IFF_RUNNING).expect("the wire is up");
        Self(tun)
    }

    /// A SYN of a peer that has not sent one before.
    fn syn(&mut self, number: u64) {
        let [_, a, b, c] = (number as u32).to_be_bytes();
        let from = Ipv4Addr::new(10, 10 + a, b, c);
        let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0];
        packet.extend(from.octets());
        packet.extend(HOST.octets());
        let header = checksum(&packet, 0);
        packet[10..12].copy_from_slice(&header.to_be_bytes());
        packet.extend(40_000_u16.to_be_bytes());
        packet.extend(PORT.to_be_bytes());
        packet.extend([0, 0, 3, 0xe8, 0, 0, 0, 0, 5 << 4, 2, 0xff, 0xff, 0, 0, 0, 0]);
        let segment = checksum(&packet[12..], 6 + 20);
        packet[36..38].copy_from_slice(&segment.to_be_bytes());
        self.0.write_all(&packet).expect("a packet");
    }
}

fn set_address(what: libc::c_ulong, address: Ipv4Addr) {
    let mut request = namespace::request(DEVICE);
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr {
            s_addr: u32::from(address).to_be(),
        },
        sin_zero: [0; 8],
    };
    // SAFETY: the two kinds of sockaddr have one size; the kernel reads no more than the request.
    unsafe {
        request.ifr_ifru.ifru_addr =
            std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(address);
        namespace::ioctl(libc::AF_INET, what as _, (&raw mut request).cast()).expect("address");
    }
}

/// The sum in one's complement of bytes and a number.
fn checksum(bytes: &[u8], more: u32) -> u16 {
    let mut sum = more;
    for pair in bytes.chunks_exact(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn listen(backlog: i32) -> Socket {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener
        .bind(&SocketAddr::from((HOST, PORT)).into())
        .expect("the port");
    listener.listen(backlog).expect("a listener");
    listener
}

/// A number of `TcpExt` of this namespace.
fn counter(name: &str) -> u64 {
    // Not /proc/net, which is the main thread's.
    let text = fs::read_to_string("/proc/thread-self/net/netstat").expect("netstat");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
    let (names, numbers) = (lines.next().expect("names"), lines.next().expect("numbers"));
    names
        .split_whitespace()
        .zip(numbers.split_whitespace())
        .find(|(each, _)| *each == name)
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or_else(|| panic!("no {name}"))
}

/// So many SYNs to a listener with that backlog, and what was told of them, which will be so many
/// lines.
fn flood(net: &Namespace, backlog: i32, lines: impl Fn(u64) -> u64) -> (u64, Told) {
    let mut wire = Wire::new();
    let _listener = listen(backlog);
    let all = load(100_000);
    let mut traced = Traced::start(&net.outside(), &ARGUMENTS);
    for number in 0..all {
        wire.syn(number);
    }
    traced.wait_for(lines(all));
    let (now, most) = resident(traced.pid());
    // What takes its time to be seen to be too much.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let told = traced.stop();
    eprintln!(
        "{all} SYNs: {} at the end, {} at the most",
        mib(now),
        mib(most)
    );
    // The ring buffer, which is mapped twice; the program, as it starts; and 300 bytes of each.
    assert!(most < 128 * MIB + 64 * MIB + all * 300, "{}", mib(most));
    told.assert_whole();
    (all, told)
}

#[test]
fn every_half_open_connection_of_a_flood_is_told_and_its_end() {
    let net = Namespace::new();
    fs::write("/proc/sys/net/core/somaxconn", "1000000").expect("somaxconn");
    net.set("tcp_max_syn_backlog", 1_000_000);
    net.set("tcp_syncookies", 0);
    // Given up after 1, 2 and 4 s, so that all are there at once.
    net.set("tcp_synack_retries", 2);
    let (all, told) = flood(&net, 1_000_000, |all| 2 * all);
    assert_eq!(counter("ListenDrops"), 0, "the kernel dropped SYNs");
    told.assert_counts(&[
        ("LISTEN SYN_RECV syn_received", all),
        ("SYN_RECV CLOSED timed_out", all),
    ]);
}

#[test]
fn of_a_flood_that_is_answered_by_cookies_only_what_is_half_open_is_told() {
    let net = Namespace::new();
    net.set("tcp_syncookies", 1);
    net.set("tcp_synack_retries", 0);
    let (all, told) = flood(&net, 128, |all| 2 * (all - counter("TCPReqQFullDoCookies")));
    let cookies = counter("TCPReqQFullDoCookies");
    let half_open = all - cookies;
    eprintln!("{cookies} answered by cookies, {half_open} half-open");
    assert!(cookies > all / 2 && half_open >= 128);
    told.assert_counts(&[
        ("LISTEN SYN_RECV syn_received", half_open),
        ("SYN_RECV CLOSED timed_out", half_open),
    ]);
}
