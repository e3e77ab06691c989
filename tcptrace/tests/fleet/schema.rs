//! The tables and views, on the engine of today.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tcptrace::{
    output::{ShownFlow, inserted_names},
    ship::schema::{
        BatchId, Dialect, RunId, Schema, Servers, TABLES_QUERY, VERSION_QUERY, batch_query,
        columns, missing, other_version, shipped_query,
    },
};

use crate::{engine::Engine, namespace::Namespace, recordings, rows};

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
        for statement in Schema::default().statements() {
            engine.told(&statement);
        }
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
