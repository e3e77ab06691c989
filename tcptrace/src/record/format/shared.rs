//! What entries of a block share: a tuple or an owner is told once, and times and cookies by how far
//! they are from those before.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    bytes::{Bytes, FormatError, Put},
    event,
};
use crate::model::{Cgroup, Comm, Cookie, Endpoint, Link, Owner, Process, Tuple};

/// So many tuples and owners of a block can be referred to. The highest bit of a reference says
/// that it is told for the first time.
const SLOTS: usize = 128;
const NEW: u8 = 0x80;

/// What entries of a block share: each is told against those before it.
#[derive(Debug)]
pub(super) struct Shared {
    pub time_ns: u64,
    cookie: u64,
    tuples: [Option<Tuple>; SLOTS],
    owners: [Option<Owner>; SLOTS],
}

impl Shared {
    pub fn new(first_ns: u64) -> Self {
        Self {
            time_ns: first_ns,
            cookie: 0,
            tuples: [None; SLOTS],
            owners: [None; SLOTS],
        }
    }

    /// In nearly the order in which they happened.
    pub fn time(&mut self, time_ns: u64, to: &mut Vec<u8>) {
        to.distance(self.time_ns, time_ns);
        self.time_ns = time_ns;
    }

    pub fn read_time(&mut self, from: &mut Bytes<'_>) -> Result<u64, FormatError> {
        self.time_ns = from.distance(self.time_ns)?;
        Ok(self.time_ns)
    }

    /// 0 is none.
    pub fn cookie(&mut self, cookie: Option<Cookie>, to: &mut Vec<u8>) {
        let value = cookie.map_or(0, |it| it.0.get());
        to.distance(self.cookie, value);
        if value != 0 {
            self.cookie = value;
        }
    }

    pub fn read_cookie(&mut self, from: &mut Bytes<'_>) -> Result<Option<Cookie>, FormatError> {
        let value = from.distance(self.cookie)?;
        if value != 0 {
            self.cookie = value;
        }
        Ok(Cookie::new(value))
    }

    /// One whose presence was told already.
    pub fn some_cookie(&mut self, cookie: Option<Cookie>, to: &mut Vec<u8>) {
        if cookie.is_some() {
            self.cookie(cookie, to);
        }
    }

    pub fn read_some_cookie(
        &mut self,
        there: bool,
        from: &mut Bytes<'_>,
    ) -> Result<Option<Cookie>, FormatError> {
        match there {
            true => self.read_cookie(from),
            false => Ok(None),
        }
    }

    pub fn tuple(&mut self, tuple: &Tuple, to: &mut Vec<u8>) {
        // Any slot is right; ends of the same connection should have two.
        let ports = [&tuple.local, &tuple.remote].map(|end| u32::from(end.port_or_zero()));
        let mixed = (ports[0].wrapping_mul(31) ^ ports[1] ^ tuple.netns).wrapping_mul(0x9e37_79b1);
        let slot = (mixed >> 25) as usize;
        if self.tuples[slot] == Some(*tuple) {
            to.byte(slot as u8);
            return;
        }
        self.tuples[slot] = Some(*tuple);
        to.byte(slot as u8 | NEW);
        let (local, remote) = (tuple.local.addr, tuple.remote.addr);
        to.byte(
            u8::from(local.is_ipv6())
                | u8::from(remote.is_ipv6()) << 1
                | u8::from(tuple.link.is_some()) << 2,
        );
        to.bytes(&tuple.netns.to_le_bytes());
        if let Some(link) = tuple.link {
            to.number(link.get().into());
        }
        for end in [&tuple.local, &tuple.remote] {
            match end.addr {
                IpAddr::V4(addr) => to.bytes(&addr.octets()),
                IpAddr::V6(addr) => to.bytes(&addr.octets()),
            }
            to.bytes(&end.port_or_zero().to_le_bytes());
        }
    }

    pub fn read_tuple(&mut self, from: &mut Bytes<'_>) -> Result<Tuple, FormatError> {
        let slot = from.byte()?;
        let index = usize::from(slot & !NEW);
        if slot & NEW == 0 {
            return self.tuples[index].ok_or(FormatError::Untold("a tuple"));
        }
        let flags = event::flags(from, 7)?;
        let netns = u32::from_le_bytes(from.array()?);
        let link = match flags & 4 {
            0 => None,
            _ => Link::new(from.small("a link")?),
        };
        let mut end = |ipv6: bool| -> Result<Endpoint, FormatError> {
            let addr = match ipv6 {
                false => IpAddr::V4(Ipv4Addr::from(from.array::<4>()?)),
                true => IpAddr::V6(Ipv6Addr::from(from.array::<16>()?)),
            };
            Ok(Endpoint::new(addr, u16::from_le_bytes(from.array()?)))
        };
        let tuple = Tuple {
            netns,
            link,
            local: end(flags & 1 != 0)?,
            remote: end(flags & 2 != 0)?,
        };
        self.tuples[index] = Some(tuple);
        Ok(tuple)
    }

    pub fn owner(&mut self, owner: &Owner, to: &mut Vec<u8>) {
        let pid = owner.process.and_then(|it| it.pid).unwrap_or(0);
        let mixed = pid ^ owner.thread.map_or(0, |it| it.as_str().len() as u32);
        let slot = (mixed.wrapping_mul(0x9e37_79b1) >> 25) as usize;
        if self.owners[slot] == Some(*owner) {
            to.byte(slot as u8);
            return;
        }
        self.owners[slot] = Some(*owner);
        to.byte(slot as u8 | NEW);
        to.byte(
            u8::from(owner.process.is_some())
                | u8::from(owner.process.is_some_and(|it| it.pid.is_some())) << 1
                | u8::from(owner.thread.is_some()) << 2
                | u8::from(owner.uid.is_some()) << 3
                | u8::from(owner.cgroup.is_some()) << 4,
        );
        if let Some(process) = owner.process {
            if let Some(pid) = process.pid {
                to.number(pid.into());
            }
            to.text(process.comm.as_str().as_bytes());
        }
        if let Some(thread) = owner.thread {
            to.text(thread.as_str().as_bytes());
        }
        if let Some(uid) = owner.uid {
            to.number(uid.into());
        }
        if let Some(cgroup) = owner.cgroup {
            to.number(cgroup.get());
        }
    }

    pub fn read_owner(&mut self, from: &mut Bytes<'_>) -> Result<Owner, FormatError> {
        let slot = from.byte()?;
        let index = usize::from(slot & !NEW);
        if slot & NEW == 0 {
            return self.owners[index].ok_or(FormatError::Untold("an owner"));
        }
        let flags = event::flags(from, 31)?;
        let has = |bit: u8| flags & bit != 0;
        let mut owner = Owner::default();
        if has(1) {
            owner.process = Some(Process {
                pid: match has(2) {
                    true => Some(from.small("a pid")?),
                    false => None,
                },
                comm: Comm::new(from.text()?),
            });
        }
        if has(4) {
            owner.thread = Some(Comm::new(from.text()?));
        }
        if has(8) {
            owner.uid = Some(from.small("a uid")?);
        }
        if has(16) {
            owner.cgroup = Cgroup::new(from.number()?);
        }
        self.owners[index] = Some(owner);
        Ok(owner)
    }
}
