//! Listeners: which of them a connection came from, where the kernel does not say, and what they
//! have dropped.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::model::{Cookie, Reach, Tuple};

/// What a listener has dropped, as a look found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerDrops {
    /// Its cookie.
    pub cookie: Cookie,
    /// Where it listens.
    pub tuple: Tuple,
    /// What else decides what it gets.
    pub reach: Reach,
    /// What it has dropped since it was made; `None` where the kernel does not tell.
    pub dropped: Option<u32>,
}

/// The listeners of some network namespaces at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DropCounts {
    listeners: BTreeMap<Cookie, ListenerDrops>,
    failed: BTreeSet<u32>,
}

impl DropCounts {
    /// Takes a listener in.
    pub fn add(&mut self, it: ListenerDrops) {
        self.listeners.insert(it.cookie, it);
    }

    /// A namespace could not be looked into.
    pub fn fail(&mut self, netns: u32) {
        self.failed.insert(netns);
    }

    /// What one has dropped; `None`: it was not there.
    #[must_use]
    pub fn of(&self, cookie: Cookie) -> Option<&ListenerDrops> {
        self.listeners.get(&cookie)
    }

    /// What each has dropped, in the order of their cookies.
    pub fn each(&self) -> impl ExactSizeIterator<Item = &ListenerDrops> {
        self.listeners.values()
    }

    /// Namespaces that could not be looked into, by their inode numbers.
    pub fn failed(&self) -> impl ExactSizeIterator<Item = u32> {
        self.failed.iter().copied()
    }

    /// Whether a namespace could not be looked into.
    #[must_use]
    pub fn has_failed(&self, netns: u32) -> bool {
        self.failed.contains(&netns)
    }
}

/// The listeners as they were when they were looked at.
#[derive(Clone, Debug)]
pub struct DropLook {
    /// When: CLOCK_MONOTONIC, ns.
    pub at_ns: u64,
    /// What they had dropped by then.
    pub counts: DropCounts,
}

/// Listeners by namespace and port.
#[derive(Debug, Default)]
pub(crate) struct Listeners(BTreeMap<(u32, u16), Vec<Listener>>);

#[derive(Debug)]
struct Listener {
    cookie: Cookie,
    tuple: Tuple,
    reach: Reach,
}

impl Listeners {
    pub fn add(&mut self, cookie: Cookie, tuple: Tuple, reach: Reach) {
        let here = self.0.entry(key(&tuple)).or_default();
        here.retain(|listener| listener.cookie != cookie);
        here.push(Listener {
            cookie,
            tuple,
            reach,
        });
    }

    pub fn remove(&mut self, cookie: Cookie, tuple: &Tuple) {
        if let Some(here) = self.0.get_mut(&key(tuple)) {
            here.retain(|listener| listener.cookie != cookie);
            if here.is_empty() {
                self.0.remove(&key(tuple));
            }
        }
    }

    /// What else decides what a listener gets.
    pub fn reach(&self, cookie: Cookie, tuple: &Tuple) -> Option<Reach> {
        let mut here = self.0.get(&key(tuple))?.iter();
        here.find(|it| it.cookie == cookie).map(|it| it.reach)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = Cookie> + '_ {
        self.0.values().flatten().map(|listener| listener.cookie)
    }

    /// The network namespaces in which there are any, some of them more than once.
    pub fn namespaces(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.keys().map(|(netns, _)| *netns)
    }

    /// Whether there are any at the port of a connection.
    pub fn are_at(&self, tuple: &Tuple) -> bool {
        self.0.contains_key(&key(tuple))
    }

    /// The listeners that a connection may have come to: those that the kernel prefers, several
    /// where SO_REUSEPORT leaves it open which it was.
    pub fn of(&self, tuple: &Tuple) -> impl Iterator<Item = Cookie> + use<'_> {
        let tuple = *tuple;
        let here = self.0.get(&key(&tuple)).map_or(&[][..], Vec::as_slice);
        let best = here.iter().filter_map(|it| it.fit(&tuple)).max();
        here.iter()
            .filter(move |it| best.is_some() && it.fit(&tuple) == best)
            .map(|it| it.cookie)
    }
}

/// How well a listener fits, as `inet_lookup_listener()` and `compute_score()`,
/// net/ipv4/inet_hashtables.c, and net/ipv6/inet6_hashtables.c have it: the address before the
/// device, and that before the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    /// It is for that very address.
    exact: bool,
    /// It is bound to the device.
    bound: bool,
    /// It is of that family alone: 0.0.0.0 for IPv4. [::] gets both.
    family: bool,
}

impl Listener {
    /// `None`: it can't have got the connection.
    fn fit(&self, tuple: &Tuple) -> Option<Fit> {
        let (own, local) = (self.tuple.local.addr, tuple.local.addr);
        // What a listener with a device gets has its device: `inet_request_bound_dev_if()`,
        // include/net/inet_sock.h. Others have one if the peer's address is link-local.
        if self.tuple.link.is_some() && self.tuple.link != tuple.link {
            return None;
        }
        let family = match (own, local) {
            _ if own == local => true,
            _ if !own.is_unspecified() => return None,
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => true,
            (IpAddr::V6(_), IpAddr::V4(_)) if !self.reach.only_ipv6 => false,
            _ => return None,
        };
        Some(Fit {
            exact: own == local,
            bound: self.tuple.link.is_some(),
            family,
        })
    }
}

fn key(tuple: &Tuple) -> (u32, u16) {
    (tuple.netns, tuple.local.port_or_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, Link};

    fn tuple(addr: &str) -> Tuple {
        let local = Endpoint::new(addr.parse().unwrap(), 80);
        let remote = Endpoint::new(local.addr, 0);
        Tuple {
            netns: 1,
            link: None,
            local,
            remote,
        }
    }

    /// Who may have got a connection to an address like `::1` or `127.0.0.1 device`, among
    /// listeners like `::`, `:: only` or `0.0.0.0 device`.
    fn candidates(listeners: &[&str], called: &str) -> Vec<u64> {
        let place = |text: &str| {
            let (addr, option) = text.split_once(' ').unwrap_or((text, ""));
            let link = Link::new(u32::from(option == "device") + 2 * u32::from(option == "other"));
            Tuple {
                link,
                ..tuple(addr)
            }
        };
        let mut all = Listeners::default();
        for (cookie, text) in (1..).zip(listeners) {
            let reach = Reach {
                only_ipv6: text.ends_with(" only"),
            };
            all.add(Cookie::new(cookie).unwrap(), place(text), reach);
        }
        all.of(&place(called))
            .map(|cookie| cookie.0.get())
            .collect()
    }

    #[test]
    fn the_kernels_order_is_kept() {
        for (listeners, addr, wanted) in [
            (&["0.0.0.0", "::"][..], "127.0.0.1", &[1][..]),
            (&["0.0.0.0", "::"], "::1", &[2]),
            (&["0.0.0.0", ":: only"], "127.0.0.1", &[1]),
            (&[":: only"], "127.0.0.1", &[]),
            (&["::"], "127.0.0.1", &[1]),
            (&["0.0.0.0"], "::1", &[]),
            (&["0.0.0.0", "::", "127.0.0.1"], "127.0.0.1", &[3]),
            (&["127.0.0.2", "::1"], "127.0.0.1", &[]),
            (&["0.0.0.0", "0.0.0.0", "::"], "127.0.0.1", &[1, 2]),
            (&["0.0.0.0 device", "0.0.0.0"], "127.0.0.1", &[2]),
            (&["0.0.0.0 device", "0.0.0.0"], "127.0.0.1 device", &[1]),
            (&["0.0.0.0 device", "0.0.0.0"], "127.0.0.1 other", &[2]),
            (
                &["0.0.0.0 device", "0.0.0.0 other"],
                "127.0.0.1 other",
                &[2],
            ),
            (&[":: device", "0.0.0.0"], "127.0.0.1 device", &[1]),
            (&["0.0.0.0 device", "127.0.0.1"], "127.0.0.1 device", &[2]),
            (&["127.0.0.1 device", "0.0.0.0"], "127.0.0.1 device", &[1]),
            (&["0.0.0.0 device"], "127.0.0.1", &[]),
        ] {
            assert_eq!(candidates(listeners, addr), wanted, "{listeners:?} {addr}");
        }
    }
}
