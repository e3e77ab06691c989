//! The tree of control groups (v2), as it is mounted.

use std::{
    ffi::OsStr,
    fs, io,
    num::NonZero,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirEntryExt as _, MetadataExt as _},
    },
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};

use procfs::process::{MountInfo, Process};

use crate::model::{Cgroup, printable};

/// The root of all, the inode number of its directory: the first that kernfs gives
/// (`kernfs_create_root()`, fs/kernfs/dir.c).
const ROOT: Cgroup = NonZero::<u64>::MIN;
/// Controllers of v1 that mark packets, and say nothing of where a process belongs: some VPNs
/// mount them beside v2.
const MARKING: [&str; 2] = ["net_cls", "net_prio"];
/// The longest path, in characters: whoever may make cgroups chooses their names, and how deep.
const LONGEST: usize = 1024;

/// Processes have their places in hierarchies of cgroup v1 here: those of v2 has them all in its
/// root, unless systemd puts them elsewhere, too.
static SPLIT: LazyLock<bool> =
    LazyLock::new(|| fs::read_to_string("/proc/self/cgroup").is_ok_and(|text| is_split(&text)));

/// The cgroup that says nothing of the processes in it, if there is one: the root of v2, on a
/// machine whose processes have their places in v1.
#[must_use]
pub fn silent() -> Option<Cgroup> {
    SPLIT.then_some(ROOT)
}

/// Whether /proc/PID/cgroup has hierarchies of v1 that processes have their places in: lines like
/// `4:cpu,cpuacct:/a`, or `1:name=systemd:/a`; that of v2 is `0::/a`.
#[must_use]
pub fn is_split(cgroups: &str) -> bool {
    let controllers = cgroups.lines().filter_map(|line| line.split(':').nth(1));
    controllers
        .filter(|it| !it.is_empty())
        .any(|it| !it.split(',').all(|each| MARKING.contains(&each)))
}

/// Where cgroup v2 is mounted.
#[derive(Clone, Debug)]
pub struct Tree {
    mount: PathBuf,
    /// What is mounted there, as a path below the root of all that this process may know of.
    below: PathBuf,
}

impl Tree {
    /// Finds it; `None`: cgroup v2 is not mounted.
    pub fn find() -> Option<Self> {
        let mounts = Process::myself().and_then(|me| me.mountinfo()).ok()?;
        Self::of(mounts.into_iter().filter(|it| it.fs_type == "cgroup2"))
    }

    /// The whole tree is better than a part of it.
    fn of(mounts: impl Iterator<Item = MountInfo>) -> Option<Self> {
        let mount = mounts.min_by_key(|it| it.root != "/")?;
        // One from outside of the own cgroup namespace is `/..`: names are as below it.
        let outside = Path::new(&mount.root)
            .components()
            .any(|it| it == Component::ParentDir);
        Some(Self {
            mount: mount.mount_point,
            below: match outside {
                true => PathBuf::from("/"),
                false => PathBuf::from(mount.root),
            },
        })
    }

    /// Turns what a user calls a cgroup into its path below the root: a full path, or one below
    /// the root.
    ///
    /// # Errors
    /// When there is no such cgroup.
    pub fn resolve(&self, given: &Path) -> io::Result<String> {
        let inside = match given.strip_prefix(&self.mount) {
            Ok(inside) => inside,
            Err(_) => given
                .strip_prefix(&self.below)
                .or_else(|_| given.strip_prefix("/"))
                .unwrap_or(given),
        };
        if given.as_os_str().is_empty() || inside.components().any(|it| it == Component::ParentDir)
        {
            return Err(io::Error::other(
                "it takes a path below the root of all cgroups, as in /system.slice",
            ));
        }
        if !fs::metadata(self.mount.join(inside))?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        let names: PathBuf = inside
            .components()
            .filter(|it| *it != Component::CurDir)
            .collect();
        Ok(self.name(&names))
    }

    /// Reads the ids and paths of all cgroups, or of so many.
    pub fn walk(&self, most: usize) -> Vec<(u64, String)> {
        let mut found = Vec::new();
        let Ok(metadata) = fs::metadata(&self.mount) else {
            return found;
        };
        found.push((metadata.ino(), self.name(Path::new(""))));
        // Deep trees are read without recursion: the depth is the users' choice.
        let mut open = vec![self.mount.clone()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                if found.len() >= most {
                    return found;
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let path = entry.path();
                    if let Ok(inside) = path.strip_prefix(&self.mount) {
                        found.push((entry.ino(), self.name(inside)));
                    }
                    open.push(path);
                }
            }
        }
        found
    }

    /// The name of what lies at a place inside of the mount.
    fn name(&self, inside: &Path) -> String {
        let path = match inside.as_os_str().is_empty() {
            true => self.below.clone(),
            false => self.below.join(inside),
        };
        printable(AsRef::<OsStr>::as_ref(&path).as_bytes(), LONGEST)
    }
}

/// The path of a cgroup of that name in another.
pub fn join(above: &str, name: &[u8]) -> String {
    let above = above.trim_end_matches('/');
    let room = LONGEST.saturating_sub(above.chars().count() + 1);
    format!("{above}/{}", printable(name, room))
}

/// Whether a path is that one, or below it.
pub fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_takes_those_below_it_in() {
        assert!(is_below("/system.slice/nginx.service", "/system.slice"));
        assert!(is_below("/system.slice", "/system.slice/"));
        assert!(is_below("/a", "/"));
        assert!(!is_below("/system.slice2", "/system.slice"));
    }

    #[test]
    fn a_machine_is_split_where_v1_places_processes() {
        assert!(is_split("1:name=systemd:/a\n0::/a\n"));
        assert!(is_split("3:net_cls:/\n4:cpu,cpuacct:/a:b\n"));
        assert!(!is_split("3:net_cls,net_prio:/\n0::/a:b\n"));
        assert!(!is_split("0::/\n"));
        assert!(!is_split(""));
    }

    #[test]
    fn a_name_is_joined_to_the_path_above() {
        assert_eq!(join("/", b"a"), "/a");
        assert_eq!(join("/a", b"b\x1b"), "/a/b\\x1b");
        assert!(join(&format!("/{}", "x".repeat(1020)), b"abcdef").ends_with("/ab…"));
    }

    #[test]
    fn the_whole_tree_is_preferred_and_a_part_keeps_its_place() {
        let mount = |root: &str, at: &str| {
            MountInfo::from_line(&format!(
                "30 1 0:26 {root} {at} rw shared:4 - cgroup2 cgroup2 rw"
            ))
            .unwrap()
        };
        let of = |mounts: Vec<MountInfo>| Tree::of(mounts.into_iter()).unwrap();
        let part = || mount("/docker/abc", "/part");
        let tree = of(vec![part(), mount("/", "/sys/fs/cgroup")]);
        assert_eq!(tree.name(Path::new("")), "/");
        assert_eq!(tree.name(Path::new("a/b")), "/a/b");
        let tree = of(vec![part()]);
        assert_eq!(tree.name(Path::new("")), "/docker/abc");
        assert_eq!(tree.name(Path::new("c")), "/docker/abc/c");
        assert_eq!(of(vec![mount("/../..", "/x")]).name(Path::new("c")), "/c");
    }
}
