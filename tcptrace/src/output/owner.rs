//! Owners as fields of a line of JSON.

use super::append::{Append as _, fields};
use crate::{host::Cgroups, model::CgroupPaths as _, model::Owner};

/// How many owners' fields are kept: a busy server has few that are busy.
const KEPT: usize = 16;

/// Appends the fields of owners: what was written for one is kept, as most transitions are of few
/// processes.
#[derive(Default)]
pub(super) struct OwnerFields {
    kept: [Kept; KEPT],
}

#[derive(Default)]
struct Kept {
    owner: Owner,
    /// Empty: nothing is kept here.
    text: Vec<u8>,
}

impl OwnerFields {
    /// Appends them, each with a comma before it.
    pub fn append(&mut self, owner: &Owner, cgroups: &mut Cgroups, line: &mut Vec<u8>) {
        let pid = owner.process.and_then(|process| process.pid).unwrap_or(0);
        let kept = &mut self.kept[pid as usize % KEPT];
        if kept.text.is_empty() || !kept.is_of(owner) {
            let cgroup = owner.cgroup.map(|id| cgroups.path(id.get()));
            kept.owner = *owner;
            kept.text.clear();
            let process = owner.process.as_ref();
            let text = &mut kept.text;
            fields! { text,
                pid = process.and_then(|process| process.pid);
                comm = process.map(|process| process.comm.as_str());
                uid = owner.uid;
                cgroup = cgroup.flatten();
            }
            if cgroup == Some(None) {
                // It may be found the next time.
                line.extend_from_slice(text);
                text.clear();
                return;
            }
        }
        line.extend_from_slice(&kept.text);
    }
}

impl Kept {
    /// Whether it says the same of another owner: threads, which have names of their own, are not
    /// among the fields.
    fn is_of(&self, owner: &Owner) -> bool {
        (self.owner.process, self.owner.uid, self.owner.cgroup)
            == (owner.process, owner.uid, owner.cgroup)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::model::{Comm, Process};

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

    fn written(owners: &mut OwnerFields, owner: &Owner, cgroups: &mut Cgroups) -> String {
        let mut line = Vec::new();
        owners.append(owner, cgroups, &mut line);
        String::from_utf8(line).expect("text")
    }

    #[test]
    fn owners_are_told_apart_and_written_the_same_every_time() {
        let cgroups = &mut [(9, "/a".to_owned())].into_iter().collect();
        let owners = &mut OwnerFields::default();
        for _ in 0..2 {
            for (owner, text) in [
                (
                    owner(1, "a\"", 9),
                    r#","pid":1,"comm":"a\"","uid":5,"cgroup":"/a""#,
                ),
                (
                    owner(1, "b", 9),
                    r#","pid":1,"comm":"b","uid":5,"cgroup":"/a""#,
                ),
                (
                    owner(17, "b", 0),
                    r#","pid":17,"comm":"b","uid":5,"cgroup":null"#,
                ),
                (
                    Owner::default(),
                    r#","pid":null,"comm":null,"uid":null,"cgroup":null"#,
                ),
            ] {
                assert_eq!(written(owners, &owner, cgroups), text);
            }
        }
    }

    #[test]
    fn a_cgroup_that_was_not_found_is_looked_for_again() {
        let owners = &mut OwnerFields::default();
        let unknown = written(owners, &owner(1, "a", 9), &mut Cgroups::default());
        assert!(unknown.ends_with(r#""cgroup":null"#), "{unknown}");
        let cgroups = &mut [(9, "/a".to_owned())].into_iter().collect();
        let known = written(owners, &owner(1, "a", 9), cgroups);
        assert!(known.ends_with(r#""cgroup":"/a""#), "{known}");
    }
}
