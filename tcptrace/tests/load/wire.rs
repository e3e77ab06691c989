//! A wire to peers who send a segment, and answer nothing.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    net::Ipv4Addr,
    os::fd::AsRawFd as _,
};

use crate::namespace;

/// The kernel's address.
pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const DEVICE: &str = "wire";
/// What each peer begins with.
const SEQUENCE: u32 = 1000;
const SYN: u8 = 2;
const RST: u8 = 4;

/// A wire to all of 10.0.0.0/8, on which nobody answers.
pub struct Wire(File);

impl Wire {
    /// Lays it into the namespace of this thread.
    pub fn new() -> Self {
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

    /// A SYN to a port, of a peer that has not sent one before.
    pub fn syn(&mut self, number: u64, to: u16) {
        self.send(number, to, SEQUENCE, SYN);
    }

    /// The RST of that peer.
    pub fn reset(&mut self, number: u64, to: u16) {
        self.send(number, to, SEQUENCE + 1, RST);
    }

    fn send(&mut self, number: u64, to: u16, sequence: u32, flags: u8) {
        let [_, a, b, c] = (number as u32).to_be_bytes();
        let from = Ipv4Addr::new(10, 10 + a, b, c);
        let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0];
        packet.extend(from.octets());
        packet.extend(HOST.octets());
        let header = checksum(&packet, 0);
        packet[10..12].copy_from_slice(&header.to_be_bytes());
        packet.extend(40_000_u16.to_be_bytes());
        packet.extend(to.to_be_bytes());
        packet.extend(sequence.to_be_bytes());
        packet.extend([0, 0, 0, 0, 5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
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
