//! Which programs there are.

use std::{
    env,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Where PATH has that program.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(program))
        .find(|candidate| is_program(candidate))
}

/// The same, and where programs of root are, which not every user's PATH has.
#[must_use]
pub fn find_with_sbin(program: &str) -> Option<PathBuf> {
    find(program).or_else(|| {
        ["/usr/sbin", "/sbin"]
            .map(|directory| Path::new(directory).join(program))
            .into_iter()
            .find(|candidate| is_program(candidate))
    })
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
