//! Paths of the machine that builds: other names are put in their place, so that what is built is
//! the same wherever that is done.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    cargo::{cargo_home, output, tool},
    repository::Repository,
};

/// Folders of this machine, and what they are called in what is built. Where one is inside another,
/// the inner one is behind.
#[derive(Debug)]
pub struct Renamed(Vec<(PathBuf, String)>);

impl Renamed {
    /// The source, the crates of others, the library of Rust, and what build scripts make below the
    /// target folder.
    ///
    /// # Errors
    /// When the toolchain doesn't say where it is, or a path has a space, which flags can't have.
    pub fn of(repository: &Repository, target_folder: &Path) -> Result<Self> {
        let cargo_home = cargo_home()?;
        let sysroot = output(tool(repository, "rustc").args(["--print", "sysroot"]))?;
        let version = output(tool(repository, "rustc").args(["--version", "--verbose"]))?;
        let commit = commit(&version).context("rustc says no commit-hash of itself")?;
        let registry = cargo_home.join("registry");
        let renamed = with_links_followed(vec![
            (cargo_home, "/cargo".to_owned()),
            (registry, "/cargo/registry".to_owned()),
            (
                Path::new(sysroot.trim_end()).join("lib/rustlib/src/rust"),
                // As in the parts of it that come compiled.
                format!("/rustc/{commit}"),
            ),
            (repository.root.clone(), "/tcptrace".to_owned()),
            (target_folder.to_owned(), "/target".to_owned()),
        ]);
        for (path, _) in &renamed {
            ensure!(
                !path.to_string_lossy().contains([' ', '\'', '=']),
                "{} has a space, a quote or an equals sign, which compilers' options can't have: \
                 move it",
                path.display()
            );
        }
        Ok(Self(renamed))
    }

    /// Has what a cargo command compiles so: the program itself, its kernel half, which has flags of
    /// its own and is compiled by a cargo that this one starts, and C code for the target.
    ///
    /// # Errors
    /// When the file can't be written that cargo calls in place of rustc.
    pub fn apply(&self, command: &mut Command, target: &str, wrapper: &Path) -> Result<()> {
        fs::write(wrapper, self.wrapper())
            .and_then(|()| fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("{} can't be written", wrapper.display()))?;
        command.env("RUSTC_WRAPPER", wrapper);
        let target = target.replace('-', "_");
        command.env(format!("CFLAGS_{target}"), self.c_flags());
        Ok(())
    }

    /// Whether anything in there is a path of this machine; the first.
    #[must_use]
    pub fn found_in(&self, bytes: &[u8]) -> Option<&Path> {
        self.0.iter().map(|(path, _)| path.as_path()).find(|path| {
            let wanted = path.as_os_str().as_encoded_bytes();
            memchr::memmem::find(bytes, wanted).is_some()
        })
    }

    fn wrapper(&self) -> String {
        let flags: Vec<_> = self
            .0
            .iter()
            .map(|(path, name)| format!("'--remap-path-prefix={}={name}'", path.display()))
            .collect();
        format!("#!/bin/sh\nexec \"$@\" {}\n", flags.join(" "))
    }

    fn c_flags(&self) -> String {
        let flags: Vec<_> = self
            .0
            .iter()
            .map(|(path, name)| format!("-ffile-prefix-map={}={name}", path.display()))
            .collect();
        flags.join(" ")
    }
}

/// The same, and where a folder is reached by a link, the folder itself: compilers tell of either.
fn with_links_followed(paths: Vec<(PathBuf, String)>) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for (path, name) in paths {
        let followed = fs::canonicalize(&path).ok().filter(|it| *it != path);
        all.push((path, name.clone()));
        all.extend(followed.map(|followed| (followed, name)));
    }
    all
}

/// The commit that rustc says it was built from.
fn commit(version: &str) -> Option<&str> {
    version
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Renamed, commit, with_links_followed};

    fn renamed() -> Renamed {
        Renamed(vec![
            ("/home/me/.cargo".into(), "/cargo".to_owned()),
            ("/home/me/src".into(), "/tcptrace".to_owned()),
        ])
    }

    #[test]
    fn both_compilers_are_told_the_same() {
        assert_eq!(
            renamed().wrapper(),
            "#!/bin/sh\nexec \"$@\" '--remap-path-prefix=/home/me/.cargo=/cargo' \
             '--remap-path-prefix=/home/me/src=/tcptrace'\n"
        );
        assert_eq!(
            renamed().c_flags(),
            "-ffile-prefix-map=/home/me/.cargo=/cargo -ffile-prefix-map=/home/me/src=/tcptrace"
        );
    }

    #[test]
    fn a_path_that_is_left_is_found() {
        let found = renamed()
            .found_in(b"\0/tcptrace/a.rs\0/home/me/src/b.rs\0")
            .map(ToOwned::to_owned);
        assert_eq!(found.as_deref(), Some("/home/me/src".as_ref()));
        assert_eq!(renamed().found_in(b"/cargo/registry/x.rs"), None);
    }

    #[test]
    fn a_folder_behind_a_link_is_renamed_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let place = fs::canonicalize(folder.path()).unwrap();
        let (real, link) = (place.join("real"), place.join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let name = || "/cargo".to_owned();
        let paths = vec![(link.clone(), name()), (real.clone(), name())];
        let all = with_links_followed(paths);
        assert_eq!(
            all,
            [(link, name()), (real.clone(), name()), (real, name())]
        );
    }

    #[test]
    fn the_commit_of_rustc_is_read() {
        let said =
            "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\ncommit-hash: 5980\nhost: x\n";
        assert_eq!(commit(said), Some("5980"));
        assert_eq!(commit("rustc 1.95.0\ncommit-hash-of: x"), None);
    }
}
