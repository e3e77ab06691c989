//! The folder of a recording, and the names of its segments.

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, flock, fsync, openat, renameat, statat, unlinkat,
};

/// What the names of segments end with.
const SUFFIX: &str = ".tcptrace";
/// What stands before that where a segment is spared.
const SPARED: &str = ".spared";

/// Why a folder can't be written to.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It can't be made or opened.
    #[error("cannot record in {}: {error}", path.display())]
    Closed {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process records there.
    #[error("cannot record in {}: another tcptrace does already; give each a folder of its own", .0.display())]
    Taken(PathBuf),
}

/// The name of a segment: its number, so that they are sorted as they were made, and when it
/// began.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    /// Its number in the folder.
    pub number: u64,
    /// When it began: UTC, as `20261126T031502Z`.
    pub began: String,
    /// It is kept longer than others.
    pub spared: bool,
}

impl SegmentName {
    /// What is the same of it as long as it is kept: not whether it is spared.
    #[must_use]
    pub fn stem(&self) -> String {
        format!("{:08}-{}", self.number, self.began)
    }

    /// Reads the name of a file; `None`: it is no segment.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(SUFFIX)?;
        let (stem, spared) = match stem.strip_suffix(SPARED) {
            Some(stem) => (stem, true),
            None => (stem, false),
        };
        let (number, began) = stem.split_once('-')?;
        Some(Self {
            number: number.parse().ok()?,
            began: began.to_owned(),
            spared,
        })
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spared = if self.spared { SPARED } else { "" };
        write!(f, "{}{spared}{SUFFIX}", self.stem())
    }
}

/// The segments of a folder, as they were made.
///
/// # Errors
/// When the folder can't be read.
pub fn segments(folder: &Path) -> io::Result<Vec<SegmentName>> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder)? {
        if let Some(name) = file?.file_name().to_str().and_then(SegmentName::parse) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether another process records in a folder just now. Whoever asks holds its lock for a moment, if
/// nobody does.
///
/// # Errors
/// When the folder can't be opened.
pub fn is_recorded_in(folder: &Path) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(folder, flags, Mode::empty())?;
    match flock(&fd, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// A folder that is recorded in, by this process alone.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    fd: OwnedFd,
    /// Whose the folder is: what is made in it is made as that user, where that is allowed.
    owner: (u32, u32),
    /// Who called sudo, where it is another.
    caller: Option<(u32, u32)>,
}

impl Folder {
    /// Opens a folder, and makes it if it is not there: it is then of who called sudo.
    ///
    /// # Errors
    /// When that can't be, or another process records there.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let closed = |error| FolderError::Closed {
            path: path.to_owned(),
            error,
        };
        let caller = caller();
        let is_new = !path.exists();
        fs::create_dir_all(path).map_err(closed)?;
        if is_new {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(closed)?;
            if let Some((uid, gid)) = caller {
                std::os::unix::fs::chown(path, Some(uid), Some(gid)).map_err(closed)?;
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|it| closed(it.into()))?;
        match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(FolderError::Taken(path.to_owned())),
            Err(error) => return Err(closed(error.into())),
        }
        let about = fs::metadata(path).map_err(closed)?;
        let owner = (about.uid(), about.gid());
        Ok(Self {
            path: path.to_owned(),
            fd,
            owner,
            caller: caller.filter(|it| it.0 != owner.0),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether files are to be given to who called sudo, which takes CAP_CHOWN.
    #[must_use]
    pub fn gives_away(&self) -> bool {
        self.caller.is_some()
    }

    /// From now on, this thread makes files as the owner of the folder: so no privilege is needed
    /// to write to it.
    pub fn write_as_owner(&self) {
        let (uid, gid) = self.owner;
        nix::unistd::setfsgid(gid.into());
        nix::unistd::setfsuid(uid.into());
    }

    /// The number of the next segment.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn next_number(&self) -> io::Result<u64> {
        Ok(self.segments()?.last().map_or(1, |last| last.number + 1))
    }

    /// The segments that are there, as they were made.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn segments(&self) -> io::Result<Vec<SegmentName>> {
        let mut names = Vec::new();
        for file in rustix::fs::Dir::read_from(&self.fd)? {
            if let Some(name) = file?.file_name().to_str().ok().and_then(SegmentName::parse) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Makes a segment that is not seen before it is [published](Self::publish).
    pub(super) fn create(&self, name: &SegmentName) -> io::Result<fs::File> {
        let hidden = hidden(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let file = fs::File::from(openat(&self.fd, &*hidden, flags, Mode::RUSR | Mode::WUSR)?);
        if let Some((uid, gid)) = self.caller {
            std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
        }
        Ok(file)
    }

    /// Gives a segment its name, once what it begins with is on the disk.
    pub(super) fn publish(&self, name: &SegmentName, mut file: &fs::File) -> io::Result<()> {
        file.flush()?;
        file.sync_data()?;
        renameat(&self.fd, &*hidden(name), &self.fd, &*name.to_string())?;
        self.sync()
    }

    /// Takes back one that was not published.
    pub(super) fn give_up(&self, name: &SegmentName) {
        let _ = unlinkat(&self.fd, &*hidden(name), AtFlags::empty());
    }

    /// Has a segment kept longer than others; its new name.
    pub(super) fn spare(&self, name: &SegmentName) -> io::Result<SegmentName> {
        let spared = SegmentName {
            spared: true,
            ..name.clone()
        };
        if !name.spared {
            renameat(&self.fd, &*name.to_string(), &self.fd, &*spared.to_string())?;
            self.sync()?;
        }
        Ok(spared)
    }

    pub(super) fn remove(&self, name: &SegmentName) -> io::Result<()> {
        Ok(unlinkat(&self.fd, &*name.to_string(), AtFlags::empty())?)
    }

    /// How large a segment is, and when it was written to last: bytes, and seconds since 1970.
    pub(super) fn about(&self, name: &SegmentName) -> io::Result<(u64, i64)> {
        let about = statat(&self.fd, &*name.to_string(), AtFlags::empty())?;
        Ok((about.st_size.unsigned_abs(), about.st_mtime))
    }

    /// How many bytes can still be written on this disk.
    pub(super) fn room(&self) -> io::Result<u64> {
        let about = rustix::fs::fstatvfs(&self.fd)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(fsync(&self.fd)?)
    }
}

fn hidden(name: &SegmentName) -> String {
    format!(".{name}.new")
}

/// Who called sudo; `None`: nobody did.
#[must_use]
pub fn caller() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let id = |name| std::env::var(name).ok()?.parse().ok();
    Some((id("SUDO_UID")?, id("SUDO_GID")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64, spared: bool) -> SegmentName {
        SegmentName {
            number,
            began: "20261126T031502Z".to_owned(),
            spared,
        }
    }

    #[test]
    fn the_name_of_a_segment_says_its_number_and_when_it_began() {
        assert_eq!(
            name(7, false).to_string(),
            "00000007-20261126T031502Z.tcptrace"
        );
        for it in [name(7, false), name(123_456_789, true)] {
            assert_eq!(SegmentName::parse(&it.to_string()), Some(it));
        }
        for other in [
            "x.tcptrace",
            "1.tcptrace",
            "00000007-x.pcap",
            ".00000007-x.tcptrace.new",
        ] {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_folder_is_recorded_in_by_one_process_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let first = Folder::open(&path).unwrap();
        assert!(is_recorded_in(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        let error = Folder::open(&path).unwrap_err().to_string();
        assert!(error.contains("another tcptrace"), "{error}");
        drop(first);
        assert!(!is_recorded_in(&path).unwrap());
        Folder::open(&path).unwrap();
    }

    #[test]
    fn segments_are_there_once_they_are_published_and_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        for number in [2, 10, 1] {
            let file = folder.create(&name(number, false)).unwrap();
            if number == 10 {
                folder.give_up(&name(number, false));
            } else {
                folder.publish(&name(number, false), &file).unwrap();
            }
        }
        folder.spare(&name(1, false)).unwrap();
        fs::write(dir.path().join("notes.txt"), "").unwrap();
        assert_eq!(
            segments(dir.path()).unwrap(),
            [name(1, true), name(2, false)]
        );
        assert_eq!(folder.segments().unwrap(), segments(dir.path()).unwrap());
        assert_eq!(folder.next_number().unwrap(), 3);
    }
}
