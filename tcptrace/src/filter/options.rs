//! A filter as options of the command line, to be read again elsewhere.

use std::{collections::BTreeSet, num::NonZeroU16};

use super::{Filter, Network, PortSet, network};
use crate::model::{Family, Link, State};

/// An option that no filter of this version has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{option} {value} is no filter that this tcptrace knows")]
pub struct OptionError {
    option: String,
    value: String,
}

impl Filter {
    /// The options that it was made of, each with its value: what can't be written in one stands
    /// there several times.
    #[must_use]
    pub fn to_options(&self) -> Vec<(String, String)> {
        let mut options = Vec::new();
        let mut add = |option: &str, value: String| options.push((option.to_owned(), value));
        match self.family {
            Some(Family::Ipv4) => add("ipv4", String::new()),
            Some(Family::Ipv6) => add("ipv6", String::new()),
            None => {}
        }
        let ports = [
            ("local-port", &self.local_ports),
            ("remote-port", &self.remote_ports),
            ("port", &self.ports),
        ];
        for (option, set) in ports {
            if let Some(set) = set {
                add(option, set.to_string());
            }
        }
        let networks = [
            ("local-addr", &self.local_addrs),
            ("remote-addr", &self.remote_addrs),
            ("addr", &self.addrs),
        ];
        for (option, list) in networks {
            for it in list {
                add(option, written(it));
            }
        }
        for pid in &self.pids {
            add("pid", pid.to_string());
        }
        for comm in &self.comms {
            add("comm", comm.clone());
        }
        for uid in &self.uids {
            add("uid", uid.to_string());
        }
        if let Some(netns) = self.netns {
            add("netns", netns.to_string());
        }
        for state in &self.states {
            add("state", state.name().to_owned());
        }
        if self.followed {
            add("command", String::new());
        }
        options
    }

    /// Reads them. Which control groups are asked for is not among them.
    ///
    /// # Errors
    /// [`OptionError`] for what is none.
    pub fn from_options<'a>(
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, OptionError> {
        let mut filter = Self::default();
        for (option, value) in options {
            filter.set(option, value).ok_or_else(|| OptionError {
                option: option.to_owned(),
                value: value.to_owned(),
            })?;
        }
        Ok(filter)
    }

    fn set(&mut self, option: &str, value: &str) -> Option<()> {
        match option {
            "ipv4" => self.family = Some(Family::Ipv4),
            "ipv6" => self.family = Some(Family::Ipv6),
            "local-port" => self.local_ports = Some(value.parse().ok()?),
            "remote-port" => self.remote_ports = Some(value.parse().ok()?),
            "port" => self.ports = Some(value.parse().ok()?),
            "local-addr" => self.local_addrs.push(read(value)?),
            "remote-addr" => self.remote_addrs.push(read(value)?),
            "addr" => self.addrs.push(read(value)?),
            "pid" => self.pids.push(value.parse().ok()?),
            "comm" => self.comms.push(value.to_owned()),
            "uid" => self.uids.push(value.parse().ok()?),
            "netns" => self.netns = Some(value.parse().ok()?),
            "state" => self.states.push(value.parse::<State>().ok()?),
            "command" => self.followed = true,
            _ => return None,
        }
        Some(())
    }
}

/// `10.0.0.0/8`, and where interfaces are asked for, each with its namespace:
/// `fe80::1/128%2@4026531840`.
fn written(it: &Network) -> String {
    let mut text = it.net.to_string();
    for (netns, link) in it.links.iter().flatten() {
        text += &format!("%{link}@{netns}");
    }
    if it.links.as_ref().is_some_and(Vec::is_empty) {
        text += "%";
    }
    text
}

fn read(text: &str) -> Option<Network> {
    let (net, links) = match text.split_once('%') {
        Some((net, links)) => (net, Some(links)),
        None => (text, None),
    };
    let link = |text: &str| -> Option<(u32, Link)> {
        let (index, netns) = text.split_once('@')?;
        Some((netns.parse().ok()?, Link::new(index.parse().ok()?)?))
    };
    let links = match links {
        None => None,
        Some("") => Some(Vec::new()),
        Some(links) => Some(links.split('%').map(link).collect::<Option<_>>()?),
    };
    Some(Network {
        net: network(net).ok()?,
        links,
    })
}

impl std::fmt::Display for PortSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ports: BTreeSet<u16> = self.iter().collect();
        let mut comma = "";
        for first in ports.iter().copied() {
            let has = |port: u16| self.has(NonZeroU16::new(port));
            if first > 1 && has(first - 1) {
                continue;
            }
            let last = (first..u16::MAX).take_while(|port| has(port + 1)).last();
            match last.map_or(first, |before| before + 1) {
                last if last == first => write!(f, "{comma}{first}")?,
                last => write!(f, "{comma}{first}-{last}")?,
            }
            comma = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_as_it_was_written() {
        let options = [
            ("ipv6", ""),
            ("local-port", "80,443,8000-8099"),
            ("port", "1-65535"),
            ("local-addr", "10.0.0.0/8"),
            ("addr", "fe80::1/128%2@4026531840%3@5"),
            ("addr", "fe80::2/128%"),
            ("pid", "7"),
            ("comm", "a, b"),
            ("comm", "nginx"),
            ("uid", "0"),
            ("netns", "4026531840"),
            ("state", "TIME_WAIT"),
            ("command", ""),
        ];
        let filter = Filter::from_options(options).unwrap();
        let written = filter.to_options();
        let written: Vec<(&str, &str)> = written.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(written, options);
        assert!(Filter::default().to_options().is_empty());
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for wrong in [("port", "x"), ("colour", "red"), ("addr", "10.0.0.1%x")] {
            let error = Filter::from_options([wrong]).unwrap_err().to_string();
            assert!(error.contains(wrong.0), "{error}");
        }
    }
}
