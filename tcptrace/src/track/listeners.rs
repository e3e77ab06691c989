//! Which listener a connection came from, where the kernel does not say.

use rustc_hash::FxHashMap;

use crate::decode::{Cookie, Tuple};

/// Listeners by namespace and port.
#[derive(Debug, Default)]
pub(super) struct Listeners(FxHashMap<(u32, u16), Vec<Listener>>);

#[derive(Debug)]
struct Listener {
    cookie: Cookie,
    tuple: Tuple,
}

impl Listeners {
    pub fn add(&mut self, cookie: Cookie, tuple: Tuple) {
        let here = self.0.entry(key(&tuple)).or_default();
        here.retain(|listener| listener.cookie != cookie);
        here.push(Listener { cookie, tuple });
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

    /// Whether there are any at the port of a connection.
    pub fn are_at(&self, tuple: &Tuple) -> bool {
        self.0.contains_key(&key(tuple))
    }

    /// The listener of a connection, if there is only one that it can be: several share a port
    /// with SO_REUSEPORT, and then it is not known which got the SYN.
    pub fn of(&self, tuple: &Tuple) -> Option<Cookie> {
        let here = self.0.get(&key(tuple))?;
        let local = tuple.local.addr;
        let exact = || {
            here.iter()
                .filter(|listener| listener.tuple.local.addr == local)
        };
        let any = || {
            here.iter()
                .filter(|listener| listener.tuple.local.addr.is_unspecified())
        };
        only(exact()).or_else(|| {
            if exact().next().is_none() {
                only(any())
            } else {
                None
            }
        })
    }
}

fn key(tuple: &Tuple) -> (u32, u16) {
    (tuple.netns, tuple.local.port_or_zero())
}

fn only<'a>(mut listeners: impl Iterator<Item = &'a Listener>) -> Option<Cookie> {
    let first = listeners.next()?;
    listeners.next().is_none().then_some(first.cookie)
}
