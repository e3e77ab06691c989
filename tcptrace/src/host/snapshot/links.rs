//! The network interfaces of a namespace, and those that a user asks for.

use std::io;

use nix::net::if_::if_nameindex;

use super::{
    Unable,
    listing::Scope,
    namespaces::{Namespace, Namespaces, own_netns},
};
use crate::model::{Link, printable};

/// The longest name: IFNAMSIZ, include/uapi/linux/if.h.
const NAME: usize = 16;

/// The names of interfaces by their index, made harmless: whoever makes an interface may give it
/// any name without `/`, `:` and blanks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkNames(Vec<(Link, Box<str>)>);

impl LinkNames {
    /// Reads those of the network namespace that this thread is in.
    ///
    /// # Errors
    /// When netlink fails.
    pub(super) fn read() -> io::Result<Self> {
        let all = if_nameindex()?;
        let named = all.iter().map(|it| {
            let name = printable(it.name().to_bytes(), NAME);
            (it.index(), name)
        });
        Ok(named.collect())
    }

    /// The name of one.
    #[must_use]
    pub fn get(&self, link: Link) -> Option<&str> {
        let index = self.0.binary_search_by_key(&link, |it| it.0).ok()?;
        Some(&self.0[index].1)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (Link, &str)> + '_ {
        self.0.iter().map(|(link, name)| (*link, &**name))
    }

    /// Gives one a name.
    pub fn set(&mut self, link: Link, name: &str) {
        match self.0.binary_search_by_key(&link, |it| it.0) {
            Ok(index) => self.0[index].1 = name.into(),
            Err(index) => self.0.insert(index, (link, name.into())),
        }
    }

    /// The one that is called so, by its name or its index.
    fn called(&self, word: &str) -> Option<Link> {
        let named = self.0.iter().find(|(_, name)| **name == *word);
        let numbered = || {
            let index: u32 = word.parse().ok()?;
            self.0.iter().find(|(link, _)| link.get() == index)
        };
        named.or_else(numbered).map(|(link, _)| *link)
    }
}

impl<T: Into<Box<str>>> FromIterator<(u32, T)> for LinkNames {
    fn from_iter<I: IntoIterator<Item = (u32, T)>>(all: I) -> Self {
        let mut names: Vec<(Link, Box<str>)> = all
            .into_iter()
            .filter_map(|(index, name)| Some((Link::new(index)?, name.into())))
            .collect();
        names.sort_unstable();
        Self(names)
    }
}

/// No interface is called so.
#[derive(Debug, thiserror::Error)]
pub enum NoLink {
    /// In the one namespace that is looked at.
    #[error("there is no network interface {name} in network namespace {netns}")]
    There {
        /// What it was called.
        name: String,
        /// The namespace's inode number.
        netns: u32,
    },
    /// In any namespace.
    #[error("there is no network interface {0} in any network namespace")]
    Anywhere(String),
}

/// The interfaces that a user calls so, by name or index, each with its network namespace: one, or
/// where all namespaces are asked for, one in each that has it.
///
/// # Errors
/// [`NoLink`]; [`Unable`], or what else prevents it, where the one namespace can't be looked into.
pub fn links_called(name: &str, scope: Scope) -> anyhow::Result<Vec<(u32, Link)>> {
    let only = match scope {
        Scope::Own => Some(own_netns().ok_or(Unable::NoProc)?),
        Scope::One(inode) => Some(inode),
        Scope::All => None,
    };
    let there = |namespace: &Namespace| {
        let link = namespace.links()?.called(name);
        io::Result::Ok(link.map(|link| (namespace.inode, link)))
    };
    if let Some(netns) = only {
        let Some(namespace) = Namespaces::find(netns, Some(std::process::id())) else {
            anyhow::bail!("no process lives in network namespace {netns}, and it has no name");
        };
        let found = there(&namespace).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Unable::NotPermitted(netns).into(),
            _ => anyhow::Error::from(error),
        })?;
        let name = name.to_owned();
        return Ok(vec![found.ok_or(NoLink::There { name, netns })?]);
    }
    let found: Vec<(u32, Link)> = Namespaces::read()
        .all()
        .filter_map(|namespace| there(&namespace).ok().flatten())
        .collect();
    if found.is_empty() {
        return Err(NoLink::Anywhere(name.to_owned()).into());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_before_an_index() {
        let all: LinkNames = [(3, "5"), (5, "v0"), (1, "lo")].into_iter().collect();
        let called = |word| all.called(word).map(Link::get);
        assert_eq!(called("v0"), Some(5));
        assert_eq!(called("5"), Some(3));
        assert_eq!(called("1"), Some(1));
        assert_eq!(called("7"), None);
        assert_eq!(called(""), None);
        assert_eq!(all.get(Link::MIN), Some("lo"));
    }
}
