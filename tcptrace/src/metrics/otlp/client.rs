//! Posts to a collector, and knows when to try again.

use std::time::{Duration, Instant};

use anyhow::Result;
use prost::Message;
use ureq::{Agent, http::StatusCode};

use super::settings::Endpoint;
use crate::metrics::agent::{agent, asked_to_wait, gzip, pause};

/// How often it is said that nothing gets through.
const SAY_AGAIN: Duration = Duration::from_secs(300);
/// A longer answer is not read, bytes.
const LONGEST_ANSWER: u64 = 64 << 10;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
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
pub struct Post {
    /// The message.
    pub body: Vec<u8>,
    /// Reads how many were rejected, and why.
    pub rejected: fn(&[u8]) -> Option<(u64, String)>,
}

/// Posts to one address.
pub struct Client {
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
    /// When a file of TLS can't be read, or has not what it should have.
    pub fn new(endpoint: &Endpoint) -> Result<Self> {
        Ok(Self {
            agent: agent(endpoint.timeout, &endpoint.tls)?,
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

    /// Posts, and waits for the answer. That it fails is said now and then.
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
            && let Ok(smaller) = gzip(&body)
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
        self.again = Some(Instant::now() + pause(self.failures, after));
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

/// Writes a message.
pub fn bytes(message: &impl Message) -> Vec<u8> {
    message.encode_to_vec()
}
