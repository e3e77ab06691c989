//! Where and how is sent: what the command line says, and the environment variables that all tools
//! of OpenTelemetry know.

use std::time::Duration;

use crate::metrics::{
    agent::{Shown, TlsFiles},
    percent::decoded,
};

/// How often figures are sent, without `OTEL_METRIC_EXPORT_INTERVAL`.
const INTERVAL: Duration = Duration::from_secs(60);
/// How long a request may take, without `OTEL_EXPORTER_OTLP_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long log records wait for more, without `OTEL_BLRP_SCHEDULE_DELAY`.
const DELAY: Duration = Duration::from_secs(1);

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
    /// A word that is not among those that the variable takes.
    #[error("{name}={given} is asked for, but tcptrace knows {known} alone")]
    Word {
        /// The variable.
        name: String,
        /// What it says.
        given: String,
        /// What would be right.
        known: String,
    },
    /// No number above 0.
    #[error("{name}={given} is no number of records")]
    Records {
        /// The variable.
        name: String,
        /// What it says.
        given: String,
    },
    /// A certificate without its key, or the other way round.
    #[error(
        "a certificate of tcptrace's own takes two files: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, and \
         OTEL_EXPORTER_OTLP_CLIENT_KEY; only one is set"
    )]
    HalfACertificate,
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
    /// What the collector's certificate is checked with, and tcptrace's own.
    pub tls: TlsFiles,
    port: u16,
}

impl Endpoint {
    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Which sums are those since the collector took the last ones, and which those since tcptrace began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Temporality {
    /// All since it began.
    #[default]
    Cumulative,
    /// Counts and histograms since the last ones.
    Delta,
    /// Histograms since the last ones. (Counts of tcptrace are what OpenTelemetry calls asynchronous.)
    LowMemory,
}

/// How figures are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FigureForm {
    /// Since when sums count.
    pub temporality: Temporality,
    /// Histograms have buckets that grow by 9 % each, instead of a list of bounds.
    pub exponential: bool,
    /// No connection is named as an example of a bucket.
    pub without_exemplars: bool,
}

/// How log records wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogQueue {
    /// For how long, so that they are sent together.
    pub delay: Duration,
    /// How many are sent together at the most; `None`: any number.
    pub together: Option<usize>,
    /// How many wait at the most; `None`: any number. (How many bytes, is bounded besides.)
    pub most: Option<usize>,
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
    /// How they are written.
    pub form: FigureForm,
    /// How records of connections wait.
    pub queue: LogQueue,
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
                Some(given) => word(given, &[("gzip", true), ("none", false)])?,
            };
            let shown = match (of("CLIENT_CERTIFICATE"), of("CLIENT_KEY")) {
                (None, None) => None,
                (Some((_, certificate)), Some((_, key))) => Some(Shown {
                    certificate: certificate.into(),
                    key: key.into(),
                }),
                _ => return Err(OtlpError::HalfACertificate),
            };
            Ok(Some(Endpoint {
                port: port(&whole).ok_or_else(|| OtlpError::Url(whole.clone()))?,
                headers: of("HEADERS").map_or(Ok(Vec::new()), pairs)?,
                timeout: of("TIMEOUT").map_or(Ok(TIMEOUT), milliseconds)?,
                gzip,
                tls: TlsFiles {
                    trusted: of("CERTIFICATE").map(|it| it.1.into()),
                    shown,
                },
                url: whole,
            }))
        };
        let unwanted = variable("OTEL_METRICS_EXPORTER").is_some_and(|it| it == "none");
        let mut metrics = match unwanted && url.is_none() {
            true => None,
            false => endpoint("metrics")?,
        };
        let longest = set("OTEL_METRIC_EXPORT_TIMEOUT").map(milliseconds);
        if let (Some(metrics), Some(longest)) = (&mut metrics, longest.transpose()?) {
            metrics.timeout = metrics.timeout.min(longest);
        }
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
            form: form(set)?,
            queue: LogQueue {
                delay: set("OTEL_BLRP_SCHEDULE_DELAY").map_or(Ok(DELAY), milliseconds)?,
                together: set("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE")
                    .map(records)
                    .transpose()?,
                most: set("OTEL_BLRP_MAX_QUEUE_SIZE").map(records).transpose()?,
            },
            attributes,
        }))
    }
}

fn form(set: impl Fn(&str) -> Option<(String, String)>) -> Result<FigureForm, OtlpError> {
    let temporality = set("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE").map(|given| {
        word(
            given,
            &[
                ("cumulative", Temporality::Cumulative),
                ("delta", Temporality::Delta),
                ("lowmemory", Temporality::LowMemory),
            ],
        )
    });
    let histograms = set("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION").map(|given| {
        word(
            given,
            &[
                ("explicit_bucket_histogram", false),
                ("base2_exponential_bucket_histogram", true),
            ],
        )
    });
    // What tcptrace measures is part of no trace.
    let exemplars = set("OTEL_METRICS_EXEMPLAR_FILTER").map(|given| {
        word(
            given,
            &[
                ("always_on", false),
                ("always_off", true),
                ("trace_based", true),
            ],
        )
    });
    Ok(FigureForm {
        temporality: temporality.transpose()?.unwrap_or_default(),
        exponential: histograms.transpose()?.unwrap_or_default(),
        without_exemplars: exemplars.transpose()?.unwrap_or_default(),
    })
}

/// What a variable means that takes one of these words.
fn word<T: Copy>((name, given): (String, String), known: &[(&str, T)]) -> Result<T, OtlpError> {
    let found = known
        .iter()
        .find(|it| it.0.eq_ignore_ascii_case(given.trim()));
    found.map(|it| it.1).ok_or_else(|| {
        let words: Vec<_> = known.iter().map(|it| it.0).collect();
        OtlpError::Word {
            name,
            given,
            known: words.join(", "),
        }
    })
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

fn records((name, given): (String, String)) -> Result<usize, OtlpError> {
    match given.trim().parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err(OtlpError::Records { name, given }),
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
    fn how_figures_and_records_are_sent_is_taken() {
        let all = of(
            Some("https://a"),
            true,
            &[
                ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Delta"),
                (
                    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                    "base2_exponential_bucket_histogram",
                ),
                ("OTEL_METRICS_EXEMPLAR_FILTER", "always_off"),
                ("OTEL_METRIC_EXPORT_TIMEOUT", "3000"),
                ("OTEL_BLRP_SCHEDULE_DELAY", "20"),
                ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "5"),
                ("OTEL_BLRP_MAX_QUEUE_SIZE", "50"),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca"),
                ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/own"),
                ("OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE", "/logs"),
                ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key"),
            ],
        );
        let all = all.unwrap().unwrap();
        assert_eq!(
            all.form,
            FigureForm {
                temporality: Temporality::Delta,
                exponential: true,
                without_exemplars: true
            }
        );
        assert_eq!(
            all.queue,
            LogQueue {
                delay: Duration::from_millis(20),
                together: Some(5),
                most: Some(50)
            }
        );
        let files = |certificate: &str| TlsFiles {
            trusted: Some("/ca".into()),
            shown: Some(Shown {
                certificate: certificate.into(),
                key: "/key".into(),
            }),
        };
        let (metrics, logs) = (all.metrics.unwrap(), all.logs.unwrap());
        assert_eq!((metrics.tls, logs.tls), (files("/own"), files("/logs")));
        assert_eq!((metrics.timeout.as_secs(), logs.timeout.as_secs()), (3, 10));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        let wrong = |url: &str, set: &[(&str, &str)]| of(Some(url), false, set).unwrap_err();
        for url in ["collector:4318", "ftp://a", "http://", ""] {
            assert!(wrong(url, &[]).contains("http://HOST:4318"), "{url}");
        }
        let grpc = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert!(wrong("http://a", &grpc).contains("http/protobuf"));
        for (name, given, right) in [
            (
                "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
                "zstd",
                "gzip, none",
            ),
            (
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                "sometimes",
                "cumulative, delta, lowmemory",
            ),
            (
                "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                "summary",
                "explicit_bucket_histogram, base2_exponential_bucket_histogram",
            ),
            (
                "OTEL_METRICS_EXEMPLAR_FILTER",
                "some",
                "always_on, always_off, trace_based",
            ),
        ] {
            let told = wrong("http://a", &[(name, given)]);
            assert!(told.contains(&format!("{name}={given}")), "{told}");
            assert!(told.contains(right), "{told}");
        }
        let none = [("OTEL_BLRP_MAX_QUEUE_SIZE", "0")];
        assert!(wrong("http://a", &none).contains("records"));
        for half in ["CLIENT_KEY", "LOGS_CLIENT_CERTIFICATE"] {
            let name = format!("OTEL_EXPORTER_OTLP_{half}");
            let told = of(Some("http://a"), true, &[(&name, "/a")]).unwrap_err();
            assert!(told.contains("only one"), "{told}");
        }
        let soon = [("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")];
        assert!(wrong("http://a", &soon).contains("milliseconds"));
        let broken = [("OTEL_EXPORTER_OTLP_HEADERS", "a=%4")];
        assert!(wrong("http://a", &broken).contains("a=%4"));
    }
}
