//! `tcptrace serve`: metrics for Prometheus and OpenTelemetry.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::Result;

use crate::{
    consumers::{Serve, Served},
    diagnose::Thresholds,
    engine::{LiveOptions, Outcome, RecordingOptions, trace, trace_and_record},
    host::kernel_release,
    metrics::{Address, Exchange, Listeners, OtlpSettings, Senders, Server},
    source::live::Metrics,
};

/// Where metrics are asked for, if nothing else is said.
const USUAL_PORT: u16 = 9465;

/// What `serve` is told.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// What all live commands are told.
    pub live: LiveOptions,
    /// Where metrics are asked for.
    pub listen: Vec<Address>,
    /// What is served.
    pub served: Served,
    /// Send to a collector besides.
    pub otlp: Option<OtlpSettings>,
    /// Record besides.
    pub recording: Option<RecordingOptions>,
}

/// Serves metrics until something ends it.
///
/// # Errors
/// When this machine can't be traced, or nothing be listened on.
pub async fn serve(options: &ServeOptions) -> Result<Outcome> {
    let usual = Address::Tcp((Ipv4Addr::LOCALHOST, USUAL_PORT).into());
    // Before privileges are given up: a port below 1024 takes one.
    let listeners = Listeners::open(&options.listen, &usual)?;
    let exchange = Arc::new(Exchange::default());
    let kernel = kernel_release();
    let senders = options.otlp.as_ref();
    let senders = senders
        .map(|it| Senders::start(it, &exchange, &kernel))
        .transpose()?;
    let deliveries = senders.as_ref().map(|it| Arc::clone(&it.deliveries));
    let server = Server::start(listeners, Arc::clone(&exchange), kernel, deliveries)?;
    let filter = options.live.run.filter.clone();
    let thresholds = Thresholds::new(None, &[])?;
    let serve = Serve::new(
        exchange,
        server,
        senders,
        filter,
        thresholds,
        &options.served,
    )?;
    match &options.recording {
        Some(recording) => trace_and_record(&options.live, recording, serve).await,
        None => trace(&options.live, Metrics::Always, serve).await,
    }
}
