//! Records of connections on their way to a collector.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{mpsc, watch};

use super::{
    Deliveries,
    client::{Client, Sent},
    messages::{Origin, logs_request},
};

/// So many bytes wait at the most; what comes then is dropped, and counted.
const MOST_WAITING: usize = 8 << 20;
/// From so many bytes on, a request is sent.
const LARGE: usize = 256 << 10;
/// How long it is waited for more.
const SOON: Duration = Duration::from_secs(1);
/// How long it is tried to send what a collector does not take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the loop writes lines of JSON into: it waits for nobody.
#[derive(Debug)]
pub struct FlowLog {
    buffer: Vec<u8>,
    to: mpsc::UnboundedSender<Vec<u8>>,
    /// Bytes on their way.
    waiting: Arc<AtomicUsize>,
    deliveries: Arc<Deliveries>,
}

impl io::Write for FlowLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.buffer);
        if self.waiting.load(Relaxed) + lines.len() > MOST_WAITING {
            self.deliveries
                .logs
                .dropped
                .fetch_add(count(&lines), Relaxed);
            return Ok(());
        }
        self.waiting.fetch_add(lines.len(), Relaxed);
        // Where nobody takes them, all is over.
        let _ = self.to.send(lines);
        Ok(())
    }
}

/// Lines.
fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// What sends them.
pub(super) struct Logs {
    from: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    deliveries: Arc<Deliveries>,
    origin: Arc<Origin>,
}

impl Logs {
    /// Both ends.
    pub fn new(deliveries: Arc<Deliveries>, origin: Arc<Origin>) -> (FlowLog, Self) {
        let (to, from) = mpsc::unbounded_channel();
        let waiting = Arc::<AtomicUsize>::default();
        let log = FlowLog {
            buffer: Vec::new(),
            to,
            waiting: Arc::clone(&waiting),
            deliveries: Arc::clone(&deliveries),
        };
        let logs = Self {
            from,
            waiting,
            deliveries,
            origin,
        };
        (log, logs)
    }

    /// Sends what comes, until nothing more does.
    pub async fn send(mut self, mut client: Client, mut stopped: watch::Receiver<bool>) {
        let delivery = &self.deliveries.logs;
        loop {
            let Some(mut lines) = self.from.recv().await else {
                return;
            };
            let until = tokio::time::Instant::now() + SOON;
            while lines.len() < LARGE
                && let Ok(Some(more)) = tokio::time::timeout_at(until, self.from.recv()).await
            {
                lines.extend_from_slice(&more);
            }
            let records = count(&lines);
            let began = Instant::now();
            loop {
                let observed = SystemTime::now().duration_since(UNIX_EPOCH);
                let observed = observed.map_or(0, |it| it.as_nanos());
                let observed = u64::try_from(observed).unwrap_or(0);
                match client.post(logs_request(&lines, observed, &self.origin)) {
                    Sent::Taken { rejected } => {
                        delivery
                            .sent
                            .fetch_add(records.saturating_sub(rejected), Relaxed);
                        delivery.dropped.fetch_add(rejected, Relaxed);
                        break;
                    }
                    Sent::Later if began.elapsed() < PATIENCE => {
                        let pause = client.pause().unwrap_or(SOON);
                        tokio::select! {
                            _ = stopped.wait_for(|it| *it) => {
                                delivery.dropped.fetch_add(records, Relaxed);
                                return;
                            }
                            () = tokio::time::sleep(pause) => {}
                        }
                    }
                    Sent::Refused | Sent::Later => {
                        delivery.dropped.fetch_add(records, Relaxed);
                        break;
                    }
                }
            }
            self.waiting.fetch_sub(lines.len(), Relaxed);
        }
    }
}
