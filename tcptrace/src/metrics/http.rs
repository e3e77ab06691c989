//! What is answered to whom asks.

use std::{convert::Infallible, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    service::Service,
};

use super::{
    Exchange,
    families::{Teller, families},
    otlp::Deliveries,
    process::OwnProcess,
    prometheus::{Format, Moment, encode},
};

/// How long the loop may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

const ABOUT: &str = include_str!("about.html");

/// What comes sooner or later.
pub type Coming<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Who has figures to tell.
pub trait Told: fmt::Debug + Send + Sync {
    /// All of them; `Ok(None)`: there are none at the moment.
    ///
    /// # Errors
    /// When they can't be written in that form.
    fn metrics(&self, format: Format) -> Coming<'_, Result<Option<Vec<u8>>, fmt::Error>>;

    /// Whether it does what it is there for.
    fn is_ready(&self) -> Coming<'_, bool>;

    /// The page that explains it.
    fn about(&self) -> &'static str;
}

/// What the loop tells that traces.
#[derive(Debug)]
pub(super) struct Tracing {
    pub exchange: Arc<Exchange>,
    pub process: Option<OwnProcess>,
    pub kernel: String,
    /// What became of what is sent to a collector, if something is.
    pub deliveries: Option<Arc<Deliveries>>,
}

/// Answers the requests of one connection.
#[derive(Clone, Debug)]
pub(super) struct Answers(pub Arc<dyn Told>);

impl Service<Request<Incoming>> for Answers {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let told = Arc::clone(&self.0);
        Box::pin(async move {
            let (head, _) = request.into_parts();
            if head.method != Method::GET && head.method != Method::HEAD {
                let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD alone\n");
                let allowed = HeaderValue::from_static("GET, HEAD");
                refused.headers_mut().insert(ALLOW, allowed);
                return Ok(refused);
            }
            Ok(match head.uri.path() {
                "/metrics" => {
                    let accepted = head.headers.get_all(ACCEPT).iter();
                    let accepted: Vec<&str> = accepted.filter_map(|it| it.to_str().ok()).collect();
                    let format = Format::accepted(&accepted.join(","));
                    match told.metrics(format).await {
                        Ok(Some(body)) => response(StatusCode::OK, format.content_type(), body),
                        Ok(None) => {
                            busy("tcptrace does not answer: it begins, or has too much to do\n")
                        }
                        Err(_) => plain(
                            StatusCode::INTERNAL_SERVER_ERROR,
                            "the figures can't be written\n",
                        ),
                    }
                }
                "/-/healthy" => match told.is_ready().await {
                    true => plain(StatusCode::OK, "tcptrace is healthy\n"),
                    false => busy("tcptrace does not answer\n"),
                },
                "/-/ready" => match told.is_ready().await {
                    true => plain(StatusCode::OK, "tcptrace is ready\n"),
                    false => busy("tcptrace is not ready yet\n"),
                },
                "/" => response(StatusCode::OK, "text/html; charset=utf-8", told.about()),
                _ => plain(
                    StatusCode::NOT_FOUND,
                    "there is /metrics, and / that explains\n",
                ),
            })
        })
    }
}

impl Told for Tracing {
    fn metrics(&self, format: Format) -> Coming<'_, Result<Option<Vec<u8>>, fmt::Error>> {
        Box::pin(async move {
            let Some(snapshot) = self.exchange.ask(PATIENCE).await else {
                return Ok(None);
            };
            let teller = Teller {
                kernel: &self.kernel,
                process: self.process.as_ref().and_then(OwnProcess::look),
                deliveries: self.deliveries.as_deref(),
            };
            let all = families(&snapshot, &teller);
            let now = Moment {
                mono_ns: snapshot.mono_ns,
                wall_ns: snapshot.wall_ns,
                began_wall_ns: snapshot.began_wall_ns,
            };
            encode(&all, format, now).map(Some)
        })
    }

    fn is_ready(&self) -> Coming<'_, bool> {
        Box::pin(async { self.exchange.ask(PATIENCE).await.is_some() })
    }

    fn about(&self) -> &'static str {
        ABOUT
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", text)
}

/// It may be otherwise soon.
fn busy(text: &'static str) -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    let soon = HeaderValue::from_static("1");
    response.headers_mut().insert(RETRY_AFTER, soon);
    response
}

fn response(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    let headers = [
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
        ("cache-control", "no-store"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
