//! The two sides of a scene, each in a thread by whose name tcptrace shows it.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd as _, AsRawFd as _},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Error, Result, anyhow, ensure};
use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use socket2::{Domain, Socket, Type};

/// The side that connects.
pub const CLIENT: &str = "demo-client";
/// The side that listens.
pub const SERVER: &str = "demo-server";
/// No step of a scene takes longer, unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

/// The work of one side, which goes on.
pub type Side = JoinHandle<Result<()>>;

/// Starts one side.
///
/// # Errors
/// When there can't be another thread.
pub fn start(name: &str, side: impl FnOnce() -> Result<()> + Send + 'static) -> Result<Side> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(side)
        .context("no thread can be started")
}

/// Waits for one side.
///
/// # Errors
/// What it failed with.
pub fn joined(side: Side) -> Result<()> {
    side.join().map_err(|_| anyhow!("a side panicked"))?
}

/// Plays both sides to their ends. The server is given a sender to tell when the client may begin.
///
/// # Errors
/// What one of them failed with.
pub fn both(
    server: impl FnOnce(mpsc::Sender<()>) -> Result<()> + Send + 'static,
    client: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<()> {
    let (client, server) = begin(server, client)?;
    let client = joined(client);
    joined(server).and(client)
}

/// Starts both sides: client, server.
///
/// # Errors
/// See [`start`].
pub fn begin(
    server: impl FnOnce(mpsc::Sender<()>) -> Result<()> + Send + 'static,
    client: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<(Side, Side)> {
    let (ready, begins) = mpsc::channel();
    let server = start(SERVER, move || server(ready))?;
    let client = start(CLIENT, move || {
        begins
            .recv()
            .map_err(|_| anyhow!("the server never listened"))?;
        client()
    })?;
    Ok((client, server))
}

/// A socket that listens.
///
/// # Errors
/// When the address is in use or not there.
pub fn listen(at: SocketAddr, backlog: i32) -> Result<Socket> {
    let socket = new(at.ip())?;
    socket.set_reuse_address(true)?;
    socket
        .bind(&at.into())
        .with_context(|| format!("{at} can't be bound"))?;
    socket.listen(backlog)?;
    Ok(socket)
}

/// Lets a listener keep a request in SYN_RECV until data comes, but no longer than that.
///
/// # Errors
/// When the kernel refuses.
pub fn defer_accept(listener: &Socket, seconds: libc::c_int) -> Result<()> {
    let length = libc::socklen_t::try_from(size_of_val(&seconds))?;
    // SAFETY: the value is an int of that length, as TCP_DEFER_ACCEPT takes, and outlives the call.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            length,
        )
    };
    Errno::result(result).context("TCP_DEFER_ACCEPT can't be set")?;
    Ok(())
}

/// The next connection of a listener.
///
/// # Errors
/// When there is none for long.
pub fn accept(listener: &Socket) -> Result<Socket> {
    let (socket, _) = listener.accept().context("no connection came")?;
    patient(&socket)?;
    Ok(socket)
}

/// A connection to that address.
///
/// # Errors
/// When it is refused, or not answered for long.
pub fn connect(to: SocketAddr) -> io::Result<Socket> {
    let socket = new(to.ip())?;
    socket.connect(&to.into())?;
    Ok(socket)
}

/// A connection that has begun, and whether it was answered at once.
///
/// # Errors
/// When it is refused.
pub fn begin_connect(to: SocketAddr, wait: Duration) -> Result<(Socket, bool)> {
    let socket = new(to.ip())?;
    socket.set_nonblocking(true)?;
    match socket.connect(&to.into()) {
        Ok(()) => return Ok((socket, true)),
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        Err(error) => return Err(Error::new(error).context(format!("{to} can't be reached"))),
    }
    let timeout = PollTimeout::try_from(wait)?;
    let answered = poll(
        &mut [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)],
        timeout,
    )?;
    Ok((socket, answered > 0))
}

/// Sends that text.
///
/// # Errors
/// When the connection is over.
pub fn send(mut socket: &Socket, text: &str) -> Result<()> {
    socket
        .write_all(text.as_bytes())
        .context("nothing can be sent")
}

/// Receives that text.
///
/// # Errors
/// When another comes, or nothing for long.
pub fn receive(mut socket: &Socket, text: &str) -> Result<()> {
    let mut received = vec![0; text.len()];
    socket
        .read_exact(&mut received)
        .with_context(|| format!("{text:?} did not come"))?;
    ensure!(
        received == text.as_bytes(),
        "{received:?} came, not {text:?}"
    );
    Ok(())
}

/// Receives the other side's FIN.
///
/// # Errors
/// When something else comes, or nothing for long.
pub fn receive_end(mut socket: &Socket) -> Result<()> {
    let read = socket
        .read(&mut [0; 64])
        .context("the other side did not close")?;
    ensure!(
        read == 0,
        "the other side sent {read} bytes, and should have closed"
    );
    Ok(())
}

fn new(of: IpAddr) -> io::Result<Socket> {
    let domain = if of.is_ipv4() {
        Domain::IPV4
    } else {
        Domain::IPV6
    };
    let socket = Socket::new(domain, Type::STREAM, None)?;
    patient(&socket)?;
    Ok(socket)
}

fn patient(socket: &Socket) -> io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))
}
