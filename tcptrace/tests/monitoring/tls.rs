//! A collector that is reached by TLS alone: nginx stands before it.

use std::{fs, path::Path, process::Command, thread::sleep, time::Duration};

use crate::{
    Family,
    collector::Collector,
    namespace::Namespace,
    program::Program,
    serve::Serving,
    server::{Server, folder},
    sockets::close_in_turn,
    trace,
};

const NGINX: Program = Program {
    name: "nginx",
    package: "nginx",
};
const OPENSSL: Program = Program {
    name: "openssl",
    package: "openssl",
};
/// Where nginx listens.
const PORT: u16 = 14443;
const SENT: &str = "tcptrace_otlp_sent_total";

/// Certificates, in files of the folder: `ca.pem`, and `server.pem` with its key, for `names`.
fn certificates(folder: &Path, names: &str) {
    let make = |arguments: &[&str]| {
        let made = Command::new(OPENSSL.path())
            .args(arguments)
            .current_dir(folder)
            .output()
            .expect("openssl");
        assert!(made.status.success(), "{made:?}");
    };
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let request = |more: &[&str]| make(&[&["req"], &key[..], more].concat());
    request(&[
        "-x509",
        "-days",
        "2",
        "-subj",
        "/CN=a CA of a test",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    ]);
    request(&[
        "-subj",
        "/CN=collector",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    ]);
    fs::write(folder.join("names"), format!("subjectAltName={names}\n")).expect("a file");
    make(&[
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "server.pem",
    ]);
}

/// Whether a collector wants to know who comes.
#[derive(Clone, Copy, PartialEq)]
enum Clients {
    Any,
    /// Those that show a certificate which `ca.pem` signed.
    Known,
}

/// nginx, which hands on to the collector what comes by TLS, with those certificates.
fn nginx(_: &Namespace, certificates: &Path, clients: Clients) -> Server {
    let folder = folder();
    let verify = match clients {
        Clients::Any => String::new(),
        Clients::Known => format!(
            "ssl_verify_client on; ssl_client_certificate {}/ca.pem;",
            certificates.display()
        ),
    };
    let path = folder.path().to_str().expect("UTF-8").to_owned();
    let from = certificates.display();
    let to = crate::collector::PORT;
    let text = format!(
        "daemon off;
         pid {path}/pid;
         error_log stderr;
         user root;
         worker_processes 1;
         events {{ worker_connections 64; }}
         http {{
             access_log off;
             client_body_temp_path {path}/body;
             proxy_temp_path {path}/proxy;
             fastcgi_temp_path {path}/fastcgi;
             uwsgi_temp_path {path}/uwsgi;
             scgi_temp_path {path}/scgi;
             server {{
                 listen 127.0.0.1:{PORT} ssl;
                 ssl_certificate {from}/server.pem;
                 ssl_certificate_key {from}/server.key;
                 {verify}
                 location / {{ proxy_pass http://127.0.0.1:{to}; client_max_body_size 16m; }}
             }}
         }}\n"
    );
    let config = folder.path().join("nginx.conf");
    fs::write(&config, text).expect("its settings");
    let config = config.to_str().expect("UTF-8").to_owned();
    Server::start(NGINX, folder, ["-e", "stderr", "-c", &config], PORT)
}

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
    let _nginx = nginx(&net, files.path(), Clients::Any);
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
        let _nginx = nginx(&net, files.path(), Clients::Any);
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
    let _nginx = nginx(&net, files.path(), Clients::Known);
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
