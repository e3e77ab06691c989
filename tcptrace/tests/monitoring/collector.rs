//! Collectors of OpenTelemetry: a real one, and some that do not do as they should.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use crate::{
    namespace::Namespace,
    server::{Server, folder},
};

/// Where they listen.
pub const PORT: u16 = 14318;

/// The address of a collector, as the command line has it.
pub fn address() -> String {
    format!("http://127.0.0.1:{PORT}")
}

/// rotel, which writes down all that it is sent.
pub fn rotel(_: &Namespace) -> Server {
    let folder = folder();
    let pid = folder.path().join("pid");
    let listen = format!("127.0.0.1:{PORT}");
    let arguments = [
        "start",
        "--exporter",
        "blackhole",
        "--debug-log",
        "metrics",
        "--debug-log",
        "logs",
        "--debug-log-verbosity",
        "detailed",
        "--otlp-http-endpoint",
        &listen,
        "--otlp-grpc-endpoint",
        "127.0.0.1:14317",
        "--pid-file",
        pid.to_str().expect("UTF-8"),
    ];
    Server::start_file(&rotel_file(), folder, arguments, PORT)
}

/// The program, in a package of PyPI.
fn rotel_file() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/python/bin/python");
    let python = env::var_os("TCPTRACE_PYTHON").map_or(installed, PathBuf::from);
    let find = "import rotel, os; print(os.path.dirname(rotel.__file__))";
    let found = Command::new(&python).args(["-c", find]).output();
    let found = found.ok().filter(|it| it.status.success());
    let folder = found.and_then(|it| String::from_utf8(it.stdout).ok());
    match folder {
        Some(folder) => Path::new(folder.trim()).join("rotel-agent"),
        None => panic!(
            "{} has no rotel, which this test needs: cargo xtask test puts it there",
            python.display()
        ),
    }
}

/// What a collector was sent, and what it said to it.
#[derive(Clone, Debug)]
pub struct Request {
    pub at: Instant,
    pub path: String,
    pub body: Vec<u8>,
    pub status: u16,
}

impl Request {
    /// Whether these bytes are in it: names and texts are as they are in protobuf.
    pub fn has(&self, text: &str) -> bool {
        self.count(text) > 0
    }

    /// How often.
    pub fn count(&self, text: &str) -> usize {
        let windows = self.body.windows(text.len());
        windows.filter(|it| *it == text.as_bytes()).count()
    }
}

/// A collector that the test makes.
pub struct Collector(Arc<Mutex<Vec<Request>>>);

impl Collector {
    /// Answers each request as `answer` says, which is told how many of that path came before: a
    /// status and further headers. `None`: it never answers.
    pub fn start(
        _: &Namespace,
        answer: impl Fn(usize) -> Option<(u16, &'static str)> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).expect("a listener");
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (answer, all) = (Arc::new(answer), Arc::clone(&requests));
        thread::spawn(move || {
            // It ends with the process.
            for stream in listener.incoming() {
                let (answer, all) = (Arc::clone(&answer), Arc::clone(&all));
                thread::spawn(move || {
                    let _ = converse(&stream?, &*answer, &all);
                    std::io::Result::Ok(())
                });
            }
        });
        Self(requests)
    }

    /// What came so far.
    pub fn requests(&self) -> Vec<Request> {
        let requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        requests.clone()
    }

    /// Those of a path that were taken.
    pub fn taken(&self, path: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|it| it.path == path && it.status == 200);
        requests
    }
}

fn converse(
    mut stream: &TcpStream,
    answer: &dyn Fn(usize) -> Option<(u16, &'static str)>,
    all: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let said = {
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            let said = answer(all.iter().filter(|it| it.path == path).count());
            all.push(Request {
                at: Instant::now(),
                path,
                body,
                status: said.map_or(0, |it| it.0),
            });
            said
        };
        let Some((status, headers)) = said else {
            // Until the other side has enough.
            reader.read_to_end(&mut Vec::new())?;
            return Ok(());
        };
        let head = format!("HTTP/1.1 {status} -\r\n{headers}Content-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes())?;
    }
}
