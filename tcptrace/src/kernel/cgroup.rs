//! Names of control groups.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::{DirEntryExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use procfs::process::Process;
use rustc_hash::FxHashMap;

/// How long an id that was not found is not looked for again.
const RETRY: Duration = Duration::from_secs(1);

/// Paths of cgroups (v2) by id. The id of a cgroup is the inode number of its directory.
#[derive(Debug, Default)]
pub struct Cgroups {
    mount: Option<PathBuf>,
    paths: FxHashMap<u64, String>,
    read: Option<Instant>,
}

impl Cgroups {
    /// Finds where cgroup v2 is mounted; without that, no path is known.
    #[must_use]
    pub fn new() -> Self {
        let mount = Process::myself()
            .and_then(|me| me.mountinfo())
            .ok()
            .and_then(|mounts| mounts.into_iter().find(|mount| mount.fs_type == "cgroup2"))
            .map(|mount| mount.mount_point);
        Self {
            mount,
            ..Self::default()
        }
    }

    /// The path of a cgroup below the root of all, with `/` first.
    pub fn path(&mut self, id: u64) -> Option<&str> {
        if !self.paths.contains_key(&id) && self.read.is_none_or(|read| read.elapsed() > RETRY) {
            self.read = Some(Instant::now());
            if let Some(mount) = self.mount.clone() {
                self.walk(&mount, "/");
            }
        }
        self.paths.get(&id).map(String::as_str)
    }

    /// Turns what a user calls a cgroup into its path below the root: a full path, or one below
    /// the mount.
    ///
    /// # Errors
    /// When there is no such cgroup, or cgroup v2 is not mounted.
    pub fn resolve(&self, given: &Path) -> io::Result<String> {
        let mount = self.mount.as_deref().ok_or_else(|| {
            io::Error::other("cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup")
        })?;
        let below = given
            .strip_prefix(mount)
            .or_else(|_| given.strip_prefix("/"))
            .unwrap_or(given);
        if !fs::metadata(mount.join(below))?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        Ok(format!("/{}", below.display()))
    }

    fn walk(&mut self, directory: &Path, name: &str) {
        let Ok(metadata) = fs::metadata(directory) else {
            return;
        };
        self.paths.insert(metadata.ino(), name.to_owned());
        // Deep trees are read without recursion: the depth is the users' choice.
        let mut open = vec![(directory.to_owned(), name.trim_end_matches('/').to_owned())];
        while let Some((directory, name)) = open.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let name = format!("{name}/{}", lossy(entry.file_name()));
                    self.paths.insert(entry.ino(), name.clone());
                    open.push((entry.path(), name));
                }
            }
        }
    }
}

/// Paths that are known, by id; no others are looked for.
impl FromIterator<(u64, String)> for Cgroups {
    fn from_iter<T: IntoIterator<Item = (u64, String)>>(paths: T) -> Self {
        Self {
            paths: paths.into_iter().collect(),
            ..Self::default()
        }
    }
}

fn lossy(name: OsString) -> String {
    name.to_string_lossy().into_owned()
}
