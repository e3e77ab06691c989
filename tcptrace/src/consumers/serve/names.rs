//! Containers, pods and units as values of a label: several control groups have one name.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    aggregate::{
        meters::Groups,
        stats::{By, Group},
    },
    host::Cgroups,
    model::Cgroup,
};

/// So many control groups are remembered; they are looked up again when there are more.
const MOST: usize = 1 << 16;

/// Which control group stands for all that have the same name: the first that was seen.
#[derive(Debug, Default)]
pub struct Names {
    /// Names of those that stand for others.
    names: FxHashMap<Cgroup, String>,
    firsts: FxHashMap<String, Cgroup>,
    /// What was found of a control group, and how often more had been told of any by then.
    found: FxHashMap<Cgroup, (u64, Option<Cgroup>)>,
}

impl Names {
    /// The one that stands for a control group; `None`: nothing of that kind runs in it, or it is
    /// unknown.
    pub fn first(&mut self, by: By, cgroup: Cgroup, cgroups: &mut Cgroups) -> Option<Cgroup> {
        let told = cgroups.times_told();
        if let Some((at, first)) = self.found.get(&cgroup)
            && *at == told
        {
            return *first;
        }
        let workload = cgroups.workload(cgroup.get());
        // Its path may come late.
        let name = by.name_of(workload?);
        let first = name.map(|name| {
            let first = *self.firsts.entry(name.clone()).or_insert(cgroup);
            self.names.entry(first).or_insert(name);
            first
        });
        if self.found.len() >= MOST {
            self.found.clear();
        }
        self.found.insert(cgroup, (told, first));
        first
    }

    /// The name of one that stands for others.
    pub fn name(&self, first: Cgroup) -> Option<&str> {
        self.names.get(&first).map(String::as_str)
    }

    /// Forgets those that nothing is counted for any more.
    pub fn keep(&mut self, counted: &Groups) {
        let counted: FxHashSet<Cgroup> = counted
            .iter()
            .filter_map(|(group, _)| match group {
                Group::Within(first) => *first,
                _ => None,
            })
            .collect();
        self.names.retain(|first, _| counted.contains(first));
        self.firsts.retain(|_, first| counted.contains(first));
        self.found.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup(id: u64) -> Cgroup {
        Cgroup::new(id).expect("not 0")
    }

    #[test]
    fn control_groups_of_one_name_count_as_one_as_soon_as_it_is_known() {
        let scope = |id: &str| format!("/system.slice/docker-{}.scope", id.repeat(32));
        let mut cgroups = Cgroups::from_iter([
            (2, "/system.slice/nginx.service".to_owned()),
            (3, scope("aa")),
            (4, scope("bb")),
            (5, format!("{}/inside", scope("aa"))),
        ]);
        let mut names = Names::default();
        let mut first = |id| names.first(By::Container, cgroup(id), &mut cgroups);
        assert_eq!(first(2), None);
        assert_eq!(first(3), Some(cgroup(3)));
        assert_eq!(first(4), Some(cgroup(4)));
        assert_eq!(first(5), Some(cgroup(3)));
        assert_eq!(first(9), None);
        assert_eq!(names.name(cgroup(3)), Some("aaaaaaaaaaaa"));
        // The same service once more.
        cgroups.named(7, "/system.slice/nginx.service");
        let mut units = Names::default();
        assert_eq!(
            units.first(By::Unit, cgroup(2), &mut cgroups),
            Some(cgroup(2))
        );
        assert_eq!(
            units.first(By::Unit, cgroup(7), &mut cgroups),
            Some(cgroup(2))
        );
        assert_eq!(units.name(cgroup(2)), Some("nginx.service"));
        units.keep(&Groups::new(By::Unit, 10));
        assert_eq!(units.name(cgroup(2)), None);
        assert_eq!(
            units.first(By::Unit, cgroup(7), &mut cgroups),
            Some(cgroup(7))
        );
    }
}
