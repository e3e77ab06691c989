//! The crates of others that are linked into both halves, as cargo tells them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::made::Made;
use crate::{
    architecture::Architecture,
    cargo::{cargo, output},
};

/// The target of the kernel half.
const KERNEL_HALF: &str = "bpfel-unknown-none";

/// A crate.
#[derive(Clone, Debug, Deserialize)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as an expression of SPDX.
    pub license: Option<String>,
    /// Where it is developed.
    pub repository: Option<String>,
    /// Its Cargo.toml on this machine.
    pub manifest_path: PathBuf,
    /// Where it comes from; nothing: from here.
    pub source: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
}

/// What is linked into both halves.
#[derive(Debug)]
pub struct Linked {
    /// The crates of others, by name and version: not those that only build or test it.
    pub crates: Vec<Crate>,
    /// Which crate, of others or of ours, calls which.
    pub graph: Graph,
}

/// Name and version of a crate.
pub type Key = (String, String);
/// Crates, and those that they depend on.
pub type Graph = BTreeMap<Key, BTreeSet<Key>>;

/// What is linked into the binary for that architecture.
///
/// # Errors
/// When cargo doesn't tell.
pub fn linked(made: &Made<'_>, architecture: Architecture) -> Result<Linked> {
    let mut graph = Graph::new();
    let program = tree(made, &["tcptrace"], architecture.target())?;
    add(&program, &mut graph);
    let kernel_half = ["tcptrace-ebpf", "--features", "programs"];
    add(&tree(made, &kernel_half, KERNEL_HALF)?, &mut graph);
    let mut all = cargo(made.repository);
    // Without its features, those of the kernel half would not be there.
    all.args(["metadata", "--format-version", "1", "--locked"]);
    all.arg("--all-features");
    let all: Metadata =
        serde_json::from_str(&output(&mut all)?).context("`cargo metadata` writes no JSON")?;
    let told: BTreeSet<Key> = all.packages.iter().map(Crate::key).collect();
    for (name, version) in graph.keys() {
        ensure!(
            told.contains(&(name.clone(), version.clone())),
            "`cargo metadata` does not tell of {name} {version}, which `cargo tree` says is linked in"
        );
    }
    let mut crates: Vec<Crate> = all
        .packages
        .into_iter()
        .filter(|it| it.source.is_some() && graph.contains_key(&it.key()))
        .collect();
    crates.sort_by_key(Crate::key);
    Ok(Linked { crates, graph })
}

impl Crate {
    /// What it is told by.
    #[must_use]
    pub fn key(&self) -> Key {
        (self.name.clone(), self.version.clone())
    }
}

/// What a package depends on, one line a crate.
fn tree(made: &Made<'_>, package: &[&str], target: &str) -> Result<String> {
    let mut command = cargo(made.repository);
    command
        .args(["tree", "--locked", "--prefix", "depth", "--format", " {p}"])
        .args(["--edges", "normal,no-proc-macro", "--target", target])
        .arg("--package")
        .args(package);
    output(&mut command)
}

/// Adds what is in lines like `2 name v1.2.3 (path) (*)`: the number is how deep it is.
fn add(lines: &str, graph: &mut Graph) {
    let mut above: Vec<Key> = Vec::new();
    for line in lines.lines() {
        let mut words = line.split(' ');
        let mut next = || words.next();
        let (Some(Ok(depth)), Some(name), Some(version)) =
            (next().map(str::parse::<usize>), next(), next())
        else {
            continue;
        };
        let key = (name.to_owned(), version.trim_start_matches('v').to_owned());
        above.truncate(depth);
        if let Some(parent) = above.last() {
            graph.entry(parent.clone()).or_default().insert(key.clone());
        }
        graph.entry(key.clone()).or_default();
        above.push(key);
    }
}

#[cfg(test)]
mod tests {
    use super::{Graph, add};

    #[test]
    fn each_version_of_a_crate_counts_once_and_is_below_those_that_use_it() {
        let mut graph = Graph::new();
        let lines = "0 tcptrace v0.1.0 (/src/tcptrace)\n1 nix v0.31.3\n2 libc v0.2.1\n1 old v2.0.0\n\
                     2 nix v0.30.1\n3 libc v0.2.1\n2 nix v0.31.3 (*)\n";
        add(lines, &mut graph);
        let told: Vec<_> = graph
            .iter()
            .map(|((name, version), below)| {
                let below: Vec<_> = below
                    .iter()
                    .map(|it| format!(" {} {}", it.0, it.1))
                    .collect();
                format!("{name} {version}:{}", below.concat())
            })
            .collect();
        assert_eq!(
            told,
            [
                "libc 0.2.1:",
                "nix 0.30.1: libc 0.2.1",
                "nix 0.31.3: libc 0.2.1",
                "old 2.0.0: nix 0.30.1 nix 0.31.3",
                "tcptrace 0.1.0: nix 0.31.3 old 2.0.0",
            ]
        );
    }
}
