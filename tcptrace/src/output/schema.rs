//! What `-o json` writes, as a JSON schema: made of the rows.

use serde_json::{Map, Value, json};

use super::{
    row::{Fields as _, Row as _},
    rows::{
        CountRow, DoctorRow, EndRow, FlowRow, LostRow, RecordingRow, SocketRow, StartRow,
        StateLine, StatsRow, StuckRow, TransitionRow,
    },
};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A type of line: its field `type`.
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
    /// The report of `info`.
    Recording,
}

impl LineType {
    /// All of them, in the order of the document.
    pub const ALL: [Self; 11] = [
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
        Self::Recording,
    ];

    /// What the field `type` says.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => StartRow::TYPE,
            Self::Transition => TransitionRow::TYPE,
            Self::Flow => FlowRow::TYPE,
            Self::Stats => StatsRow::TYPE,
            Self::Stuck => StuckRow::TYPE,
            Self::Lost => LostRow::TYPE,
            Self::End => EndRow::TYPE,
            Self::Socket => SocketRow::TYPE,
            Self::Count => CountRow::TYPE,
            Self::Doctor => DoctorRow::TYPE,
            Self::Recording => RecordingRow::TYPE,
        }
    }

    fn schema(self) -> Value {
        match self {
            Self::Start => StartRow::schema(),
            Self::Transition => TransitionRow::schema(),
            Self::Flow => FlowRow::schema(),
            Self::Stats => StatsRow::schema(),
            Self::Stuck => StuckRow::schema(),
            Self::Lost => LostRow::schema(),
            Self::End => EndRow::schema(),
            Self::Socket => SocketRow::schema(),
            Self::Count => CountRow::schema(),
            Self::Doctor => DoctorRow::schema(),
            Self::Recording => RecordingRow::schema(),
        }
    }
}

/// The schema of one type of line, or of all: a document that refers to nothing outside of it.
#[must_use]
pub fn document(what: Option<LineType>) -> Value {
    let mut document = Map::new();
    document.insert("$schema".to_owned(), DIALECT.into());
    let said = match what {
        Some(line) => line.schema(),
        None => {
            let place = |it: LineType| json!({ "$ref": format!("#/$defs/{}", it.name()) });
            let each = LineType::ALL.map(|it| (it.name().to_owned(), it.schema()));
            json!({
                "title": "A line that tcptrace writes with -o json",
                "description": "The field type tells which. Every field of a type is always there; \
                                what isn't known is null.",
                "oneOf": LineType::ALL.map(place),
                "$defs": each.into_iter().collect::<Map<_, _>>(),
            })
        }
    };
    if let Value::Object(said) = said {
        document.extend(said);
    }
    document.into()
}

/// The header of a type of line in CSV; `None`: it has none.
#[must_use]
pub fn header(line: LineType) -> Option<Vec<String>> {
    Some(match line {
        LineType::Transition => TransitionRow::header(),
        LineType::Flow => FlowRow::header(),
        LineType::Stats => {
            let mut names = Vec::new();
            StateLine::all_names("", &mut names);
            names
        }
        LineType::Stuck => StuckRow::header(),
        LineType::Socket => SocketRow::header(),
        LineType::Count => CountRow::header(),
        LineType::Start
        | LineType::Lost
        | LineType::End
        | LineType::Doctor
        | LineType::Recording => {
            return None;
        }
    })
}

/// The same, as text.
///
/// # Errors
/// None that is known: a document can be written.
pub fn text(what: Option<LineType>) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&document(what))? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

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
        objects(&document(None), "", &mut |place, object| {
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
    fn a_type_can_be_had_alone() {
        let whole = document(None);
        for line in LineType::ALL {
            let mut alone = document(Some(line));
            assert_eq!(alone["properties"]["type"]["const"], line.name());
            assert_eq!(alone["$schema"], DIALECT);
            alone.as_object_mut().unwrap().shift_remove("$schema");
            assert_eq!(alone, whole["$defs"][line.name()]);
        }
    }
}
