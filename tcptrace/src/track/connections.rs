//! The connections that the state machine knows at the moment.

use super::{Tracker, flow::Flow};
use crate::model::{Connection, Cookie, Known, SocketKind, State, Tuple};

/// A connection that has a socket or minisock.
fn of_flow(cookie: Cookie, flow: &Flow) -> Connection {
    let kind = match flow.socket {
        true => SocketKind::Full,
        false => SocketKind::Minisock,
    };
    connection(Some(cookie), flow, kind)
}

fn connection(cookie: Option<Cookie>, flow: &Flow, kind: SocketKind) -> Connection {
    Connection {
        cookie,
        tuple: flow.tuple,
        state: flow.state,
        since: flow.since,
        kind,
        owner: flow.owner,
        opener: flow.opener,
        followed: flow.followed,
        bound: flow.bound,
    }
}

impl Tracker {
    /// The network namespaces in which somebody listens.
    pub fn listened_in(&self) -> Vec<u32> {
        let mut namespaces: Vec<u32> = self.listeners.namespaces().collect();
        namespaces.dedup();
        namespaces
    }

    /// What is known of a connection that has a socket or minisock; of several that a socket
    /// carried, the last one.
    #[must_use]
    pub fn connection(&self, cookie: Cookie) -> Option<Connection> {
        let flow = self.flows.peek(cookie)?;
        Some(of_flow(cookie, &flow))
    }
}

impl Known for Tracker {
    fn connections(&self) -> impl Iterator<Item = Connection> + '_ {
        let flows = self
            .flows
            .iter()
            .map(|(id, flow)| of_flow(id.cookie(), &flow));
        let requests = self
            .requests
            .iter()
            .map(|(tuple, request)| connection(None, &request.flow(*tuple), SocketKind::Request));
        flows.filter(|it| it.state != State::Closed).chain(requests)
    }

    fn is_listened_at(&self, tuple: &Tuple) -> bool {
        self.listeners.are_at(tuple)
    }
}
