//! What can't be seen on a machine, and why.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

use super::KernelError;

/// Something that can't be seen on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Degraded {
    /// The hook, or the file.
    pub what: Cow<'static, str>,
    /// Why.
    pub why: Why,
}

/// Why something can't be seen. As a text, in English, it says what is missing because of it, too, and
/// what helps. Names are written into recordings: they stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No program is told of a control group that is made.
    Cgroups(KernelError),
    /// The kernel has no control groups, or is built in a way of its own.
    NoCgroups,
    /// Minisocks and requests can't be told from other timers.
    Addresses(NoAddresses),
    /// No program is told of timers.
    Timers(KernelError),
    /// Timers that send SYNs can't be told from others.
    NoWriteTimer,
    /// No program is told of segments that are dropped.
    Fins(KernelError),
    /// No program is told of resets.
    Resets(KernelError),
    /// What ends minisocks and requests early can't be told.
    NoCauses,
    /// No program is told of processes that are made.
    Forks(KernelError),
    /// No program is told of accept(), for the reason that the kernel gives.
    Accepts(String),
    /// No program can be told of accept() on this processor.
    AcceptsNowhere,
    /// The pid namespace is not the initial one.
    PidNamespace,
    /// /proc is of another pid namespace.
    Proc,
    /// The kernel hides most processes' descriptors, in spite of capabilities.
    DescriptorsHidden,
    /// A capability is missing.
    Capability {
        /// As capabilities(7) calls it.
        name: Cow<'static, str>,
        /// What can't be done without it, in English.
        without: Cow<'static, str>,
    },
    /// What a recording says of which no more is known than its text: by an older version, or a newer
    /// one.
    #[serde(skip)]
    Text(String),
}

/// Why /proc/kallsyms does not tell where the handlers of timers are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoAddresses {
    /// It hides all addresses.
    Hidden,
    /// It lacks these functions, one at least.
    Without(Vec<Cow<'static, str>>),
}

impl fmt::Display for NoAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str(
                "no kernel addresses in it: set kernel.kptr_restrict to 0 or 1, and run as root \
                 or with CAP_SYSLOG",
            ),
            Self::Without(functions) => write!(
                f,
                "it has no {}: this kernel must be built with CONFIG_KALLSYMS, and keep the names \
                 of its functions",
                functions.join(" and no ")
            ),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TIMERS: &str = "TIME_WAIT, orphaned FIN_WAIT2 and half-open SYN_RECV can't be seen";
        let cgroups = |f: &mut fmt::Formatter<'_>, why: &dyn fmt::Display| {
            write!(
                f,
                "{why}, so control groups that are made while tracing are known late, or not at \
                 all if they are short-lived"
            )
        };
        let accepts = |f: &mut fmt::Formatter<'_>, why: &str| {
            write!(
                f,
                "{why}; so which of several processes accepts a connection is looked for instead: \
                 it is known a moment later, and not at all of a connection that is over by then"
            )
        };
        match self {
            Self::Cgroups(error) => cgroups(f, error),
            Self::NoCgroups => cgroups(f, &"the kernel's types have no control groups"),
            Self::Addresses(why) => write!(f, "{why}; until then, {TIMERS}"),
            Self::Timers(error) => write!(f, "{error}, so {TIMERS}"),
            Self::NoWriteTimer => f.write_str(
                "tcp_write_timer is missing in it, so the port of connect() is looked for instead \
                 of told, and whether a SYN was sent at all is unknown",
            ),
            Self::Fins(error) => write!(
                f,
                "{error}, so FIN_WAIT2 -> TIME_WAIT of a closed socket is often seen only at its \
                 end"
            ),
            Self::Resets(error) => write!(
                f,
                "{error}, so resets by this machine can't be told from those by the peer, nor \
                 those from errors that ICMP told"
            ),
            Self::NoCauses => f.write_str(
                "names of TCP functions are missing in it, so the reason of an early end of \
                 TIME_WAIT or SYN_RECV is unknown",
            ),
            Self::Forks(error) => write!(
                f,
                "{error}, so a connection may be told to be of the process that listened, where \
                 another accepted it"
            ),
            Self::Accepts(why) => accepts(f, why),
            Self::AcceptsNowhere => accepts(
                f,
                "this kernel does not support it on this processor (ENOTSUPP)",
            ),
            Self::PidNamespace => f.write_str(
                "this is not the machine's initial pid namespace: processes outside of it have no \
                 pid here, and those that have sockets already are not found; run tcptrace outside \
                 of it (a container: with --pid=host)",
            ),
            Self::Proc => f.write_str(
                "/proc is not of this process's pid namespace, so no process has a pid: mount one \
                 that is",
            ),
            Self::DescriptorsHidden => f.write_str(
                "the kernel hides the descriptors of most processes in spite of CAP_SYS_PTRACE, as \
                 a profile of AppArmor or SELinux has it do: whose sockets there are already can't \
                 be seen; run tcptrace without one (a container: with \
                 --security-opt apparmor=unconfined)",
            ),
            Self::Capability { name, without } => {
                write!(f, "{without}: run it as root, or with {name}")
            }
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// As a recording has it: with a text that readers of any version understand.
#[derive(Serialize, Deserialize)]
struct Stored {
    what: Cow<'static, str>,
    why: String,
    #[serde(
        default,
        deserialize_with = "known",
        skip_serializing_if = "Option::is_none"
    )]
    cause: Option<Why>,
}

/// A newer version may know of more.
fn known<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Why>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Cause {
        Known(Why),
        Unknown(IgnoredAny),
    }
    Ok(match Cause::deserialize(from)? {
        Cause::Known(why) => Some(why),
        Cause::Unknown(_) => None,
    })
}

impl From<Stored> for Degraded {
    fn from(it: Stored) -> Self {
        Self {
            what: it.what,
            why: it.cause.unwrap_or(Why::Text(it.why)),
        }
    }
}

impl From<Degraded> for Stored {
    fn from(it: Degraded) -> Self {
        Self {
            what: it.what,
            why: it.why.to_string(),
            cause: match it.why {
                Why::Text(_) => None,
                why => Some(why),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(it: &Degraded) -> String {
        serde_json::to_string(it).unwrap()
    }

    fn read(text: &str) -> Degraded {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_stored_has_a_text_for_readers_that_know_no_more() {
        let it = Degraded {
            what: "timer_start".into(),
            why: Why::Timers(KernelError::Refused {
                program: "timer_start".into(),
                why: "no".to_owned(),
            }),
        };
        assert_eq!(
            stored(&it),
            "{\"what\":\"timer_start\",\"why\":\"the kernel refused program timer_start: no, so \
             TIME_WAIT, orphaned FIN_WAIT2 and half-open SYN_RECV can't be seen\",\
             \"cause\":{\"timers\":{\"refused\":{\"program\":\"timer_start\",\"why\":\"no\"}}}}"
        );
        assert_eq!(read(&stored(&it)), it);
    }

    #[test]
    fn what_is_not_known_is_the_text_that_stands_there() {
        let text = Degraded {
            what: "x".into(),
            why: Why::Text("told long ago".to_owned()),
        };
        let old = "{\"what\":\"x\",\"why\":\"told long ago\"}";
        assert_eq!(read(old), text);
        assert_eq!(stored(&text), old);
        for cause in [
            "\"of_later\"",
            "{\"of_later\":{\"a\":[1]}}",
            "{\"text\":\"x\"}",
            "{\"timers\":\"of_later\"}",
            "7",
            "null",
        ] {
            let newer = format!("{{\"what\":\"x\",\"why\":\"told long ago\",\"cause\":{cause}}}");
            assert_eq!(read(&newer), text, "{cause}");
        }
    }
}
