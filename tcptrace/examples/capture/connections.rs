//! Connections, one after another, until somebody ends it.

use std::{
    net::{TcpListener, TcpStream},
    thread::sleep,
    time::Duration,
};

use anyhow::Result;

use crate::{
    Family,
    sockets::{await_reset, close_in_turn, reset},
};

/// Slow enough for a console that is told of all of them.
const PAUSE: Duration = Duration::from_millis(300);

/// Over IPv4 and IPv6 in turn; some are closed by the client, some by the server, some by RST.
pub fn make() -> Result<()> {
    let families = [Family::V4, Family::V6];
    let mut listeners = Vec::new();
    for family in families {
        listeners.push(TcpListener::bind((family.loopback(), 0))?);
    }
    loop {
        for listener in &listeners {
            let connected = || -> Result<_> {
                let client = TcpStream::connect(listener.local_addr()?)?;
                Ok((client, listener.accept()?.0))
            };
            let (client, server) = connected()?;
            close_in_turn(client, server);
            sleep(PAUSE);
            let (client, server) = connected()?;
            close_in_turn(server, client);
            sleep(PAUSE);
            let (client, server) = connected()?;
            reset(client);
            await_reset(&server);
            drop(server);
            sleep(PAUSE);
        }
    }
}
