//! The network interface of a row of a list.

use crate::{
    host::{Interface, Links},
    model::Link,
    output::row::{Field, stored_as_text},
};

/// A network interface; its name in JSON and CSV, or null where that is not known.
#[derive(Clone, Debug)]
pub struct NamedLink {
    index: u32,
    name: Option<String>,
}

impl NamedLink {
    pub(super) fn new(links: &mut Links, netns: u32, link: Option<Link>) -> Option<Self> {
        links.at(netns, link).map(|it| Self {
            index: it.index,
            name: it.name.map(str::to_owned),
        })
    }

    /// As a table shows it.
    pub fn shown(&self) -> Interface<'_> {
        Interface {
            index: self.index,
            name: self.name.as_deref(),
        }
    }
}

impl Field for NamedLink {
    fn json(&self, line: &mut Vec<u8>) {
        self.name.json(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.name.text(cell);
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

stored_as_text!(NamedLink);
