//! Programs that tests start.

use std::{env, path::PathBuf};

/// A program, and the package that has it.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub name: &'static str,
    pub package: &'static str,
}

impl Program {
    /// Where it is. Debian keeps servers where users who are not root don't look.
    pub fn path(self) -> PathBuf {
        let path = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&path)
            .chain(["/usr/sbin".into()])
            .map(|folder| folder.join(self.name))
            .find(|path| path.is_file());
        match found {
            Some(path) => path,
            None => panic!(
                "{} is missing, which this test needs: apt-get install {}",
                self.name, self.package
            ),
        }
    }
}
