//! A connection, as both of its ends tell it.

use std::time::Duration;

use serde_json::Value;

use crate::{
    flow::{flow_of, states},
    told::End,
};

/// A jiffy of each end, and the way from one to the other.
const TOLERANCE: Duration = Duration::from_millis(50);

/// The path of who opened the connection, and closed last.
pub const OPENED_AND_CLOSED_LAST: [&str; 4] = ["SYN_SENT", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK"];
/// The path of who opened the connection, and closed first.
pub const OPENED_AND_CLOSED_FIRST: [&str; 5] = [
    "SYN_SENT",
    "ESTABLISHED",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
];
/// The path of who was connected to, and closed last.
pub const GOT_AND_CLOSED_LAST: [&str; 4] = ["SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK"];
/// The path of who was connected to, and closed first.
pub const GOT_AND_CLOSED_FIRST: [&str; 5] = [
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
];

/// The two flows of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// Of who opened it.
    pub client: &'a Value,
    /// Of who was connected to.
    pub server: &'a Value,
}

impl<'a> Ends<'a> {
    /// The connection whose client has this end. Who opened it must be told right, and all of it.
    pub fn of(flows: &'a [Value], client: End) -> Self {
        let ends = Self {
            client: flow_of(flows, client),
            server: flow_of(flows, client.peer()),
        };
        assert_eq!(ends.client["opener"], "local", "{ends:#?}");
        assert_eq!(ends.server["opener"], "remote", "{ends:#?}");
        for flow in [ends.client, ends.server] {
            assert_eq!(flow["complete"], true, "{flow:#}");
            assert_eq!(flow["retransmits"], 0, "{flow:#}");
        }
        ends
    }

    /// The connections that were opened to a port, in the order in which they ended.
    pub fn all_to(flows: &'a [Value], port: u16) -> Vec<Self> {
        flows
            .iter()
            .filter(|flow| flow["remote_port"] == u64::from(port) && flow["opener"] == "local")
            .map(|flow| {
                let local = flow["local_port"].as_u64().expect("a port") as u16;
                Self::of(
                    flows,
                    End {
                        local,
                        remote: port,
                    },
                )
            })
            .collect()
    }

    /// Fails unless the server closed first, in good order.
    pub fn closed_by_server(&self) {
        self.closed("remote", &OPENED_AND_CLOSED_LAST, &GOT_AND_CLOSED_FIRST);
    }

    /// Fails unless the client closed first, in good order: the TIME_WAIT is its.
    pub fn closed_by_client(&self) {
        self.closed("local", &OPENED_AND_CLOSED_FIRST, &GOT_AND_CLOSED_LAST);
    }

    fn closed(&self, by: &str, client: &[&str], server: &[&str]) {
        assert_eq!(self.closer(), by, "{self:#?}");
        assert_eq!(states(self.client), client, "{self:#?}");
        assert_eq!(states(self.server), server, "{self:#?}");
        for flow in [self.client, self.server] {
            assert_eq!(flow["end"], "graceful", "{flow:#}");
        }
    }

    /// Who closed first, as the client sees it; the server must see the same.
    pub fn closer(&self) -> &'a str {
        let closer = self.client["closer"].as_str().expect("a closer");
        let mirrored = match closer {
            "local" => "remote",
            "remote" => "local",
            both => both,
        };
        assert_eq!(self.server["closer"], mirrored, "{self:#?}");
        closer
    }

    /// Fails unless these programs have the ends.
    pub fn expect_programs(&self, client: &str, server: &str) {
        assert_eq!(self.client["comm"], client, "{self:#?}");
        assert_eq!(self.server["comm"], server, "{self:#?}");
    }

    /// Fails unless both ends tell that the connection was kept and reused (`long`), or not.
    pub fn expect_length(&self, length: &str) {
        assert_eq!(self.client["length"], length, "{self:#?}");
        assert_eq!(self.server["length"], length, "{self:#?}");
    }

    /// Fails unless both ends count so many bytes.
    pub fn expect_bytes(&self, to_server: u64, to_client: u64) {
        for (flow, sent, received) in [
            (self.client, to_server, to_client),
            (self.server, to_client, to_server),
        ] {
            assert_eq!(flow["bytes_sent"], sent, "{flow:#}");
            assert_eq!(flow["bytes_received"], received, "{flow:#}");
        }
    }

    /// Fails unless it was idle for that long before the first side closed, and no longer than
    /// what was seen from outside.
    pub fn expect_idle(&self, from: Duration, to: Duration) {
        for flow in [self.client, self.server] {
            let idle = idle(flow);
            let fits = (from.saturating_sub(TOLERANCE)..=to + TOLERANCE).contains(&idle);
            assert!(fits, "idle for {idle:?}, not {from:?} to {to:?}: {flow:#}");
        }
    }

    /// Whose timeouts explain the close: the same at both ends.
    pub fn hint(&self) -> Vec<&'a str> {
        let [client, server] = [self.client, self.server].map(candidates);
        assert_eq!(client, server, "{self:#?}");
        client
    }
}

/// How long it was idle before the first side closed.
pub fn idle(flow: &Value) -> Duration {
    Duration::from_nanos(flow["idle_before_close_ns"].as_u64().expect("an idle time"))
}

/// Whose timeouts explain the close.
pub fn candidates(flow: &Value) -> Vec<&str> {
    let named = flow["idle_candidates"].as_array().expect("candidates");
    named
        .iter()
        .map(|it| it.as_str().expect("a name"))
        .collect()
}
