//! Names of control groups.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirEntryExt as _, MetadataExt as _},
    },
    path::{Component, Path, PathBuf},
    time::{Duration, Instant},
};

use procfs::process::Process;
use rustc_hash::FxHashMap;

use crate::decode::printable;

/// How long an id that was not found is not looked for again.
const RETRY: Duration = Duration::from_secs(1);

/// How many paths are kept of cgroups that may be gone: services and containers come and go.
const MOST: usize = 1 << 16;
/// The longest path, in characters: whoever may make cgroups chooses their names, and how deep.
const LONGEST: usize = 1024;

/// Paths of cgroups (v2) by id, printable. The id of a cgroup is the inode number of its directory.
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
                if self.paths.len() > MOST {
                    self.paths.clear();
                }
                self.walk(&mount);
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
        if given.as_os_str().is_empty() || below.components().any(|it| it == Component::ParentDir) {
            return Err(io::Error::other(
                "it takes a path below the root of all cgroups, as in /system.slice",
            ));
        }
        if !fs::metadata(mount.join(below))?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        let names: PathBuf = below
            .components()
            .filter(|it| *it != Component::CurDir)
            .collect();
        Ok(printable_path(&Path::new("/").join(names)))
    }

    fn walk(&mut self, mount: &Path) {
        let Ok(metadata) = fs::metadata(mount) else {
            return;
        };
        self.paths.insert(metadata.ino(), "/".to_owned());
        // Deep trees are read without recursion: the depth is the users' choice.
        let mut open = vec![mount.to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let path = entry.path();
                    if let Ok(below) = path.strip_prefix(mount) {
                        let name = printable_path(&Path::new("/").join(below));
                        self.paths.insert(entry.ino(), name);
                    }
                    open.push(path);
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

fn printable_path(path: &Path) -> String {
    printable(AsRef::<OsStr>::as_ref(path).as_bytes(), LONGEST)
}
