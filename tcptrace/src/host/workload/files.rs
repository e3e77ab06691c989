//! The files that runtimes keep of their containers.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, fstat, openat, openat2};

use super::{
    json::Told,
    path::Place,
    table::{FileRow, Form, TABLE},
};
use crate::model::{Pod, Runtime, Workload};

/// No file is read that is larger, bytes: a list of ten thousand containers has half of it.
const LARGEST: u64 = 16 << 20;
/// In a folder of which any is meant, so many are looked at.
const MOST_NAMES: usize = 64;

/// Reads what runtimes keep of their containers. It may wait for a disk, so the loop must not call it;
/// most of the files are root's alone, which takes CAP_DAC_READ_SEARCH of who is not root with all
/// capabilities.
///
/// What is read is bounded, is a regular file, and lies where the table says: links that somebody put in
/// its place are not followed, pipes and devices not read.
#[derive(Clone, Debug)]
pub struct RuntimeFiles {
    root: PathBuf,
}

impl Default for RuntimeFiles {
    fn default() -> Self {
        Self::below("/")
    }
}

impl RuntimeFiles {
    /// Reads those of a machine whose root directory is there.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// What runs in a place, with what files tell of it; `None`: no file tells of it, or not yet.
    #[must_use]
    pub fn more(&self, place: &Place) -> Option<Workload> {
        let container = place.workload.container.as_ref()?;
        let mut runtime = container.runtime;
        let mut told: Option<Told> = None;
        for row in &TABLE.files {
            if runtime.is_some_and(|runtime| runtime != row.runtime) {
                continue;
            }
            let Some(found) = self.look(row, &container.id, place.user) else {
                continue;
            };
            runtime = Some(row.runtime);
            match &mut told {
                None => told = Some(found),
                Some(told) => told.add(found),
            }
        }
        told.map(|told| with(&place.workload, runtime, told))
    }

    /// What a file with these bytes would tell of what runs in a place, in each form of file that there is:
    /// no file is read.
    #[must_use]
    pub fn told_by(place: &Place, bytes: &[u8]) -> Vec<Workload> {
        let Some(container) = &place.workload.container else {
            return Vec::new();
        };
        let told = Form::ALL.into_iter().filter_map(|form| {
            let told = Told::read(form, bytes, &container.id)?;
            Some(with(&place.workload, container.runtime, told))
        });
        told.collect()
    }

    /// Looks for a container in the files of a row.
    fn look(&self, row: &FileRow, id: &str, user: Option<u32>) -> Option<Told> {
        let under = self.place_of(row, user)?;
        let base = openat(
            CWD,
            &under,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .ok()?;
        let file = row.file.replace("{id}", id);
        let mut found = None;
        self::any(&base, &file, &mut |path| {
            let bytes = read(&base, path).ok()?;
            found = Told::read(row.form, &bytes, id);
            found.is_some().then_some(())
        });
        found
    }

    /// Where the files of a row are; `None`: of that user there are none.
    fn place_of(&self, row: &FileRow, user: Option<u32>) -> Option<PathBuf> {
        let is_a_user_s = row.under.contains("{user}") || row.under.contains("{home}");
        // Whoever has control groups of his own calls them as he likes.
        let user = match (user.filter(|uid| *uid != 0), is_a_user_s) {
            (None, false) => {
                return match &row.settings {
                    None => Some(self.inside(&row.under)),
                    Some(settings) => self.as_set(settings, &row.under),
                };
            }
            (Some(user), true) => user,
            _ => return None,
        };
        let mut under = row.under.replace("{user}", &user.to_string());
        if under.contains("{home}") {
            under = under.replace("{home}", &self.home_of(user)?);
        }
        Some(self.inside(&under))
    }

    /// Where settings say that a folder is; `None`: they are not there, or say nothing of it.
    fn as_set(&self, settings: &str, under: &str) -> Option<PathBuf> {
        let text = self.read(settings)?;
        let fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&text).ok()?;
        let field = under.trim_start_matches('{').trim_end_matches('}');
        let path = fields.get(field)?.as_str()?;
        path.starts_with('/').then(|| self.inside(path))
    }

    /// Reads a file of the machine's.
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let root = openat(
            CWD,
            &self.root,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        );
        read(&root.ok()?, Path::new(path.trim_start_matches('/'))).ok()
    }

    fn inside(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The home of a user that /etc/passwd has.
    fn home_of(&self, user: u32) -> Option<String> {
        let users = self.read("/etc/passwd")?;
        let users = String::from_utf8_lossy(&users);
        let home = users.lines().find_map(|line| {
            let mut fields = line.split(':').skip(2);
            let uid: u32 = fields.next()?.parse().ok()?;
            let home = fields.nth(2)?;
            (uid == user && home.starts_with('/')).then(|| home.to_owned())
        });
        home.filter(|home| home.len() > 1)
    }
}

/// What is known of a place, with what files tell.
fn with(known: &Workload, runtime: Option<Runtime>, told: Told) -> Workload {
    let mut workload = known.clone();
    if let Some(container) = &mut workload.container {
        container.runtime = runtime;
        container.name = told.container_name.or(container.name.take());
        container.image = told.image;
    }
    let pod = Pod {
        namespace: told.pod_namespace,
        name: told.pod_name,
        uid: told.pod_uid,
    };
    if pod != Pod::default() {
        let uid = workload.pod.and_then(|known| known.uid);
        workload.pod = Some(Pod {
            uid: pod.uid.or(uid),
            ..pod
        });
    }
    workload
}

/// Calls `each` with every path that is meant by one with `*` in place of names, until it gives
/// something.
fn any(base: &OwnedFd, path: &str, each: &mut impl FnMut(&Path) -> Option<()>) -> Option<()> {
    let Some((before, behind)) = path.split_once("*") else {
        return each(Path::new(path));
    };
    let folder = match before.trim_end_matches('/') {
        "" => ".",
        before => before,
    };
    let folder = open(base, Path::new(folder), OFlags::DIRECTORY).ok()?;
    let mut memory = Vec::with_capacity(8192);
    let mut entries = RawDir::new(&folder, memory.spare_capacity_mut());
    let mut looked_at = 0;
    while let Some(Ok(entry)) = entries.next() {
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        let may_be = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
        if name.starts_with('.') || !may_be {
            continue;
        }
        looked_at += 1;
        if looked_at > MOST_NAMES {
            break;
        }
        let path = format!("{before}{name}{behind}");
        if let found @ Some(()) = any(base, &path, each) {
            return found;
        }
    }
    None
}

/// Reads a regular file below a folder.
fn read(base: &OwnedFd, path: &Path) -> io::Result<Vec<u8>> {
    // Neither does opening a pipe wait for who writes to it.
    let file = open(base, path, OFlags::NONBLOCK | OFlags::NOCTTY)?;
    let found = fstat(&file)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no regular file"));
    }
    if u64::try_from(found.st_size).map_or(true, |size| size > LARGEST) {
        return Err(io::Error::other("it is too large"));
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    File::from(file).take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens something below a folder, without following any link.
fn open(base: &OwnedFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | flags;
    Ok(openat2(base, path, flags, Mode::empty(), resolve)?)
}
