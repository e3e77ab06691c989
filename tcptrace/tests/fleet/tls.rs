//! ClickHouse that is reached by TLS alone: nginx stands before it.

use std::time::Duration;

use crate::{
    by_tls::{Clients, PORT, certificates, nginx},
    clickhouse::{self, ClickHouse, ask},
    namespace::Namespace,
    recordings::{flows, repeated},
    server::folder,
    shipping::Ship,
};

fn to() -> String {
    format!("clickhouse+https://me@127.0.0.1:{PORT}/default")
}

#[test]
fn a_server_behind_tls_is_believed_by_the_certificate_that_is_named_and_by_those_of_the_system() {
    let net = Namespace::new();
    let files = folder();
    certificates(files.path(), "IP:127.0.0.1");
    let _server = ClickHouse::start(&net);
    let _nginx = nginx(&net, files.path(), Clients::Any, clickhouse::PORT);
    let recording = repeated(2, Duration::from_secs(3600));
    let ca = files.path().join("ca.pem");
    let ca = ca.to_str().expect("UTF-8");
    let named = Ship::new(recording.path(), to()).with(&["--create", "--ca", ca]);
    named.password("secret").run().done();
    assert_eq!(clickhouse::flows(), flows(recording.path()));

    ask("DROP TABLE flows");
    let of_system = Ship::new(recording.path(), to()).with(&["--create"]);
    let of_system = of_system.password("secret").env("SSL_CERT_FILE", ca);
    of_system.run().done();
    assert_eq!(clickhouse::flows(), flows(recording.path()));
}

#[test]
fn a_server_that_cannot_prove_who_it_is_gets_nothing_no_password_either() {
    let net = Namespace::new();
    let (unknown, other_name) = (folder(), folder());
    certificates(unknown.path(), "IP:127.0.0.1");
    certificates(other_name.path(), "DNS:elsewhere.example");
    let server = ClickHouse::start(&net);
    let recording = repeated(1, Duration::from_secs(3600));
    let ca = other_name.path().join("ca.pem");
    let ca = ca.to_str().expect("UTF-8");
    for (files, arguments) in [(&unknown, &[][..]), (&other_name, &["--ca", ca][..])] {
        let nginx = nginx(&net, files.path(), Clients::Any, clickhouse::PORT);
        let ship = Ship::new(recording.path(), to()).with(&["--create"]);
        let ship = ship.with(arguments).password("secret");
        ship.run().failed(1, &["TLS", "--ca FILE"]);
        drop(nginx);
    }
    assert_eq!(ask("EXISTS TABLE flows"), "0");
    drop(server);
}
