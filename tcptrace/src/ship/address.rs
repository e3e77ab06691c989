//! Where flows are brought to, as the command line says it.

use std::fmt;

use crate::metrics::{Endpoint, OtlpError, OtlpSettings, percent::decoded};

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is none.
    #[error(
        "--to takes clickhouse+http://USER@HOST:8123/DATABASE, clickhouse+https://USER@HOST:8443/DATABASE or \
         otlp+http://HOST:4318 (or otlp+https), not {0}"
    )]
    Unknown(String),
    /// A password would be seen by whoever lists processes.
    #[error(
        "a password in --to would be seen by all users of this machine: --password-file FILE has it, or the \
         variable TCPTRACE_SHIP_PASSWORD"
    )]
    Password,
    /// No port that can be connected to.
    #[error("{0} has no port that can be connected to")]
    Port(String),
    /// What is percent-encoded is not well.
    #[error("{0} can't be decoded: %XX stands for a byte, and what comes of them must be UTF-8")]
    Encoding(String),
    /// A variable is wrong.
    #[error(transparent)]
    Otlp(#[from] OtlpError),
}

/// Where flows are brought to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A server of ClickHouse, by HTTP.
    ClickHouse(ClickHouseAddress),
    /// A collector of OpenTelemetry, by OTLP over HTTP.
    Otlp(Box<OtlpSettings>, Box<Endpoint>),
}

/// A server of ClickHouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClickHouseAddress {
    /// By TLS.
    pub tls: bool,
    /// Who asks.
    pub user: String,
    /// A name or an address, IPv6 in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// In which database the tables are.
    pub database: String,
}

impl ClickHouseAddress {
    /// Where requests go.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}:{}/", self.host, self.port)
    }
}

impl fmt::Display for ClickHouseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let Self {
            host,
            port,
            database,
            ..
        } = self;
        write!(f, "clickhouse+{scheme}://{host}:{port}/{database}")
    }
}

impl Destination {
    /// Reads what `--to` says, and the variables of OpenTelemetry.
    ///
    /// # Errors
    /// When it is no such address, or has a password in it.
    pub fn parse(
        given: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, AddressError> {
        let unknown = || AddressError::Unknown(without_user(given));
        let (kind, url) = given.split_once('+').ok_or_else(unknown)?;
        let (scheme, rest) = url.split_once("://").ok_or_else(unknown)?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(unknown()),
        };
        match kind {
            "clickhouse" => ClickHouseAddress::parse(given, tls, rest).map(Self::ClickHouse),
            "otlp" if rest.contains('@') => match user(rest) {
                Some(user) if user.contains(':') => Err(AddressError::Password),
                _ => Err(unknown()),
            },
            "otlp" => {
                let settings = OtlpSettings::of(Some(url), true, |name| match name {
                    // It was asked for.
                    "OTEL_SDK_DISABLED" => None,
                    name => variable(name),
                })?;
                let endpoint = settings.as_ref().and_then(|it| it.logs.clone());
                let (settings, endpoint) = settings.zip(endpoint).ok_or_else(unknown)?;
                Ok(Self::Otlp(Box::new(settings), Box::new(endpoint)))
            }
            _ => Err(unknown()),
        }
    }

    /// The port that is connected to.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::ClickHouse(it) => it.port,
            Self::Otlp(_, endpoint) => endpoint.port(),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClickHouse(it) => it.fmt(f),
            Self::Otlp(_, endpoint) => write!(f, "otlp+{}", endpoint.url),
        }
    }
}

impl ClickHouseAddress {
    fn parse(given: &str, tls: bool, rest: &str) -> Result<Self, AddressError> {
        let unknown = || AddressError::Unknown(without_user(given));
        let user = user(rest);
        if user.is_some_and(|it| it.contains(':')) {
            return Err(AddressError::Password);
        }
        let rest = user.map_or(rest, |it| &rest[it.len() + 1..]);
        if rest.contains(['?', '#']) {
            return Err(unknown());
        }
        let (at, database) = rest.split_once('/').unwrap_or((rest, ""));
        let database = database.trim_end_matches('/');
        let (host, port) = match at.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|it| *it != 0);
                (host, port.ok_or_else(|| AddressError::Port(at.to_owned()))?)
            }
            _ => (at, if tls { 8443 } else { 8123 }),
        };
        let is_host = |host: &str| {
            let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            match inner {
                Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
                None => {
                    let allowed = |it: char| it.is_ascii_alphanumeric() || ".-_".contains(it);
                    !host.is_empty() && host.chars().all(allowed)
                }
            }
        };
        if !is_host(host) || database.contains('/') {
            return Err(unknown());
        }
        let decoded = |text: &str, usual: &str| match text {
            "" => Ok(usual.to_owned()),
            text => decoded(text).ok_or_else(|| AddressError::Encoding(text.to_owned())),
        };
        Ok(Self {
            tls,
            user: decoded(user.unwrap_or_default(), "default")?,
            host: host.to_owned(),
            port,
            database: decoded(database, "default")?,
        })
    }
}

/// Who asks, as an address says it in front of `@`.
fn user(rest: &str) -> Option<&str> {
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').map(|it| it.0)
}

/// An address that can be said: it may have a password in it.
fn without_user(given: &str) -> String {
    match given.rsplit_once('@') {
        Some((before, after)) => {
            let scheme = before.split_once("://").map_or("", |it| it.0);
            format!("{scheme}://…@{after}")
        }
        None => given.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(given: &str) -> Result<Destination, AddressError> {
        Destination::parse(given, |_| None)
    }

    fn clickhouse(given: &str) -> (String, String, String) {
        match parsed(given) {
            Ok(Destination::ClickHouse(it)) => (it.url(), it.user, it.database),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn addresses_are_taken_as_they_are_typed() {
        for (given, url, user, database) in [
            (
                "clickhouse+http://me@there:9/flows",
                "http://there:9/",
                "me",
                "flows",
            ),
            (
                "clickhouse+http://there",
                "http://there:8123/",
                "default",
                "default",
            ),
            (
                "clickhouse+https://a%40b@[::1]/",
                "https://[::1]:8443/",
                "a@b",
                "default",
            ),
            (
                "clickhouse+https://[2001:db8::1]:443/x_1",
                "https://[2001:db8::1]:443/",
                "default",
                "x_1",
            ),
        ] {
            let whole = (url.to_owned(), user.to_owned(), database.to_owned());
            assert_eq!(clickhouse(given), whole, "{given}");
        }
        let Ok(Destination::Otlp(_, endpoint)) = parsed("otlp+http://there:4318") else {
            panic!("no collector");
        };
        assert_eq!(endpoint.url, "http://there:4318/v1/logs");
    }

    #[test]
    fn a_password_is_refused_and_not_said() {
        for given in [
            "clickhouse+http://me:secret@there/flows",
            "clickhouse+https://:secret@there",
            "otlp+http://me:secret@there:4318",
        ] {
            assert_eq!(parsed(given), Err(AddressError::Password), "{given}");
        }
        let error = parsed("clickhouse+ftp://me:secret@there").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn what_is_no_address_is_told_with_what_would_be_right() {
        for given in [
            "",
            "there",
            "http://there:8123",
            "clickhouse://there",
            "clickhouse+http://",
            "clickhouse+http://a b",
            "clickhouse+http://[1]/x",
            "clickhouse+http://there/a/b",
            "clickhouse+http://there/?password=x",
            "kafka+http://there",
            "otlp+http://me@there",
        ] {
            let error = parsed(given).unwrap_err().to_string();
            assert!(
                error.contains("clickhouse+http://USER@HOST"),
                "{given}: {error}"
            );
        }
        for port in ["0", "65536", "http", ""] {
            let error = parsed(&format!("clickhouse+http://there:{port}/x")).unwrap_err();
            assert!(matches!(error, AddressError::Port(_)), "{error}");
        }
        let error = parsed("clickhouse+http://%zz@there").unwrap_err();
        assert!(matches!(error, AddressError::Encoding(_)), "{error}");
    }
}
