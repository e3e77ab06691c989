//! The command line of `tcptrace serve`.

use std::path::PathBuf;

use clap::Args;
use tcptrace::{
    aggregate::stats::By,
    commands::ServeOptions,
    consumers::Served,
    metrics::{Address, OtlpSettings},
};

use super::{TraceArgs, record::KeepingArgs, words};

/// Options of `tcptrace serve`.
#[derive(Args, Debug)]
#[command(
    mut_arg("rotate", |it| it.requires("record")),
    mut_arg("keep", |it| it.requires("record")),
    mut_arg("spare", |it| it.requires("record")),
    mut_arg("keep_spared", |it| it.requires("record")),
    mut_arg("anonymize", |it| it.requires("record")),
    mut_arg("sync", |it| it.requires("record")),
    after_help = "Where the service manager hands a socket over (a .socket unit), that is listened on. \
                  Exit status: 0 done; 1 failed, or --strict and events were lost; 2 wrong usage; 3 \
                  this machine can't be traced (the message says what is missing)."
)]
pub struct ServeArgs {
    #[command(flatten)]
    pub(super) trace: TraceArgs,
    /// Where metrics are asked for: an address and a port, or unix:PATH; may be given several times.
    /// 127.0.0.1:9465 without.
    #[arg(long, value_name = "ADDRESS", help_heading = "Metrics")]
    listen: Vec<Address>,
    /// Tell counters by that, too: a label more.
    #[arg(long, value_parser = words::metrics_by(), value_name = "WHAT", help_heading = "Metrics")]
    by: Option<By>,
    /// So many time series at the most by that label; what is more counts as \"other\".
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2000,
        value_parser = clap::value_parser!(u32).range(10..=1_000_000),
        help_heading = "Metrics"
    )]
    max_series: u32,
    /// Send metrics to a collector of OpenTelemetry, by OTLP over HTTP: http://HOST:4318. The
    /// variables OTEL_EXPORTER_OTLP_* and OTEL_RESOURCE_ATTRIBUTES count, too.
    #[arg(long, value_name = "URL", help_heading = "Metrics")]
    otlp: Option<String>,
    /// Send a record of each connection that ends there, too.
    #[arg(long, help_heading = "Metrics")]
    otlp_flows: bool,
    /// Record what happens in that folder, too.
    #[arg(long, value_name = "DIR", help_heading = "Recordings")]
    record: Option<PathBuf>,
    #[command(flatten)]
    keeping: KeepingArgs,
}

impl ServeArgs {
    /// What `serve` is told.
    ///
    /// # Errors
    /// When there is no such network interface.
    pub fn into_options(self) -> anyhow::Result<ServeOptions> {
        let recording = self.record.map(|folder| self.keeping.into_options(folder));
        let (recording, spare) = recording.unzip();
        Ok(ServeOptions {
            live: self.trace.into_options(Vec::new(), None)?,
            listen: self.listen,
            served: Served {
                by: self.by,
                max_series: self.max_series as usize,
                spare,
            },
            otlp: OtlpSettings::of(self.otlp.as_deref(), self.otlp_flows, |name| {
                std::env::var(name).ok()
            })?,
            recording,
        })
    }
}
