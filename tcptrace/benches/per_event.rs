//! What an event costs in userspace, step by step: decoder, state machine, figures, writers. Needs
//! no root:
//! `cargo bench --package tcptrace --bench per_event`.
//!
//! The events are those of real connections: 100 that were closed by FIN and 100 by RST, both
//! sides of each, as `examples/capture` wrote them down.

use std::{hint::black_box, io};
#[cfg(feature = "parquet")]
use std::{net::Ipv4Addr, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tcptrace::{
    aggregate::{
        flows::{Assembler, Patience},
        stats::Figures,
    },
    host::{Cgroups, Clock, Links},
    language::Language,
    model::{Coverage, Event, FlowRecord, Transition},
    output::{Context, Csv, Json, Palette, ShownFlow, Table, TableLook, View},
    source::{decode, live::Symbols},
    track::{Limits, Tracker},
};
#[cfg(feature = "parquet")]
use tcptrace::{
    model::Cookie,
    output::{End, Origin, Parquet},
};

/// Each record behind its length.
const CAPTURED: &[u8] = include_bytes!("connections.records");

/// Why a record can't be read, and what helps.
const STALE: &str = "connections.records was made by a kernel half with other records: make it \
                     anew, as examples/capture says";

criterion_group!(
    benches,
    decoder,
    state_machine,
    figures,
    assembler,
    writers,
    files,
    all_of_it
);
criterion_main!(benches);

fn decoder(criterion: &mut Criterion) {
    let (records, symbols) = (records(), Symbols::default());
    // Or errors would be measured.
    assert_eq!(events().len(), records.len());
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("records", |bencher| {
        bencher.iter(|| {
            for record in &records {
                let _ = black_box(decode(black_box(record), &symbols));
            }
        });
    });
    group.finish();
}

fn state_machine(criterion: &mut Criterion) {
    let events = events();
    let mut group = criterion.benchmark_group("track");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("events", |bencher| {
        bencher.iter_batched_ref(
            tracker,
            |tracker| {
                for event in &events {
                    tracker.apply(black_box(event), &mut |transition| {
                        black_box(transition);
                    });
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn figures(criterion: &mut Criterion) {
    let transitions = transitions();
    let mut group = criterion.benchmark_group("figures");
    group.throughput(Throughput::Elements(transitions.len() as u64));
    group.bench_function("transitions", |bencher| {
        let mut figures = Figures::new(None);
        bencher.iter(|| {
            for transition in &transitions {
                figures.take(black_box(transition));
            }
        });
    });
    group.finish();
}

fn assembler(criterion: &mut Criterion) {
    let transitions = transitions();
    let mut group = criterion.benchmark_group("assemble");
    group.throughput(Throughput::Elements(transitions.len() as u64));
    group.bench_function("transitions", |bencher| {
        let mut assembler = Assembler::new(Patience::UntilClosed, 1 << 20);
        bencher.iter(|| {
            for transition in &transitions {
                black_box(assembler.take(black_box(transition)));
            }
        });
    });
    group.finish();
}

/// Into nothing: what the lines take, not the output.
fn writers(criterion: &mut Criterion) {
    let transitions = transitions();
    let table = Table::new(
        io::sink(),
        TableLook {
            palette: Palette::plain(),
            ascii: false,
            language: Language::English,
            utc: true,
        },
        || Some(120),
    );
    write(criterion, "json", Json::new(io::sink()), &transitions);
    write(criterion, "csv", Csv::new(io::sink()), &transitions);
    write(criterion, "table", table, &transitions);

    let mut assembler = Assembler::new(Patience::UntilClosed, 1 << 20);
    let flows: Vec<FlowRecord> = transitions
        .iter()
        .filter_map(|it| assembler.take(it))
        .collect();
    let shown: Vec<ShownFlow<'_>> = flows
        .iter()
        .map(|record| ShownFlow {
            record,
            idle_before_close_ns: None,
            idle_candidates: &[],
            keepalive: None,
        })
        .collect();
    write(criterion, "json of flows", Json::new(io::sink()), &shown);
}

fn write<T>(criterion: &mut Criterion, name: &str, mut view: impl View<T>, all: &[T]) {
    assert!(all.len() >= 200, "a line for each connection at least");
    let (clock, mut cgroups) = (Clock::new(), Cgroups::default());
    let mut around = Context {
        clock: &clock,
        cgroups: &mut cgroups,
        links: &mut Links::default(),
    };
    let mut group = criterion.benchmark_group("write");
    group.throughput(Throughput::Elements(all.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for it in all {
                // Nothing is refused by a sink.
                let _ = view.show(black_box(it), &mut around);
            }
        });
    });
    group.finish();
}

/// Whole files of Parquet, on the disk.
#[cfg(feature = "parquet")]
fn files(criterion: &mut Criterion) {
    let all = busy_hour();
    let origin = Origin {
        host: "web-1".to_owned(),
        boot: "0cd3b3b1-6c60-4d9e-a0f0-5c3a4ad0f3a5".to_owned(),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("it.parquet");
    let mut group = criterion.benchmark_group("write");
    group.sample_size(10);
    group.throughput(Throughput::Elements(all.len() as u64));
    group.bench_function("parquet", |bencher| {
        bencher.iter(|| {
            let mut view = Parquet::create::<Transition>(&path, &origin).expect("a file");
            let (clock, mut cgroups) = (Clock::new(), Cgroups::default());
            let mut around = Context {
                clock: &clock,
                cgroups: &mut cgroups,
                links: &mut Links::default(),
            };
            for it in &all {
                view.show(black_box(it), &mut around)
                    .expect("it is written");
            }
            let end = End {
                transitions: all.len() as u64,
                lost: 0,
                forgotten: 0,
                duration: Duration::ZERO,
            };
            View::<Transition>::end(&mut view, &end).expect("it is written");
        });
    });
    group.finish();
    let bytes = path.metadata().expect("it is there").len();
    println!("{:.1} bytes a row", bytes as f64 / all.len() as f64);
}

#[cfg(not(feature = "parquet"))]
fn files(_: &mut Criterion) {}

/// The transitions again and again, each time of other connections, from other peers.
#[cfg(feature = "parquet")]
fn busy_hour() -> Vec<Transition> {
    let once = transitions();
    let mut all = Vec::new();
    for round in 0..(1_u64 << 19).div_ceil(once.len() as u64) {
        all.extend(once.iter().map(|it| {
            let mut it = *it;
            it.time_ns += round * 137_654_321;
            it.held_ns = it.held_ns.map(|ns| ns + (it.time_ns ^ round) % 50_021);
            it.cookie = it
                .cookie
                .and_then(|it| Cookie::new(it.0.get() + round * 400));
            let peer = it.tuple.remote.port.map_or(0, |port| port.get() as u64) * 31 + round;
            it.tuple.remote.addr = Ipv4Addr::new(10, 1, (peer % 16) as u8, peer as u8).into();
            it
        }));
    }
    all
}

/// From the bytes of records to lines of JSON.
fn all_of_it(criterion: &mut Criterion) {
    let (records, symbols) = (records(), Symbols::default());
    let (clock, mut cgroups) = (Clock::new(), Cgroups::default());
    let mut group = criterion.benchmark_group("watch");
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("records", |bencher| {
        let mut view = Json::new(io::sink());
        let mut around = Context {
            clock: &clock,
            cgroups: &mut cgroups,
            links: &mut Links::default(),
        };
        bencher.iter_batched_ref(
            tracker,
            |tracker| {
                for record in &records {
                    let Ok(event) = decode(black_box(record), &symbols) else {
                        continue;
                    };
                    tracker.apply(&event, &mut |transition| {
                        let _ = view.show(transition, &mut around);
                    });
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn tracker() -> Tracker {
    Tracker::new(Limits::default(), Coverage::FULL)
}

fn records() -> Vec<&'static [u8]> {
    let mut records = Vec::new();
    let mut rest = CAPTURED;
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let (record, behind) = behind.split_at(length);
        records.push(record);
        rest = behind;
    }
    records
}

fn events() -> Vec<Event> {
    let symbols = Symbols::default();
    records()
        .into_iter()
        .map(|record| decode(record, &symbols).expect(STALE))
        .collect()
}

fn transitions() -> Vec<Transition> {
    let mut tracker = tracker();
    let mut transitions = Vec::new();
    for event in &events() {
        tracker.apply(event, &mut |transition| transitions.push(*transition));
    }
    tracker.finish(&mut |transition| transitions.push(*transition));
    assert!(
        transitions.len() >= 200 * 6,
        "a connection has at least six transitions"
    );
    transitions
}
