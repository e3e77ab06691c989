//! Debian's ClickHouse (18.16), in a namespace of the test.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::{prctl::set_pdeathsig, signal::Signal};
use tempfile::TempDir;

use crate::{namespace::Namespace, patience::patient, program::Program};

/// Where it is asked.
pub const PORT: u16 = 8123;
const PROGRAM: Program = Program {
    name: "clickhouse-server",
    package: "clickhouse-server",
};
/// How long it may take to answer: the machine may be building something else.
const START_LIMIT: Duration = Duration::from_secs(60);

const CONFIG: &str = "<yandex>
<logger><level>warning</level><log>FOLDER/log</log><errorlog>FOLDER/errors</errorlog></logger>
<listen_host>127.0.0.1</listen_host><http_port>8123</http_port><tcp_port>9000</tcp_port>
<path>FOLDER/data/</path><tmp_path>FOLDER/tmp/</tmp_path><users_config>FOLDER/users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size>
</yandex>";
const USERS: &str = "<yandex>
<profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
<quotas><default/></quotas>
<users>
<default><password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default>
<me><password>secret</password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></me>
</users>
</yandex>";

/// A server. It ends with the test.
pub struct ClickHouse {
    folder: TempDir,
    child: Child,
}

impl ClickHouse {
    /// Starts it, and waits until it answers.
    pub fn start(_: &Namespace) -> Self {
        let folder = TempDir::new().expect("a folder");
        let write = |name: &str, text: &str| {
            let text = text.replace("FOLDER", &folder.path().to_string_lossy());
            fs::write(folder.path().join(name), text).expect("a file");
        };
        write("config.xml", CONFIG);
        write("users.xml", USERS);
        let child = spawn(&folder);
        let mut server = Self { folder, child };
        server.await_answer();
        server
    }

    /// Kills it: what it had not written is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.folder);
        self.await_answer();
    }

    fn await_answer(&mut self) {
        let deadline = Instant::now() + patient(START_LIMIT);
        while try_ask("SELECT 1").is_none_or(|it| it != "1\n") {
            let ended = self.child.try_wait().expect("its status");
            if ended.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(self.folder.path().join("output"));
                panic!("clickhouse-server does not answer ({ended:?}): {said:?}");
            }
            sleep(Duration::from_millis(50));
        }
    }
}

fn spawn(folder: &TempDir) -> Child {
    let output = File::create(folder.path().join("output")).expect("a file");
    let mut command = Command::new(PROGRAM.path());
    command
        .arg(format!(
            "--config-file={}/config.xml",
            folder.path().display()
        ))
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("another descriptor"))
        .stderr(output);
    // SAFETY: a bare system call: nothing that a fork could leave half done.
    unsafe {
        command.pre_exec(|| {
            // Nobody would end it if the tests were aborted.
            set_pdeathsig(Signal::SIGKILL)?;
            Ok(())
        });
    }
    let path = PROGRAM.path();
    let child = command.spawn();
    child.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What it answers; `None`: nothing.
fn try_ask(query: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)).ok()?;
    let length = query.len();
    let request =
        format!("POST / HTTP/1.0\r\nHost: here\r\nContent-Length: {length}\r\n\r\n{query}");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some(body.to_owned())
}

/// What it answers, without the end of the line.
#[track_caller]
pub fn ask(query: &str) -> String {
    let answer = try_ask(query).unwrap_or_else(|| panic!("no answer to {query}"));
    assert!(!answer.contains("DB::Exception"), "{query}: {answer}");
    answer.trim_end().to_owned()
}

/// What tells a flow from others, of all that are in the table.
pub fn flows() -> Vec<String> {
    let rows = ask(
        "SELECT concat(toString(ifNull(cookie, 0)), ' ', ifNull(toString(local_port), '-'), ' ', \
         ifNull(end, '-'), ' ', ifNull(toString(bytes_sent), '-'), ' ', \
         ifNull(toString(established_ns), '-')) FROM flows",
    );
    let mut rows: Vec<String> = rows.lines().map(str::to_owned).collect();
    rows.sort();
    rows
}
