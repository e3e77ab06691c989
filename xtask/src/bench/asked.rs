//! Who asks for metrics, every second, as Prometheus would.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};

/// Between two questions.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks whether it is over.
const LOOK: Duration = Duration::from_millis(10);

/// Asks, on a thread.
pub struct Scraper {
    socket: PathBuf,
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Scraper {
    /// Begins.
    #[must_use]
    pub fn start(socket: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (theirs, path) = (Arc::clone(&over), socket.clone());
        let thread = thread::spawn(move || {
            let mut next = Instant::now();
            while !theirs.load(Ordering::Relaxed) {
                if Instant::now() >= next {
                    next += EVERY;
                    let (status, _) = ask(&path, "/metrics")?;
                    ensure!(status == 200, "it answered {status}");
                }
                thread::sleep(LOOK);
            }
            Ok(())
        });
        Self {
            socket,
            over,
            thread,
        }
    }

    /// Ends it; what is served now.
    ///
    /// # Errors
    /// When a question was not answered.
    pub fn stop(self) -> Result<String> {
        self.over.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(anyhow!("who asks panicked")))?;
        let (_, served) = ask(&self.socket, "/metrics")?;
        Ok(served)
    }
}

/// Asks once: the status, and the answer with its head.
///
/// # Errors
/// When nobody answers.
pub fn ask(socket: &Path, path: &str) -> io::Result<(u16, String)> {
    let mut stream = UnixStream::connect(socket)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
    Ok((status.unwrap_or(0), answer))
}
