//! What this process takes, as the client libraries of Prometheus tell it.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    sync::Mutex,
};

use procfs::{FromRead as _, process::Stat};

/// What this process takes.
#[derive(Clone, Copy, Debug)]
pub struct ProcessFigures {
    /// CPU time, user and system, s.
    pub cpu_s: f64,
    /// Memory in use, bytes.
    pub resident_bytes: u64,
    /// Address space, bytes.
    pub virtual_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// When it began: s since 1970; `None`: unknown.
    pub started_s: Option<f64>,
}

/// Looks at this process. Its file is opened once: whoever asks may open none.
#[derive(Debug)]
pub struct OwnProcess {
    stat: Mutex<File>,
    started_s: Option<f64>,
}

impl OwnProcess {
    /// Opens what is to be read.
    ///
    /// # Errors
    /// When there is no /proc.
    pub fn open() -> io::Result<Self> {
        let mut stat = File::open("/proc/self/stat")?;
        let began = Stat::from_read(&mut stat).ok().and_then(|it| {
            let boot_s = procfs::boot_time_secs().ok()?;
            let after = it.starttime as f64 / procfs::ticks_per_second() as f64;
            Some(boot_s as f64 + after)
        });
        Ok(Self {
            stat: Mutex::new(stat),
            started_s: began,
        })
    }

    /// What it takes now; `None`: it can't be told.
    pub fn look(&self) -> Option<ProcessFigures> {
        let mut file = self.stat.lock().ok()?;
        file.rewind().ok()?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).ok()?;
        let stat = Stat::from_read(&*text).ok()?;
        let ticks = procfs::ticks_per_second() as f64;
        Some(ProcessFigures {
            cpu_s: (stat.utime + stat.stime) as f64 / ticks,
            resident_bytes: stat.rss * procfs::page_size(),
            virtual_bytes: stat.vsize,
            threads: u64::try_from(stat.num_threads).unwrap_or(0),
            started_s: self.started_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_of_itself_each_time_anew() {
        let own = OwnProcess::open().unwrap();
        let first = own.look().unwrap();
        assert!(first.resident_bytes > 100_000, "{first:?}");
        assert!(first.virtual_bytes >= first.resident_bytes, "{first:?}");
        assert!(first.threads >= 1, "{first:?}");
        let now = std::time::SystemTime::now();
        let now = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        let started = first.started_s.unwrap();
        assert!(
            started <= now + 1.0 && started > now - 86_400.0,
            "{first:?}"
        );
        assert!(own.look().unwrap().cpu_s >= first.cpu_s);
    }
}
