//! Which control groups are asked for.

use super::tree::is_below;
use crate::{
    host::full_unit_name,
    model::{Pod, Workload},
};

/// The least digits of an id that are taken for one.
const LEAST_DIGITS: usize = 4;

/// Which control groups are asked for. Whatever is like it is: a service or container that is started
/// anew gets a new control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CgroupFilter {
    /// One by its path below the root of all, and those below it.
    Path(String),
    /// Those of a container, by its name, or its id, of which the first 4 digits are enough.
    Container(String),
    /// Those of a pod, by its name or uid.
    Pod {
        /// Its namespace; `None`: any.
        namespace: Option<String>,
        /// Its name, or uid.
        name: String,
    },
    /// Those of a unit of systemd, by its full name.
    Unit(String),
}

impl CgroupFilter {
    /// The filter of an option, as a user writes its value; `None`: it is another option's.
    #[must_use]
    pub fn of_option(option: &str, value: &str) -> Option<Self> {
        Some(match option {
            "cgroup" => Self::Path(value.to_owned()),
            "container" => Self::Container(value.to_owned()),
            "pod" => {
                let (namespace, name) = match value.split_once('/') {
                    Some((namespace, name)) => (Some(namespace.to_owned()), name),
                    None => (None, value),
                };
                Self::Pod {
                    namespace,
                    name: name.to_owned(),
                }
            }
            "unit" => Self::Unit(full_unit_name(value)),
            _ => return None,
        })
    }

    /// The option, and a value by which it means the same.
    #[must_use]
    pub fn to_option(&self) -> (&'static str, String) {
        match self {
            Self::Path(path) => ("cgroup", path.clone()),
            Self::Container(name) => ("container", name.clone()),
            Self::Pod {
                namespace: Some(namespace),
                name,
            } => ("pod", format!("{namespace}/{name}")),
            Self::Pod {
                namespace: None,
                name,
            } => ("pod", name.clone()),
            Self::Unit(unit) => ("unit", unit.clone()),
        }
    }

    /// Whether a control group is like it. What is unknown is not.
    #[must_use]
    pub fn matches(&self, path: &str, workload: &Workload) -> bool {
        match self {
            Self::Path(above) => is_below(path, above),
            Self::Container(wanted) => workload.container.as_ref().is_some_and(|it| {
                it.name.as_ref() == Some(wanted)
                    || it.id == *wanted
                    || (is_short_id(wanted) && it.id.starts_with(wanted.as_str()))
            }),
            Self::Pod { namespace, name } => workload
                .pod
                .as_ref()
                .is_some_and(|it| is_pod(it, namespace.as_ref(), name)),
            Self::Unit(wanted) => workload.unit.as_ref() == Some(wanted),
        }
    }

    /// Whether only a runtime's files may tell that a control group is like it.
    pub(super) fn takes_names(&self) -> bool {
        matches!(self, Self::Container(_) | Self::Pod { .. })
    }
}

/// Whether that may be the beginning of an id.
fn is_short_id(text: &str) -> bool {
    text.len() >= LEAST_DIGITS
        && text
            .bytes()
            .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_pod(it: &Pod, namespace: Option<&String>, name: &String) -> bool {
    (namespace.is_none() || it.namespace.as_ref() == namespace)
        && (it.name.as_ref() == Some(name) || it.uid.as_ref() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Container;

    fn workload() -> Workload {
        Workload {
            container: Some(Container {
                id: "c0ffee".repeat(10) + "0000",
                name: Some("app".to_owned()),
                ..Container::default()
            }),
            pod: Some(Pod {
                namespace: Some("shop".to_owned()),
                name: Some("cart-0".to_owned()),
                uid: Some("b9c0-1".to_owned()),
            }),
            unit: Some("nginx.service".to_owned()),
        }
    }

    #[test]
    fn a_container_is_found_by_its_name_and_the_beginning_of_its_id() {
        let finds = |option, value: &str| {
            let filter = CgroupFilter::of_option(option, value).expect(option);
            assert_eq!(
                CgroupFilter::of_option(option, &filter.to_option().1),
                Some(filter.clone())
            );
            filter.matches("/a/b", &workload())
        };
        assert!(finds("container", "app"));
        assert!(finds("container", "c0ff"));
        assert!(finds("container", &("c0ffee".repeat(10) + "0000")));
        for other in ["c0f", "ap", "apps", "C0FF", "0ffee"] {
            assert!(!finds("container", other), "{other}");
        }
        for pod in ["cart-0", "shop/cart-0", "b9c0-1"] {
            assert!(finds("pod", pod), "{pod}");
        }
        for other in ["cart", "cart-1", "bank/cart-0", "shop"] {
            assert!(!finds("pod", other), "{other}");
        }
        assert!(finds("unit", "nginx"));
        assert!(finds("unit", "nginx.service"));
        assert!(!finds("unit", "nginx.socket"));
        assert!(finds("cgroup", "/a"));
        assert!(!finds("cgroup", "/b"));
        assert_eq!(CgroupFilter::of_option("comm", "a"), None);
    }
}
