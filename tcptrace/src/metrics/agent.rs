//! What speaks HTTP to others, and how long it waits before it tries again.

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher as _, Hasher as _},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, write::GzEncoder};
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use ureq::{
    Agent,
    http::{Response, header::RETRY_AFTER},
    tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem},
};

use crate::privileges;

/// The first pause after a failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest, but for one that the other side asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A connection that was idle for longer is not used again: the other side is about to close it.
const IDLE: Duration = Duration::from_secs(2);

/// Who is believed, and who tcptrace says that it is, by TLS: files in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// What the other side's certificate is checked with; `None`: what the system trusts.
    pub trusted: Option<PathBuf>,
    /// What is shown where the other side asks for a certificate; `None`: nothing.
    pub shown: Option<Shown>,
}

/// A certificate of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The file that has it, and after it those that it is signed by.
    pub certificate: PathBuf,
    /// The file that has its key.
    pub key: PathBuf,
}

/// Makes what sends requests, each of which may take so long. Its files are read at once.
///
/// # Errors
/// When a file can't be read, or has not what it should have.
pub fn agent(timeout: Duration, files: &TlsFiles) -> Result<Agent> {
    let roots = match &files.trusted {
        None => RootCerts::PlatformVerifier,
        Some(path) => RootCerts::new_with_certs(&certificates(path)?),
    };
    let shown = match &files.shown {
        None => None,
        Some(shown) => Some(client_certificate(shown)?),
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
                .client_cert(shown)
                .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
                .build(),
        )
        .build();
    Ok(config.new_agent())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    privileges::as_caller(|| fs::read(path))
        .with_context(|| format!("cannot read {}", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>> {
    let pem = read(path)?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|it| match it {
            Ok(PemItem::Certificate(it)) => Some(it),
            _ => None,
        })
        .collect();
    ensure!(
        !certificates.is_empty(),
        "{} has no certificate in PEM",
        path.display()
    );
    Ok(certificates)
}

fn client_certificate(shown: &Shown) -> Result<ClientCert> {
    let chain = certificates(&shown.certificate)?;
    let pem = read(&shown.key)?;
    let no_key = || {
        format!(
            "{} has no private key in PEM that is not encrypted",
            shown.key.display()
        )
    };
    let key = PrivateKey::from_pem(&pem).ok().with_context(no_key)?;
    // ureq takes it for granted, at the first request, that they belong together.
    let der = chain
        .iter()
        .map(|it| CertificateDer::from(it.der().to_vec()));
    let key_der = PrivateKeyDer::from_pem_slice(&pem)
        .ok()
        .with_context(no_key)?;
    CertifiedKey::from_der(der.collect(), key_der, &ring::default_provider()).with_context(
        || {
            format!(
                "{} is not the key of the certificate in {}",
                shown.key.display(),
                shown.certificate.display()
            )
        },
    )?;
    Ok(ClientCert::new_with_certs(&chain, key))
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
