//! What the path of a control group tells.

use super::{
    table::TABLE,
    unit::{unit_of, user_of},
};
use crate::model::{Container, LONGEST_NAME, Pod, Runtime, Workload, printable};

/// So many names of a path are looked at: no runtime of this machine makes its control groups deeper
/// down, and who makes one chooses how deep.
const MOST_NAMES: usize = 16;

/// What a path tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What runs there.
    pub workload: Workload,
    /// The user whose control group it is: files of that user's runtime tell more, and no others.
    pub user: Option<u32>,
}

impl Place {
    /// Whether files of a runtime may tell more.
    #[must_use]
    pub fn has_files(&self) -> bool {
        let runtime = self.workload.container.as_ref().map(|it| it.runtime);
        runtime.is_some_and(|runtime| match runtime {
            Some(runtime) => TABLE.files.iter().any(|row| row.runtime == runtime),
            None => true,
        })
    }
}

/// Reads a path, as it is below the root of all control groups. By the table in
/// data/container-runtimes.toml and systemd's rules; nothing is looked up.
#[must_use]
pub fn place_of(path: &str) -> Place {
    let names = path.split('/').filter(|name| !name.is_empty());
    let names: Vec<&str> = names.take(MOST_NAMES).collect();
    let found = container_in(&names);
    let above = found.as_ref().map_or(names.len(), |(at, _)| *at);
    Place {
        workload: Workload {
            pod: pod_in(&names[..above]),
            container: found.map(|(_, container)| container),
            unit: unit_of(path),
        },
        user: user_of(path),
    }
}

/// The outermost container, and where its control group is: what is in one, it may have made itself.
fn container_in(names: &[&str]) -> Option<(usize, Container)> {
    for otherwise in [false, true] {
        for at in 0..names.len() {
            let rows = TABLE.containers.iter();
            let mut rows = rows.filter(|row| row.otherwise == otherwise);
            let found = rows.find_map(|row| Some((row, row.pattern.read(&names[at..])?)));
            match found {
                None => {}
                Some((row, _)) if row.no_container => return None,
                Some((row, read)) => return Some((at, container(row.runtime, read))),
            }
        }
    }
    None
}

fn container(runtime: Option<Runtime>, read: &str) -> Container {
    let name = match runtime {
        Some(Runtime::SystemdNspawn) => Some(unescaped(read)),
        Some(Runtime::Lxc) => Some(printable(read.as_bytes(), LONGEST_NAME)),
        _ => None,
    };
    Container {
        id: name.clone().unwrap_or_else(|| read.to_owned()),
        name,
        image: None,
        runtime,
    }
}

/// The pod whose control group is one of these, the outermost.
fn pod_in(names: &[&str]) -> Option<Pod> {
    let read = (0..names.len()).find_map(|at| {
        let rows = TABLE.pods.iter();
        rows.filter_map(|pattern| pattern.read(&names[at..])).next()
    })?;
    let uid = match read.len() {
        // A slice has dashes for the slices above it alone.
        36 => read.replace('_', "-"),
        _ => read.to_owned(),
    };
    Some(Pod {
        namespace: None,
        name: None,
        uid: Some(uid),
    })
}

/// Systemd writes what may not stand in a unit's name as its code: `\x2d`.
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = match rest {
            [b'\\', b'x', high, low, ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                digit(*high).zip(digit(*low))
            }
            _ => None,
        };
        match code {
            Some((high, low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = &rest[4..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    printable(&bytes, LONGEST_NAME)
}
