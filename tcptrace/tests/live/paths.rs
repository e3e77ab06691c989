//! What most connections of the tests go through, as
//! [`expect`](crate::trace::Tracing::expect) takes it.

/// A client up to the handshake.
pub const OPENED: &str = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED";
/// A server up to the handshake.
pub const ACCEPTED: &str = "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED";
/// A client that closes first.
pub const CLIENT_FIRST: &str = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
    -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT";
/// A client that closes after its server.
pub const CLIENT_SECOND: &str = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
    -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED";
/// A server whose client has closed.
pub const SERVER_WAITS: &str = "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
    -fin_received-> CLOSE_WAIT";
/// A server that closes first.
pub const SERVER_FIRST: &str = "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
    -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT";
/// A server that closes after its client.
pub const SERVER_SECOND: &str = "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
    -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED";
/// A listener that goes on.
pub const LISTENS: &str = "CLOSED -listen-> LISTEN";
