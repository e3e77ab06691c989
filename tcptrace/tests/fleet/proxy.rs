//! Between `ship` and a server: passes requests on, but for what it makes go wrong.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use crate::{clickhouse, namespace::Namespace};

/// Where it is asked.
pub const PORT: u16 = 8124;

/// What becomes of an INSERT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is passed on, and so is the answer.
    Passed,
    /// It is passed on, and the connection is cut before the answer.
    Unanswered,
    /// The connection is cut in the middle of the rows.
    Cut,
    /// The server gets the first half of the rows, and then an end.
    Half,
    /// There is too much to do.
    Busy,
}

/// How many INSERTs came.
pub struct Proxy(Arc<AtomicU64>);

impl Proxy {
    /// Starts one in this namespace: `fate` decides of each INSERT, by how many came before.
    pub fn start(_: &Namespace, fate: impl Fn(u64) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).expect("a listener");
        let inserts = Arc::<AtomicU64>::default();
        let (fate, count) = (Arc::new(fate), Arc::clone(&inserts));
        thread::spawn(move || {
            // It ends with the process.
            for stream in listener.incoming() {
                let (fate, count) = (Arc::clone(&fate), Arc::clone(&count));
                thread::spawn(move || {
                    let _ = pass(&stream?, &*fate, &count);
                    std::io::Result::Ok(())
                });
            }
        });
        Self(inserts)
    }

    /// How many INSERTs came so far.
    pub fn inserts(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

fn pass(
    mut from: &TcpStream,
    fate: &dyn Fn(u64) -> Fate,
    inserts: &AtomicU64,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(from);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let begins = head.len();
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
        let line = head[begins..].trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() {
            head.truncate(begins);
            break;
        }
    }
    let is_insert = head.lines().next().is_some_and(|it| it.contains("INSERT"));
    let fate = match is_insert {
        true => fate(inserts.fetch_add(1, SeqCst)),
        false => Fate::Passed,
    };
    let mut body = vec![0; length];
    if fate == Fate::Cut {
        reader.read_exact(&mut body[..length / 2])?;
        return from.shutdown(Shutdown::Both);
    }
    reader.read_exact(&mut body)?;
    if fate == Fate::Busy {
        return from.write_all(
            b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy",
        );
    }
    let mut to = TcpStream::connect((Ipv4Addr::LOCALHOST, clickhouse::PORT))?;
    to.set_read_timeout(Some(Duration::from_secs(60)))?;
    to.write_all(head.as_bytes())?;
    to.write_all(b"Connection: close\r\n\r\n")?;
    if fate == Fate::Half {
        to.write_all(&body[..length / 2])?;
        to.shutdown(Shutdown::Both)?;
        return from.shutdown(Shutdown::Both);
    }
    to.write_all(&body)?;
    let mut answer = Vec::new();
    to.read_to_end(&mut answer)?;
    if fate == Fate::Unanswered {
        return from.shutdown(Shutdown::Both);
    }
    from.write_all(&answer)?;
    from.shutdown(Shutdown::Both)
}
