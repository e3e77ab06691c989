//! The names of network interfaces.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Looker;
use crate::{
    host::{LinkNames, Namespaces},
    model::{Link, Tuple},
};

/// What part of a CPU looks take at the most.
const SHARE: u32 = 100;
/// So many namespaces wait to be looked into.
const MOST_WANTED: usize = 64;
/// The interfaces of so many namespaces are known.
const MOST_KNOWN: usize = 4096;
/// How old names may be, ns: an interface can be renamed, and the inode number of a namespace that
/// is gone is given to another one.
const RENAMED_NS: u64 = 5_000_000_000;
/// The same where one is asked for that was not there.
const MISSING_NS: u64 = 200_000_000;

/// The names of network interfaces, as far as they are known. Those that are not are looked for on
/// a thread of its own.
#[derive(Debug, Default)]
pub struct Links {
    known: FxHashMap<u32, Known>,
    wanted: VecDeque<u32>,
    asked: Option<u32>,
    looker: Option<Looker<u32, Option<LinkNames>>>,
    /// CLOCK_MONOTONIC, ns.
    now: u64,
}

/// The interfaces of one namespace.
#[derive(Debug, Default)]
struct Known {
    read_ns: u64,
    names: LinkNames,
}

impl Links {
    /// Takes what a look into a namespace gave.
    pub fn learn(&mut self, netns: u32, names: LinkNames) {
        if self.known.len() >= MOST_KNOWN && !self.known.contains_key(&netns) {
            self.known.clear();
        }
        let read_ns = self.now;
        self.known.insert(netns, Known { read_ns, names });
    }

    /// All that are known: inode number of the namespace, index, name.
    pub fn all(&self) -> impl Iterator<Item = (u32, Link, &str)> + '_ {
        let all = self.known.iter();
        all.flat_map(|(netns, it)| it.names.all().map(|(link, name)| (*netns, link, name)))
    }

    /// The name of one became known, or changed.
    pub fn named(&mut self, netns: u32, link: Link, name: &str) {
        self.known.entry(netns).or_default().names.set(link, name);
    }

    /// The interface that is a part of a connection's identity.
    pub fn of(&mut self, tuple: &Tuple) -> Option<Interface<'_>> {
        self.at(tuple.netns, tuple.link)
    }

    /// The interface of a namespace that has this index.
    pub fn at(&mut self, netns: u32, link: Option<Link>) -> Option<Interface<'_>> {
        let link = link?;
        let known = self.known.get(&netns);
        let name = known.and_then(|it| it.names.get(link));
        let most = match name {
            Some(_) => RENAMED_NS,
            None => MISSING_NS,
        };
        let is_old = known.is_none_or(|it| self.now.saturating_sub(it.read_ns) >= most);
        if is_old
            && self.asked != Some(netns)
            && self.wanted.len() < MOST_WANTED
            && !self.wanted.contains(&netns)
        {
            self.wanted.push_back(netns);
        }
        Some(Interface {
            index: link.get(),
            name,
        })
    }

    /// Its name, if that is known.
    pub fn name(&mut self, tuple: &Tuple) -> Option<&str> {
        self.of(tuple)?.name
    }

    /// Takes what was found out by `now` (CLOCK_MONOTONIC, ns).
    pub fn hear(&mut self, now: u64) {
        self.now = now;
        if let Some(netns) = self.asked
            && let Some(answer) = self.looker.as_ref().and_then(Looker::answer)
        {
            self.asked = None;
            match answer {
                Some(names) => self.learn(netns, names),
                // It is gone, or may not be entered: what is known of it is not asked for again at
                // once.
                None => self.known.entry(netns).or_default().read_ns = now,
            }
        }
    }

    /// Has a thread look for what was asked for and is not known.
    pub fn ask(&mut self) {
        if self.asked.is_none()
            && let Some(netns) = self.wanted.pop_front()
            && let Some(looker) = self.looker()
            && looker.ask(netns).is_ok()
        {
            self.asked = Some(netns);
        }
    }

    /// The thread; it is started when it is first needed, with the privileges that are left by
    /// then.
    fn looker(&mut self) -> Option<&Looker<u32, Option<LinkNames>>> {
        if self.looker.is_none() {
            let look = |netns| Namespaces::find(netns, None)?.links().ok();
            self.looker = Looker::start("links", 1, SHARE, look).ok();
        }
        self.looker.as_ref()
    }
}

/// A network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface<'a> {
    /// Its index in its namespace.
    pub index: u32,
    /// Its name, made harmless; `None`: unknown.
    pub name: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Endpoint;

    fn on(link: u32) -> Tuple {
        let nowhere = Endpoint::new([0, 0, 0, 0].into(), 0);
        Tuple {
            netns: 1,
            link: Link::new(link),
            local: nowhere,
            remote: nowhere,
        }
    }

    #[test]
    fn a_name_that_is_not_known_is_asked_for_once_and_an_old_one_again() {
        let mut links = Links::default();
        assert_eq!(links.of(&on(0)), None);
        assert!(links.wanted.is_empty(), "nothing is asked for");
        assert_eq!(links.name(&on(5)), None);
        assert_eq!(links.of(&on(5)).map(|it| it.index), Some(5));
        assert_eq!(links.wanted, [1]);
        links.wanted.clear();

        links.learn(1, [(5, "v0")].into_iter().collect());
        assert_eq!(links.name(&on(5)), Some("v0"));
        assert_eq!(links.name(&on(6)), None);
        assert!(links.wanted.is_empty(), "it was not there just now");
        links.hear(MISSING_NS);
        assert_eq!(links.name(&on(5)), Some("v0"));
        assert!(links.wanted.is_empty());
        assert_eq!(links.name(&on(6)), None);
        assert_eq!(links.wanted, [1]);
        links.wanted.clear();
        links.hear(RENAMED_NS);
        assert_eq!(links.name(&on(5)), Some("v0"));
        assert_eq!(links.wanted, [1]);
    }
}
