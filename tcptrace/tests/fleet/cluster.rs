//! Two replicas of Debian's ClickHouse, with ZooKeeper, and the tables of a cluster on both.

use std::{
    fs::{self, File},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use nix::sys::{prctl::set_pdeathsig, signal::Signal};
use tcptrace::ship::schema::{Dialect, Schema, Servers, insert_query, insert_settings};
use tempfile::TempDir;

use crate::{
    asked::ask, fleet::until, namespace::Namespace, program::Program, recordings, rows,
    schema::recording, server::folder, shipping::Ship,
};

const CLICKHOUSE: Program = Program {
    name: "clickhouse-server",
    package: "clickhouse-server",
};
const JAVA: Program = Program {
    name: "java",
    package: "default-jre-headless",
};
/// What Debian's package zookeeper has.
const ZOOKEEPER: &str = "/usr/share/java/zookeeper.jar";

const ZOOKEEPER_PORT: u16 = 2181;

/// A server program that can be killed, and started again.
struct Process {
    command: Command,
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(mut command: Command, log: PathBuf) -> Self {
        let output = File::create(&log).expect("a file for its output");
        command.stdin(Stdio::null());
        command
            .stdout(output.try_clone().expect("another descriptor"))
            .stderr(output);
        // SAFETY: a bare system call: nothing that a fork could leave half done.
        unsafe {
            command.pre_exec(|| {
                set_pdeathsig(Signal::SIGKILL)?;
                Ok(())
            });
        }
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            command,
            child,
            log,
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }

    fn start_again(&mut self) {
        self.child = self.command.spawn().expect("it starts again");
    }

    /// Whether it is over, by a fault of its own.
    fn died(&mut self) -> bool {
        // What it answers may be seen before its end.
        sleep(Duration::from_millis(500));
        let ended = self.child.try_wait().expect("its status");
        ended.is_some_and(|it| it.signal() == Some(libc::SIGSEGV))
    }

    /// Fails with what it said, if it is over.
    fn is_alive(&mut self) {
        if let Some(status) = self.child.try_wait().expect("its status") {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            panic!("{:?}: {status}: {said}", self.command);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// ZooKeeper and two replicas of one shard, in the namespace of the test.
struct Replicas {
    servers: [Process; 2],
    _zookeeper: Process,
    _folder: TempDir,
}

const CLUSTER: &str = "fleet";

/// Where a replica is asked.
const fn port(replica: u16) -> u16 {
    8123 + replica
}

impl Replicas {
    fn start(_: &Namespace) -> Self {
        let folder = folder();
        let mut zookeeper = zookeeper(folder.path());
        until("ZooKeeper listens", || {
            zookeeper.is_alive();
            std::net::TcpStream::connect(("127.0.0.1", ZOOKEEPER_PORT)).is_ok()
        });
        let mut servers = [0, 1].map(|replica| server(folder.path(), replica));
        for (replica, server) in servers.iter_mut().enumerate() {
            let ready = b"SELECT name FROM system.zookeeper WHERE path = '/clickhouse'";
            until("ClickHouse knows of its cluster", || {
                server.is_alive();
                let told = ask(port(replica as u16), &[], ready);
                told.is_ok_and(|it| it.contains("ddl"))
            });
        }
        Self {
            servers,
            _zookeeper: zookeeper,
            _folder: folder,
        }
    }

    /// Makes the tables on both. 18.16 dies of a statement for a cluster now and then: then it is started
    /// again, and told again.
    fn make_tables(&mut self) {
        for statement in schema().statements() {
            let mut tries = 0;
            while let Err(error) = ask(port(0), &[], statement.as_bytes()) {
                let ended = self.servers.each_mut().map(Process::died);
                tries += 1;
                assert!(
                    tries < 10 && ended != [false, false],
                    "{error}\n{statement}"
                );
                for (server, _) in self.servers.iter_mut().zip(ended).filter(|(_, it)| *it) {
                    server.start_again();
                }
                for replica in [0, 1] {
                    until("it answers again", || {
                        ask(port(replica), &[], b"SELECT 1").is_ok()
                    });
                }
            }
        }
    }
}

fn zookeeper(folder: &Path) -> Process {
    assert!(
        Path::new(ZOOKEEPER).exists(),
        "{ZOOKEEPER} is missing, which this test needs: apt-get install zookeeper"
    );
    let (settings, data) = (folder.join("zoo.cfg"), folder.join("zookeeper"));
    fs::create_dir(&data).expect("a folder");
    let text = format!(
        "tickTime=500\ndataDir={}\nclientPort={ZOOKEEPER_PORT}\nclientPortAddress=127.0.0.1\n\
         admin.enableServer=false\n",
        data.display()
    );
    fs::write(&settings, text).expect("its settings");
    let mut command = Command::new(JAVA.path());
    command.args(["-Xmx128m", "-cp", ZOOKEEPER]);
    command
        .arg("org.apache.zookeeper.server.ZooKeeperServerMain")
        .arg(settings);
    Process::start(command, folder.join("zookeeper.log"))
}

fn server(folder: &Path, replica: u16) -> Process {
    let own = folder.join(format!("replica-{replica}"));
    fs::create_dir(&own).expect("a folder");
    let (path, http) = (own.display(), port(replica));
    let (tcp, between) = (9000 + replica, 9010 + replica);
    let text = format!(
        "<yandex>
  <logger><level>warning</level><log>{path}/log</log><errorlog>{path}/errors</errorlog></logger>
  <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>
  <interserver_http_port>{between}</interserver_http_port>
  <interserver_http_host>127.0.0.1</interserver_http_host>
  <listen_host>127.0.0.1</listen_host>
  <path>{path}/data/</path><tmp_path>{path}/tmp/</tmp_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size><timezone>UTC</timezone>
  <zookeeper><node><host>127.0.0.1</host><port>{ZOOKEEPER_PORT}</port></node>
    <session_timeout_ms>5000</session_timeout_ms></zookeeper>
  <macros><shard>1</shard><replica>{replica}</replica></macros>
  <distributed_ddl><path>/clickhouse/ddl</path></distributed_ddl>
  <remote_servers><{CLUSTER}><shard><internal_replication>true</internal_replication>
    <replica><host>127.0.0.1</host><port>9000</port></replica>
    <replica><host>127.0.0.1</host><port>9001</port></replica>
  </shard></{CLUSTER}></remote_servers>
</yandex>\n"
    );
    let settings = own.join("config.xml");
    fs::write(&settings, text).expect("its settings");
    let users = "<yandex><profiles><default></default></profiles><users><default><password></password>\
                 <networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default></users>\
                 <quotas><default></default></quotas></yandex>\n";
    fs::write(own.join("users.xml"), users).expect("its users");
    let mut command = Command::new(CLICKHOUSE.path());
    command.arg(format!("--config-file={}", settings.display()));
    Process::start(command, own.join("output"))
}

fn schema() -> Schema {
    Schema {
        dialect: Dialect::Plain,
        servers: Servers::Cluster(CLUSTER.parse().expect("a name")),
        ..Schema::default()
    }
}

#[test]
fn a_recording_is_there_once_on_both_replicas_though_each_was_killed_meanwhile() {
    let net = Namespace::new();
    let mut replicas = Replicas::start(&net);
    replicas.make_tables();
    let recording = recordings::repeated(40, Duration::from_millis(40));
    let flows = recordings::flows(recording.path()).len();
    let to = format!("clickhouse+http://default@127.0.0.1:{}/default", port(0));
    let ship = Ship::new(recording.path(), to).with(&["--create", "--cluster", CLUSTER]);
    // Slow enough for what happens meanwhile.
    let shipping = ship.with(&["--follow", "--rate", "3000"]).start();
    let some_are_there = |more_than: usize| {
        let mut rows = 0;
        until("some are there", || {
            let told = ask(port(0), &[], b"SELECT count() FROM flows_local");
            rows = told.map_or(0, |it| it.trim().parse().unwrap_or(0));
            rows > more_than
        });
        assert!(rows < flows, "it is too late");
    };
    // The one that it is not sent to, and the one that it is sent to.
    some_are_there(0);
    replicas.servers[1].kill();
    some_are_there(flows / 4);
    replicas.servers[0].kill();
    replicas.servers[1].start_again();
    sleep(Duration::from_secs(1));
    replicas.servers[0].start_again();
    let count = format!("{flows}\n");
    for replica in [0, 1] {
        until_told(replica, "SELECT count() FROM flows", &count);
        until_told(replica, "SELECT count() FROM flows_local", &count);
        until_told(
            replica,
            "SELECT sum(connections) FROM flows_by_minute",
            &count,
        );
    }
    shipping.stop().done();
}

/// Asks until it is answered so: a replica needs a moment for what it has missed.
fn until_told(replica: u16, query: &str, expected: &str) {
    let mut told = Ok(String::new());
    until(&format!("{query} is {expected}"), || {
        told = ask(port(replica), &[], query.as_bytes());
        told.as_deref() == Ok(expected)
    });
}

#[test]
fn a_batch_that_is_sent_again_is_there_once_though_a_replica_was_killed() {
    let net = Namespace::new();
    let mut replicas = Replicas::start(&net);
    replicas.make_tables();
    let hosts = ["shop-1", "edge-1", "api-1"];
    let rows: Vec<String> = hosts
        .iter()
        .flat_map(|host| rows::of(&recording(host)))
        .collect();
    let query = insert_query();
    let send = |replica: u16, rows: &[String]| {
        let mut parameters = insert_settings(Dialect::Plain).to_vec();
        parameters.push(("query", &query));
        ask(port(replica), &parameters, rows.join("\n").as_bytes())
    };
    let batches: Vec<&[String]> = rows.chunks(40).collect();
    assert!(batches.len() > 5, "{}", batches.len());
    for (number, batch) in batches.iter().enumerate() {
        if number == 2 {
            replicas.servers[1].kill();
        }
        // Each is sent to one, and again to the other if that is alive.
        send(0, batch).expect("rows are taken");
        let again = send(1, batch);
        assert_eq!(again.is_ok(), !(2..4).contains(&number), "{again:?}");
        if number == 3 {
            replicas.servers[1].start_again();
            until("it answers again", || send(1, batch).is_ok());
        }
    }
    let count = format!("{}\n", rows.len());
    for (query, expected) in [
        ("SELECT count() FROM flows", &*count),
        ("SELECT count() FROM flows_local", &count),
        ("SELECT sum(connections) FROM flows_by_minute", &count),
        // As docs/fleet.md has it of the engine of today.
        ("SELECT count() FROM flows_both_ends", "267\n"),
        ("SELECT count() FROM flows_stuck", "6\n"),
        ("SELECT sum(time_waits) FROM flows_time_waits", "112\n"),
        (
            "SELECT max(ports), sum(refused) FROM flows_ports",
            "64\t16\n",
        ),
        (
            "SELECT sum(connections) FROM flows_handshakes WHERE opener = 'remote'",
            "267\n",
        ),
    ] {
        for replica in [0, 1] {
            until_told(replica, query, expected);
        }
    }
}
