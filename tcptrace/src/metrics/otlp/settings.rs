//! Where and how is sent: what the command line says, and the environment variables that all tools
//! of OpenTelemetry know.

use std::{path::PathBuf, time::Duration};

use crate::metrics::percent::decoded;

/// How often figures are sent, without `OTEL_METRIC_EXPORT_INTERVAL`.
const INTERVAL: Duration = Duration::from_secs(60);
/// How long a request may take, without `OTEL_EXPORTER_OTLP_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtlpError {
    /// No address that can be posted to.
    #[error(
        "{0} is no address of a collector: http://HOST:4318 or https://HOST:4318 would be right"
    )]
    Url(String),
    /// gRPC, or JSON.
    #[error(
        "{name}={given} is asked for, but tcptrace speaks http/protobuf alone, on port 4318 of most \
         collectors"
    )]
    Protocol {
        /// The variable.
        name: String,
        /// What it says.
        given: String,
    },
    /// No number.
    #[error("{name}={given} is no number of milliseconds")]
    Milliseconds {
        /// The variable.
        name: String,
        /// What it says.
        given: String,
    },
    /// No pairs.
    #[error("{name} takes name=value,name=value, percent-encoded; it has {given}")]
    Pairs {
        /// The variable.
        name: String,
        /// The part that is wrong.
        given: String,
    },
    /// It is not compressed.
    #[error(
        "{name}={given} is asked for, but tcptrace sends without compression: none, or no such variable"
    )]
    Compression {
        /// The variable.
        name: String,
        /// What it says.
        given: String,
    },
    /// Flows go nowhere.
    #[error("--otlp-flows takes a collector: --otlp URL, or OTEL_EXPORTER_OTLP_ENDPOINT")]
    NoCollector,
}

/// Where one signal goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub url: String,
    /// Headers of each request.
    pub headers: Vec<(String, String)>,
    /// How long a request may take.
    pub timeout: Duration,
    /// Bodies are compressed.
    pub gzip: bool,
    /// What the collector's certificate is checked with; `None`: what the system trusts.
    pub certificate: Option<PathBuf>,
    port: u16,
}

impl Endpoint {
    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// What is sent, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpSettings {
    /// Where figures go; `None`: nowhere.
    pub metrics: Option<Endpoint>,
    /// Where records of connections go; `None`: nowhere.
    pub logs: Option<Endpoint>,
    /// How often figures are sent.
    pub interval: Duration,
    /// What is said of this machine besides.
    pub attributes: Vec<(String, String)>,
}

impl OtlpSettings {
    /// What the command line asks for, and the environment variables. `None`: nothing is sent.
    ///
    /// # Errors
    /// When one of them is wrong.
    pub fn of(
        url: Option<&str>,
        flows: bool,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, OtlpError> {
        let variable = |name: &str| variable(name).filter(|it| !it.trim().is_empty());
        let set = |name: &str| variable(name).map(|given| (name.to_owned(), given));
        if variable("OTEL_SDK_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let endpoint = |signal: &str| -> Result<Option<Endpoint>, OtlpError> {
            let of = |what: &str| {
                set(&format!(
                    "OTEL_EXPORTER_OTLP_{}_{what}",
                    signal.to_uppercase()
                ))
                .or_else(|| set(&format!("OTEL_EXPORTER_OTLP_{what}")))
            };
            // The command line's word counts; then the signal's own, as it is; then the base.
            let whole = match url {
                Some(url) => below(url, signal),
                None => {
                    let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.to_uppercase());
                    let base = || variable("OTEL_EXPORTER_OTLP_ENDPOINT");
                    match variable(&own).or_else(|| base().map(|it| below(&it, signal))) {
                        Some(url) => url,
                        None => return Ok(None),
                    }
                }
            };
            if let Some((name, given)) = of("PROTOCOL").filter(|it| it.1 != "http/protobuf") {
                return Err(OtlpError::Protocol { name, given });
            }
            let gzip = match of("COMPRESSION") {
                None => false,
                Some((name, given)) => match given.as_str() {
                    "gzip" => true,
                    "none" => false,
                    _ => return Err(OtlpError::Compression { name, given }),
                },
            };
            Ok(Some(Endpoint {
                port: port(&whole).ok_or_else(|| OtlpError::Url(whole.clone()))?,
                headers: of("HEADERS").map_or(Ok(Vec::new()), pairs)?,
                timeout: of("TIMEOUT").map_or(Ok(TIMEOUT), milliseconds)?,
                gzip,
                certificate: of("CERTIFICATE").map(|it| it.1.into()),
                url: whole,
            }))
        };
        let unwanted = variable("OTEL_METRICS_EXPORTER").is_some_and(|it| it == "none");
        let metrics = match unwanted && url.is_none() {
            true => None,
            false => endpoint("metrics")?,
        };
        let logs = match flows {
            true => Some(endpoint("logs")?.ok_or(OtlpError::NoCollector)?),
            false => None,
        };
        if metrics.is_none() && logs.is_none() {
            return Ok(None);
        }
        let mut attributes = set("OTEL_RESOURCE_ATTRIBUTES").map_or(Ok(Vec::new()), pairs)?;
        if let Some(name) = variable("OTEL_SERVICE_NAME") {
            attributes.retain(|it| it.0 != "service.name");
            attributes.push(("service.name".to_owned(), name));
        }
        Ok(Some(Self {
            metrics,
            logs,
            interval: set("OTEL_METRIC_EXPORT_INTERVAL").map_or(Ok(INTERVAL), milliseconds)?,
            attributes,
        }))
    }
}

/// The address of a signal below that of the collector.
fn below(base: &str, signal: &str) -> String {
    format!("{}/v1/{signal}", base.trim_end_matches('/'))
}

/// The port that an address leads to, if it is one that can be posted to.
fn port(url: &str) -> Option<u16> {
    let address: ureq::http::Uri = url.parse().ok()?;
    let usual = match address.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    address.host().filter(|host| !host.is_empty())?;
    Some(address.port_u16().unwrap_or(usual)).filter(|port| *port != 0)
}

fn milliseconds((name, given): (String, String)) -> Result<Duration, OtlpError> {
    match given.trim().parse() {
        Ok(ms @ 1..) => Ok(Duration::from_millis(ms)),
        _ => Err(OtlpError::Milliseconds { name, given }),
    }
}

fn pairs((name, given): (String, String)) -> Result<Vec<(String, String)>, OtlpError> {
    let parts = given.split(',').map(str::trim).filter(|it| !it.is_empty());
    parts
        .map(|part| {
            let wrong = || OtlpError::Pairs {
                name: name.clone(),
                given: part.to_owned(),
            };
            let (key, value) = part.split_once('=').ok_or_else(wrong)?;
            let value = decoded(value.trim()).ok_or_else(wrong)?;
            Ok((key.trim().to_owned(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        url: Option<&str>,
        flows: bool,
        set: &[(&str, &str)],
    ) -> Result<Option<OtlpSettings>, String> {
        let variable = |name: &str| {
            let found = set.iter().find(|it| it.0 == name);
            found.map(|it| it.1.to_owned())
        };
        OtlpSettings::of(url, flows, variable).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_sent_where_nothing_says_so() {
        assert_eq!(of(None, false, &[]), Ok(None));
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318");
        assert_eq!(
            of(None, false, &[endpoint, ("OTEL_SDK_DISABLED", "true")]),
            Ok(None)
        );
        assert_eq!(
            of(None, false, &[endpoint, ("OTEL_METRICS_EXPORTER", "none")]),
            Ok(None)
        );
        assert!(of(None, true, &[]).unwrap_err().contains("--otlp"));
    }

    #[test]
    fn the_command_line_counts_before_the_signals_own_variable_and_that_before_the_base() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318/");
        let own = (
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "https://own/as/it/is",
        );
        let url = |it: Result<Option<OtlpSettings>, String>| it.unwrap().unwrap().metrics.unwrap();
        let given = url(of(Some("http://given:1"), false, &[base, own]));
        assert_eq!(
            (given.url.as_str(), given.port()),
            ("http://given:1/v1/metrics", 1)
        );
        let given = url(of(None, false, &[base, own]));
        assert_eq!(
            (given.url.as_str(), given.port()),
            ("https://own/as/it/is", 443)
        );
        let both = of(None, true, &[base, own]).unwrap().unwrap();
        assert_eq!(both.logs.unwrap().url, "http://base:4318/v1/logs");
    }

    #[test]
    fn headers_times_and_what_is_said_of_the_machine_are_taken() {
        let all = of(
            Some("http://a"),
            false,
            &[
                (
                    "OTEL_EXPORTER_OTLP_HEADERS",
                    "authorization=Basic%20YQ==, x=1",
                ),
                ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "250"),
                ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
                (
                    "OTEL_RESOURCE_ATTRIBUTES",
                    "service.name=no,deployment.environment=test",
                ),
                ("OTEL_SERVICE_NAME", "edge"),
            ],
        );
        let all = all.unwrap().unwrap();
        let metrics = all.metrics.unwrap();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            metrics.headers,
            [pair("authorization", "Basic YQ=="), pair("x", "1")]
        );
        assert_eq!(metrics.timeout, Duration::from_millis(250));
        assert_eq!(all.interval, Duration::from_secs(1));
        assert_eq!(
            all.attributes,
            [
                pair("deployment.environment", "test"),
                pair("service.name", "edge")
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        let wrong = |url: &str, set: &[(&str, &str)]| of(Some(url), false, set).unwrap_err();
        for url in ["collector:4318", "ftp://a", "http://", ""] {
            assert!(wrong(url, &[]).contains("http://HOST:4318"), "{url}");
        }
        let grpc = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert!(wrong("http://a", &grpc).contains("http/protobuf"));
        let zstd = [("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "zstd")];
        assert!(wrong("http://a", &zstd).contains("METRICS_COMPRESSION=zstd"));
        let soon = [("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")];
        assert!(wrong("http://a", &soon).contains("milliseconds"));
        let broken = [("OTEL_EXPORTER_OTLP_HEADERS", "a=%4")];
        assert!(wrong("http://a", &broken).contains("a=%4"));
    }
}
