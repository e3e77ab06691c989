//! A collector that is reached by TLS alone.

use std::{process::Command, thread::sleep, time::Duration};

use crate::{
    Family,
    by_tls::{Clients, PORT, certificates, nginx},
    collector::{self, Collector},
    namespace::Namespace,
    serve::Serving,
    server::folder,
    sockets::close_in_turn,
    trace,
};

const SENT: &str = "tcptrace_otlp_sent_total";

fn start(net: &Namespace, variables: &[(&str, &str)]) -> Serving {
    let all = [&[("OTEL_METRIC_EXPORT_INTERVAL", "1000")], variables].concat();
    let to = format!("https://127.0.0.1:{PORT}");
    Serving::start(net, &["--otlp", &to, "--otlp-flows", "--strict"], &all)
}

#[test]
fn a_collector_behind_tls_is_believed_by_the_certificate_that_is_named_and_by_those_of_the_system()
{
    let net = Namespace::new();
    let files = folder();
    certificates(files.path(), "IP:127.0.0.1");
    let _collector = Collector::start(&net, |_| Some((200, "")));
    let _nginx = nginx(&net, files.path(), Clients::Any, collector::PORT);
    let ca = files.path().join("ca.pem");
    let ca = ca.to_str().expect("UTF-8");
    // By the second one it is among those of the system.
    for variable in ["OTEL_EXPORTER_OTLP_CERTIFICATE", "SSL_CERT_FILE"] {
        let serving = start(&net, &[(variable, ca)]);
        let listener = net.listen(Family::V4);
        let (client, server) = net.connect_to(&listener);
        close_in_turn(client, server);
        serving.until(SENT, &["logs"], |it| it >= 2.0);
        serving.until(SENT, &["metrics"], |it| it > 0.0);
        let ended = serving.stop();
        assert!(ended.status.success(), "{variable}: {ended:?}");
        assert!(
            !ended.stderr.contains("certificate"),
            "{variable}: {ended:?}"
        );
    }
}

#[test]
fn a_collector_that_cannot_prove_who_it_is_gets_nothing() {
    let net = Namespace::new();
    let (unknown, other_name) = (folder(), folder());
    certificates(unknown.path(), "IP:127.0.0.1");
    certificates(other_name.path(), "DNS:elsewhere.example");
    let collector = Collector::start(&net, |_| Some((200, "")));
    let ca = other_name.path().join("ca.pem");
    let trusted = (
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        ca.to_str().expect("UTF-8"),
    );
    for (files, variables) in [(&unknown, &[][..]), (&other_name, &[trusted][..])] {
        let _nginx = nginx(&net, files.path(), Clients::Any, collector::PORT);
        let serving = start(&net, variables);
        sleep(Duration::from_secs(2));
        assert_eq!(serving.sum(SENT, &[]), 0.0);
        let ended = serving.stop();
        assert!(ended.status.success(), "{ended:?}");
        assert!(
            ended.stderr.contains("certificate"),
            "it says why: {ended:?}"
        );
    }
    assert!(collector.requests().is_empty());
}

#[test]
fn a_collector_that_wants_to_know_who_comes_is_shown_the_certificate_that_is_named() {
    let net = Namespace::new();
    let files = folder();
    certificates(files.path(), "IP:127.0.0.1");
    let collector = Collector::start(&net, |_| Some((200, "")));
    let _nginx = nginx(&net, files.path(), Clients::Known, collector::PORT);
    let file = |name: &str| files.path().join(name).to_str().expect("UTF-8").to_owned();
    let (ca, certificate, key) = (file("ca.pem"), file("server.pem"), file("server.key"));
    let trusted = ("OTEL_EXPORTER_OTLP_CERTIFICATE", &ca[..]);
    let certificate = ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &certificate[..]);
    let key = ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &key[..]);

    let unknown = start(&net, &[trusted]);
    sleep(Duration::from_secs(2));
    assert_eq!(unknown.sum(SENT, &[]), 0.0);
    let ended = unknown.stop();
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stderr.contains("400"), "it says why: {ended:?}");
    assert!(collector.requests().is_empty());

    let known = start(&net, &[trusted, certificate, key]);
    known.until(SENT, &["metrics"], |it| it > 0.0);
    assert!(known.stop().status.success());
}

#[test]
fn a_certificate_that_cannot_be_shown_is_told_at_once() {
    let _net = Namespace::new();
    let files = folder();
    certificates(files.path(), "IP:127.0.0.1");
    let file = |name: &str| files.path().join(name).to_str().expect("UTF-8").to_owned();
    let (certificate, other, none) = (file("server.pem"), file("ca.key"), file("names"));
    for (key, says) in [
        (other, "is not the key of the certificate"),
        (none, "no private key"),
        (file("nowhere"), "cannot read"),
    ] {
        let output = Command::new(trace::binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--otlp"])
            .arg(format!("https://127.0.0.1:{PORT}"))
            .env("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &certificate)
            .env("OTEL_EXPORTER_OTLP_CLIENT_KEY", key)
            .output()
            .expect("tcptrace");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
