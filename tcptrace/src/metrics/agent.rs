//! What speaks HTTP to others, and how long it waits before it tries again.

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher as _, Hasher as _},
    io::{self, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use flate2::{Compression, write::GzEncoder};
use rustls::crypto::ring;
use ureq::{
    Agent,
    http::{Response, header::RETRY_AFTER},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::privileges;

/// The first pause after a failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest, but for one that the other side asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A connection that was idle for longer is not used again: the other side is about to close it.
const IDLE: Duration = Duration::from_secs(2);

/// Makes what sends requests, each of which may take so long. `certificate`: what the other side's is
/// checked with; `None`: what the system trusts.
///
/// # Errors
/// When the certificate can't be read.
pub fn agent(timeout: Duration, certificate: Option<&Path>) -> Result<Agent> {
    let roots = match certificate {
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
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_age(IDLE)
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
    Ok(config.new_agent())
}

/// How long it is waited after so many failures one after another: not all wait equally long. `asked`:
/// what the other side asks for.
#[must_use]
pub fn pause(failures: u32, asked: Option<Duration>) -> Duration {
    let pause = FIRST_PAUSE * 2_u32.saturating_pow(failures.clamp(1, 10) - 1);
    let part = RandomState::new().build_hasher().finish() % 1000;
    let part = 0.5 + part as f64 / 2000.0;
    asked.unwrap_or_else(|| pause.min(LONGEST_PAUSE).mul_f64(part))
}

/// How long the other side asks to wait: five minutes at the most; `None`: it does not.
#[must_use]
pub fn asked_to_wait<B>(response: &Response<B>) -> Option<Duration> {
    let after = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = after.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(300)))
}

/// Compresses, fast.
///
/// # Errors
/// None that is known.
pub fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
