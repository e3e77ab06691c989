//! nginx.

use std::{fs, thread::sleep, time::Duration};

use crate::{
    client::Client,
    ends::Ends,
    flow::{exactly, start},
    namespace::Namespace,
    server::{Program, Server, folder},
};

const NGINX: Program = Program {
    name: "nginx",
    package: "nginx",
};
/// Where it listens.
pub const PORT: u16 = 8081;

/// Starts it with these directives beside what it needs.
pub fn nginx(_: &Namespace, directives: &str) -> Server {
    let folder = folder();
    let path = folder.path().to_str().expect("a name in UTF-8").to_owned();
    let config = folder.path().join("nginx.conf");
    // At 100 bytes a second, with its headers, about as long as Apache waits for a request.
    let slow = "slow ".repeat(80);
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
             {directives}
             server {{
                 listen 127.0.0.1:{PORT};
                 default_type text/html;
                 location / {{ return 200 \"hello from nginx, which tells nothing else\\n\"; }}
                 location /slow {{ limit_rate 100; return 200 \"{slow}\"; }}
                 location /upload {{ client_max_body_size 1k; root {path}; }}
             }}
         }}\n"
    );
    fs::write(&config, text).expect("its settings");
    let config = config.to_str().unwrap().to_owned();
    // Or it opens its log where the package has it.
    Server::start(NGINX, folder, ["-e", "stderr", "-c", &config], PORT)
}

#[test]
fn keepalive_timeout_of_seven_seconds_is_told_and_nobodys_default() {
    let net = Namespace::new();
    let _nginx = nginx(&net, "keepalive_timeout 7s;");
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    assert_eq!(client.get(), 200);
    sleep(Duration::from_millis(500));
    assert_eq!(client.get(), 200);
    let (waited, end) = (client.until_closed(), client.end());
    let (sent, received) = (client.sent, client.received);
    drop(client);

    let flows = exactly(2, trace);
    let ends = Ends::of(&flows, end);
    ends.closed_by_server();
    ends.expect_idle(Duration::from_secs(7), waited);
    ends.expect_bytes(sent, received);
    assert_eq!(ends.server["comm"], "nginx");
    assert_eq!(ends.hint(), [""; 0]);
}

#[test]
fn keepalive_requests_is_no_idle_timeout() {
    let net = Namespace::new();
    let _nginx = nginx(&net, "keepalive_timeout 30s; keepalive_requests 3;");
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    for pause in [0, 2600, 2500] {
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
fn lingering_timeout_of_five_seconds_is_its_default() {
    let net = Namespace::new();
    let _nginx = nginx(&net, "");
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    // Refused for its length; what was announced never comes.
    client.ask("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 9999\r\n\r\nx");
    assert_eq!(client.answer(), 413);
    let (waited, end) = (client.until_closed(), client.end());
    drop(client);

    let flows = exactly(2, trace);
    let ends = Ends::of(&flows, end);
    ends.closed_by_server();
    ends.expect_idle(Duration::from_secs(5), waited);
    let hint = ends.hint();
    assert!(hint.contains(&"nginx lingering_timeout 5 s"), "{hint:?}");
}

#[test]
fn a_slow_answer_is_not_idle() {
    let net = Namespace::new();
    let _nginx = nginx(&net, "");
    let trace = start(&net);
    let mut client = Client::connect(PORT);
    client.ask("GET /slow HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer(), 200);
    let (waited, end) = (client.until_closed(), client.end());
    let (sent, received) = (client.sent, client.received);
    drop(client);

    let flows = exactly(2, trace);
    let ends = Ends::of(&flows, end);
    ends.closed_by_server();
    assert!(waited > Duration::from_secs(4), "it was slow: {waited:?}");
    ends.expect_idle(Duration::ZERO, Duration::from_secs(2));
    ends.expect_bytes(sent, received);
    assert_eq!(ends.hint(), [""; 0]);
}
