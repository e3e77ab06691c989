//! A copy of the binary that anybody may execute: the folder of the build may not be open to them.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// It goes when this is dropped.
pub struct Copied {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Copied {
    /// Copies it by another process. A file that is open to be written can't be executed, and
    /// what this process has open, children have, too, that other tests are about to start.
    pub fn of(binary: impl AsRef<OsStr>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("tcptrace");
        let copied = Command::new("cp").arg(binary.as_ref()).arg(&path).status();
        assert!(copied.is_ok_and(|status| status.success()), "cp");
        Self {
            _folder: folder,
            path,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
