//! Other addresses and names in the place of the real ones, so that a recording can be given to a
//! stranger. The same becomes the same throughout a run, and never in two.

use std::{
    fs::File,
    hash::{BuildHasher as _, RandomState},
    io::{self, Read as _},
    net::IpAddr,
};

use ipcrypt_rs::IpcryptPfx;
use rustc_hash::FxHashMap;

use crate::model::{
    AcceptedEvent, Comm, Container, DropCounts, Endpoint, Event, Existing, FinDroppedEvent,
    HolderAnswer, ListenerDrops, MinisockEvent, Owner, Pod, Process, Remembered, RequestEvent,
    SocketEvent, SynEvent, Tuple, Workload,
};

/// So many addresses are kept with what becomes of them: to find that out takes a microsecond.
const MOST: usize = 1 << 16;

/// Puts other addresses and names in the place of the real ones.
///
/// Addresses keep what they have in common: two of one network are in one network afterwards.
/// Loopback and unspecified ones stay as they are. Names of processes, threads, control groups,
/// containers, pods, units, interfaces and machines become `n` with a number, and so do users but root. Ports, process ids
/// and what connections did stay as they are.
pub struct Anonymizer {
    cipher: IpcryptPfx,
    hasher: RandomState,
    known: FxHashMap<IpAddr, IpAddr>,
}

impl Anonymizer {
    /// With a key by chance, which nobody is told.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn new() -> io::Result<Self> {
        let mut key = [0; IpcryptPfx::KEY_BYTES];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        Ok(Self {
            cipher: IpcryptPfx::new(key),
            hasher: RandomState::new(),
            known: FxHashMap::default(),
        })
    }

    /// Another address.
    pub fn addr(&mut self, addr: IpAddr) -> IpAddr {
        if stays(addr) {
            return addr;
        }
        if let Some(other) = self.known.get(&addr) {
            return *other;
        }
        let mut other = self.cipher.encrypt_ipaddr(addr);
        // One that would be taken for what stays is put in another's place, whole networks at once.
        while stays(other) {
            other = self.cipher.encrypt_ipaddr(other);
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(addr, other);
        other
    }

    fn end(&mut self, end: Endpoint) -> Endpoint {
        Endpoint {
            addr: self.addr(end.addr),
            ..end
        }
    }

    /// Other addresses and the same ports.
    pub fn tuple(&mut self, tuple: Tuple) -> Tuple {
        Tuple {
            local: self.end(tuple.local),
            remote: self.end(tuple.remote),
            ..tuple
        }
    }

    /// Another name.
    #[must_use]
    pub fn name(&self, name: &str) -> String {
        match name {
            "" => String::new(),
            name => format!("n{:012x}", self.hasher.hash_one(name) >> 16),
        }
    }

    /// Another name of a task.
    #[must_use]
    pub fn comm(&self, comm: Comm) -> Comm {
        Comm::new(self.name(comm.as_str()).as_bytes())
    }

    /// Another path, with as many parts.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        let parts: Vec<String> = path.split('/').map(|part| self.name(part)).collect();
        parts.join("/")
    }

    /// Another name of a unit, of the same type.
    #[must_use]
    pub fn unit(&self, unit: &str) -> String {
        match unit.rsplit_once('.') {
            Some((name, kind)) => format!("{}.{kind}", self.name(name)),
            None => self.name(unit),
        }
    }

    /// Other names of a container, a pod and a unit; which runtime it is stays.
    #[must_use]
    pub fn workload(&self, it: &Workload) -> Workload {
        let name = |name: &Option<String>| name.as_ref().map(|it| self.name(it));
        Workload {
            container: it.container.as_ref().map(|it| Container {
                id: self.name(&it.id),
                name: name(&it.name),
                image: name(&it.image),
                runtime: it.runtime,
            }),
            pod: it.pod.as_ref().map(|it| Pod {
                namespace: name(&it.namespace),
                name: name(&it.name),
                uid: name(&it.uid),
            }),
            unit: it.unit.as_ref().map(|it| self.unit(it)),
        }
    }

    /// Another user; root stays.
    #[must_use]
    pub fn uid(&self, uid: u32) -> u32 {
        match uid {
            0 => 0,
            uid => self.hasher.hash_one(uid) as u32 | 1 << 31,
        }
    }

    /// A process of another name.
    #[must_use]
    pub fn process(&self, it: Process) -> Process {
        Process {
            comm: self.comm(it.comm),
            ..it
        }
    }

    /// An owner of other names.
    #[must_use]
    pub fn owner(&self, it: Owner) -> Owner {
        Owner {
            process: it.process.map(|it| self.process(it)),
            thread: it.thread.map(|it| self.comm(it)),
            uid: it.uid.map(|it| self.uid(it)),
            cgroup: it.cgroup,
        }
    }

    /// The same event, elsewhere.
    pub fn event(&mut self, event: &Event) -> Event {
        match *event {
            Event::Socket(it) => Event::Socket(SocketEvent {
                tuple: self.tuple(it.tuple),
                owner: it.owner.map(|it| self.owner(it)),
                ..it
            }),
            Event::Minisock(it) => Event::Minisock(MinisockEvent {
                tuple: self.tuple(it.tuple),
                ..it
            }),
            Event::Request(it) => Event::Request(RequestEvent {
                tuple: self.tuple(it.tuple),
                ..it
            }),
            Event::FinDropped(it) => Event::FinDropped(FinDroppedEvent {
                tuple: self.tuple(it.tuple),
                ..it
            }),
            Event::Accepted(it) => Event::Accepted(AcceptedEvent {
                owner: self.owner(it.owner),
                ..it
            }),
            Event::Syn(it) => Event::Syn(SynEvent {
                tuple: self.tuple(it.tuple),
                ..it
            }),
            Event::ResetSent(_) | Event::Forked(_) => *event,
        }
    }

    /// The same connection, elsewhere.
    pub fn remembered(&mut self, it: Remembered) -> Remembered {
        Remembered {
            tuple: self.tuple(it.tuple),
            owner: self.owner(it.owner),
            ..it
        }
    }

    /// The same of listeners elsewhere.
    pub fn drops(&mut self, counts: &DropCounts) -> DropCounts {
        let mut other = DropCounts::default();
        counts.failed().for_each(|netns| other.fail(netns));
        for it in counts.each() {
            other.add(ListenerDrops {
                tuple: self.tuple(it.tuple),
                ..*it
            });
        }
        other
    }

    /// The same socket, elsewhere.
    pub fn existing(&mut self, it: Existing) -> Existing {
        Existing {
            tuple: self.tuple(it.tuple),
            owner: self.owner(it.owner),
            ..it
        }
    }

    /// Who has it, by other names.
    #[must_use]
    pub fn answer(&self, it: HolderAnswer) -> HolderAnswer {
        HolderAnswer {
            owner: it.owner.map(|it| self.owner(it)),
            ..it
        }
    }
}

/// Tells nothing of anybody.
fn stays(addr: IpAddr) -> bool {
    addr.is_loopback() || addr.is_unspecified()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn common(one: IpAddr, other: IpAddr) -> u32 {
        match (one, other) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            _ => 0,
        }
    }

    #[test]
    fn addresses_are_others_and_keep_what_they_have_in_common() {
        let mut other = Anonymizer::new().unwrap();
        let all: [IpAddr; 5] = [
            Ipv4Addr::new(10, 1, 2, 3).into(),
            Ipv4Addr::new(10, 1, 2, 200).into(),
            Ipv4Addr::new(192, 168, 0, 1).into(),
            "2001:db8::1".parse::<Ipv6Addr>().unwrap().into(),
            "2001:db8::2:1".parse::<Ipv6Addr>().unwrap().into(),
        ];
        for addr in all {
            assert_ne!(other.addr(addr), addr);
            assert_eq!(other.addr(addr), other.addr(addr));
            for second in all {
                assert_eq!(
                    common(other.addr(addr), other.addr(second)),
                    common(addr, second)
                );
            }
        }
        for addr in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
            let addr = addr.parse().unwrap();
            assert_eq!(other.addr(addr), addr);
        }
    }

    #[test]
    fn no_address_becomes_one_that_stays() {
        let mut other = Anonymizer::new().unwrap();
        let mut seen = std::collections::HashSet::new();
        for first in (1..=255).filter(|first| *first != 127) {
            let addr = other.addr(Ipv4Addr::new(first, 1, 1, 1).into());
            assert!(!stays(addr), "{addr}");
            assert!(seen.insert(addr), "{addr} twice");
        }
    }

    #[test]
    fn names_are_others_and_the_same_for_the_same() {
        let other = Anonymizer::new().unwrap();
        let name = other.name("nginx");
        assert_ne!(name, "nginx");
        assert_eq!(name, other.name("nginx"));
        assert!(name.len() <= 15, "{name}");
        assert_ne!(
            other.name("nginx"),
            Anonymizer::new().unwrap().name("nginx")
        );
        let path = other.path("/system.slice/a.service");
        assert_eq!(path.matches('/').count(), 2);
        assert!(path.starts_with("/n") && !path.contains("system"), "{path}");
        assert_eq!((other.uid(0), other.uid(1000) == 1000), (0, false));
    }
}
