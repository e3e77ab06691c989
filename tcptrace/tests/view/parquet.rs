//! Files of Parquet, read back with the same crate.

use std::{collections::BTreeMap, fs, fs::File, path::Path, time::Duration};

use arrow_array::{
    Array as _, BooleanArray, DictionaryArray, FixedSizeBinaryArray, ListArray, RecordBatch,
    StringArray, StructArray, TimestampNanosecondArray, UInt16Array, UInt32Array, UInt64Array,
    cast::AsArray as _, types::Int32Type,
};
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use parquet::{
    arrow::arrow_reader::ParquetRecordBatchReaderBuilder, basic::Encoding,
    file::metadata::ParquetMetaData,
};
use serde_json::{Map, Value, json};
use tcptrace::{
    model::{KeepaliveSettings, Transition},
    output::{Context, End, Json, Origin, Parquet, ShownFlow, Start, View},
};

use crate::data;

const BOOT: &str = "0cd3b3b1-6c60-4d9e-a0f0-5c3a4ad0f3a5";

fn origin() -> Origin {
    Origin {
        host: "web-1".to_owned(),
        boot: BOOT.to_owned(),
    }
}

/// Shows all, with the first line and the last.
fn write<T>(view: &mut impl View<T>, all: &[T]) {
    let clock = data::clock();
    let mut around = Context {
        clock: &clock,
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    let start = Start {
        version: "0.1.0",
        kernel: "6.18.44".to_owned(),
        netns: None,
        mono_ns: 1,
        degraded: Vec::new(),
    };
    view.start(&start, &clock).unwrap();
    for it in all {
        view.show(it, &mut around).unwrap();
    }
    view.lost(3).unwrap();
    view.lost(4).unwrap();
    View::<T>::flush(view).unwrap();
    end(view);
}

fn end<T>(view: &mut impl View<T>) {
    let end = End {
        transitions: 2,
        lost: 7,
        forgotten: 1,
        duration: Duration::from_secs(1),
    };
    view.end(&end).unwrap();
}

/// What is in a file.
struct Stored {
    schema: SchemaRef,
    metadata: ParquetMetaData,
    batches: Vec<RecordBatch>,
}

impl Stored {
    fn read(path: &Path) -> Self {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let (schema, metadata) = (reader.schema().clone(), (**reader.metadata()).clone());
        let batches = reader.build().unwrap().map(Result::unwrap).collect();
        Self {
            schema,
            metadata,
            batches,
        }
    }

    /// The rows, as JSON has them, but for the types that JSON has not.
    fn rows(&self) -> Vec<Map<String, Value>> {
        let rows = self.batches.iter().map(|batch| {
            let rows = StructArray::from(batch.clone());
            (0..rows.len())
                .map(|row| object(&rows, row))
                .collect::<Vec<_>>()
        });
        rows.flatten().collect()
    }

    /// What is said of the file.
    fn said(&self) -> BTreeMap<&str, &str> {
        let said = self.metadata.file_metadata().key_value_metadata().unwrap();
        said.iter()
            .filter_map(|it| Some((it.key.strip_prefix("tcptrace.")?, it.value.as_deref()?)))
            .collect()
    }
}

fn object(array: &StructArray, row: usize) -> Map<String, Value> {
    let columns = array.fields().iter().zip(array.columns());
    columns
        .map(|(field, column)| (field.name().clone(), value(column, row)))
        .collect()
}

fn value(array: &dyn arrow_array::Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let any = array.as_any();
    macro_rules! of {
        ($array:ty) => {
            any.downcast_ref::<$array>().unwrap().value(row)
        };
    }
    match array.data_type() {
        DataType::Boolean => of!(BooleanArray).into(),
        DataType::UInt16 => of!(UInt16Array).into(),
        DataType::UInt32 => of!(UInt32Array).into(),
        DataType::UInt64 => of!(UInt64Array).into(),
        DataType::Timestamp(TimeUnit::Nanosecond, Some(zone)) => {
            assert_eq!(&**zone, "UTC");
            of!(TimestampNanosecondArray).into()
        }
        DataType::FixedSizeBinary(16) => of!(FixedSizeBinaryArray).into(),
        DataType::Dictionary(..) => {
            let array = any.downcast_ref::<DictionaryArray<Int32Type>>().unwrap();
            let words: &StringArray = array.values().as_string();
            words.value(array.key(row).unwrap()).into()
        }
        DataType::Struct(_) => object(any.downcast_ref().unwrap(), row).into(),
        DataType::List(_) => {
            let items = of!(ListArray);
            (0..items.len()).map(|row| value(&items, row)).collect()
        }
        other => panic!("no column is {other}"),
    }
}

/// What a line of JSON is to be in a file.
fn expected(line: &str) -> Map<String, Value> {
    let line: Map<String, Value> = serde_json::from_str(line).unwrap();
    let mut row = Map::new();
    row.insert("host".to_owned(), "web-1".into());
    row.insert("boot".to_owned(), BOOT.into());
    for (name, value) in line {
        if name == "type" {
            continue;
        }
        let text = value.as_str();
        let stored = match (&*name, text) {
            ("cookie", Some(hex)) => u64::from_str_radix(hex, 16).unwrap().into(),
            ("time" | "opened_at" | "closed_at", Some(time)) => {
                let time: jiff::Timestamp = time.parse().unwrap();
                i64::try_from(time.as_nanosecond()).unwrap().into()
            }
            _ => value.clone(),
        };
        row.insert(name.clone(), stored);
        if name.ends_with("_addr") {
            let bytes = text.map(|addr| match addr.parse().unwrap() {
                std::net::IpAddr::V4(addr) => addr.to_ipv6_mapped().octets(),
                std::net::IpAddr::V6(addr) => addr.octets(),
            });
            row.insert(format!("{name}_bytes"), json!(bytes));
        }
    }
    row
}

/// Writes the same as JSON and as a file, and compares them.
fn is_as_json<T: tcptrace::output::Shown>(all: &[T], of: &str) -> Stored {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.parquet");
    let mut json = Vec::new();
    write(&mut Json::new(&mut json), all);
    write(&mut Parquet::create::<T>(&path, &origin()).unwrap(), all);
    let stored = Stored::read(&path);
    let lines = String::from_utf8(json).unwrap();
    let of = format!("{{\"type\":\"{of}\"");
    let lines: Vec<&str> = lines.lines().filter(|line| line.starts_with(&of)).collect();
    let rows = stored.rows();
    assert_eq!((rows.len(), lines.len()), (all.len(), all.len()));
    for (row, line) in rows.iter().zip(lines) {
        assert_eq!(Value::from(row.clone()), Value::from(expected(line)));
    }
    stored
}

#[test]
fn a_transition_says_in_a_file_what_it_says_in_json() {
    let mut all: Vec<_> = data::transitions().into_iter().collect();
    all.extend([data::known_transition(), data::unknown_transition()]);
    let stored = is_as_json(&all, "transition");
    // What a reader needs no cast for.
    let of = |name: &str| {
        let field = stored.schema.field_with_name(name).unwrap();
        (field.data_type().to_string(), field.is_nullable())
    };
    for (name, expected, is_nullable) in [
        ("host", "Dictionary(Int32, Utf8)", false),
        ("time", "Timestamp(ns, \"UTC\")", false),
        ("mono_ns", "UInt64", false),
        ("cookie", "UInt64", true),
        ("local_addr", "Dictionary(Int32, Utf8)", false),
        ("local_addr_bytes", "FixedSizeBinary(16)", false),
        ("remote_port", "UInt16", true),
        ("from", "Dictionary(Int32, Utf8)", false),
        ("held_ns", "UInt64", true),
        ("comm", "Dictionary(Int32, Utf8)", true),
    ] {
        assert_eq!(of(name), (expected.to_owned(), is_nullable), "{name}");
    }
}

#[test]
fn a_flow_says_in_a_file_what_it_says_in_json() {
    let mut all: Vec<_> = data::flows().into_iter().collect();
    all.extend([data::known_flow(), data::unknown_flow()]);
    let candidates: Vec<Vec<_>> = all
        .iter()
        .map(|flow| flow.candidates.iter().collect())
        .collect();
    let shown: Vec<ShownFlow<'_>> = all
        .iter()
        .zip(&candidates)
        .map(|(flow, candidates)| ShownFlow {
            record: &flow.record,
            idle_before_close_ns: flow.idle_ns,
            idle_candidates: candidates,
            keepalive: flow.idle_ns.map(|_| KeepaliveSettings {
                time_s: 7200,
                interval_s: 75,
                probes: 9,
            }),
        })
        .collect();
    let rows = is_as_json(&shown, "flow").rows();
    // Of both kinds of each that is nested.
    for name in ["keepalive", "idle_candidates"] {
        let empty = |it: &Map<String, Value>| it[name].is_null() || it[name] == json!([]);
        assert!(rows.iter().any(empty), "{name}");
        assert!(!rows.iter().all(empty), "{name}");
    }
    assert_eq!(rows[0]["path"][0]["state"], "SYN_SENT");
}

#[test]
fn a_file_says_what_it_is_of_and_what_each_column_is() {
    let stored = is_as_json(&[data::known_transition()], "transition");
    assert_eq!(
        stored.said(),
        BTreeMap::from([
            ("type", "transition"),
            ("version", "0.1.0"),
            ("kernel", "6.18.44"),
            ("events_lost", "7"),
        ])
    );
    for field in stored.schema.fields() {
        let said = field.metadata().get("description");
        assert!(said.is_some_and(|it| it.ends_with('.')), "{}", field.name());
    }
}

#[test]
fn a_file_without_rows_has_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.parquet");
    let mut view = Parquet::create::<Transition>(&path, &origin()).unwrap();
    end::<Transition>(&mut view);
    let stored = Stored::read(&path);
    assert!(stored.schema.field_with_name("reason").is_ok());
    assert!(stored.rows().is_empty());
}

#[test]
fn what_grows_is_stored_as_differences_and_what_comes_back_once() {
    let stored = is_as_json(&vec![data::known_transition(); 100], "transition");
    for column in stored.metadata.row_group(0).columns() {
        let encodings: Vec<_> = column.encodings().collect();
        let name = column.column_path().string();
        let expected = match &*name {
            "time" | "mono_ns" | "cookie" | "held_ns" => Encoding::DELTA_BINARY_PACKED,
            _ => Encoding::RLE_DICTIONARY,
        };
        assert!(encodings.contains(&expected), "{name}: {encodings:?}");
    }
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_has_its_name_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.parquet");
    // What a run that was killed left, and a file from before.
    fs::write(folder.path().join(".it.parquet.tmp"), "PAR1").unwrap();
    fs::write(&path, "before").unwrap();
    let mut view = Parquet::create::<Transition>(&path, &origin()).unwrap();
    assert_eq!(names(folder.path()), [".it.parquet.tmp", "it.parquet"]);
    assert_eq!(fs::read(&path).unwrap(), b"before");
    end::<Transition>(&mut view);
    assert_eq!(names(folder.path()), ["it.parquet"]);
    Stored::read(&path);
    // There is no second end.
    let error = View::<Transition>::flush(&mut view)
        .and_then(|()| {
            let end = End {
                transitions: 0,
                lost: 0,
                forgotten: 0,
                duration: Duration::ZERO,
            };
            View::<Transition>::end(&mut view, &end)
        })
        .unwrap_err();
    assert!(error.to_string().contains("it.parquet"), "{error}");
}

#[test]
fn a_file_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.parquet");
    let view = Parquet::create::<Transition>(&path, &origin()).unwrap();
    assert_eq!(names(folder.path()), [".it.parquet.tmp"]);
    drop(view);
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let path = Path::new("/nowhere/it.parquet");
    let error = Parquet::create::<Transition>(path, &origin())
        .err()
        .expect("no folder");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains("/nowhere/it.parquet"), "{error}");
}

#[test]
fn rows_are_in_groups_that_fit_in_memory() {
    const GROUP: usize = 1 << 17;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.parquet");
    let all = vec![data::known_transition(); GROUP + 1];
    write(
        &mut Parquet::create::<Transition>(&path, &origin()).unwrap(),
        &all,
    );
    let groups = Stored::read(&path).metadata;
    let rows = groups.row_groups().iter().map(|it| it.num_rows());
    assert_eq!(rows.collect::<Vec<_>>(), [GROUP as i64, 1]);
}
