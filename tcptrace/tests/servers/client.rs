//! An HTTP client that keeps its connection.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

use crate::trace::End;

/// How long an answer, or the end of the connection, is waited for.
const LIMIT: Duration = Duration::from_secs(30);

/// A connection to a server of the test.
pub struct Client {
    stream: BufReader<TcpStream>,
    end: End,
    /// Bytes of its requests.
    pub sent: u64,
    /// Bytes of the answers.
    pub received: u64,
    last_request: Instant,
}

impl Client {
    /// Connects over loopback.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect");
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let end = End {
            local: stream.local_addr().expect("a local address").port(),
            remote: port,
        };
        Self {
            stream: BufReader::new(stream),
            end,
            sent: 0,
            received: 0,
            last_request: Instant::now(),
        }
    }

    /// This end of the connection.
    pub fn end(&self) -> End {
        self.end
    }

    /// Asks for a page, and reads the answer. Returns its status.
    pub fn get(&mut self) -> u16 {
        self.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        self.answer()
    }

    /// Sends a request, whoever reads it.
    pub fn ask(&mut self, request: &str) {
        self.last_request = Instant::now();
        let stream = self.stream.get_mut();
        stream.write_all(request.as_bytes()).expect("a request");
        self.sent += request.len() as u64;
    }

    /// Reads an answer that tells its length. Returns its status.
    pub fn answer(&mut self) -> u16 {
        let status = self.line();
        let mut length = None;
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok();
            }
        }
        let length: usize = length.expect("a length");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
        self.received += length as u64;
        let status = status.split(' ').nth(1).and_then(|word| word.parse().ok());
        status.expect("a status")
    }

    /// Waits until the server closes, without a further word. Returns how long ago the last
    /// request, or else the connection, was.
    pub fn until_closed(&mut self) -> Duration {
        let mut rest = Vec::new();
        self.stream
            .read_to_end(&mut rest)
            .expect("a close, and no RST");
        assert_eq!(rest, b"", "more than the answer");
        self.last_request.elapsed()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).expect("a line");
        assert!(read > 0, "the server closed instead of an answer");
        self.received += read as u64;
        line.trim_end().to_owned()
    }
}

impl AsRef<TcpStream> for Client {
    fn as_ref(&self) -> &TcpStream {
        self.stream.get_ref()
    }
}
