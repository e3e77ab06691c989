//! Names of control groups.

mod tree;

use std::{
    io,
    path::Path,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustc_hash::{FxHashMap, FxHashSet};

use self::tree::{Tree, is_below, join};
pub use self::tree::{is_split, silent};
use crate::model::{Cgroup, CgroupMade};

/// How long after the tree was read it is not read again.
const RETRY: Duration = Duration::from_secs(1);

/// From so many paths on those of cgroups that are gone are forgotten, the oldest first: services
/// and containers come and go.
const MANY: usize = 1 << 16;
/// So many at the most, gone or not.
const MOST: usize = 1 << 18;

/// Paths of cgroups (v2) by id, printable. The id of a cgroup is the inode number of its directory,
/// is never used again, and grows.
#[derive(Debug, Default)]
pub struct Cgroups {
    tree: Option<Tree>,
    /// `None`: it was looked for, and was gone, or is out of sight.
    paths: FxHashMap<u64, Option<String>>,
    /// From so many on there is something to forget.
    full: usize,
    /// Where what is unknown is looked for.
    look: Look,
    /// When that last began.
    began: Option<Instant>,
    /// Ids to be found by the next look.
    wanted: FxHashSet<u64>,
    /// The path of the only one that is asked for, with those below it; `None`: all are.
    only: Vec<String>,
}

/// Reading the tree takes its time where there are many.
#[derive(Debug, Default)]
enum Look {
    /// Where it is asked for.
    #[default]
    Here,
    /// On a thread, whose answer comes later.
    Apart(Option<JoinHandle<Walked>>),
}

/// What a look gave.
#[derive(Debug, Default)]
struct Walked {
    paths: Vec<(u64, String)>,
    /// Those that it was for.
    wanted: FxHashSet<u64>,
}

impl Cgroups {
    /// Finds where cgroup v2 is mounted; without that, no path is known. What is not known is
    /// looked for while the caller waits.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tree: Tree::find(),
            full: MANY,
            ..Self::default()
        }
    }

    /// Reads those that there are. From then on nothing is waited for: the path of one that was
    /// not [`made`](Self::made) meanwhile comes late.
    #[must_use]
    pub fn read() -> Self {
        let mut cgroups = Self::new();
        cgroups.begin();
        cgroups.look = Look::Apart(None);
        cgroups
    }

    /// Asks for one alone, by its path below the root, and those below it: whatever has that path,
    /// as a service that is started anew gets a new cgroup. `None`: for all.
    #[must_use]
    pub fn only_in(mut self, path: Option<String>) -> Self {
        self.only.extend(path);
        self
    }

    /// Whether a cgroup is asked for. Where not all are, one whose path is not known is not.
    pub fn is_asked_for(&mut self, cgroup: Option<Cgroup>) -> bool {
        if self.only.is_empty() {
            return true;
        }
        let Some(id) = cgroup else {
            return false;
        };
        self.seek(id.get());
        let path = self.known(id.get());
        path.is_some_and(|path| self.only.iter().all(|only| is_below(path, only)))
    }

    /// The path of a cgroup below the root of all, with `/` first; `None`: not known.
    pub fn path(&mut self, id: u64) -> Option<&str> {
        self.seek(id);
        self.known(id)
    }

    /// All that are known, with their paths. In no order.
    pub fn all(&self) -> impl Iterator<Item = (u64, &str)> + '_ {
        self.paths
            .iter()
            .filter_map(|(id, path)| Some((*id, path.as_deref()?)))
    }

    /// The path of one became known.
    pub fn named(&mut self, id: u64, path: &str) {
        self.paths.insert(id, Some(path.to_owned()));
    }

    /// One was made.
    pub fn made(&mut self, it: &CgroupMade<'_>) {
        let path = self
            .paths
            .get(&it.parent)
            .map(|above| above.as_deref().map(|above| join(above, it.name)));
        // Otherwise what it is in is not known, and neither is it, before it is looked for.
        if let Some(path) = path {
            self.paths.insert(it.id, path);
        }
        if self.paths.len() >= self.full {
            self.begin();
        }
        if self.paths.len() >= MOST {
            self.forget(|_| true, MOST / 2);
        }
    }

    /// Turns what a user calls a cgroup into its path below the root: a full path, or one below
    /// the root.
    ///
    /// # Errors
    /// When there is no such cgroup, or cgroup v2 is not mounted.
    pub fn resolve(&self, given: &Path) -> io::Result<String> {
        let tree = self.tree.as_ref().ok_or_else(|| {
            io::Error::other("cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup")
        })?;
        tree.resolve(given)
    }

    fn known(&self, id: u64) -> Option<&str> {
        // Paths that are given are another machine's, perhaps.
        if silent().is_some_and(|it| it.get() == id) && self.tree.is_some() {
            return None;
        }
        self.paths.get(&id)?.as_deref()
    }

    /// Has one looked for that was not seen yet.
    fn seek(&mut self, id: u64) {
        if self.paths.contains_key(&id) {
            return;
        }
        self.collect();
        if !self.paths.contains_key(&id) && self.wanted.len() < MANY {
            self.wanted.insert(id);
            self.begin();
        }
    }

    /// Begins to read the tree, unless that was done just now.
    fn begin(&mut self) {
        self.collect();
        let soon = self.began.is_some_and(|it| it.elapsed() < RETRY);
        let (Some(tree), false) = (&self.tree, soon) else {
            return;
        };
        match &mut self.look {
            Look::Here => {
                let wanted = std::mem::take(&mut self.wanted);
                let paths = tree.walk(MOST);
                self.take(Walked { paths, wanted });
            }
            Look::Apart(Some(_)) => return,
            Look::Apart(look) => {
                let (tree, wanted) = (tree.clone(), self.wanted.clone());
                let thread = std::thread::Builder::new().name("cgroups".to_owned());
                *look = thread
                    .spawn(move || Walked {
                        paths: tree.walk(MOST),
                        wanted,
                    })
                    .ok();
            }
        }
        self.began = Some(Instant::now());
    }

    /// Takes what a thread found, if it is done.
    fn collect(&mut self) {
        if let Look::Apart(look) = &mut self.look
            && let Some(done) = look.take_if(|it| it.is_finished())
        {
            let found = done.join().unwrap_or_default();
            self.take(found);
        }
    }

    fn take(&mut self, found: Walked) {
        if self.paths.len() >= self.full {
            let there: FxHashSet<u64> = found.paths.iter().map(|(id, _)| *id).collect();
            self.forget(|id| !there.contains(&id), MANY / 2);
            self.full = (2 * there.len()).max(MANY);
        }
        for id in found.wanted {
            self.wanted.remove(&id);
            self.paths.insert(id, None);
        }
        let named = |(id, path)| (id, Some(path));
        self.paths.extend(found.paths.into_iter().map(named));
    }

    /// Forgets the oldest of some, until so many are left of all.
    fn forget(&mut self, some: impl Fn(u64) -> bool, left: usize) {
        let surplus = self.paths.len().saturating_sub(left);
        let mut ids: Vec<u64> = self.paths.keys().copied().filter(|id| some(*id)).collect();
        ids.sort_unstable();
        for id in ids.iter().take(surplus) {
            self.paths.remove(id);
        }
    }
}

/// Paths that are known, by id; no others are looked for.
impl FromIterator<(u64, String)> for Cgroups {
    fn from_iter<T: IntoIterator<Item = (u64, String)>>(paths: T) -> Self {
        Self {
            paths: paths
                .into_iter()
                .map(|(id, path)| (id, Some(path)))
                .collect(),
            full: MANY,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(id: u64, parent: u64, name: &[u8]) -> CgroupMade<'_> {
        CgroupMade { id, parent, name }
    }

    #[test]
    fn one_that_was_made_has_the_path_of_what_it_was_made_in() {
        let mut cgroups = Cgroups::from_iter([(1, "/".to_owned()), (5, "/a".to_owned())]);
        cgroups.made(&made(7, 5, b"b"));
        cgroups.made(&made(8, 7, b"c"));
        cgroups.made(&made(9, 1, b"d"));
        assert_eq!(cgroups.path(7), Some("/a/b"));
        assert_eq!(cgroups.path(8), Some("/a/b/c"));
        assert_eq!(cgroups.path(9), Some("/d"));
        // Made in one that is out of sight.
        cgroups.made(&made(11, 10, b"e"));
        assert_eq!(cgroups.path(11), None);
    }

    /// Whether one with that id is asked for.
    fn asked_for(cgroups: &mut Cgroups, id: u64) -> bool {
        cgroups.is_asked_for(Cgroup::new(id))
    }

    #[test]
    fn one_that_is_asked_for_takes_those_in_that_come_later() {
        let there = [
            (1, "/".to_owned()),
            (5, "/a".to_owned()),
            (6, "/ab".to_owned()),
        ];
        let mut cgroups = Cgroups::from_iter(there).only_in(Some("/a".to_owned()));
        assert!(asked_for(&mut cgroups, 5));
        assert!(!asked_for(&mut cgroups, 1));
        assert!(!asked_for(&mut cgroups, 6));
        // Neither has a process that nobody knows.
        assert!(!cgroups.is_asked_for(None));
        cgroups.made(&made(7, 5, b"b"));
        cgroups.made(&made(8, 7, b"c"));
        cgroups.made(&made(9, 6, b"d"));
        assert!(asked_for(&mut cgroups, 7));
        assert!(asked_for(&mut cgroups, 8));
        assert!(!asked_for(&mut cgroups, 9));
        // The same service once more.
        cgroups.made(&made(12, 1, b"a"));
        assert!(asked_for(&mut cgroups, 12));
    }

    #[test]
    fn one_whose_path_comes_by_a_look_is_asked_for_from_then_on() {
        let mut cgroups = Cgroups::from_iter([]).only_in(Some("/a".to_owned()));
        assert!(!asked_for(&mut cgroups, 7));
        assert!(cgroups.wanted.contains(&7));
        cgroups.take(Walked {
            paths: vec![(7, "/a/b".to_owned())],
            wanted: [7].into_iter().collect(),
        });
        assert!(asked_for(&mut cgroups, 7));
    }

    #[test]
    fn where_none_is_asked_for_all_are_and_none_is_looked_for() {
        let mut cgroups = Cgroups::from_iter([]);
        assert!(asked_for(&mut cgroups, 7));
        assert!(cgroups.is_asked_for(None));
        assert!(cgroups.wanted.is_empty());
    }

    #[test]
    fn those_that_are_gone_are_forgotten_first_and_the_oldest_of_them() {
        let mut cgroups = Cgroups::from_iter([(2, "/".to_owned()), (3, "/there".to_owned())]);
        for id in 10..10 + MANY as u64 {
            cgroups.made(&made(id, 3, b"gone"));
        }
        let there = vec![(2, "/".to_owned()), (3, "/there".to_owned())];
        cgroups.take(Walked {
            paths: there,
            wanted: FxHashSet::default(),
        });
        assert!(cgroups.paths.len() <= MANY / 2 + 2);
        assert_eq!(cgroups.path(3), Some("/there"));
        assert_eq!(cgroups.path(10), None);
        assert_eq!(cgroups.path(9 + MANY as u64), Some("/there/gone"));
    }

    #[test]
    fn there_are_never_more_than_the_most() {
        let last = 9 + MOST as u64;
        let all = (2..=last).map(|id| (id, "/".to_owned()));
        let mut cgroups = Cgroups::from_iter(all);
        cgroups.made(&made(last + 1, last, b"x"));
        assert!(cgroups.paths.len() <= MOST);
        assert!(cgroups.path(last + 1).is_some());
    }

    #[test]
    fn what_a_look_does_not_find_is_not_looked_for_again() {
        let mut cgroups = Cgroups::from_iter([]);
        assert_eq!(cgroups.path(77), None);
        let wanted = std::mem::take(&mut cgroups.wanted);
        assert!(wanted.contains(&77));
        cgroups.take(Walked {
            paths: Vec::new(),
            wanted,
        });
        assert_eq!(cgroups.path(77), None);
        assert!(cgroups.wanted.is_empty());
    }
}
