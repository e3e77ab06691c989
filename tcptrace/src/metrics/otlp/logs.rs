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
    settings::LogQueue,
};

/// So many bytes wait at the most; what comes then is dropped, and counted.
const MOST_WAITING: usize = 8 << 20;
/// From so many bytes on, a request is sent.
const LARGE: usize = 256 << 10;
/// How long it is waited before it is tried again, where nothing says so.
const SOON: Duration = Duration::from_secs(1);
/// How long it is tried to send what a collector does not take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the loop writes lines of JSON into: it waits for nobody.
#[derive(Debug)]
pub struct FlowLog {
    buffer: Vec<u8>,
    to: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<Waiting>,
    /// So many records wait at the most.
    most: usize,
    deliveries: Arc<Deliveries>,
}

/// What is on its way.
#[derive(Debug, Default)]
struct Waiting {
    bytes: AtomicUsize,
    records: AtomicUsize,
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
        let records = count(&lines);
        let waiting = &self.waiting;
        if waiting.bytes.load(Relaxed) + lines.len() > MOST_WAITING
            || waiting.records.load(Relaxed) + records > self.most
        {
            let delivery = &self.deliveries.logs;
            delivery.dropped.fetch_add(records as u64, Relaxed);
            return Ok(());
        }
        waiting.bytes.fetch_add(lines.len(), Relaxed);
        waiting.records.fetch_add(records, Relaxed);
        // Where nobody takes them, all is over.
        let _ = self.to.send(lines);
        Ok(())
    }
}

/// Lines.
fn count(lines: &[u8]) -> usize {
    lines.iter().filter(|byte| **byte == b'\n').count()
}

/// The first so many lines, and the others.
fn split(lines: &[u8], most: usize) -> (&[u8], &[u8]) {
    let ends = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let end = ends.map(|(at, _)| at + 1).nth(most.saturating_sub(1));
    lines.split_at(end.unwrap_or(lines.len()))
}

/// What sends them.
pub(super) struct Logs {
    from: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<Waiting>,
    deliveries: Arc<Deliveries>,
    origin: Arc<Origin>,
    queue: LogQueue,
}

impl Logs {
    /// Both ends.
    pub fn new(
        deliveries: Arc<Deliveries>,
        origin: Arc<Origin>,
        queue: LogQueue,
    ) -> (FlowLog, Self) {
        let (to, from) = mpsc::unbounded_channel();
        let waiting = Arc::<Waiting>::default();
        let log = FlowLog {
            buffer: Vec::new(),
            to,
            waiting: Arc::clone(&waiting),
            most: queue.most.unwrap_or(usize::MAX),
            deliveries: Arc::clone(&deliveries),
        };
        let logs = Self {
            from,
            waiting,
            deliveries,
            origin,
            queue,
        };
        (log, logs)
    }

    /// Sends what comes, until nothing more does, or it is to stop while a collector does not take it.
    pub async fn send(mut self, mut client: Client, mut stopped: watch::Receiver<bool>) {
        let together = self.queue.together.unwrap_or(usize::MAX);
        while let Some(mut lines) = self.from.recv().await {
            let until = tokio::time::Instant::now() + self.queue.delay;
            while lines.len() < LARGE
                && count(&lines) < together
                && let Ok(Some(more)) = tokio::time::timeout_at(until, self.from.recv()).await
            {
                lines.extend_from_slice(&more);
            }
            let mut rest = &lines[..];
            while !rest.is_empty() {
                let part;
                (part, rest) = split(rest, together);
                if !self.send_part(part, &mut client, &mut stopped).await {
                    let left = self.waiting.records.load(Relaxed);
                    self.deliveries.logs.dropped.fetch_add(left as u64, Relaxed);
                    return;
                }
                self.waiting.bytes.fetch_sub(part.len(), Relaxed);
                self.waiting.records.fetch_sub(count(part), Relaxed);
            }
        }
    }

    /// Sends these, in one request, until they are taken, refused, or too old. False: it is to stop,
    /// and they were not taken.
    async fn send_part(
        &self,
        lines: &[u8],
        client: &mut Client,
        stopped: &mut watch::Receiver<bool>,
    ) -> bool {
        let delivery = &self.deliveries.logs;
        let records = count(lines) as u64;
        let began = Instant::now();
        loop {
            let observed = SystemTime::now().duration_since(UNIX_EPOCH);
            let observed = observed.map_or(0, |it| it.as_nanos());
            let observed = u64::try_from(observed).unwrap_or(0);
            match client.post(logs_request(lines, observed, &self.origin)) {
                Sent::Taken { rejected } => {
                    let sent = records.saturating_sub(rejected);
                    delivery.sent.fetch_add(sent, Relaxed);
                    delivery.dropped.fetch_add(rejected, Relaxed);
                    return true;
                }
                Sent::Later if began.elapsed() < PATIENCE => {
                    let pause = client.pause().unwrap_or(SOON);
                    tokio::select! {
                        _ = stopped.wait_for(|it| *it) => return false,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
                Sent::Refused | Sent::Later => {
                    delivery.dropped.fetch_add(records, Relaxed);
                    return true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn lines_are_split_where_so_many_are_over() {
        let lines = b"a\nbb\nc\n";
        assert_eq!(split(lines, 2), (&b"a\nbb\n"[..], &b"c\n"[..]));
        assert_eq!(split(lines, 3), (&lines[..], &b""[..]));
        assert_eq!(split(lines, usize::MAX), (&lines[..], &b""[..]));
    }

    #[test]
    fn more_than_may_wait_is_dropped_and_counted() {
        let deliveries = Arc::<Deliveries>::default();
        let settings = super::super::OtlpSettings::of(Some("http://a"), true, |name| {
            (name == "OTEL_BLRP_MAX_QUEUE_SIZE").then(|| "2".to_owned())
        });
        let settings = settings.unwrap().unwrap();
        let origin = Arc::new(Origin::of(&settings, ""));
        let (mut log, _logs) = Logs::new(Arc::clone(&deliveries), origin, settings.queue);
        for lines in ["a\nb\n", "c\n"] {
            log.write_all(lines.as_bytes()).unwrap();
            log.flush().unwrap();
        }
        assert_eq!(deliveries.logs.dropped.load(Relaxed), 1);
    }
}
