//! The connections that the state machine knows at the moment.

use super::{ExistingKind, Side, State, Tracker, flow::Flow};
use crate::decode::{Cookie, Owner, Tuple};

/// A connection, or a listener, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// `None` for a request that has no socket yet.
    pub cookie: Option<Cookie>,
    /// Addresses and ports, as far as they are known.
    pub tuple: Tuple,
    /// The state that it is in.
    pub state: State,
    /// Since when: CLOCK_MONOTONIC, ns; `None`: since before tracing began, or unknown.
    pub since: Option<u64>,
    /// Which of the kernel's three kinds it is.
    pub kind: ExistingKind,
    /// Who has, or had, the socket.
    pub owner: Owner,
    /// Who opened it.
    pub opener: Option<Side>,
    /// It is of the traced command, or of one of its children.
    pub followed: bool,
    /// bind() took its port, as far as that was seen.
    pub bound: bool,
}

impl Connection {
    fn of_flow(cookie: Cookie, flow: &Flow) -> Self {
        let kind = match flow.socket {
            true => ExistingKind::Socket,
            false => ExistingKind::Minisock,
        };
        Self::new(Some(cookie), flow, kind)
    }

    fn new(cookie: Option<Cookie>, flow: &Flow, kind: ExistingKind) -> Self {
        Self {
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
}

impl Tracker {
    /// Whether somebody listens at the local end of a connection.
    #[must_use]
    pub fn is_listened_at(&self, tuple: &Tuple) -> bool {
        self.listeners.are_at(tuple)
    }

    /// The network namespaces in which somebody listens, some of them more than once.
    pub fn listened_in(&self) -> impl Iterator<Item = u32> + '_ {
        self.listeners.namespaces()
    }

    /// What is known of a connection that has a socket or minisock.
    #[must_use]
    pub fn connection(&self, cookie: Cookie) -> Option<Connection> {
        let flow = self.flows.peek(&cookie)?;
        Some(Connection::of_flow(cookie, flow))
    }

    /// All connections and listeners, as the transitions told so far left them. In no order.
    pub fn connections(&self) -> impl Iterator<Item = Connection> + '_ {
        let flows = self
            .flows
            .iter()
            .map(|(cookie, flow)| Connection::of_flow(*cookie, flow));
        let requests = self.requests.iter().map(|(tuple, request)| {
            Connection::new(None, &request.flow(*tuple), ExistingKind::Request)
        });
        flows.filter(|it| it.state != State::Closed).chain(requests)
    }
}
