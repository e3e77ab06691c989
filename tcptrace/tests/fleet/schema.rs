//! The tables and views, on the engine of today.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tcptrace::{
    output::{ShownFlow, inserted_names},
    ship::schema::{
        BatchId, Dialect, RunId, Schema, Servers, TABLES_QUERY, VERSION_QUERY, batch_query,
        columns, missing, other_version, shipped_query,
    },
};

use crate::{engine::Engine, hosts::EVER, namespace::Namespace, recordings, rows};

/// A recording of one of the hosts that docs/fleet.md is about.
pub fn recording(host: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fleet/recordings")
        .join(host)
}

#[test]
fn tables_and_views_are_made_and_made_again_without_harm() {
    let net = Namespace::new();
    let engine = Engine::start(&net);
    assert_eq!(
        missing(&engine.told(TABLES_QUERY)),
        ["flows", "flows_schema"]
    );
    for _ in 0..2 {
        engine.make(&Schema::default().statements());
    }
    assert!(missing(&engine.told(TABLES_QUERY)).is_empty());
    assert_eq!(other_version(&engine.told(VERSION_QUERY)), None);
    let answer = engine.told(
        "SELECT name FROM system.columns WHERE table = 'flows' AND default_kind = '' ORDER BY position",
    );
    assert_eq!(answer.lines().collect::<Vec<_>>(), columns());
}

#[test]
fn what_is_printed_is_what_is_made() {
    let schema = Schema::default();
    let text = schema.text();
    let made: Vec<String> = text
        .split(";\n")
        .map(|statement| {
            let lines = statement.lines().filter(|line| !line.starts_with("--"));
            lines.collect::<Vec<_>>().join("\n").trim().to_owned()
        })
        .filter(|it| !it.is_empty())
        .collect();
    assert_eq!(made, schema.statements());
}

#[test]
fn a_batch_whose_answer_was_lost_is_there_once_and_so_is_what_is_summed_up_of_it() {
    let net = Namespace::new();
    let engine = Engine::with_tables(&net);
    let rows = rows::of(&recording("shop-1"));
    let (first, second) = rows.split_at(rows.len() / 2);
    engine.lose_answers(1);
    for _ in 0..2 {
        let answers = [
            engine.insert("1/0", &first.join("\n")),
            engine.insert("1/0", &first.join("\n")),
            engine.insert("1/1", &second.join("\n")),
        ];
        assert!(answers[1..].iter().all(Result::is_ok), "{answers:?}");
    }
    let count = format!("{}\n", rows.len());
    assert_eq!(engine.told("SELECT count() FROM flows"), count);
    assert_eq!(
        engine.told("SELECT sum(connections) FROM flows_by_minute"),
        count
    );
    // Rows that are the same, but of another batch, are rows of their own.
    engine
        .insert("2/0", &first.join("\n"))
        .expect("rows are taken");
    let count = format!("{}\n", rows.len() + first.len());
    assert_eq!(engine.told("SELECT count() FROM flows"), count);
    assert_eq!(
        engine.told("SELECT sum(connections) FROM flows_by_minute"),
        count
    );
}

#[test]
fn what_is_shipped_has_a_column_for_each_value_and_a_value_for_each_column() {
    let batch = ["host", "boot", "run", "segment", "batch"].map(str::to_owned);
    let sent: Vec<String> = batch
        .into_iter()
        .chain(inserted_names::<ShownFlow<'_>>())
        .collect();
    assert_eq!(sent, columns());
}

#[test]
fn a_recording_is_there_once_though_answers_were_lost_and_so_are_its_sums() {
    let net = Namespace::new();
    let engine = Engine::with_tables(&net);
    let recording = recordings::repeated(20, Duration::from_millis(50));
    engine.lose_answers(3);
    for _ in 0..2 {
        // With a state of its own each time.
        engine.take(recording.path());
        let count = format!("{}\n", recordings::flows(recording.path()).len());
        assert_eq!(engine.told("SELECT count() FROM flows"), count);
        assert_eq!(
            engine.told("SELECT sum(connections) FROM flows_by_minute"),
            count
        );
    }
}

#[test]
fn sums_that_a_server_did_not_get_to_are_made_once_when_the_batch_comes_again() {
    let net = Namespace::new();
    let engine = Engine::with_tables(&net);
    let rows = rows::of(&recording("shop-1"));
    let (lines, count) = (rows.join("\n"), format!("{}\n", rows.len()));
    engine.told("DROP VIEW flows_by_minute_filled");
    engine.told(
        "CREATE MATERIALIZED VIEW flows_by_minute_filled TO flows_by_minute AS \
         SELECT toStartOfMinute(time) AS minute, toString(throwIf(1)) AS host FROM flows",
    );
    let error = engine
        .insert("1/0", &lines)
        .expect_err("it can't be summed up");
    assert!(error.contains("throwIf"), "{error}");
    assert_eq!(engine.told("SELECT count() FROM flows"), count);
    assert_eq!(engine.told("SELECT count() FROM flows_by_minute"), "0\n");
    engine.told("DROP VIEW flows_by_minute_filled");
    engine.make(&Schema::default().statements());
    for _ in 0..2 {
        engine.insert("1/0", &lines).expect("rows are taken");
        assert_eq!(engine.told("SELECT count() FROM flows"), count);
        assert_eq!(
            engine.told("SELECT sum(connections) FROM flows_by_minute"),
            count
        );
    }
}

/// There is no ZooKeeper for this engine, so it has the tables of a cluster without replicas.
#[test]
fn on_a_cluster_a_batch_goes_through_to_the_table_of_its_shard_once_with_its_sums() {
    let net = Namespace::new();
    let engine = Engine::of_cluster(&net, "fleet");
    let schema = Schema {
        servers: Servers::Cluster("fleet".parse().expect("a name")),
        ..Schema::default()
    };
    for statement in schema.statements() {
        let mut here = statement.replace(" ON CLUSTER 'fleet'", "");
        if let Some((begin, rest)) = here.split_once("ENGINE = Replicated") {
            let (engine, rest) = rest.split_once('(').expect("where it is replicated");
            let (_, rest) = rest.split_once(')').expect("an end");
            here = format!("{begin}ENGINE = {engine}{rest}").replace(
                "replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800",
                "non_replicated_deduplication_window = 100000",
            );
        }
        engine.told(&here);
    }
    engine.keep_rows(&["flows_local", "flows_by_minute_local"]);
    let recording = recordings::repeated(10, Duration::from_millis(50));
    engine.lose_answers(2);
    engine.take(recording.path());
    let count = format!("{}\n", recordings::flows(recording.path()).len());
    for query in [
        "SELECT count() FROM flows",
        "SELECT count() FROM flows_local",
        "SELECT sum(connections) FROM flows_by_minute",
    ] {
        assert_eq!(engine.told(query), count, "{query}");
    }
}

#[test]
fn every_value_of_a_flow_is_in_its_row() {
    let net = Namespace::new();
    let engine = Engine::with_tables(&net);
    let rows = rows::of(&recording("edge-1"));
    engine
        .insert("1", &rows.join("\n"))
        .expect("rows are taken");
    let answer = engine.told(
        "SELECT * REPLACE (toUnixTimestamp64Nano(time) AS time, toUnixTimestamp64Nano(opened_at) AS opened_at, \
             toUnixTimestamp64Nano(closed_at) AS closed_at, local_ip AS local_addr, remote_ip AS remote_addr) \
         FROM flows FORMAT JSONEachRow",
    );
    let read = |lines: &mut dyn Iterator<Item = &str>| {
        let mut rows: Vec<String> = lines
            .map(|line| {
                let row: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(line).expect("JSON");
                let mut values: Vec<String> = row
                    .into_iter()
                    // What is unknown may be left out, and large numbers be in quotes.
                    .filter(|(_, value)| !value.is_null())
                    .map(|(name, value)| format!("{name}={}", value.to_string().replace('"', "")))
                    .collect();
                values.sort_unstable();
                values.join(" ")
            })
            .collect();
        rows.sort_unstable();
        rows
    };
    let sent = read(&mut rows.iter().map(String::as_str));
    assert!(sent.len() > 100, "{}", sent.len());
    assert_eq!(read(&mut answer.lines()), sent);
}

#[test]
fn rows_go_after_thirty_days_and_sums_of_them_stay() {
    let net = Namespace::new();
    let engine = Engine::start(&net);
    engine.make(&Schema::default().statements());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.expect("a time").as_nanos();
    for (batch, days) in [1, 29, 31, 300].into_iter().enumerate() {
        let time = now - days * 86_400 * 1_000_000_000;
        // What is unknown is left out.
        let row = format!(
            "{{\"host\":\"a\",\"boot\":\"b\",\"run\":\"r\",\"segment\":1,\"batch\":{batch},\"time\":\"{time}\",\
             \"netns\":1,\"family\":\"ipv4\",\"local_addr\":\"192.0.2.1\",\"complete\":true}}"
        );
        engine
            .insert(&batch.to_string(), &row)
            .expect("a row is taken");
    }
    for table in ["flows", "flows_by_minute"] {
        engine.told(&format!("OPTIMIZE TABLE {table} FINAL"));
    }
    assert_eq!(
        engine.told("SELECT batch FROM flows ORDER BY batch"),
        "0\n1\n"
    );
    assert_eq!(
        engine.told("SELECT sum(connections) FROM flows_by_minute"),
        "4\n"
    );
}

#[test]
fn loopback_addresses_are_those_of_one_host() {
    let net = Namespace::new();
    let engine = Engine::with_tables(&net);
    let recording = recordings::repeated(1, Duration::from_secs(3600));
    let rows = rows::of(recording.path());
    let host = rows[0].split('"').nth(3).expect("the host");
    let insert_as = |other: &str, opener: &str| {
        let (from, to) = (
            format!("\"host\":\"{host}\""),
            format!("\"host\":\"{other}\""),
        );
        let of_opener = rows.iter().filter(|it| it.contains(opener));
        let rows: Vec<String> = of_opener.map(|it| it.replace(&from, &to)).collect();
        assert_eq!(rows.len(), 200, "{opener}");
        let token = format!("{other} {opener}");
        engine
            .insert(&token, &rows.join("\n"))
            .expect("rows are taken");
    };
    let query = format!(
        "SELECT client_host, server_host, count() FROM flows_both_ends({EVER}) GROUP BY ALL ORDER BY client_host"
    );
    let (client, server) = ("\"opener\":\"local\"", "\"opener\":\"remote\"");
    insert_as("a", client);
    insert_as("b", server);
    assert_eq!(engine.told(&query), "");
    insert_as("b", client);
    insert_as("a", server);
    assert_eq!(engine.told(&query), "a\ta\t200\nb\tb\t200\n");
}

#[test]
fn batches_are_found_again() {
    let net = Namespace::new();
    let engine = Engine::with_tables(&net);
    let rows = rows::of(&recording("api-1"));
    engine
        .insert("1", &rows.join("\n"))
        .expect("rows are taken");
    let row: serde_json::Value = serde_json::from_str(&rows[0]).expect("JSON");
    let boot = row["boot"].as_str().expect("a boot id");
    let batch = |number, dialect| BatchId {
        host: "api-1",
        boot,
        run: "1",
        segment: 1,
        batch: number,
        from_ns: 0,
        to_ns: i64::MAX,
        dialect,
    };
    let count = format!("{}\n", rows.len());
    assert_eq!(engine.told(&batch_query(&batch(0, Dialect::Today))), count);
    assert_eq!(engine.told(&batch_query(&batch(1, Dialect::Today))), "0\n");
    let run = RunId {
        host: "api-1",
        boot,
        run: "1",
        from_ns: 0,
        dialect: Dialect::Today,
    };
    assert_eq!(engine.told(&shipped_query(&run)), format!("1\t0\t{count}"));
    let other = RunId { run: "2", ..run };
    assert_eq!(engine.told(&shipped_query(&other)), "");
}
