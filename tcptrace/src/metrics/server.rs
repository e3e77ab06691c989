//! Serves figures, on a thread of its own: whatever those who ask do, the loop does not wait.

use std::{
    fs, io,
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::signal::SigSet;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{Notify, Semaphore},
    task::LocalSet,
    time::{sleep, timeout},
};

use super::{
    Exchange, Listeners, confine,
    http::{Answers, Told, Tracing},
    listen::Listener,
    otlp::Deliveries,
    process::OwnProcess,
};

/// So many are answered at once; others wait for their turn.
const AT_ONCE: usize = 64;
/// How long a request may take to come.
const REQUEST: Duration = Duration::from_secs(5);
/// How long all of it may take: whoever reads that slowly gets no more.
const CONNECTION: Duration = Duration::from_secs(30);
/// How long it is waited when no connection can be taken, for want of descriptors, perhaps.
const PAUSE: Duration = Duration::from_millis(100);
/// How long answers that are under way may take when it ends.
const LAST: Duration = Duration::from_millis(500);
/// The longest head of a request, bytes.
const LONGEST_HEAD: usize = 16 << 10;

/// The thread that serves.
pub struct Server {
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
    at: Vec<String>,
    paths: Vec<PathBuf>,
}

impl Server {
    /// Serves what the loop answers to. `deliveries`: what became of what is sent, if something is. To be called before privileges are given up.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start(
        listeners: Listeners,
        exchange: Arc<Exchange>,
        kernel: String,
        deliveries: Option<Arc<Deliveries>>,
    ) -> io::Result<Self> {
        let told = Tracing {
            exchange,
            process: OwnProcess::open().ok(),
            kernel,
            deliveries,
        };
        Self::telling(listeners, Arc::new(told))
    }

    /// Serves what somebody tells.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn telling(mut listeners: Listeners, told: Arc<dyn Told>) -> io::Result<Self> {
        let paths = listeners.take_paths();
        let at = std::mem::take(&mut listeners.at);
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                // They are the loop's.
                let _ = SigSet::all().thread_block();
                confine::server();
                let tasks = LocalSet::new();
                tasks.block_on(&runtime, async {
                    let slots = Arc::new(Semaphore::new(AT_ONCE));
                    for listener in listeners.sockets {
                        let (slots, told) = (Arc::clone(&slots), Arc::clone(&told));
                        tokio::task::spawn_local(serve(listener, slots, told));
                    }
                    stopped.notified().await;
                    // Those that are under way.
                    let all = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
                    let _ = timeout(LAST, slots.acquire_many(all)).await;
                });
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
            at,
            paths,
        })
    }

    /// Where it is asked.
    #[must_use]
    pub fn at(&self) -> &[String] {
        &self.at
    }

    /// Ends it.
    pub fn close(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.stop.notify_one();
        let _ = thread.join();
        for path in &self.paths {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

/// Tells the service manager that tracing has begun, if it wants to know.
pub fn ready() {
    tell(sd_notify::NotifyState::Ready);
}

/// The same of the end.
pub fn stopping() {
    tell(sd_notify::NotifyState::Stopping);
}

fn tell(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("the service manager could not be told: {error}");
    }
}

async fn serve(listener: Listener, slots: Arc<Semaphore>, told: Arc<dyn Told>) {
    match listener {
        Listener::Tcp(it) => {
            let asynchronous = it
                .set_nonblocking(true)
                .and_then(|()| TcpListener::from_std(it));
            let Ok(it) = asynchronous.inspect_err(unusable) else {
                return;
            };
            let accept = async || it.accept().await.map(|(stream, _)| stream);
            answer(accept, &slots, &told).await;
        }
        Listener::Unix(it) => {
            let asynchronous = it
                .set_nonblocking(true)
                .and_then(|()| UnixListener::from_std(it));
            let Ok(it) = asynchronous.inspect_err(unusable) else {
                return;
            };
            let accept = async || it.accept().await.map(|(stream, _)| stream);
            answer(accept, &slots, &told).await;
        }
    }
}

fn unusable(error: &io::Error) {
    log::error!("a socket can't be listened on: {error}");
}

/// Answers all that come.
async fn answer<S>(
    accept: impl AsyncFn() -> io::Result<S>,
    slots: &Arc<Semaphore>,
    told: &Arc<dyn Told>,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    loop {
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
            return;
        };
        let stream = match accept().await {
            Ok(stream) => stream,
            Err(error) => {
                log::debug!("no connection could be taken: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        let answers = Answers(Arc::clone(told));
        tokio::task::spawn_local(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST)
                .max_header_size(LONGEST_HEAD)
                // One request a connection: none is kept that nobody uses.
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answers);
            if let Ok(Err(error)) = timeout(CONNECTION, connection).await {
                log::debug!("a connection broke off: {error}");
            }
            drop(slot);
        });
    }
}
