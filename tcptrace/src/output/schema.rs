//! What `-o json` writes, as a JSON schema: one file a type of line, in `data/schema`, and one for
//! what several have in common.

use serde_json::{Map, Value, json};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const COMMON: &str = include_str!("../../data/schema/common.json");

/// A type of line: its field `type`, and its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineType {
    /// Tracing has begun.
    Start,
    /// A line of `watch`.
    Transition,
    /// A line of `flows`.
    Flow,
    /// A report of `stats`.
    Stats,
    /// A line of `stuck`.
    Stuck,
    /// Events were lost.
    Lost,
    /// Tracing is over.
    End,
    /// A line of `list`.
    Socket,
    /// A line of `list -s`.
    Count,
    /// The report of `doctor`.
    Doctor,
}

impl LineType {
    /// All of them, in the order of the document.
    pub const ALL: [Self; 10] = [
        Self::Start,
        Self::Transition,
        Self::Flow,
        Self::Stats,
        Self::Stuck,
        Self::Lost,
        Self::End,
        Self::Socket,
        Self::Count,
        Self::Doctor,
    ];

    /// What the field `type` says.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Transition => "transition",
            Self::Flow => "flow",
            Self::Stats => "stats",
            Self::Stuck => "stuck",
            Self::Lost => "lost",
            Self::End => "end",
            Self::Socket => "socket",
            Self::Count => "count",
            Self::Doctor => "doctor",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Start => include_str!("../../data/schema/start.json"),
            Self::Transition => include_str!("../../data/schema/transition.json"),
            Self::Flow => include_str!("../../data/schema/flow.json"),
            Self::Stats => include_str!("../../data/schema/stats.json"),
            Self::Stuck => include_str!("../../data/schema/stuck.json"),
            Self::Lost => include_str!("../../data/schema/lost.json"),
            Self::End => include_str!("../../data/schema/end.json"),
            Self::Socket => include_str!("../../data/schema/socket.json"),
            Self::Count => include_str!("../../data/schema/count.json"),
            Self::Doctor => include_str!("../../data/schema/doctor.json"),
        }
    }
}

/// The schema of one type of line, or of all, as it is printed.
///
/// # Errors
/// See [`document`].
pub fn text(what: Option<LineType>) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&document(what)?).map(|text| text + "\n")
}

/// The schema of one type of line, or of all: a document that refers to nothing outside of it.
///
/// # Errors
/// When a file that the binary holds is no JSON object: a mistake in the program.
pub fn document(what: Option<LineType>) -> serde_json::Result<Value> {
    let mut common: Map<String, Value> = read(COMMON)?;
    let common = match common.remove("$defs") {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    let mut definitions = Map::new();
    let mut document = match what {
        Some(line) => read(line.text())?,
        None => {
            for line in LineType::ALL {
                let mut schema = read(line.text())?;
                // It is said once, at the top.
                schema.shift_remove("$schema");
                definitions.insert(line.name().to_owned(), schema.into());
            }
            let lines: Vec<Value> = definitions
                .keys()
                .map(|name| json!({ "$ref": format!("#/$defs/{name}") }))
                .collect();
            let all = json!({
                "$schema": DIALECT,
                "title": "A line that tcptrace writes with -o json",
                "description": "The field type tells which. Every field of a type is always there; \
                                what isn't known is null.",
                "oneOf": lines,
            });
            serde_json::from_value(all)?
        }
    };
    let mut needed = Map::new();
    for schema in
        std::iter::once(&document).chain(definitions.values().filter_map(Value::as_object))
    {
        gather(schema.values(), &common, &mut needed);
    }
    definitions.extend(needed);
    if !definitions.is_empty() {
        document.insert("$defs".to_owned(), definitions.into());
    }
    Ok(document.into())
}

/// Reads a file; what it refers to in the common one is in its own document.
fn read(text: &str) -> serde_json::Result<Map<String, Value>> {
    serde_json::from_str(&text.replace("common.json#", "#"))
}

/// Takes the common definitions that schemas refer to, and those that these refer to.
fn gather<'a>(
    schemas: impl Iterator<Item = &'a Value>,
    common: &Map<String, Value>,
    needed: &mut Map<String, Value>,
) {
    for schema in schemas {
        match schema {
            Value::String(text) => {
                if let Some(name) = text.strip_prefix("#/$defs/")
                    && let Some(definition) = common.get(name)
                    && needed.insert(name.to_owned(), definition.clone()).is_none()
                {
                    gather(std::iter::once(definition), common, needed);
                }
            }
            Value::Array(schemas) => gather(schemas.iter(), common, needed),
            Value::Object(schema) => gather(schema.values(), common, needed),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::{
        diagnose::Verdict,
        doctor::Status,
        host::TimerKind,
        model::{Closer, Detail, Family, Length, Reason, Side, State},
    };

    fn definition(name: &str) -> Value {
        document(None).unwrap()["$defs"][name].take()
    }

    fn names<T: Serialize>(all: impl IntoIterator<Item = T>) -> Vec<Value> {
        all.into_iter()
            .map(|one| serde_json::to_value(one).unwrap())
            .collect()
    }

    #[test]
    fn what_a_field_can_say_is_what_the_program_has_words_for() {
        let null = [Value::Null];
        let timer = &definition("socket")["properties"]["timer"]["properties"]["kind"];
        let check = &definition("doctor")["properties"]["checks"]["items"]["properties"]["status"];
        for (name, schema, words) in [
            ("state", &definition("state"), names(State::ALL)),
            ("reason", &definition("reason"), names(Reason::ALL)),
            ("detail", &definition("detail"), names(Detail::ALL)),
            (
                "opener",
                &definition("opener"),
                [names(Side::ALL), null.to_vec()].concat(),
            ),
            (
                "closer",
                &definition("closer"),
                [names(Closer::ALL), null.to_vec()].concat(),
            ),
            (
                "family",
                &definition("family"),
                names([Family::Ipv4, Family::Ipv6].map(Family::name)),
            ),
            (
                "length",
                &definition("flow")["properties"]["length"],
                [names(Length::ALL), null.to_vec()].concat(),
            ),
            ("timer", timer, names(TimerKind::ALL)),
            (
                "timer of a stuck one",
                &definition("stuck")["properties"]["timer"],
                [names(TimerKind::ALL), null.to_vec()].concat(),
            ),
            (
                "verdict",
                &definition("stuck")["properties"]["verdict"],
                names(Verdict::ALL),
            ),
            ("status", check, names(Status::ALL)),
        ] {
            assert_eq!(schema["enum"], Value::from(words), "{name}");
        }
    }

    /// Calls `look` with every schema of objects in a schema, and where it is.
    fn objects(schema: &Value, place: &str, look: &mut impl FnMut(&str, &Map<String, Value>)) {
        match schema {
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get("properties") {
                    look(place, map);
                    for (name, property) in properties {
                        objects(property, &format!("{place}.{name}"), look);
                    }
                }
                for (name, inner) in map.iter().filter(|(name, _)| *name != "properties") {
                    objects(inner, &format!("{place}/{name}"), look);
                }
            }
            Value::Array(list) => {
                for inner in list {
                    objects(inner, place, look);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_field_is_described_and_always_there_and_no_other_is() {
        let mut seen = 0;
        objects(&document(None).unwrap(), "", &mut |place, object| {
            let properties = object["properties"].as_object().unwrap();
            for (name, property) in properties {
                seen += 1;
                let said = property["description"].as_str().unwrap_or_default();
                assert!(said.ends_with('.'), "{place}.{name}: {said}");
                for (ending, unit) in [("_ns", "ns"), ("_us", "microseconds"), ("_s", "s")] {
                    if name.ends_with(ending) {
                        let mut words = said.split(|c: char| !c.is_alphanumeric());
                        assert!(words.any(|word| word == unit), "{place}.{name}: {said}");
                    }
                }
            }
            let names: Vec<Value> = properties.keys().cloned().map(Value::from).collect();
            assert_eq!(object["required"], Value::from(names), "{place}");
            assert_eq!(object["additionalProperties"], false, "{place}");
        });
        assert!(seen > 100, "{seen}");
    }

    #[test]
    fn a_type_has_its_name_and_can_be_had_alone() {
        let whole = document(None).unwrap();
        for line in LineType::ALL {
            let alone = document(Some(line)).unwrap();
            let said = &alone["properties"]["type"]["const"];
            assert_eq!(*said, line.name());
            assert_eq!(alone["$schema"], DIALECT);
            let mut definition = whole["$defs"][line.name()].clone();
            assert!(definition.is_object(), "{line:?}");
            definition["$schema"] = alone["$schema"].clone();
            definition["$defs"] = alone["$defs"].clone();
            if alone["$defs"].is_null() {
                definition.as_object_mut().unwrap().remove("$defs");
            }
            assert_eq!(definition, alone);
        }
    }

    #[test]
    fn what_is_referred_to_is_in_the_document_and_nothing_else_is() {
        let common: Value = serde_json::from_str(COMMON).unwrap();
        let whole = document(None).unwrap();
        let definitions = whole["$defs"].as_object().unwrap();
        assert_eq!(
            definitions.len(),
            LineType::ALL.len() + common["$defs"].as_object().unwrap().len(),
            "a definition is not used, or has the name of a type"
        );
        for document in LineType::ALL
            .iter()
            .map(|line| document(Some(*line)).unwrap())
            .chain([whole])
        {
            let text = document.to_string();
            for (index, key) in text.match_indices("\"$ref\":\"") {
                let rest = &text[index + key.len()..];
                let target = &rest[..rest.find('"').unwrap()];
                let pointer = target.strip_prefix('#').expect("within the document");
                assert!(document.pointer(pointer).is_some(), "{target}");
            }
        }
    }
}
