//! What the connections of a group have in common.

use serde_json::{Value, json};

use crate::{
    aggregate::stats::{By, Group},
    host::Cgroups,
    output::row::{Field, stored_as_text},
};

/// The value that a group has in common; `None`: unknown, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupValue {
    /// A name, address or path.
    Text(Option<String>),
    /// A number.
    Number(Option<u64>),
}

impl Field for GroupValue {
    fn json(&self, line: &mut Vec<u8>) {
        match self {
            Self::Text(text) => text.json(line),
            Self::Number(number) => number.json(line),
        }
    }

    fn text(&self, cell: &mut Vec<u8>) {
        match self {
            Self::Text(text) => text.text(cell),
            Self::Number(number) => number.text(cell),
        }
    }

    fn schema() -> Value {
        json!({ "type": ["string", "integer", "null"] })
    }
}

stored_as_text!(GroupValue);

impl GroupValue {
    /// As a word; nothing, if it is unknown.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.map(|it| it.to_string()),
        }
        .unwrap_or_default()
    }

    /// Of a group of those that figures are broken down by.
    pub fn new(by: By, group: &Group, cgroups: &mut Cgroups) -> Self {
        match group {
            Group::Comm(comm) => Self::Text(comm.map(|comm| comm.as_str().to_owned())),
            Group::Pid(process) => {
                Self::Number(process.and_then(|process| Some(process.pid?.into())))
            }
            Group::Remote(addr) => Self::Text(addr.map(|addr| addr.to_string())),
            Group::Port(port) => Self::Number(port.map(Into::into)),
            Group::Cgroup(id) => {
                Self::Text(id.and_then(|id| cgroups.path(id.get()).map(str::to_owned)))
            }
            Group::Within(id) => {
                let workload = id.and_then(|id| cgroups.workload(id.get()));
                Self::Text(workload.and_then(|it| by.name_of(it)))
            }
            Group::Netns(inode) => Self::Number(Some((*inode).into())),
        }
    }
}
