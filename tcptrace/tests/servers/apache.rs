//! Apache httpd.

use std::{fs, thread::sleep, time::Duration};

use crate::{
    client::Client,
    ends::Ends,
    flow::{exactly, start, start_with},
    namespace::Namespace,
    server::{Program, Server, folder},
};

const APACHE: Program = Program {
    name: "apache2",
    package: "apache2-bin",
};
/// Where it listens.
pub const PORT: u16 = 8080;
/// What it serves.
pub const PAGE: &str = "hello\n";

/// Starts it with these directives beside what it needs.
pub fn apache(_: &Namespace, directives: &str) -> Server {
    let folder = folder();
    let path = folder.path().to_str().expect("a name in UTF-8").to_owned();
    fs::write(folder.path().join("index.html"), PAGE).expect("a page");
    let config = folder.path().join("httpd.conf");
    // Root must not serve. One child: where idle threads are few, it closes earlier.
    let text = format!(
        "ServerRoot {path}
         ServerName test
         DefaultRuntimeDir {path}
         PidFile {path}/pid
         ErrorLog {path}/error
         LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
         LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
         LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
         User www-data
         Group www-data
         StartServers 1
         ServerLimit 1
         ThreadsPerChild 16
         MaxRequestWorkers 16
         Listen 127.0.0.1:{PORT}
         DocumentRoot {path}
         {directives}\n"
    );
    fs::write(&config, text).expect("its settings");
    let config = config.to_str().unwrap().to_owned();
    Server::start(APACHE, folder, ["-DFOREGROUND", "-f", &config], PORT)
}

#[test]
fn keep_alive_timeout_of_five_seconds_is_the_default_of_2_2_and_2_4() {
    let net = Namespace::new();
    let _apache = apache(&net, "KeepAliveTimeout 5");
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    assert_eq!(client.get(), 200);
    sleep(Duration::from_secs(1));
    assert_eq!(client.get(), 200);
    let (waited, end) = (client.until_closed(), client.end());
    let (sent, received) = (client.sent, client.received);
    drop(client);

    let flows = exactly(2, trace);
    let ends = Ends::of(&flows, end);
    ends.closed_by_server();
    ends.expect_idle(Duration::from_secs(5), waited);
    ends.expect_bytes(sent, received);
    assert_eq!(ends.server["comm"], "apache2");
    assert_eq!(ends.client["pid"], std::process::id());
    let hint = ends.hint();
    assert_eq!(hint[0], "Apache httpd 2.2 and 2.4 KeepAliveTimeout 5 s");
    assert!(hint.iter().all(|it| it.ends_with(" 5 s")), "{hint:?}");
}

#[test]
fn keep_alive_timeout_of_two_seconds_is_nobodys_default() {
    let net = Namespace::new();
    let _apache = apache(&net, "KeepAliveTimeout 2");
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    assert_eq!(client.get(), 200);
    let (waited, end) = (client.until_closed(), client.end());
    drop(client);

    let flows = exactly(2, trace);
    let ends = Ends::of(&flows, end);
    ends.closed_by_server();
    ends.expect_idle(Duration::from_secs(2), waited);
    assert_eq!(ends.hint(), [""; 0]);
}

#[test]
fn keep_alive_timeout_of_two_seconds_is_told_from_a_table_of_ones_own() {
    let net = Namespace::new();
    let _apache = apache(&net, "KeepAliveTimeout 2");
    let own = tempfile::NamedTempFile::new().unwrap();
    let row = "product = 'our Apache'\nsetting = 'KeepAliveTimeout'\nseconds = 2.0";
    let table = format!("[[timeout]]\n{row}\nrole = 'server'\nsource = 'test'\n");
    fs::write(own.path(), table).unwrap();
    let trace = start_with(&net, ["--idle-table", own.path().to_str().unwrap()]);
    let mut client = Client::connect(PORT);
    assert_eq!(client.get(), 200);
    client.until_closed();
    let end = client.end();
    drop(client);

    let flows = exactly(2, trace);
    assert_eq!(
        Ends::of(&flows, end).hint(),
        ["our Apache KeepAliveTimeout 2 s"]
    );
}

#[test]
fn max_keep_alive_requests_is_no_idle_timeout() {
    let net = Namespace::new();
    let _apache = apache(&net, "MaxKeepAliveRequests 3\nKeepAliveTimeout 30");
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    // The first request is not counted. Altogether it is as long as a timeout that is known, but
    // idle it was not when it closed.
    for pause in [0, 1700, 1700, 1700] {
        sleep(Duration::from_millis(pause));
        assert_eq!(client.get(), 200);
    }
    let (waited, end) = (client.until_closed(), client.end());
    let (sent, received) = (client.sent, client.received);
    drop(client);

    let flows = exactly(2, trace);
    let ends = Ends::of(&flows, end);
    ends.closed_by_server();
    ends.expect_idle(Duration::ZERO, waited);
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    ends.expect_bytes(sent, received);
    assert_eq!(ends.hint(), [""; 0]);
}

#[test]
fn a_connection_that_is_not_kept_is_closed_by_the_server() {
    let net = Namespace::new();
    let _apache = apache(&net, "");
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    client.ask("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer(), 200);
    let (waited, end) = (client.until_closed(), client.end());
    let (sent, received) = (client.sent, client.received);
    drop(client);

    let flows = exactly(2, trace);
    let ends = Ends::of(&flows, end);
    ends.closed_by_server();
    ends.expect_idle(Duration::ZERO, waited);
    ends.expect_bytes(sent, received);
    assert_eq!(ends.hint(), [""; 0]);
}
