//! What runs in a control group.

use crate::{
    host::Cgroups,
    model::{Container, Owner, Pod, Runtime},
    output::row::{object, row},
};

row! {
    /// A container.
    pub struct ContainerRow<'a> {
        /// What its runtime knows it by: 64 hexadecimal digits, or its name (LXC, systemd-nspawn).
        id: &'a str,
        /// Its name; null when unknown, or it has none.
        name: Option<&'a str>,
        /// The image that it was made of, as it was asked for; null when unknown.
        image: Option<&'a str>,
        /// What runs it; null when unknown.
        runtime: Option<Runtime>,
    }
}
object!(ContainerRow<'_>);

row! {
    /// A pod.
    pub struct PodRow<'a> {
        /// Its namespace; null when unknown, or it has none.
        namespace: Option<&'a str>,
        /// Its name; null when unknown.
        name: Option<&'a str>,
        /// What tells it from others of that name; null when unknown.
        uid: Option<&'a str>,
    }
}
object!(PodRow<'_>);

impl<'a> From<&'a Container> for ContainerRow<'a> {
    fn from(it: &'a Container) -> Self {
        Self {
            id: &it.id,
            name: it.name.as_deref(),
            image: it.image.as_deref(),
            runtime: it.runtime,
        }
    }
}

impl<'a> From<&'a Pod> for PodRow<'a> {
    fn from(it: &'a Pod) -> Self {
        Self {
            namespace: it.namespace.as_deref(),
            name: it.name.as_deref(),
            uid: it.uid.as_deref(),
        }
    }
}

/// What an owner's control group is, and what runs there.
pub(super) struct Whose<'a> {
    pub path: Option<&'a str>,
    pub container: Option<ContainerRow<'a>>,
    pub pod: Option<PodRow<'a>>,
    pub unit: Option<&'a str>,
}

impl<'a> Whose<'a> {
    pub fn of(owner: &Owner, cgroups: &'a mut Cgroups) -> Self {
        let Some(id) = owner.cgroup else {
            return Self {
                path: None,
                container: None,
                pod: None,
                unit: None,
            };
        };
        let (path, workload) = cgroups.path_and_workload(id.get());
        Self {
            path,
            container: workload.and_then(|it| Some(it.container.as_ref()?.into())),
            pod: workload.and_then(|it| Some(it.pod.as_ref()?.into())),
            unit: workload.and_then(|it| it.unit.as_deref()),
        }
    }
}
