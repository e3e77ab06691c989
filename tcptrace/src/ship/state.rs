//! What is known on the disk: how far a recording was brought, and the batch that is under way.
//!
//! A file for each recording and target. It is written aside, brought to the disk and renamed, so that
//! it is there as a whole, whenever the machine stops. The batch stands in it as it is sent: it can be
//! sent again as it was, even where the recording has it no more.

use std::{
    env, fs,
    io::{self, ErrorKind, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use serde::{Deserialize, Serialize};

use super::{
    batch::{Batch, BatchId, Position},
    figures::wall_now,
};
use crate::output::AsideFile;

/// The version of the file.
const VERSION: u32 = 1;

/// Why there is no state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It can't be kept there.
    #[error(
        "cannot keep in {} what was shipped: {error}; --state DIR names a folder that can be written to",
        path.display()
    )]
    Unwritable {
        /// The folder, or a file in it.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process does the same.
    #[error("{} is shipped there already, by another tcptrace: {} is its", folder.display(), lock.display())]
    Taken {
        /// The recording.
        folder: PathBuf,
        /// The file that it holds.
        lock: PathBuf,
    },
    /// It is no such file.
    #[error(
        "{} can't be read: {why}; without that file, the table is asked how far the recording is there",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// A batch that is under way, as it is sent.
#[derive(Clone, Debug)]
pub struct Flight {
    /// What it is.
    pub head: FlightHead,
    /// Its rows, compressed.
    pub body: Vec<u8>,
    /// It may be there already, as it was sent before and the answer is not known.
    pub in_doubt: bool,
}

/// What is known of a batch that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlightHead {
    /// Its name.
    pub id: BatchId,
    /// Rows.
    pub rows: u32,
    /// When the first and the last of its rows happened: ns since 1970.
    pub from_ns: i64,
    /// See [`from_ns`](Self::from_ns).
    pub to_ns: i64,
    /// Where the recording goes on behind it.
    pub position: Position,
    /// How it is compressed, as HTTP calls that; empty: it is not.
    pub encoding: String,
    /// Since when it is under way: s since 1970.
    pub since_s: u64,
}

impl Flight {
    /// A batch that was never sent.
    pub fn new(batch: &Batch, encoding: &str, body: Vec<u8>) -> Self {
        Self {
            head: FlightHead {
                id: batch.id.clone(),
                rows: batch.rows,
                from_ns: batch.from_ns,
                to_ns: batch.to_ns,
                position: batch.position.clone(),
                encoding: encoding.to_owned(),
                since_s: u64::try_from(wall_now() / 1_000_000_000).unwrap_or(0),
            },
            body,
            in_doubt: false,
        }
    }
}

/// The first line of the file; the body of the flight stands behind it.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    version: u32,
    /// For who looks at it: what is shipped, and where to.
    folder: PathBuf,
    target: String,
    /// How far it is there, without what is under way.
    position: Option<Position>,
    flight: Option<FlightHead>,
    /// Bytes of its body, and their CRC-32.
    bytes: u64,
    crc: u32,
}

/// How far a recording was brought to a target.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    folder: PathBuf,
    target: String,
    /// Held as long as this lives.
    _lock: OwnedFd,
    position: Option<Position>,
}

impl State {
    /// Opens that of a recording and a target, in a folder that is made if it is not there. Gives the
    /// batch that was under way, too.
    ///
    /// # Errors
    /// When it can't be written to or read, or another process has it.
    pub fn open(
        at: &Path,
        recording: &Path,
        target: &str,
    ) -> Result<(Self, Option<Flight>), StateError> {
        let unwritable = |error: io::Error| StateError::Unwritable {
            path: at.to_owned(),
            error,
        };
        fs::create_dir_all(at).map_err(unwritable)?;
        let recording = fs::canonicalize(recording).unwrap_or_else(|_| recording.to_owned());
        let name = name(&recording, target);
        let lock_path = at.join(format!("{name}.lock"));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let lock =
            rustix::fs::open(&lock_path, flags, mode).map_err(|error| unwritable(error.into()))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(StateError::Taken {
                    folder: recording,
                    lock: lock_path,
                });
            }
            Err(error) => return Err(unwritable(error.into())),
        }
        let mut state = Self {
            path: at.join(format!("{name}.shipped")),
            folder: recording,
            target: target.to_owned(),
            _lock: lock,
            position: None,
        };
        let flight = state.read()?;
        Ok((state, flight))
    }

    fn read(&mut self) -> Result<Option<Flight>, StateError> {
        let damaged = |why: String| StateError::Damaged {
            path: self.path.clone(),
            why,
        };
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damaged(error.to_string())),
        };
        let end = bytes.iter().position(|it| *it == b'\n');
        let end = end.ok_or_else(|| damaged("it is cut".to_owned()))?;
        let (head, body) = (&bytes[..end], &bytes[end + 1..]);
        let head: Head =
            serde_json::from_slice(head).map_err(|error| damaged(error.to_string()))?;
        if head.version != VERSION {
            let version = head.version;
            return Err(damaged(format!("it is of version {version}")));
        }
        if body.len() as u64 != head.bytes || crc32fast::hash(body) != head.crc {
            return Err(damaged("the batch in it is not whole".to_owned()));
        }
        self.position = head.position;
        Ok(head.flight.map(|head| Flight {
            head,
            body: body.to_vec(),
            in_doubt: true,
        }))
    }

    /// How far the recording is there, without what is under way; `None`: nothing is known.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// A batch is about to be sent: all before it is there.
    ///
    /// # Errors
    /// When that can't be written: then it must not be sent.
    pub fn begin(&self, flight: &Flight) -> Result<(), StateError> {
        self.write(Some(flight))
    }

    /// All is there up to a position, which is written later.
    pub fn reached(&mut self, position: Position) {
        self.position = Some(position);
    }

    /// Writes how far all is there.
    ///
    /// # Errors
    /// When that can't be.
    pub fn save(&self) -> Result<(), StateError> {
        self.write(None)
    }

    fn write(&self, flight: Option<&Flight>) -> Result<(), StateError> {
        let body = flight.map_or(&[][..], |it| &it.body);
        let head = Head {
            version: VERSION,
            folder: self.folder.clone(),
            target: self.target.clone(),
            position: self.position.clone(),
            flight: flight.map(|it| it.head.clone()),
            bytes: body.len() as u64,
            crc: crc32fast::hash(body),
        };
        let written = || -> io::Result<()> {
            let file = AsideFile::create(&self.path)?.only_ours()?;
            let mut writer = file.writer()?;
            let mut line = serde_json::to_vec(&head)?;
            line.push(b'\n');
            writer.write_all(&line)?;
            writer.write_all(body)?;
            file.finish()
        };
        written().map_err(|error| StateError::Unwritable {
            path: self.path.clone(),
            error,
        })
    }
}

/// What a file is called: something to recognise it by, and what tells it from others.
fn name(recording: &Path, target: &str) -> String {
    let whole = format!("{}\n{target}", recording.display());
    let plain = |text: &str| -> String {
        let text = text.trim_matches(|it: char| !it.is_ascii_alphanumeric());
        let kept = text.chars().map(|it| match it {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' => it,
            _ => '-',
        });
        kept.take(60).collect()
    };
    let folder = recording.file_name().unwrap_or_default().to_string_lossy();
    let crc = crc32fast::hash(whole.as_bytes());
    format!("{}-to-{}-{crc:08x}", plain(&folder), plain(target))
}

/// Where the state is kept: in the folder that is asked for, that of the service manager's unit, or the
/// recording's own, if it can be written to.
///
/// # Errors
/// When it can't be kept anywhere.
pub fn state_folder(asked_for: Option<&Path>, recording: &Path) -> Result<PathBuf, StateError> {
    if let Some(asked_for) = asked_for {
        return Ok(asked_for.to_owned());
    }
    // Several are told with colons in between.
    let folders = env::var_os("STATE_DIRECTORY").filter(|it| !it.is_empty());
    if let Some(last) = folders.as_ref().and_then(|it| env::split_paths(it).last()) {
        return Ok(last);
    }
    let access = rustix::fs::access(recording, rustix::fs::Access::WRITE_OK);
    access.map_err(|error| StateError::Unwritable {
        path: recording.to_owned(),
        error: error.into(),
    })?;
    Ok(recording.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Reached;

    fn position(segment: u64, rows: u64) -> Position {
        Position {
            reached: Reached {
                run: "run".to_owned(),
                segment,
                began_wall_ns: 5,
                whole: false,
            },
            rows,
            batch: 3,
        }
    }

    fn flight() -> Flight {
        let batch = Batch {
            id: BatchId {
                host: "web".to_owned(),
                boot: "boot".to_owned(),
                run: "run".to_owned(),
                segment: 7,
                number: 2,
            },
            rows: 9,
            lines: Vec::new(),
            from_ns: 1,
            to_ns: 2,
            position: position(7, 9),
        };
        Flight::new(&batch, "gzip", vec![b'\n', 0, 255])
    }

    const TARGET: &str = "clickhouse+http://me@there:8123/default";

    fn open(folder: &Path) -> Result<(State, Option<Flight>), StateError> {
        State::open(folder, Path::new("/nowhere/recording"), TARGET)
    }

    #[test]
    fn what_was_under_way_is_there_again_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("made");
        let (mut state, none) = open(&at).unwrap();
        assert!(none.is_none() && state.position().is_none());
        state.reached(position(7, 4));
        state.begin(&flight()).unwrap();
        drop(state);
        let (mut state, again) = open(&at).unwrap();
        let again = again.unwrap();
        assert_eq!(state.position(), Some(&position(7, 4)));
        assert_eq!((again.head, again.body), (flight().head, flight().body));
        assert!(again.in_doubt);
        state.reached(again_position());
        state.save().unwrap();
        drop(state);
        let (state, none) = open(&at).unwrap();
        assert!(none.is_none());
        assert_eq!(state.position(), Some(&again_position()));
    }

    fn again_position() -> Position {
        position(8, 0)
    }

    #[test]
    fn one_process_alone_ships_a_recording_to_a_target() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path()).unwrap();
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("already") && error.contains(".lock"),
            "{error}"
        );
        State::open(folder.path(), Path::new("/nowhere/recording"), "elsewhere").unwrap();
        State::open(folder.path(), Path::new("/nowhere/other"), TARGET).unwrap();
        drop(first);
        open(folder.path()).unwrap();
    }

    #[test]
    fn a_file_that_is_not_whole_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (state, _) = open(folder.path()).unwrap();
        state.begin(&flight()).unwrap();
        let path = state.path.clone();
        drop(state);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let error = open(folder.path()).unwrap_err().to_string();
            assert!(error.contains(&*path.to_string_lossy()), "{error}");
        }
        let other = String::from_utf8_lossy(&whole).replacen(":1,", ":2,", 1);
        fs::write(&path, other).unwrap();
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("version 2"), "{error}");
    }

    #[test]
    fn without_a_folder_that_can_be_written_to_it_is_said_what_to_do() {
        let error = state_folder(None, Path::new("/proc/self")).unwrap_err();
        assert!(error.to_string().contains("--state DIR"), "{error}");
        let asked_for = Path::new("/asked/for");
        let folder = state_folder(Some(asked_for), Path::new("/proc/self")).unwrap();
        assert_eq!(folder, asked_for);
    }
}
