//! Whose it is.

use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{
    identity::pid_of,
    workload::{ContainerRow, PodRow},
};
#[cfg(feature = "parquet")]
use crate::output::{
    parquet::{Batch, Column},
    row::Stored,
};
use crate::{
    host::Cgroups,
    model::{Comm, Owner, Workload},
    output::{
        fields::CgroupPath,
        row::{Cells, Field, Fields, row},
    },
};

row! {
    /// Who has, or had, a connection.
    pub struct OwnerRow<'a> {
        /// Id, in tcptrace's own pid namespace, of the process that used the socket last; null when
        /// unknown, or it is not in that namespace.
        pid: Option<NonZeroU32>,
        /// Name of that process, with ? for what is no text; null when unknown.
        comm: Option<Comm>,
        /// Id of the user that the socket belongs to; null when unknown.
        uid: Option<u32>,
        /// Path of that process's control group (v2), below the root of all; null when unknown.
        cgroup: Option<CgroupPath<'a>>,
        /// The container that that process runs in; null when in none, or unknown.
        container: Option<ContainerRow<'a>>,
        /// The pod that the container belongs to; null when to none, or unknown. Its uid may be known
        /// where its name is not.
        pod: Option<PodRow<'a>>,
        /// The unit of systemd, or of a user's, as systemctl status PID finds it; null when none, or
        /// unknown.
        unit: Option<&'a str>,
    }
}

/// How many owners are kept: a busy server has few that are busy.
const KEPT: usize = 16;

/// Owners as fields of a row: what was written for one is kept, as most transitions are of few
/// processes.
#[derive(Default)]
pub struct OwnerCache {
    kept: [Kept; KEPT],
}

/// An owner, as it was written.
#[derive(Default)]
pub struct Kept {
    owner: Owner,
    cgroup: Option<String>,
    workload: Option<Arc<Workload>>,
    /// Its members in JSON. Empty: nothing is kept here.
    text: Vec<u8>,
    /// The same as columns of a database, once it was asked for.
    #[cfg(feature = "ship")]
    inserted: std::cell::OnceCell<Vec<u8>>,
    /// Its control group was not found, but may be the next time.
    incomplete: bool,
    /// How often more had been told of control groups by then.
    times_told: u64,
}

impl OwnerCache {
    /// The fields of an owner.
    #[inline]
    pub fn of(&mut self, owner: &Owner, cgroups: &mut Cgroups) -> &Kept {
        let pid = owner.process.and_then(|process| process.pid).unwrap_or(0);
        let kept = &mut self.kept[pid as usize % KEPT];
        if kept.text.is_empty()
            || kept.incomplete
            || kept.times_told != cgroups.times_told()
            || !kept.is_of(owner)
        {
            kept.replace(owner, cgroups);
        }
        kept
    }
}

impl Kept {
    /// Whether it says the same of another owner: threads, which have names of their own, are not
    /// among the fields.
    fn is_of(&self, owner: &Owner) -> bool {
        (self.owner.process, self.owner.uid, self.owner.cgroup)
            == (owner.process, owner.uid, owner.cgroup)
    }

    fn replace(&mut self, owner: &Owner, cgroups: &mut Cgroups) {
        self.owner = *owner;
        let id = owner.cgroup.map(NonZeroU64::get);
        self.cgroup = id.and_then(|id| cgroups.path(id).map(str::to_owned));
        self.workload = id.and_then(|id| cgroups.workload(id).cloned());
        self.incomplete = id.is_some() && self.cgroup.is_none();
        self.times_told = cgroups.times_told();
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        self.row().members(&mut text);
        self.text = text;
        #[cfg(feature = "ship")]
        self.inserted.take();
    }

    fn row(&self) -> OwnerRow<'_> {
        let process = self.owner.process.as_ref();
        let workload = self.workload.as_deref();
        OwnerRow {
            pid: pid_of(process),
            comm: process.map(|it| it.comm),
            uid: self.owner.uid,
            cgroup: self.cgroup.as_deref().map(CgroupPath),
            container: workload.and_then(|it| Some(it.container.as_ref()?.into())),
            pod: workload.and_then(|it| Some(it.pod.as_ref()?.into())),
            unit: workload.and_then(|it| it.unit.as_deref()),
        }
    }
}

/// A group of fields, the JSON of which is written already.
impl Field for &Kept {
    fn json(&self, line: &mut Vec<u8>) {
        self.row().object(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.row().object(cell);
    }

    fn schema() -> Value {
        OwnerRow::object_schema()
    }

    #[inline]
    fn member(&self, _: &'static str, line: &mut Vec<u8>) {
        line.extend_from_slice(&self.text);
    }

    fn names(_: &str, names: &mut Vec<String>) {
        OwnerRow::all_names("", names);
    }

    fn cells(&self, cells: &mut Cells) {
        self.row().all_cells(cells);
    }

    fn properties(_: &str, _: &str, properties: &mut Map<String, Value>) {
        OwnerRow::all_properties(properties);
    }

    #[cfg(feature = "ship")]
    #[inline]
    fn insert(&self, _: &str, line: &mut Vec<u8>) {
        let text = self.inserted.get_or_init(|| {
            let mut text = Vec::new();
            self.row().insert_members("", &mut text);
            text
        });
        line.extend_from_slice(text);
    }

    #[cfg(feature = "ship")]
    fn inserted(_: &str, names: &mut Vec<String>) {
        OwnerRow::inserted_members("", names);
    }
}

#[cfg(feature = "parquet")]
impl Stored for &Kept {
    fn columns(_: &str, _: &str, columns: &mut Vec<Column>) {
        OwnerRow::all_columns(columns);
    }

    #[inline]
    fn store(it: Option<&Self>, to: &mut Batch<'_>) {
        OwnerRow::store_all(it.map(|it| it.row()).as_ref(), to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Process;

    fn owner(pid: u32, comm: &str, cgroup: u64) -> Owner {
        Owner {
            process: Some(Process {
                pid: (pid != 0).then_some(pid),
                comm: Comm::new(comm.as_bytes()),
            }),
            thread: None,
            uid: Some(5),
            cgroup: NonZeroU64::new(cgroup),
        }
    }

    fn written(owners: &mut OwnerCache, owner: &Owner, cgroups: &mut Cgroups) -> String {
        let mut line = Vec::new();
        owners.of(owner, cgroups).member("", &mut line);
        String::from_utf8(line).expect("text")
    }

    #[test]
    fn owners_are_told_apart_and_written_the_same_every_time() {
        let cgroups = &mut [(9, "/a".to_owned())].into_iter().collect();
        let owners = &mut OwnerCache::default();
        for _ in 0..2 {
            for (owner, text) in [
                (
                    owner(1, "a\"", 9),
                    r#","pid":1,"comm":"a\"","uid":5,"cgroup":"/a","container":null,"pod":null,"unit":null"#,
                ),
                (
                    owner(1, "b", 9),
                    r#","pid":1,"comm":"b","uid":5,"cgroup":"/a","container":null,"pod":null,"unit":null"#,
                ),
                (
                    owner(17, "b", 0),
                    r#","pid":17,"comm":"b","uid":5,"cgroup":null,"container":null,"pod":null,"unit":null"#,
                ),
                (
                    Owner::default(),
                    r#","pid":null,"comm":null,"uid":null,"cgroup":null,"container":null,"pod":null,"unit":null"#,
                ),
            ] {
                assert_eq!(written(owners, &owner, cgroups), text);
            }
        }
    }

    #[test]
    fn what_becomes_known_of_a_container_is_in_the_next_line() {
        let owners = &mut OwnerCache::default();
        let id = "ab".repeat(32);
        let path = format!("/system.slice/docker-{id}.scope");
        let cgroups = &mut Cgroups::from_iter([(9, path)]);
        let before = written(owners, &owner(1, "a", 9), cgroups);
        let container = format!(r#","container":{{"id":"{id}","name":null,"image":null,"#);
        assert!(before.contains(&container), "{before}");
        let mut workload = (**cgroups.workload(9).expect("its path is known")).clone();
        if let Some(container) = &mut workload.container {
            container.name = Some("web".to_owned());
        }
        cgroups.told(9, workload);
        let now = written(owners, &owner(1, "a", 9), cgroups);
        assert!(now.contains(r#""name":"web""#), "{now}");
        let unit = format!(r#","pod":null,"unit":"docker-{id}.scope""#);
        assert!(now.ends_with(&unit), "{now}");
    }

    #[test]
    fn a_cgroup_that_was_not_found_is_looked_for_again() {
        let owners = &mut OwnerCache::default();
        let unknown = written(owners, &owner(1, "a", 9), &mut Cgroups::default());
        assert!(
            unknown.ends_with(r#""cgroup":null,"container":null,"pod":null,"unit":null"#),
            "{unknown}"
        );
        let cgroups = &mut [(9, "/a".to_owned())].into_iter().collect();
        let known = written(owners, &owner(1, "a", 9), cgroups);
        assert!(
            known.ends_with(r#""cgroup":"/a","container":null,"pod":null,"unit":null"#),
            "{known}"
        );
    }
}
