//! Where connections go: several addresses of the loopback device, so that local ports don't run
//! out while TIME_WAITs hold them.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd as _,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::{libc, net::if_::if_nametoindex};
use socket2::{Domain, SockAddr, Socket, Type};

/// Each of them has all local ports for itself: 28,232 unless `ip_local_port_range` is changed.
const ADDRESSES: u8 = 16;
/// Connections of a thread that wait to be accepted; there is one at a time.
const BACKLOG: i32 = 64;
/// What the text of each IPv4 address begins with, by which the load's lines are told from those
/// of others. All of 127.0.0.0/8 is the loopback device's.
pub const MARK: &str = "127.71.0.";
/// No address takes longer to be usable.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of a range for private use (RFC 4193).
const NETWORK_V6: [u16; 7] = [0xfd71, 0, 0, 0, 0, 0, 0];

nix::ioctl_write_ptr_bad!(
    /// Gives a network device an IPv6 address.
    add_ipv6_address,
    libc::SIOCSIFADDR,
    libc::in6_ifreq
);

/// A listener, and all addresses by which it is reached.
pub struct Targets {
    /// Accepts whatever is connected to one of them.
    pub listener: Socket,
    /// IPv4 or IPv6.
    pub domain: Domain,
    port: u16,
    addresses: Vec<SockAddr>,
}

impl Targets {
    /// Listens on a port that the kernel chooses.
    ///
    /// # Errors
    /// When there is no such address.
    pub fn listen(ipv6: bool) -> Result<Self> {
        let (domain, any): (_, IpAddr) = match ipv6 {
            false => (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()),
            true => (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into()),
        };
        let listener = Socket::new(domain, Type::STREAM, None)?;
        listener
            .bind(&SocketAddr::new(any, 0).into())
            .context("no port can be bound")?;
        listener.listen(BACKLOG)?;
        let port = listener
            .local_addr()?
            .as_socket()
            .context("a listener without a port")?
            .port();
        let addresses = (1..=ADDRESSES)
            .map(|last| SocketAddr::new(address(ipv6, last), port).into())
            .collect();
        Ok(Self {
            listener,
            domain,
            port,
            addresses,
        })
    }

    /// The same for probes: one address, which is not the load's.
    ///
    /// # Errors
    /// See [`listen`](Self::listen).
    pub fn probes() -> Result<Self> {
        let mut targets = Self::listen(false)?;
        let port = targets.port;
        targets.addresses = vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port).into()];
        Ok(targets)
    }

    /// Where the connection of that number goes: to each address in turn.
    pub fn of(&self, number: u64) -> &SockAddr {
        let index = number % self.addresses.len() as u64;
        &self.addresses[index as usize]
    }
}

/// Gives the loopback device of this network namespace what it has not by itself.
///
/// # Errors
/// When the kernel has no IPv6.
pub fn add(ipv6: bool) -> Result<()> {
    if !ipv6 {
        return Ok(());
    }
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, None).context("no IPv6 here")?;
    let index = if_nametoindex("lo").context("no loopback device")?;
    for last in 1..=ADDRESSES {
        let IpAddr::V6(address) = address(true, last) else {
            continue;
        };
        let request = libc::in6_ifreq {
            ifr6_addr: libc::in6_addr {
                s6_addr: address.octets(),
            },
            ifr6_prefixlen: 128,
            ifr6_ifindex: index.try_into()?,
        };
        // SAFETY: the request is an in6_ifreq, as SIOCSIFADDR takes on an IPv6 socket, and
        // outlives the call.
        unsafe { add_ipv6_address(socket.as_raw_fd(), &raw const request) }
            .with_context(|| format!("the device lo can't have {address}"))?;
    }
    (1..=ADDRESSES).try_for_each(|last| usable(address(true, last)))
}

/// Waits until an address can be used: the kernel makes it so a little later
/// (`addrconf_dad_work()`, net/ipv6/addrconf.c), and drops what is sent to it before.
fn usable(address: IpAddr) -> Result<()> {
    let began = Instant::now();
    while let Err(error) = UdpSocket::bind((address, 0)) {
        if began.elapsed() > PATIENCE {
            return Err(error).with_context(|| format!("{address} can't be used"));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn address(ipv6: bool, last: u8) -> IpAddr {
    if ipv6 {
        let [a, b, c, d, e, f, g] = NETWORK_V6;
        Ipv6Addr::new(a, b, c, d, e, f, g, last.into()).into()
    } else {
        Ipv4Addr::new(127, 71, 0, last).into()
    }
}

#[cfg(test)]
mod tests {
    use super::{ADDRESSES, MARK, address};

    #[test]
    fn each_address_bears_the_mark() {
        for last in 1..=ADDRESSES {
            assert!(address(false, last).to_string().starts_with(MARK));
        }
        assert_eq!(address(true, 16).to_string(), "fd71::10");
    }
}
