//! Names of control groups, and what runs in them.

mod awaited;
mod filter;
mod tree;

use std::{
    io,
    path::Path,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustc_hash::{FxHashMap, FxHashSet};

pub use self::{
    awaited::Reader,
    filter::CgroupFilter,
    tree::{is_split, silent},
};
use self::{
    awaited::{Awaited, Files},
    tree::{Tree, join},
};
use super::{Place, RuntimeFiles, place_of};
use crate::model::{Cgroup, CgroupMade, Workload};

/// How long after the tree was read it is not read again.
const RETRY: Duration = Duration::from_secs(1);

/// From so many paths on those of cgroups that are gone are forgotten, the oldest first: services
/// and containers come and go.
const MANY: usize = 1 << 16;
/// So many at the most, gone or not.
const MOST: usize = 1 << 18;

/// How long those that are there in the beginning are looked for before anything is told.
const PATIENCE: Duration = Duration::from_secs(2);
/// Paths of cgroups (v2) by id, printable, and what runs in them. The id of a cgroup is the inode number
/// of its directory, is never used again, and grows. Those that are gone are known for as long as
/// there is room.
#[derive(Debug, Default)]
pub struct Cgroups {
    tree: Option<Tree>,
    /// `None`: it was looked for, and was gone, or is out of sight.
    known: FxHashMap<u64, Option<Known>>,
    /// From so many on there is something to forget.
    full: usize,
    /// Where what is unknown is looked for.
    look: Look,
    /// When that last began.
    began: Option<Instant>,
    /// Ids to be found by the next look.
    wanted: FxHashSet<u64>,
    /// Which are asked for: those that are like all of these.
    only: Vec<CgroupFilter>,
    /// Those of which files are to tell more.
    awaited: Awaited,
    /// Those of which more was told since it was asked for.
    news: Vec<u64>,
    /// How often more was told.
    told: u64,
}

/// What is known of a cgroup.
#[derive(Clone, Debug)]
struct Known {
    path: String,
    workload: Arc<Workload>,
    /// The workload is not just what the path tells.
    told: bool,
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
            awaited: Awaited::of(Files::Here(RuntimeFiles::default())),
            ..Self::default()
        }
    }

    /// Reads those that there are, and waits for what files tell of their containers, but not for
    /// long. From then on nothing is waited for: the path of one that was not [`made`](Self::made)
    /// meanwhile comes late. `reader`: without, nothing is known of containers but what paths tell.
    #[must_use]
    pub fn read(reader: Option<Reader>) -> Self {
        let mut cgroups = Self {
            awaited: Awaited::of(reader.map_or(Files::No, Files::Apart)),
            ..Self::new()
        };
        cgroups.begin();
        let end = Instant::now() + PATIENCE;
        cgroups.turn(0);
        // Nobody else hears the answers.
        while cgroups.awaited.are_asked() && Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            if let Some((id, workload)) = cgroups.awaited.answer_within(left) {
                cgroups.hear(id, workload);
            }
            cgroups.turn(0);
        }
        cgroups.look = Look::Apart(None);
        cgroups.news.clear();
        cgroups
    }

    /// Of those that become known from now on, more may be [`told`](Self::told) soon.
    #[must_use]
    pub fn told_later(mut self) -> Self {
        self.awaited = Awaited::of(Files::Told);
        self
    }

    /// Asks for those alone that are like all of these. None: for all.
    #[must_use]
    pub fn only(mut self, filters: &[CgroupFilter]) -> Self {
        self.only.extend_from_slice(filters);
        self
    }

    /// Takes what was known of some.
    #[must_use]
    pub fn with_workloads(mut self, all: impl IntoIterator<Item = (u64, Workload)>) -> Self {
        for (id, workload) in all {
            self.told(id, workload);
        }
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
        if self.only.iter().any(CgroupFilter::takes_names) {
            self.read_here(id.get());
        }
        let Some(it) = self.get(id.get()) else {
            return false;
        };
        let mut only = self.only.iter();
        only.all(|filter| filter.matches(&it.path, &it.workload))
    }

    /// Whether lines of a cgroup had better wait: files of its container's runtime are being read. For
    /// a tenth of a second; where they decide whether it is asked for, until they are given up.
    #[must_use]
    pub fn is_awaited(&self, cgroup: Option<Cgroup>) -> bool {
        let decide = self.only.iter().any(CgroupFilter::takes_names);
        cgroup.is_some_and(|id| self.awaited.holds(id.get(), decide))
    }

    /// Whether [`is_awaited`](Self::is_awaited) is true of none.
    #[must_use]
    pub fn are_settled(&self) -> bool {
        self.awaited.is_empty()
    }

    /// How long until [`turn`](Self::turn) has something to do; `None`: nothing is awaited.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.awaited.due()
    }

    /// Takes what files told, and asks for what is to be looked for. To be called now and then, when it is
    /// `now_ns` for the source: CLOCK_MONOTONIC.
    pub fn turn(&mut self, now_ns: u64) {
        self.awaited.pass(now_ns);
        if self.awaited.is_empty() {
            return;
        }
        while let Some((id, workload)) = self.awaited.answer() {
            self.hear(id, workload);
        }
        self.awaited.ask(|id| place(&self.known, id));
    }

    /// Those of which more became known since this was asked last.
    pub fn news(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.news)
    }

    /// The path of a cgroup below the root of all, with `/` first; `None`: not known.
    pub fn path(&mut self, id: u64) -> Option<&str> {
        self.seek(id);
        let path = self.get(id).map(|it| &*it.path);
        // What runs in it may be told first, of another machine's.
        path.filter(|path| !path.is_empty())
    }

    /// What runs in a cgroup, as far as it is known; `None`: not even its path is.
    pub fn workload(&mut self, id: u64) -> Option<&Arc<Workload>> {
        self.seek(id);
        self.read_here(id);
        self.get(id).map(|it| &it.workload)
    }

    /// Both, if they are known.
    pub fn path_and_workload(&mut self, id: u64) -> (Option<&str>, Option<&Workload>) {
        self.seek(id);
        self.read_here(id);
        let it = self.get(id);
        let path = it.map(|it| &*it.path).filter(|path| !path.is_empty());
        (path, it.map(|it| &*it.workload))
    }

    /// How often more was told of a cgroup: what was known before may be out of date.
    #[must_use]
    pub fn times_told(&self) -> u64 {
        self.told
    }

    /// All that are known, with their paths. In no order.
    pub fn all(&self) -> impl Iterator<Item = (u64, &str)> + '_ {
        self.known
            .iter()
            .filter_map(|(id, it)| Some((*id, &*it.as_ref()?.path)))
            .filter(|(_, path)| !path.is_empty())
    }

    /// What runs in those of which more is known than their paths tell. In no order.
    pub fn all_told(&self) -> impl Iterator<Item = (u64, &Workload)> + '_ {
        let all = self.known.iter();
        all.filter_map(|(id, it)| Some((*id, it.as_ref().filter(|it| it.told)?)))
            .map(|(id, it)| (id, &*it.workload))
    }

    /// What runs in all of which something is known. In no order.
    pub fn all_workloads(&self) -> impl Iterator<Item = (u64, &Workload)> + '_ {
        let all = self.known.iter();
        all.filter_map(|(id, it)| Some((*id, &*it.as_ref()?.workload)))
            .filter(|(_, workload)| !workload.is_empty())
    }

    /// Whether more is known of one than its path tells.
    #[must_use]
    pub fn is_told(&self, id: u64) -> bool {
        matches!(self.known.get(&id), Some(Some(it)) if it.told)
    }

    /// The path of one became known.
    pub fn named(&mut self, id: u64, path: &str) {
        self.know(id, path.to_owned());
    }

    /// What runs in one became known.
    pub fn told(&mut self, id: u64, workload: Workload) {
        self.told += 1;
        let container = workload.container.as_ref();
        let nameless = container.is_some_and(|it| it.name.is_none());
        // Where other names are recorded, paths tell nothing, and that is the first that is told.
        match self.awaited.are_told() && nameless && !self.is_told(id) {
            true => self.awaited.add(id),
            false => self.awaited.remove(id),
        }
        let known = self.known.entry(id).or_default();
        let path = known.take().map(|it| it.path);
        *known = Some(Known {
            path: path.unwrap_or_default(),
            workload: Arc::new(workload),
            told: true,
        });
    }

    /// One was made.
    pub fn made(&mut self, it: &CgroupMade<'_>) {
        let above = self.known.get(&it.parent);
        // Otherwise what it is in is not known, and neither is it, before it is looked for.
        if let Some(above) = above.cloned() {
            match above {
                None => {
                    self.known.insert(it.id, None);
                }
                Some(above) => {
                    self.know(it.id, join(&above.path, it.name));
                    self.inherit(it.id, it.parent, &above);
                }
            }
        }
        if self.known.len() >= self.full {
            self.begin();
        }
        if self.known.len() >= MOST {
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

    fn get(&self, id: u64) -> Option<&Known> {
        // Paths that are given are another machine's, perhaps.
        if silent().is_some_and(|it| it.get() == id) && self.tree.is_some() {
            return None;
        }
        self.known.get(&id)?.as_ref()
    }

    /// Takes the path of a cgroup, and what it tells. What is known already stays.
    fn know(&mut self, id: u64, path: String) {
        if let Some(Some(known)) = self.known.get_mut(&id)
            && (known.path == path || known.told)
        {
            known.path = path;
            return;
        }
        let place = place_of(&path);
        if self.awaited.are_read() && place.has_files() {
            self.awaited.add(id);
        }
        if self.awaited.come_later() && !place.workload.is_empty() {
            self.news.push(id);
        }
        let known = Known {
            path,
            workload: Arc::new(place.workload),
            told: false,
        };
        self.known.insert(id, Some(known));
    }

    /// A cgroup within a container's has what was told of that.
    fn inherit(&mut self, id: u64, parent: u64, above: &Known) {
        let Some(Some(known)) = self.known.get_mut(&id) else {
            return;
        };
        let same = |one: &Workload, other: &Workload| {
            let ids = [one, other].map(|it| it.container.as_ref().map(|it| &it.id));
            ids[0].is_some() && ids[0] == ids[1]
        };
        if self.awaited.contains(parent) || !same(&known.workload, &above.workload) {
            return;
        }
        self.awaited.remove(id);
        if above.told {
            known.workload = Arc::new(Workload {
                unit: known.workload.unit.clone(),
                ..(*above.workload).clone()
            });
            known.told = true;
            if self.awaited.come_later() {
                self.news.push(id);
            }
        }
    }

    /// Takes what files told of a cgroup.
    fn hear(&mut self, id: u64, workload: Workload) {
        if self.known.contains_key(&id) {
            self.told(id, workload);
            self.news.push(id);
        }
    }

    /// Reads files of a cgroup's container now, where nobody minds waiting.
    fn read_here(&mut self, id: u64) {
        if let Some(workload) = self.awaited.read_here(id, |id| place(&self.known, id)) {
            self.told(id, workload);
        }
    }

    /// Has one looked for that was not seen yet.
    fn seek(&mut self, id: u64) {
        if self.known.contains_key(&id) {
            return;
        }
        self.collect();
        if !self.known.contains_key(&id) && self.wanted.len() < MANY {
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
        if self.known.len() >= self.full {
            let there: FxHashSet<u64> = found.paths.iter().map(|(id, _)| *id).collect();
            self.forget(|id| !there.contains(&id), MANY / 2);
            self.full = (2 * there.len()).max(MANY);
        }
        for id in found.wanted {
            self.wanted.remove(&id);
            self.known.insert(id, None);
        }
        for (id, path) in found.paths {
            self.know(id, path);
        }
    }

    /// Forgets the oldest of some, until so many are left of all.
    fn forget(&mut self, some: impl Fn(u64) -> bool, left: usize) {
        let surplus = self.known.len().saturating_sub(left);
        let mut ids: Vec<u64> = self.known.keys().copied().filter(|id| some(*id)).collect();
        ids.sort_unstable();
        for id in ids.iter().take(surplus) {
            self.known.remove(id);
            self.awaited.remove(*id);
        }
    }
}

/// Where what a cgroup's path tells is told more of, if its path is known.
fn place(known: &FxHashMap<u64, Option<Known>>, id: u64) -> Option<Place> {
    Some(place_of(&known.get(&id)?.as_ref()?.path))
}

/// Paths that are known, by id, and what they tell; no others are looked for, and no files.
impl FromIterator<(u64, String)> for Cgroups {
    fn from_iter<T: IntoIterator<Item = (u64, String)>>(paths: T) -> Self {
        let mut cgroups = Self {
            full: MANY,
            ..Self::default()
        };
        for (id, path) in paths {
            cgroups.know(id, path);
        }
        cgroups
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
        let mut cgroups = Cgroups::from_iter(there).only(&[CgroupFilter::Path("/a".to_owned())]);
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
        let mut cgroups = Cgroups::from_iter([]).only(&[CgroupFilter::Path("/a".to_owned())]);
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
        assert!(cgroups.known.len() <= MANY / 2 + 2);
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
        assert!(cgroups.known.len() <= MOST);
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
