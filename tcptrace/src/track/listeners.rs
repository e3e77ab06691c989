//! Which listener a connection came from, where the kernel does not say.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use crate::decode::{Cookie, Reach, Tuple};

/// Listeners by namespace and port.
#[derive(Debug, Default)]
pub(crate) struct Listeners(FxHashMap<(u32, u16), Vec<Listener>>);

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
    /// where SO_REUSEPORT or devices leave it open which it was.
    pub fn of(&self, tuple: &Tuple) -> impl Iterator<Item = Cookie> + use<'_> {
        let local = tuple.local.addr;
        let here = self.0.get(&key(tuple)).map_or(&[][..], Vec::as_slice);
        let fits = move |it: &&Listener| it.fit(local) > Fit::None;
        // Which device it came by is not known: one that is bound to a device may be preferred.
        let anywhere = here.iter().filter(fits);
        let best = anywhere
            .filter(|it| it.reach.device.is_none())
            .map(|it| it.fit(local))
            .max();
        here.iter()
            .filter(fits)
            .filter(move |it| match it.reach.device {
                Some(_) => best.is_none_or(|best| it.fit(local).address() >= best.address()),
                None => Some(it.fit(local)) == best,
            })
            .map(|it| it.cookie)
    }
}

/// How well a listener fits, as `compute_score()`, net/ipv4/inet_hashtables.c, and
/// net/ipv6/inet6_hashtables.c have it: the address before the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    None,
    /// [::], for IPv4.
    Both,
    /// 0.0.0.0 for IPv4, [::] for IPv6.
    Family,
    Exact,
}

impl Fit {
    /// What counts before all else: whether it is for that very address.
    fn address(self) -> bool {
        self == Self::Exact
    }
}

impl Listener {
    fn fit(&self, local: IpAddr) -> Fit {
        let own = self.tuple.local.addr;
        match (own, local) {
            _ if own == local => Fit::Exact,
            _ if !own.is_unspecified() => Fit::None,
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => Fit::Family,
            (IpAddr::V6(_), IpAddr::V4(_)) if !self.reach.only_ipv6 => Fit::Both,
            _ => Fit::None,
        }
    }
}

fn key(tuple: &Tuple) -> (u32, u16) {
    (tuple.netns, tuple.local.port_or_zero())
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use super::*;
    use crate::decode::Endpoint;

    fn tuple(addr: &str) -> Tuple {
        let local = Endpoint::new(addr.parse().unwrap(), 80);
        let remote = Endpoint::new(local.addr, 0);
        Tuple {
            netns: 1,
            local,
            remote,
        }
    }

    /// Who may have got a connection to an address, among listeners like `::`, `:: only` or
    /// `0.0.0.0 device`.
    fn candidates(listeners: &[&str], addr: &str) -> Vec<u64> {
        let mut all = Listeners::default();
        for (cookie, text) in (1..).zip(listeners) {
            let (own, option) = text.split_once(' ').unwrap_or((text, ""));
            let reach = Reach {
                device: NonZero::new(u32::from(option == "device")),
                only_ipv6: option == "only",
            };
            all.add(Cookie::new(cookie).unwrap(), tuple(own), reach);
        }
        all.of(&tuple(addr)).map(|cookie| cookie.0.get()).collect()
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
            (&["0.0.0.0 device", "0.0.0.0"], "127.0.0.1", &[1, 2]),
            (&[":: device", "0.0.0.0"], "127.0.0.1", &[1, 2]),
            (&["0.0.0.0 device", "127.0.0.1"], "127.0.0.1", &[2]),
            (&["127.0.0.1 device", "0.0.0.0"], "127.0.0.1", &[1, 2]),
            (&["0.0.0.0 device"], "127.0.0.1", &[1]),
        ] {
            assert_eq!(candidates(listeners, addr), wanted, "{listeners:?} {addr}");
        }
    }
}
