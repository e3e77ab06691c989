//! Sends figures, and records of connections, to a collector of OpenTelemetry: OTLP over HTTP. Each
//! signal has a thread, a bounded queue, and figures of its own. The loop waits for none.

mod client;
mod delta;
mod logs;
mod messages;
mod settings;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use nix::sys::signal::SigSet;
use tokio::sync::watch;

pub use self::{
    client::{Client, Post, Sent},
    logs::FlowLog,
    messages::{Origin, logs_request},
    settings::{Endpoint, OtlpError, OtlpSettings},
};
use self::{
    delta::Deltas,
    logs::Logs,
    messages::{metrics, metrics_request},
    settings::FigureForm,
};
use super::{
    Exchange, confine,
    families::{Teller, families},
    process::OwnProcess,
};

/// How long the loop may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of a signal.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Points or records that a collector took.
    pub sent: AtomicU64,
    /// Those that it got not.
    pub dropped: AtomicU64,
}

/// What became of both.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// Points of metrics.
    pub metrics: Delivery,
    /// Records of connections.
    pub logs: Delivery,
}

/// The threads that send.
pub struct Senders {
    stop: watch::Sender<bool>,
    threads: Vec<thread::JoinHandle<()>>,
    /// What became of what was sent.
    pub deliveries: Arc<Deliveries>,
    /// Takes records of connections, if they are sent.
    pub flows: Option<FlowLog>,
}

/// How long the last ones may take.
const LAST: Duration = Duration::from_secs(2);

impl Senders {
    /// Sends what is asked for. To be called before privileges are given up.
    ///
    /// # Errors
    /// When a certificate can't be read, or no thread be made.
    pub fn start(
        settings: &OtlpSettings,
        exchange: &Arc<Exchange>,
        kernel: &str,
    ) -> anyhow::Result<Self> {
        let deliveries = Arc::<Deliveries>::default();
        let (stop, stopped) = watch::channel(false);
        let origin = Arc::new(Origin::of(settings, kernel));
        let mut threads = Vec::new();
        if let Some(endpoint) = &settings.metrics {
            let client = Client::new(endpoint)?;
            let (exchange, deliveries) = (Arc::clone(exchange), Arc::clone(&deliveries));
            let (every, form, port) = (settings.interval, settings.form, endpoint.port());
            let (origin, stopped) = (Arc::clone(&origin), stopped.clone());
            threads.push(start("otlp-metrics", port, async move || {
                let figures = Figures {
                    exchange: &exchange,
                    deliveries: &deliveries,
                    origin: &origin,
                    form,
                };
                send_metrics(client, &figures, every, stopped).await;
            })?);
        }
        let mut flows = None;
        if let Some(endpoint) = &settings.logs {
            let client = Client::new(endpoint)?;
            let (log, logs) = Logs::new(Arc::clone(&deliveries), origin, settings.queue);
            flows = Some(log);
            threads.push(start("otlp-logs", endpoint.port(), async move || {
                logs.send(client, stopped).await;
            })?);
        }
        Ok(Self {
            stop,
            threads,
            deliveries,
            flows,
        })
    }

    /// Ends them, once what waits was sent, if that does not take long.
    pub fn close(&mut self) {
        self.flows = None;
        let _ = self.stop.send(true);
        let end = std::time::Instant::now() + LAST;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && std::time::Instant::now() < end {
                thread::sleep(Duration::from_millis(10));
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

/// A thread that sends to a port, and may do little else.
fn start<W: Future<Output = ()>>(
    name: &str,
    port: u16,
    work: impl FnOnce() -> W + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        // They are the loop's.
        let _ = SigSet::all().thread_block();
        confine::sender(port);
        runtime.block_on(work());
    })
}

/// Where figures come from, and how they are written.
struct Figures<'a> {
    exchange: &'a Exchange,
    deliveries: &'a Deliveries,
    origin: &'a Origin,
    form: FigureForm,
}

/// Sends figures now and then. They only grow, so that those that could not be sent are in the next.
async fn send_metrics(
    mut client: Client,
    figures: &Figures<'_>,
    every: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let process = OwnProcess::open().ok();
    let mut deltas = Deltas::new(figures.form.temporality);
    loop {
        let over = tokio::select! {
            // Who could stop it is gone, too.
            _ = stopped.wait_for(|it| *it) => true,
            () = tokio::time::sleep(client.pause().unwrap_or(every)) => false,
        };
        let Some(snapshot) = figures.exchange.ask(PATIENCE).await else {
            if over {
                return;
            }
            continue;
        };
        let all = families(
            &snapshot,
            &Teller {
                kernel: &figures.origin.kernel,
                process: process.as_ref().and_then(OwnProcess::look),
                deliveries: Some(figures.deliveries),
            },
        );
        let delivery = &figures.deliveries.metrics;
        let points: usize = all.iter().map(|it| it.points.len()).sum();
        let points = points as u64;
        let mut metrics = metrics(&all, &snapshot, figures.form);
        deltas.apply(&mut metrics);
        match client.post(metrics_request(metrics, figures.origin)) {
            Sent::Taken { rejected } => {
                deltas.taken();
                delivery
                    .sent
                    .fetch_add(points.saturating_sub(rejected), Relaxed);
                delivery.dropped.fetch_add(rejected, Relaxed);
            }
            Sent::Refused => {
                delivery.dropped.fetch_add(points, Relaxed);
            }
            Sent::Later => {}
        }
        if over {
            return;
        }
    }
}
