//! Posts to a collector, and knows when to try again.

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher as _, Hasher as _},
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use flate2::{Compression, write::GzEncoder};
use prost::Message;
use rustls::crypto::ring;
use ureq::{
    Agent,
    http::{Response, StatusCode, header::RETRY_AFTER},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::settings::Endpoint;
use crate::privileges;

/// The first pause after a failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest, but for one that the collector asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often it is said that nothing gets through.
const SAY_AGAIN: Duration = Duration::from_secs(300);
/// A longer answer is not read, bytes.
const LONGEST_ANSWER: u64 = 64 << 10;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The collector has it, but for so many.
    Taken {
        /// Points or records that it did not take.
        rejected: u64,
    },
    /// It will never take that.
    Refused,
    /// It may take it later.
    Later,
}

/// A request, and what its answer says of those that were rejected.
pub(super) struct Post {
    pub body: Vec<u8>,
    /// Reads how many were rejected, and why.
    pub rejected: fn(&[u8]) -> Option<(u64, String)>,
}

/// Posts to one address.
pub(super) struct Client {
    agent: Agent,
    url: String,
    headers: Vec<(String, String)>,
    gzip: bool,
    failures: u32,
    /// When it may be tried again.
    again: Option<Instant>,
    said: Option<Instant>,
}

impl Client {
    /// Makes one.
    ///
    /// # Errors
    /// When the certificate can't be read.
    pub fn new(endpoint: &Endpoint) -> Result<Self> {
        let roots = match &endpoint.certificate {
            None => RootCerts::PlatformVerifier,
            Some(path) => {
                let pem = privileges::as_caller(|| fs::read(path))
                    .with_context(|| format!("cannot read {}", path.display()))?;
                let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
                    .filter_map(|it| match it {
                        Ok(PemItem::Certificate(it)) => Some(it),
                        _ => None,
                    })
                    .collect();
                anyhow::ensure!(
                    !certificates.is_empty(),
                    "{} has no certificate in PEM",
                    path.display()
                );
                RootCerts::new_with_certs(&certificates)
            }
        };
        let config = Agent::config_builder()
            .timeout_global(Some(endpoint.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            // What goes out is decided by its address alone.
            .proxy(None)
            .user_agent(concat!("tcptrace/", env!("CARGO_PKG_VERSION")))
            .tls_config(
                TlsConfig::builder()
                    .root_certs(roots)
                    .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
                    .build(),
            )
            .build();
        Ok(Self {
            agent: config.new_agent(),
            url: endpoint.url.clone(),
            headers: endpoint.headers.clone(),
            gzip: endpoint.gzip,
            failures: 0,
            again: None,
            said: None,
        })
    }

    /// How long it is to be waited before it is tried again; `None`: the last time went well.
    pub fn pause(&self) -> Option<Duration> {
        self.again
            .map(|again| again.saturating_duration_since(Instant::now()))
    }

    /// Posts, and waits for the answer.
    pub fn post(&mut self, post: Post) -> Sent {
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/x-protobuf");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut body = post.body;
        if self.gzip
            && let Some(smaller) = compressed(&body)
        {
            body = smaller;
            request = request.header("content-encoding", "gzip");
        }
        let mut response = match request.send(&body[..]) {
            Ok(response) => response,
            Err(error) => return self.failed(&error.to_string(), None),
        };
        let status = response.status();
        if status.is_success() {
            let body = response.body_mut().with_config().limit(LONGEST_ANSWER);
            let answer = body.read_to_vec().unwrap_or_default();
            if self.failures > 0 && self.said.take().is_some() {
                log::warn!("{} takes what it is sent again", self.url);
            }
            (self.failures, self.again) = (0, None);
            let rejected = (post.rejected)(&answer);
            if let Some((count @ 1.., why)) = &rejected {
                self.say(&format!("{count} were rejected: {why}"));
            }
            return Sent::Taken {
                rejected: rejected.map_or(0, |it| it.0),
            };
        }
        // https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
        let later = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        if later.contains(&status) {
            let after = asked_to_wait(&response);
            return self.failed(&format!("it answers {status}"), after);
        }
        (self.failures, self.again) = (0, None);
        self.say(&format!(
            "it answers {status}, and what was sent is dropped"
        ));
        Sent::Refused
    }

    fn failed(&mut self, why: &str, after: Option<Duration>) -> Sent {
        self.failures = self.failures.saturating_add(1);
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(10) - 1);
        // Not all at once.
        let part = RandomState::new().build_hasher().finish() % 1000;
        let part = 0.5 + part as f64 / 2000.0;
        let pause = after.unwrap_or_else(|| pause.min(LONGEST_PAUSE).mul_f64(part));
        self.again = Some(Instant::now() + pause);
        self.say(why);
        Sent::Later
    }

    /// Says why nothing gets through, but not each time.
    fn say(&mut self, why: &str) {
        if self.said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            self.said = Some(Instant::now());
            log::warn!("{}: {why}", self.url);
        }
    }
}

fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// What the collector asks for, up to five minutes.
fn asked_to_wait<B>(response: &Response<B>) -> Option<Duration> {
    let after = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = after.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(300)))
}

/// Writes a message.
pub(super) fn bytes(message: &impl Message) -> Vec<u8> {
    message.encode_to_vec()
}
