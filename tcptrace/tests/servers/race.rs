//! The race that makes a proxy answer 502: a request for a connection that the server has just
//! closed.

use std::{os::fd::AsFd as _, time::Duration};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{
    apache::{self, apache},
    client::Client,
    ends::Ends,
    flow::{exactly, start, states},
    namespace::Namespace,
    nginx::{self, nginx},
    trace::Trace,
};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

/// Waits until one of these comes.
fn wait_for(client: &Client, what: PollFlags) {
    let mut told = [PollFd::new(client.as_ref().as_fd(), what)];
    let limit = PollTimeout::try_from(Duration::from_secs(30)).unwrap();
    assert_eq!(poll(&mut told, limit), Ok(1), "{what:?} did not come");
}

/// A client with an answer, whose server has closed since; it takes no notice of that.
fn unaware(port: u16) -> Client {
    let mut client = Client::connect(port);
    assert_eq!(client.get(), 200);
    // Its answer is all read: what comes now is the FIN.
    wait_for(&client, PollFlags::POLLIN);
    client
}

#[test]
fn a_request_behind_the_servers_fin_is_reset_and_the_server_closed_first() {
    let net = Namespace::new();
    let _nginx = nginx(&net, "keepalive_timeout 2s;");
    let mut watch = Trace::of(&net).start();
    let trace = start(&net);
    let mut client = unaware(nginx::PORT);
    client.ask(REQUEST);
    wait_for(&client, PollFlags::POLLHUP);
    let end = client.end();
    drop(client);

    watch.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -reset_by_peer-> CLOSED",
    );
    watch.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -reset_by_us-> CLOSED",
    );
    watch.stop();
    let flows = exactly(2, trace);
    let ends = Ends::of(&flows, end);
    assert_eq!(ends.closer(), "remote", "{ends:#?}");
    assert_eq!(ends.client["end"], "reset_by_peer", "{ends:#?}");
    assert_eq!(ends.server["end"], "reset_by_us", "{ends:#?}");
    assert_eq!(ends.server["comm"], "nginx");
    ends.expect_idle(Duration::from_secs(2), Duration::from_millis(2750));
}

#[test]
fn a_request_to_a_server_that_lingers_is_read_and_thrown_away() {
    let net = Namespace::new();
    // It shuts its sending side down, reads on for two seconds, and closes.
    let _apache = apache(&net, "KeepAliveTimeout 2");
    let trace = start(&net);
    let mut client = unaware(apache::PORT);
    client.ask(REQUEST);
    client.until_closed();
    std::thread::sleep(Duration::from_millis(4000));
    client.ask(REQUEST);
    wait_for(&client, PollFlags::POLLHUP);
    let (end, received) = (client.end(), client.received);
    drop(client);

    let flows = exactly(2, trace);
    let ends = Ends::of(&flows, end);
    assert_eq!(ends.closer(), "remote", "{ends:#?}");
    assert_eq!(ends.client["end"], "reset_by_peer", "{ends:#?}");
    assert_eq!(ends.server["end"], "reset_by_us", "{ends:#?}");
    let path = ["SYN_RECV", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2"];
    assert_eq!(states(ends.server), path);
    assert_eq!(
        states(ends.client),
        ["SYN_SENT", "ESTABLISHED", "CLOSE_WAIT"]
    );
    // The request that was thrown away is among them, the last one is not.
    ends.expect_bytes(2 * REQUEST.len() as u64, received);
    ends.expect_idle(Duration::from_secs(2), Duration::from_millis(2750));
}
