//! Which room of tcptrace may import which.

use super::{Broken, File};

use May::{AllBelow, Only};

/// A room: a folder of tcptrace/src, or a file there.
struct Room {
    name: &'static str,
    may: May,
}

/// What a room may import.
enum May {
    /// These rooms alone.
    Only(&'static [&'static str]),
    /// Every room before it in [`ROOMS`].
    AllBelow,
}

/// The rooms, from the lowest to the highest: none may import one behind it.
const ROOMS: &[Room] = &[
    // The vocabulary, and what is as good as the system's.
    room("model", Only(&[])),
    // Words for people, in their language.
    room("language", Only(&["model"])),
    room("privileges", Only(&[])),
    // These know nothing of each other.
    room("filter", Only(&["model"])),
    room("host", Only(&["model"])),
    room("track", Only(&["model"])),
    room("aggregate", Only(&["model"])),
    room("record", Only(&["model"])),
    room("source", Only(&["model"])),
    // It judges what those two tell.
    room(
        "diagnose",
        Only(&["model", "language", "host", "aggregate"]),
    ),
    room("explain", Only(&["model", "language"])),
    // It tries out what a trace would take, and compares settings with the tables that others have.
    room(
        "doctor",
        Only(&[
            "model",
            "language",
            "privileges",
            "filter",
            "host",
            "aggregate",
            "source",
            "explain",
        ]),
    ),
    // These put the others together.
    room("output", AllBelow),
    // A page, made of what is summed up and of rows.
    room("report", AllBelow),
    room("screen", AllBelow),
    room("metrics", AllBelow),
    room("engine", AllBelow),
    // Parts of a recording, as the loop reads it, on their way elsewhere.
    room("ship", AllBelow),
    // The loop calls them by a trait of its own, and knows none.
    room("consumers", AllBelow),
    room("commands", AllBelow),
    // The words of the command line are those of the options' types.
    room(
        "cli",
        Only(&[
            "model",
            "language",
            "filter",
            "host",
            "aggregate",
            "record",
            "source",
            "output",
            "screen",
            "metrics",
            "engine",
            "ship",
            "consumers",
            "commands",
        ]),
    ),
    room("main", AllBelow),
];

/// What one module of a room may import besides: the module, and the room.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The kernel half is told what is asked for, so that it drops the rest.
    ("source::live", "filter"),
    // It reads what that writes.
    ("source::replay", "record"),
    // Whose sockets they are stays unknown where a capability is missing: that is said.
    ("host::snapshot", "privileges"),
];

/// What only some rooms may name: a crate, a function or a macro.
const RESERVED: &[(&str, &[&str])] = &[
    ("clap", &["cli", "main"]),
    // Container runtimes keep what they know of a container as JSON: `host` reads it. A record of a
    // connection is sent to a collector field by field: `metrics` reads lines. The columns of tables are
    // made of the schema of a line, and how far a recording was shipped is kept as JSON: `ship`. The script of
    // a page reads what it draws as JSON: `report`.
    (
        "serde_json",
        &["output", "metrics", "record", "host", "ship", "report"],
    ),
    ("io::stdout", &["output", "screen"]),
    ("eprint!", &["output"]),
    ("eprintln!", &["output"]),
    ("print!", &["output"]),
    ("println!", &["output"]),
    // Of the other, which kernel this is.
    ("aya", &["source", "privileges"]),
];

/// What some rooms may name of other crates, beside std: these alone.
const CRATES: &[(&str, &[&str])] = &[
    // The vocabulary is what it is, however it is read and written.
    ("model", &["serde"]),
];

const fn room(name: &'static str, may: May) -> Room {
    Room { name, may }
}

/// Where a line names what may only be named elsewhere, or imports what the room may not. `crates`:
/// those that tcptrace depends on.
pub fn broken(file: &File, crates: &[String]) -> Vec<Broken> {
    let own = file.module[0].as_str();
    // It names all rooms, and nothing else.
    if own == "lib" {
        return Vec::new();
    }
    let Some(position) = position(own) else {
        return vec![file.broken(1, no_room(own))];
    };
    let imports = file.imports().filter_map(|(top, line)| {
        let rule = rule_against(&file.module, position, top)?;
        Some(file.broken(line, rule))
    });
    let reserved = file.names.iter().flat_map(|name| {
        RESERVED
            .iter()
            .filter(|(what, rooms)| !rooms.contains(&own) && has(&name.path, what))
            .map(|(what, rooms)| {
                file.broken(
                    name.line,
                    format!("{what} is for {} alone", rooms.join(", ")),
                )
            })
    });
    let foreign = CRATES.iter().filter(|(room, _)| *room == own);
    let foreign = foreign.flat_map(|(_, allowed)| {
        let names = file.names.iter().filter(|name| {
            let first = &name.path[0];
            crates.contains(first) && !allowed.contains(&first.as_str())
        });
        names.map(|name| {
            let (first, allowed) = (&name.path[0], allowed.join(", "));
            let rule =
                format!("{own} names no crate but std and {allowed}, but this names {first}");
            file.broken(name.line, rule)
        })
    });
    let mut broken: Vec<Broken> = imports.chain(reserved).chain(foreign).collect();
    // Of several items of a room in one line.
    broken.dedup();
    broken
}

/// Why a module may not import a room, if it may not.
fn rule_against(module: &[String], own: usize, top: &str) -> Option<String> {
    let Some(other) = position(top) else {
        return Some(no_room(top));
    };
    let may = match ROOMS[own].may {
        Only(rooms) => rooms.contains(&top),
        AllBelow => other < own,
    };
    let excepted = EXCEPTIONS.iter().any(|(exception, room)| {
        let exception: Vec<&str> = exception.split("::").collect();
        *room == top && module.len() >= exception.len() && module[..exception.len()] == exception
    });
    (!may && !excepted).then(|| {
        let own_name = ROOMS[own].name;
        match ROOMS[own].may {
            Only([]) => format!("{own_name} imports no other room, but this names {top}"),
            Only(rooms) => format!(
                "{own_name} imports {} alone, but this names {top}",
                rooms.join(", ")
            ),
            AllBelow => format!("{own_name} imports what is below it, but this names {top}"),
        }
    })
}

fn no_room(name: &str) -> String {
    format!("{name} is no room: xtask/src/imports/rules.rs has the table of them")
}

/// Where a room is in [`ROOMS`].
fn position(name: &str) -> Option<usize> {
    ROOMS.iter().position(|room| room.name == name)
}

/// Whether a path has that part.
fn has(path: &[String], part: &str) -> bool {
    let part: Vec<&str> = part.split("::").collect();
    path.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The lines of a file that break a rule, and the rules.
    fn told(path: &str, source: &str) -> Vec<String> {
        let file = File::read(Path::new(path), Path::new(path), source).expect("Rust");
        let crates = ["serde", "rustc_hash", "thiserror"].map(str::to_owned);
        broken(&file, &crates)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn an_import_that_runs_upward_is_refused_with_its_line() {
        assert_eq!(
            told(
                "track/sockets.rs",
                "use crate::{\n    model::State,\n    output::{Row, self},\n};"
            ),
            ["track/sockets.rs:3: track imports model alone, but this names output"]
        );
        assert_eq!(
            told("model/state.rs", "\nfn f() { crate::track::sockets::f(); }"),
            ["model/state.rs:2: model imports no other room, but this names track"]
        );
        assert_eq!(
            told("output/table.rs", "use super::super::engine::Engine;"),
            ["output/table.rs:1: output imports what is below it, but this names engine"]
        );
        assert_eq!(
            told("engine/mod.rs", "use crate::consumers::Watch;"),
            ["engine/mod.rs:1: engine imports what is below it, but this names consumers"]
        );
        assert_eq!(
            told("commands/mod.rs", "use crate::cli::Cli;"),
            ["commands/mod.rs:1: commands imports what is below it, but this names cli"]
        );
    }

    #[test]
    fn what_runs_downward_and_what_stays_within_is_allowed() {
        assert!(
            told(
                "engine/run.rs",
                "use crate::{engine::Loop, output::Row, source::Source};"
            )
            .is_empty()
        );
        assert!(
            told(
                "diagnose/age.rs",
                "use crate::{aggregate::Flow, host::Settings, model::State};"
            )
            .is_empty()
        );
        assert!(
            told(
                "main.rs",
                "mod cli;\nuse tcptrace::commands;\nuse cli::Cli;\nuse crate::cli::A;"
            )
            .is_empty()
        );
        assert!(told("lib.rs", "pub use crate::model::State;").is_empty());
    }

    #[test]
    fn an_exception_is_for_its_module_alone() {
        let source = "use crate::filter::Filter;";
        assert!(told("source/live/pushdown.rs", source).is_empty());
        assert_eq!(
            told("source/decode.rs", source),
            ["source/decode.rs:1: source imports model alone, but this names filter"]
        );
        assert_eq!(told("source/mod.rs", source).len(), 1);
    }

    #[test]
    fn what_is_for_some_rooms_alone_is_refused_elsewhere() {
        assert_eq!(
            told(
                "doctor/report.rs",
                "use std::io::{self, stdout};\nfn f() { println!(); io::stdout(); }"
            ),
            [
                "doctor/report.rs:1: io::stdout is for output, screen alone",
                "doctor/report.rs:2: println! is for output alone",
                "doctor/report.rs:2: io::stdout is for output, screen alone",
            ]
        );
        assert_eq!(
            told(
                "output/mod.rs",
                "#[derive(clap::ValueEnum)] enum A {}\nfn f() { println!(); }"
            ),
            ["output/mod.rs:1: clap is for cli, main alone"]
        );
        assert!(told("cli/mod.rs", "use clap::Parser;").is_empty());
    }

    #[test]
    fn the_vocabulary_names_no_other_crate() {
        assert_eq!(
            told(
                "model/state.rs",
                "use std::fmt;\nuse ::rustc_hash::FxHashMap;\n#[derive(thiserror::Error)]\nstruct A;"
            ),
            [
                "model/state.rs:2: model names no crate but std and serde, but this names rustc_hash",
                "model/state.rs:3: model names no crate but std and serde, but this names thiserror",
            ]
        );
        assert!(told("model/state.rs", "use serde::Serialize;").is_empty());
        assert!(told("track/sockets.rs", "use rustc_hash::FxHashMap;").is_empty());
    }

    #[test]
    fn a_room_that_is_not_in_the_table_is_told() {
        assert_eq!(
            told("helpers.rs", ""),
            ["helpers.rs:1: helpers is no room: xtask/src/imports/rules.rs has the table of them"]
        );
        assert_eq!(told("engine/mod.rs", "use crate::helpers::f;").len(), 1);
    }

    #[test]
    fn the_table_itself_runs_one_way() {
        for (index, room) in ROOMS.iter().enumerate() {
            if let Only(rooms) = room.may {
                for below in rooms {
                    assert!(
                        position(below).expect("a room") < index,
                        "{} imports {below}",
                        room.name
                    );
                }
            }
        }
        for (module, room) in EXCEPTIONS {
            let (own, _) = module.split_once("::").expect("a module of a room");
            assert!(position(room).expect("a room") < position(own).expect("a room"));
        }
        assert!(CRATES.iter().all(|(room, _)| position(room).is_some()));
        for (_, rooms) in RESERVED {
            assert!(rooms.iter().all(|room| position(room).is_some()));
        }
    }
}
