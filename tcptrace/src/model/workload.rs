//! What runs in a control group: a container, a pod, a unit of systemd.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What runs in a control group, as far as it is known. Names are others' choice: they are printable,
/// and not longer than [`LONGEST_NAME`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// The container; `None`: none, or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// The pod that it belongs to; `None`: none, or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Pod>,
    /// The unit of systemd, by the name that systemd has for it; `None`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// What its runtime knows it by: 64 hexadecimal digits mostly, a name where the runtime has no
    /// other id.
    pub id: String,
    /// Its name; `None`: unknown, or it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The image that it was made of, as it was asked for; `None`: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What runs it; `None`: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its namespace; `None`: unknown, or it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name; `None`: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What tells it from others of that name; `None`: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// What runs containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// containerd, by Kubernetes or nerdctl.
    Containerd,
    /// CRI-O.
    CriO,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// LXC, LXD, Incus.
    Lxc,
    /// systemd-nspawn.
    SystemdNspawn,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Containerd,
        Self::CriO,
        Self::Docker,
        Self::Podman,
        Self::Lxc,
        Self::SystemdNspawn,
    ];

    /// Its name, as it is written everywhere.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Lxc => "lxc",
            Self::SystemdNspawn => "systemd-nspawn",
        }
    }
}

/// The longest name, in characters: a pod's is not longer (RFC 1123, of a subdomain).
pub const LONGEST_NAME: usize = 253;
/// So many digits of an id are enough to tell containers apart.
const SHORT_ID: usize = 12;

impl Container {
    /// Its name, or the beginning of its id.
    #[must_use]
    pub fn label(&self) -> &str {
        match &self.name {
            Some(name) => name,
            None => self.short_id(),
        }
    }

    /// The beginning of its id: enough to tell containers apart.
    #[must_use]
    pub fn short_id(&self) -> &str {
        self.id.get(..SHORT_ID).unwrap_or(&self.id)
    }
}

/// `NAMESPACE/NAME`, or as much of it as is known; the uid where the name is not.
impl fmt::Display for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.namespace, &self.name, &self.uid) {
            (Some(namespace), Some(name), _) => write!(f, "{namespace}/{name}"),
            (None, Some(name), _) => f.write_str(name),
            (_, None, Some(uid)) => f.write_str(uid),
            (_, None, None) => f.write_str("-"),
        }
    }
}

impl Workload {
    /// Nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The container in words, with its pod before it, as containers of many pods have one name:
    /// `NAMESPACE/POD/NAME`.
    #[must_use]
    pub fn container_label(&self) -> Option<String> {
        let container = self.container.as_ref()?;
        Some(match &self.pod {
            Some(pod) => format!("{pod}/{}", container.label()),
            None => container.label().to_owned(),
        })
    }

    /// The container in words, or else the unit.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        self.container_label().or_else(|| self.unit.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_said_in_the_field_s_own_words() {
        let mut it = Workload {
            unit: Some("nginx.service".to_owned()),
            ..Workload::default()
        };
        assert_eq!(it.label().as_deref(), Some("nginx.service"));
        it.container = Some(Container {
            id: "0123456789abcdef".to_owned(),
            ..Container::default()
        });
        assert_eq!(it.label().as_deref(), Some("0123456789ab"));
        it.pod = Some(Pod {
            uid: Some("b9c0".to_owned()),
            ..Pod::default()
        });
        assert_eq!(it.label().as_deref(), Some("b9c0/0123456789ab"));
        it.pod = Some(Pod {
            namespace: Some("shop".to_owned()),
            name: Some("cart-0".to_owned()),
            uid: None,
        });
        if let Some(container) = &mut it.container {
            container.name = Some("app".to_owned());
        }
        assert_eq!(it.container_label().as_deref(), Some("shop/cart-0/app"));
    }
}
