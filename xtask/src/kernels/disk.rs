//! A guest's disk, of which only that is left after a power cut which was flushed.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{cargo::shown, search_path};

/// Its size.
const BYTES: u64 = 64 << 20;
/// What the log begins with: QEMU's blklogwrites writes it as dm-log-writes does
/// (Documentation/admin-guide/device-mapper/log-writes.rst).
const MAGIC: u64 = 0x6a_736677_736872;
/// A write after which all before it is on the disk.
const FLUSH: u64 = 1;
/// No bytes are in the log.
const DISCARD: u64 = 4;

/// A disk in three files: as it was at first, as the guest has it, and a log of all writes to it.
#[derive(Debug)]
pub struct Disk {
    at_first: PathBuf,
    written: PathBuf,
    log: PathBuf,
}

impl Disk {
    /// A disk with an empty ext4, in that folder.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn new(folder: &Path) -> Result<Self> {
        let file = |name: &str| folder.join(name);
        let it = Self {
            at_first: file("disk-at-first"),
            written: file("disk-written"),
            log: file("disk-log"),
        };
        File::create(&it.at_first)
            .and_then(|file| file.set_len(BYTES))
            .with_context(|| format!("{} can't be made", it.at_first.display()))?;
        let mut command = program("mke2fs")?;
        // A guest that is just cut off has other things to do than to write what is empty.
        command.args(["-q", "-F", "-t", "ext4"]);
        command.args(["-E", "lazy_itable_init=0,lazy_journal_init=0"]);
        run(command.arg(&it.at_first), &[0])?;
        fs::copy(&it.at_first, &it.written)
            .with_context(|| format!("{} can't be made", it.written.display()))?;
        File::create(&it.log).with_context(|| format!("{} can't be made", it.log.display()))?;
        Ok(it)
    }

    /// What QEMU is told of it.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let file = |name: &str, path: &Path| {
            let path = path.display();
            [
                "-blockdev".to_owned(),
                format!("driver=file,node-name={name},filename={path}"),
            ]
        };
        let more = [
            "-blockdev",
            "driver=blklogwrites,node-name=disk,file=written,log=log",
            "-device",
            "virtio-blk-pci,drive=disk",
        ];
        let files = [file("written", &self.written), file("log", &self.log)];
        let more = more.map(str::to_owned);
        files.into_iter().flatten().chain(more).collect()
    }

    /// Copies a folder of it, as it is after a power cut, to another one: without what was not
    /// flushed, and once its journal is replayed.
    ///
    /// # Errors
    /// When that can't be read, or there is no such folder.
    pub fn after_power_cut(&self, folder: &str, to: &Path) -> Result<()> {
        let log =
            fs::read(&self.log).with_context(|| format!("{} can't be read", self.log.display()))?;
        let disk = OpenOptions::new().write(true).open(&self.at_first)?;
        for (offset, bytes) in flushed(&log).context("QEMU's log of writes can't be read")? {
            disk.write_all_at(bytes, offset)?;
        }
        // 1: something was mended. The journal always is.
        let disk = &self.at_first;
        run(program("e2fsck")?.args(["-f", "-y"]).arg(disk), &[0, 1])?;
        let asked = format!("rdump {folder} {}", to.display());
        run(program("debugfs")?.args(["-R", &asked]).arg(disk), &[0])
    }
}

/// The writes up to the last flush of a log: where, and what.
fn flushed(log: &[u8]) -> Result<Vec<(u64, &[u8])>> {
    let number = |at: usize| -> Result<u64> {
        let bytes = log.get(at..at + 8).context("it is cut")?;
        Ok(u64::from_le_bytes(bytes.try_into()?))
    };
    ensure!(number(0)? == MAGIC, "it does not begin as one");
    let (entries, sector) = (number(16)?, number(24)? & u64::from(u32::MAX));
    let sector = usize::try_from(sector)?;
    let mut writes = Vec::new();
    let mut flushed = 0;
    // Each has a sector that says what follows.
    let mut at = sector;
    for _ in 0..entries {
        let (first, sectors, flags) = (number(at)?, number(at + 8)?, number(at + 16)?);
        at += sector;
        if flags & FLUSH != 0 {
            flushed = writes.len();
        }
        if flags & DISCARD == 0 && sectors > 0 {
            let end = at + usize::try_from(sectors)? * sector;
            let bytes = log.get(at..end).context("it is cut")?;
            writes.push((first * sector as u64, bytes));
            at = end;
        }
    }
    writes.truncate(flushed);
    Ok(writes)
}

fn program(name: &str) -> Result<Command> {
    let found = search_path::find_with_sbin(name);
    Ok(Command::new(found.with_context(|| {
        format!("{name} is missing: install e2fsprogs")
    })?))
}

/// Runs a program that ends with one of these statuses.
fn run(command: &mut Command, statuses: &[i32]) -> Result<()> {
    let shown = shown(command);
    let output = command
        .output()
        .with_context(|| format!("`{shown}` can't be started"))?;
    ensure!(
        output
            .status
            .code()
            .is_some_and(|it| statuses.contains(&it)),
        "`{shown}` failed: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{DISCARD, FLUSH, MAGIC, flushed};

    const SECTOR: usize = 512;

    fn log(entries: &[(u64, u64, u64)]) -> Vec<u8> {
        let mut log = Vec::new();
        let mut sector = |numbers: &[u64]| {
            let end = log.len() + SECTOR;
            numbers.iter().for_each(|it| log.extend(it.to_le_bytes()));
            log.resize(end, 0);
        };
        sector(&[MAGIC, 1, entries.len() as u64, SECTOR as u64]);
        for (first, sectors, flags) in entries {
            sector(&[*first, *sectors, *flags, 0]);
            if flags & DISCARD == 0 {
                (0..*sectors).for_each(|_| sector(&[*first]));
            }
        }
        log
    }

    #[test]
    fn what_was_written_after_the_last_flush_is_lost() {
        let log = log(&[
            (3, 2, 0),
            (9, 50, DISCARD),
            (0, 0, FLUSH),
            (5, 1, 0),
            (0, 0, FLUSH),
            (7, 1, 0),
        ]);
        let writes = flushed(&log).expect("a log");
        let places: Vec<_> = writes.iter().map(|(at, it)| (*at, it.len())).collect();
        assert_eq!(places, [(3 * 512, 2 * 512), (5 * 512, 512)]);
        assert_eq!(writes[1].1[0], 5);
    }

    #[test]
    fn a_log_that_is_none_is_told() {
        assert!(flushed(b"").is_err());
        assert!(flushed(&[0; 4096]).is_err());
        let whole = log(&[(3, 2, 0), (0, 0, FLUSH)]);
        assert!(flushed(&whole[..1024]).is_err());
    }
}
