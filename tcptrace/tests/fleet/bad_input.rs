//! What is wrong is said in one line, with what would be right, and the right status.

use std::{fs, path::Path, thread::sleep, time::Duration};

use tempfile::TempDir;

use crate::{
    clickhouse::{self, ClickHouse, ask},
    namespace::Namespace,
    recordings::{self, repeated},
    shipping::Ship,
};

fn small() -> TempDir {
    repeated(1, Duration::from_secs(3600))
}

fn ship(folder: &Path, to: &str) -> Ship {
    Ship::new(folder, to)
}

const HERE: &str = "clickhouse+http://127.0.0.1/default";

#[test]
fn an_address_that_is_none_or_has_a_password_is_wrong_usage() {
    let net = Namespace::new();
    let folder = small();
    for to in [
        "127.0.0.1:8123",
        "http://127.0.0.1:8123",
        "kafka+http://there",
        "clickhouse+http://a/b/c",
    ] {
        ship(folder.path(), to)
            .run()
            .failed(2, &["clickhouse+http://USER@HOST:8123/DATABASE"]);
    }
    let ended = ship(
        folder.path(),
        "clickhouse+http://me:secret@127.0.0.1/default",
    )
    .run();
    assert!(!ended.stderr.contains("secret"), "{ended:?}");
    ended.failed(2, &["--password-file", "TCPTRACE_SHIP_PASSWORD"]);
    drop(net);
}

#[test]
fn where_nobody_listens_it_fails_at_once_and_with_follow_it_waits() {
    let net = Namespace::new();
    let folder = small();
    ship(folder.path(), HERE)
        .run()
        .failed(1, &["clickhouse+http://127.0.0.1:8123/default", "refused"]);
    let ship = ship(folder.path(), HERE).with(&["--follow", "--create"]);
    let mut shipping = ship.start();
    sleep(Duration::from_millis(800));
    assert!(!shipping.is_over());
    let _server = ClickHouse::start(&net);
    let all = recordings::flows(folder.path());
    for _ in 0..600 {
        if ask("EXISTS TABLE flows") == "1" && clickhouse::flows().len() == all.len() {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    assert_eq!(clickhouse::flows(), all);
    let ended = shipping.stop();
    assert!(ended.stderr.contains("it is tried again"), "{ended:?}");
    ended.done();
}

#[test]
fn a_table_that_is_missing_is_named_with_what_makes_it() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let folder = small();
    ship(folder.path(), HERE)
        .run()
        .failed(1, &["no table flows", "--create"]);
    // It is no matter of time.
    ship(folder.path(), HERE)
        .with(&["--follow"])
        .run()
        .failed(1, &["--create"]);
    ship(folder.path(), "clickhouse+http://127.0.0.1/nowhere")
        .run()
        .failed(1, &["no database nowhere", "CREATE DATABASE"]);
}

#[test]
fn a_wrong_user_or_password_is_said_and_the_right_one_is_taken_from_the_environment_or_a_file() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let folder = small();
    let to = "clickhouse+http://me@127.0.0.1/default";
    ship(folder.path(), to)
        .run()
        .failed(1, &["does not let me in", "--password-file"]);
    ship(folder.path(), to)
        .password("wrong")
        .with(&["--follow"])
        .run()
        .failed(1, &["does not let me in"]);
    ship(folder.path(), "clickhouse+http://nobody@127.0.0.1/default")
        .run()
        .failed(1, &["does not let nobody in"]);
    ship(folder.path(), to)
        .password("secret")
        .with(&["--create"])
        .run()
        .done();
    let file = folder.path().join("password");
    fs::write(&file, "secret\n").expect("a file");
    let file = file.to_string_lossy().into_owned();
    ship(folder.path(), to)
        .with(&["--password-file", &file])
        .run()
        .done();
    ship(folder.path(), to)
        .with(&["--password-file", "/nowhere/password"])
        .run()
        .failed(1, &["/nowhere/password"]);
}

#[test]
fn tables_of_another_version_and_rows_that_are_refused_stop_it_and_nothing_is_lost() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let folder = small();
    let ship = ship(folder.path(), HERE).with(&["--create"]);
    // A column is missing.
    ship.run().done();
    ask("DROP TABLE flows");
    ask(
        "CREATE TABLE flows (host String, boot String, run String, segment UInt64, batch UInt32, time Int64) \
         ENGINE = MergeTree PARTITION BY intDiv(time, 86400000000000) ORDER BY (host, time)",
    );
    let other = Ship::new(folder.path(), HERE);
    other.run().failed(1, &["--print-schema"]);
    other.run().failed(1, &["--print-schema"]);
    // Once it is as it should be, all is there.
    ask("DROP TABLE flows");
    let mended = other.with(&["--create"]);
    mended.run().done();
    assert_eq!(clickhouse::flows(), recordings::flows(folder.path()));
}

#[test]
fn what_is_no_clickhouse_is_told_from_one() {
    let net = Namespace::new();
    let server = std::net::TcpListener::bind(("127.0.0.1", 8123)).expect("a listener");
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in server.incoming() {
            let mut stream = stream?;
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")?;
        }
        std::io::Result::Ok(())
    });
    let folder = small();
    ship(folder.path(), HERE)
        .run()
        .failed(1, &["is no version of ClickHouse"]);
    drop(net);
}

#[test]
fn a_folder_that_is_no_recording_or_can_not_keep_the_state_is_said() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    ship(Path::new("/nowhere"), HERE)
        .run()
        .failed(1, &["/nowhere"]);
    let folder = small();
    let mut ship = ship(folder.path(), HERE);
    ship.state_at = Some("/proc/self/nowhere".into());
    ship.run().failed(1, &["--state DIR"]);
    drop(net);
}
