//! The schema of what tcptrace writes, compiled once: what tests read is checked by it.

use std::{collections::HashMap, sync::OnceLock};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use tcptrace::output::schema::{LineType, document};

/// Names the document; nothing is there.
const PLACE: &str = "tcptrace:schema";

struct Compiled {
    schemas: Schemas,
    any: SchemaIndex,
    by_type: HashMap<&'static str, SchemaIndex>,
}

fn compiled() -> &'static Compiled {
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler
            .add_resource(PLACE, document(None))
            .expect("a document");
        let mut compile = |place: &str| {
            compiler
                .compile(place, &mut schemas)
                .unwrap_or_else(|error| panic!("no schema: {error:#}"))
        };
        let any = compile(PLACE);
        let by_type = LineType::ALL
            .iter()
            .map(|line| {
                let name = line.name();
                let index = compile(&format!("{PLACE}#/$defs/{name}"));
                (name, index)
            })
            .collect();
        Compiled {
            schemas,
            any,
            by_type,
        }
    })
}

/// Reads a line of JSON.
///
/// # Errors
/// When it is not as the schema says.
pub fn read(line: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
    let it = compiled();
    let name = value["type"].as_str().unwrap_or_default();
    // The type's own schema tells best what is wrong.
    let index = it.by_type.get(name).copied().unwrap_or(it.any);
    it.schemas
        .validate(&value, index)
        .map_err(|error| format!("not as `tcptrace schema` says: {error:#}: {line}"))?;
    Ok(value)
}
