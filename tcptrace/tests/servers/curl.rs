//! curl.

use std::process::Command;

use crate::{
    apache::{self, PAGE, apache},
    ends::Ends,
    flow::{exactly, start},
    namespace::Namespace,
    nginx::{self, nginx},
    server::Program,
};

const CURL: Program = Program {
    name: "curl",
    package: "curl",
};

/// Runs it to its end, with nothing of the user's; returns what it wrote.
fn curl(_: &Namespace, arguments: &[&str]) -> String {
    let output = Command::new(CURL.path())
        .args(["--disable", "--noproxy", "*", "--silent", "--show-error"])
        .args(arguments)
        .output()
        .expect("curl starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/")
}

#[test]
fn several_pages_are_one_connection_whose_time_wait_is_curls() {
    let net = Namespace::new();
    let _apache = apache(&net, "KeepAliveTimeout 30");
    let trace = start(&net);
    let url = url(apache::PORT);
    assert_eq!(curl(&net, &[&url, &url, &url]), PAGE.repeat(3));

    let flows = exactly(2, trace);
    let [ends] = Ends::all_to(&flows, apache::PORT)[..] else {
        panic!("not one connection: {flows:#?}");
    };
    ends.closed_by_client();
    ends.expect_programs("curl", "apache2");
    ends.expect_length("long");
    assert!(
        ends.client["bytes_received"].as_u64() > Some(3 * PAGE.len() as u64),
        "{ends:#?}"
    );
    assert_eq!(ends.hint(), [""; 0]);
}

#[test]
fn an_answer_that_ends_with_its_connection_is_closed_by_the_server() {
    let net = Namespace::new();
    // Compressed on the way, and told to HTTP/1.0, it has no length.
    let _nginx = nginx(
        &net,
        "gzip on; gzip_min_length 20; gzip_http_version 1.0; gzip_proxied any;",
    );
    let trace = start(&net);
    let url = url(nginx::PORT);
    let page = curl(&net, &["--http1.0", "--compressed", &url]);
    assert!(page.starts_with("hello from nginx"), "{page}");

    let flows = exactly(2, trace);
    let [ends] = Ends::all_to(&flows, nginx::PORT)[..] else {
        panic!("not one connection: {flows:#?}");
    };
    ends.closed_by_server();
    ends.expect_programs("curl", "nginx");
    assert_eq!(ends.hint(), [""; 0]);
}

#[test]
fn connection_close_is_told_alike_by_both_sides_whoever_is_first() {
    let net = Namespace::new();
    let _apache = apache(&net, "");
    let trace = start(&net);
    let url = url(apache::PORT);
    for _ in 0..3 {
        assert_eq!(curl(&net, &["-H", "Connection: close", &url]), PAGE);
    }

    let flows = exactly(6, trace);
    let all = Ends::all_to(&flows, apache::PORT);
    assert_eq!(all.len(), 3, "{flows:#?}");
    for ends in all {
        match ends.closer() {
            "local" => ends.closed_by_client(),
            "remote" => ends.closed_by_server(),
            both => assert_eq!(both, "both"),
        }
        ends.expect_programs("curl", "apache2");
        ends.expect_length("short");
    }
}
