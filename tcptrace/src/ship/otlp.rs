//! A collector of OpenTelemetry: each flow is a log record, as those are that `serve` sends.
//!
//! A collector tells nothing of what it has. What was sent without an answer is sent again, so that a
//! record may come twice; attributes name the batch that it is of.

use std::io;

use anyhow::Result;

use super::{
    batch::Position,
    figures::wall_now,
    state::Flight,
    target::{Failure, Source, Target},
};
use crate::metrics::{Client, Endpoint, Origin, OtlpSettings, Sent, logs_request};

/// How much what waits on the disk is compressed: the fastest.
const LEVEL: i32 = 1;

/// A collector.
pub struct Collector {
    client: Client,
    settings: OtlpSettings,
    url: String,
}

impl Collector {
    /// Makes one.
    ///
    /// # Errors
    /// When a certificate can't be read.
    pub fn new(settings: OtlpSettings, endpoint: &Endpoint) -> Result<Self> {
        Ok(Self {
            client: Client::new(endpoint)?,
            url: endpoint.url.clone(),
            settings,
        })
    }
}

impl Target for Collector {
    /// A collector can't be asked anything.
    fn open(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn position(&mut self, _: &Source) -> Result<Option<Position>, Failure> {
        Ok(None)
    }

    /// Of what waits on the disk.
    fn encoding(&self) -> &'static str {
        "zstd"
    }

    fn compress(&mut self, lines: &[u8]) -> io::Result<Vec<u8>> {
        zstd::bulk::compress(lines, LEVEL)
    }

    fn send(&mut self, flight: &Flight) -> Result<u32, Failure> {
        let id = &flight.head.id;
        let lines = zstd::stream::decode_all(&*flight.body)
            .map_err(|error| Failure::never(format!("a batch can't be read: {error}")))?;
        let mut settings = self.settings.clone();
        let attributes = &mut settings.attributes;
        attributes.retain(|it| it.0 != "host.name");
        for (name, value) in [
            ("host.name", id.host.clone()),
            ("tcptrace.boot", id.boot.clone()),
            ("tcptrace.run", id.run.clone()),
            ("tcptrace.segment", id.segment.to_string()),
            ("tcptrace.batch", id.number.to_string()),
        ] {
            attributes.push((name.to_owned(), value));
        }
        let observed = u64::try_from(wall_now()).unwrap_or(0);
        // Which kernel it was, the recording tells.
        let origin = Origin::of(&settings, "");
        let url = &self.url;
        match self.client.post(logs_request(&lines, observed, &origin)) {
            // It is not to be sent them again. Why, it was said.
            Sent::Taken { rejected } => Ok(u32::try_from(rejected).unwrap_or(u32::MAX)),
            Sent::Refused => Err(Failure::Never {
                why: format!(
                    "{url} refuses the records: is it the address of a collector that takes logs by OTLP over \
                     HTTP?"
                ),
                rows_refused: true,
            }),
            Sent::Later => Err(Failure::Later {
                why: format!("{url} does not take records at the moment"),
                in_doubt: true,
                after: self.client.pause(),
            }),
        }
    }
}
