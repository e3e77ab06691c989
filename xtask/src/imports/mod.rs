//! Imports run one way: in tcptrace from room to room, in its kernel half from file to file.

mod circle;
mod names;
mod rules;

use std::{
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use self::names::{Name, names};
use crate::repository::{Repository, toml_of};

/// A file of Rust and what it names.
struct File {
    /// From the repository's root.
    path: PathBuf,
    /// Where it is in its crate, from the root down; of the root itself, its file's name.
    module: Vec<String>,
    names: Vec<Name>,
}

/// A line that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Broken {
    path: PathBuf,
    line: usize,
    rule: String,
}

/// Checks both halves, and prints each line that breaks a rule.
///
/// # Errors
/// When there is one, or a file can't be read.
pub fn check(repository: &Repository) -> Result<()> {
    let files = |folder| files_of(&repository.root, Path::new(folder));
    let crates = crates_of(&repository.root.join("tcptrace/Cargo.toml"))?;
    let mut broken: Vec<Broken> = files("tcptrace/src")?
        .iter()
        .flat_map(|file| rules::broken(file, &crates))
        .collect();
    broken.extend(circle::broken(&files("tcptrace-ebpf/src")?));
    for line in &broken {
        eprintln!("{line}");
    }
    match broken.len() {
        0 => Ok(()),
        1 => bail!("1 line breaks a rule"),
        lines => bail!("{lines} lines break a rule"),
    }
}

/// The crates that one depends on, as Rust names them.
fn crates_of(manifest: &Path) -> Result<Vec<String>> {
    let manifest = toml_of(manifest)?;
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let dependencies = dependencies.context("tcptrace/Cargo.toml has no dependencies")?;
    Ok(dependencies.keys().map(|it| it.replace('-', "_")).collect())
}

/// The files of a crate, by name.
fn files_of(root: &Path, folder: &Path) -> Result<Vec<File>> {
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths)
        .with_context(|| format!("{} can't be read", folder.display()))?;
    paths.sort();
    let read = |path: PathBuf| {
        let shown = path.strip_prefix(root).unwrap_or(&path);
        let inner = path.strip_prefix(root.join(folder)).unwrap_or(&path);
        let source = fs::read_to_string(&path);
        source
            .map_err(anyhow::Error::from)
            .and_then(|source| File::read(shown, inner, &source))
            .with_context(|| format!("{}", shown.display()))
    };
    paths.into_iter().map(read).collect()
}

/// Collects the files of Rust in a directory, and in those within it.
fn collect(directory: &Path, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension() == Some(OsStr::new("rs")) {
            paths.push(path);
        }
    }
    Ok(())
}

impl File {
    /// Reads a file. `inner`: its path from the crate's `src`.
    fn read(path: &Path, inner: &Path, source: &str) -> Result<Self> {
        let mut module: Vec<String> = inner
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if module.len() > 1 && module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let is_root = matches!(&module[..], [one] if one == "lib" || one == "main");
        Ok(Self {
            path: path.to_owned(),
            names: names(source, if is_root { &[] } else { &module })?,
            module,
        })
    }

    fn broken(&self, line: usize, rule: String) -> Broken {
        Broken {
            path: self.path.clone(),
            line,
            rule,
        }
    }

    /// The top modules of its crate that it names, without its own, and the lines.
    fn imports(&self) -> impl Iterator<Item = (&str, usize)> {
        self.names.iter().filter_map(|name| match &name.path[..] {
            // The binary names the library so.
            [root, top, ..]
                if (root == "crate" || root == "tcptrace") && *top != self.module[0] =>
            {
                Some((top.as_str(), name.line))
            }
            _ => None,
        })
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}: {}", self.path.display(), self.line, self.rule)
    }
}
