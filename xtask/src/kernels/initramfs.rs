//! The guest's file system: all of it is in memory, made anew for each kernel.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Cursor, Write as _},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use cpio::{NewcBuilder, write_cpio};

use super::{binaries::Binaries, modules::Module};
use crate::{cargo::shown, search_path};

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// Programs of this machine that tests start, and their packages. The shell's own `sleep` and `sh`
/// are busybox.
const FROM_THIS_MACHINE: [(&str, &str); 5] = [
    ("bash", "bash"),
    ("ss", "iproute2"),
    ("prlimit", "util-linux"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
];

/// What is in it, by path. A directory comes before what is in it: `BTreeMap` sees to that.
#[derive(Debug, Default)]
pub struct Initramfs(BTreeMap<String, Node>);

#[derive(Debug)]
enum Node {
    Directory,
    File(Vec<u8>),
}

impl Initramfs {
    /// What every guest has that runs tests.
    ///
    /// # Errors
    /// When a program isn't there.
    pub fn new(busybox: &Path) -> Result<Self> {
        let mut made = Self::of_busybox(busybox)?;
        for (program, package) in FROM_THIS_MACHINE {
            let path = search_path::find_with_sbin(program).with_context(|| {
                format!("{program} is missing, which tests start: install {package}")
            })?;
            made.copy(&path, &format!("bin/{program}"))?;
            made.libraries(&path)?;
        }
        Ok(made)
    }

    /// What every guest has, whatever its processor is.
    ///
    /// # Errors
    /// When busybox isn't there.
    pub fn of_busybox(busybox: &Path) -> Result<Self> {
        let mut made = Self::default();
        for mount in [
            "proc", "sys", "dev", "tmp", "run", "root", "sbin", "usr/bin", "usr/sbin",
        ] {
            made.directory(mount);
        }
        made.copy(busybox, "bin/busybox")?;
        made.file("init", include_bytes!("init.sh").to_vec());
        Ok(made)
    }

    /// tcptrace and its tests.
    ///
    /// # Errors
    /// When a program isn't there.
    pub fn programs(&mut self, binaries: &Binaries) -> Result<()> {
        self.copy(&binaries.tcptrace, "tcptrace")?;
        for suite in &binaries.suites {
            self.copy(&suite.path, &format!("tests/{}", suite.name))?;
        }
        Ok(())
    }

    /// Modules of its kernel.
    pub fn modules(&mut self, modules: Vec<Module>) {
        let mut order = String::new();
        for Module { name, object } in modules {
            order += &format!("{name}\n");
            self.file(&format!("modules/{name}.ko"), object);
        }
        self.file("modules/order", order.into_bytes());
    }

    /// What it runs: a script of its init's shell.
    pub fn run(&mut self, script: &str) {
        self.file("run.sh", script.as_bytes().to_vec());
    }

    /// Writes it as the kernel reads it.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, to: &Path) -> Result<()> {
        let archive = self.0.iter().map(|(path, node)| {
            let (mode, content) = match node {
                Node::Directory => (DIRECTORY, &[][..]),
                Node::File(content) => (PROGRAM, &content[..]),
            };
            (NewcBuilder::new(path).mode(mode), Cursor::new(content))
        });
        let file = File::create(to).with_context(|| format!("{} can't be made", to.display()))?;
        write_cpio(archive, BufWriter::new(file))
            .and_then(|mut written| written.flush())
            .with_context(|| format!("{} can't be written", to.display()))
    }

    /// The shared libraries of a program, where it looks for them.
    fn libraries(&mut self, program: &Path) -> Result<()> {
        let mut command = Command::new("ldd");
        command.arg(program);
        let output = command
            .output()
            .with_context(|| format!("`{}` can't be started", shown(&command)))?;
        ensure!(output.status.success(), "`{}` failed", shown(&command));
        for library in libraries_in(&String::from_utf8_lossy(&output.stdout)) {
            self.copy(Path::new(library), library.trim_start_matches('/'))?;
        }
        Ok(())
    }

    /// A program of this machine.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn copy(&mut self, from: &Path, to: &str) -> Result<()> {
        let content =
            fs::read(from).with_context(|| format!("{} can't be read", from.display()))?;
        self.file(to, content);
        Ok(())
    }

    fn file(&mut self, path: &str, content: Vec<u8>) {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.directory(parent);
        }
        self.0.insert(path.to_owned(), Node::File(content));
    }

    fn directory(&mut self, path: &str) {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.directory(parent);
        }
        self.0.insert(path.to_owned(), Node::Directory);
    }
}

/// The paths in what ldd(1) prints.
fn libraries_in(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter(|word| word.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use cpio::NewcReader;

    use super::{Initramfs, libraries_in};

    #[test]
    fn libraries_are_where_the_program_looks_for_them() {
        let text = "\tlinux-vdso.so.1 (0x00007fff)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f04)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f05)\n";
        assert!(libraries_in(text).eq([
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2"
        ]));
    }

    #[test]
    fn a_directory_comes_before_what_is_in_it() {
        let mut made = Initramfs::default();
        made.file("usr/lib/x/libc.so", vec![1, 2, 3]);
        made.run("true");
        let file = tempfile::NamedTempFile::new().unwrap();
        made.write(file.path()).unwrap();
        let mut rest = &std::fs::read(file.path()).unwrap()[..];
        let mut names = Vec::new();
        loop {
            let reader = NewcReader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            names.push(reader.entry().name().to_owned());
            rest = reader.finish().unwrap();
        }
        assert_eq!(
            names,
            ["run.sh", "usr", "usr/lib", "usr/lib/x", "usr/lib/x/libc.so"]
        );
    }
}
