//! Segments that belong together.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{blocks::Damage, piece::Piece, segment::Segment};
use crate::record;

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file or folder can't be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A folder without a segment.
    #[error("{}: there is no recording (tcptrace record -o {} makes one)", .0.display(), .0.display())]
    Empty(PathBuf),
    /// A file that is no segment, or of which nothing can be read.
    #[error("{}: this is no recording of tcptrace that can be read: {}", path.display(), damage.why)]
    NoSegment {
        /// Which.
        path: PathBuf,
        /// Why.
        damage: Damage,
    },
}

/// A recording: a folder of segments, or one of them.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its pieces, in the order of their segments; never none.
    pub pieces: Vec<Piece>,
    /// Segments of which not even the beginning can be read.
    pub unreadable: Vec<(PathBuf, Damage)>,
}

impl Recording {
    /// Looks into a segment, or all of a folder.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            |error| RecordingError::Unreadable { path, error }
        };
        let is_folder = std::fs::metadata(path).map_err(unreadable(path))?.is_dir();
        let files: Vec<PathBuf> = match is_folder {
            false => vec![path.to_owned()],
            true => {
                let names = record::segments(path).map_err(unreadable(path))?;
                names
                    .iter()
                    .map(|name| path.join(name.to_string()))
                    .collect()
            }
        };
        let mut recording = Self {
            pieces: Vec::new(),
            unreadable: Vec::new(),
        };
        for file in files {
            match Segment::open(&file) {
                Ok(Ok(segment)) => recording.add(segment),
                Ok(Err(damage)) => recording.unreadable.push((file, damage)),
                // It was removed meanwhile, to make room.
                Err(error) if is_folder && error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&file)(error)),
            }
        }
        match recording.unreadable.first() {
            _ if !recording.pieces.is_empty() => Ok(recording),
            Some((path, damage)) => Err(RecordingError::NoSegment {
                path: path.clone(),
                damage: damage.clone(),
            }),
            None => Err(RecordingError::Empty(path.to_owned())),
        }
    }

    fn add(&mut self, segment: Segment) {
        if let Some(piece) = self.pieces.last_mut()
            && piece.goes_on_with(&segment)
        {
            piece.segments.push(segment);
        } else {
            self.pieces.push(Piece {
                segments: vec![segment],
            });
        }
    }

    /// When the last thing in it happened: ns since 1970.
    #[must_use]
    pub fn ended_wall_ns(&self) -> i64 {
        let ends = self.pieces.iter().map(Piece::ended_wall_ns);
        ends.max().unwrap_or(0)
    }
}
