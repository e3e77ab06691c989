//! The columns of `flows`: made of the JSON schema of a line of `flows`, so that a field that is added
//! to the row is a column, too, with what is said of it.

use serde_json::{Map, Value};

use crate::output::schema::{LineType, document};

/// What a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text of which there is little that differs: words, names, paths.
    Text,
    /// A wall-clock time, ns since 1970.
    Time,
    /// The address of a host.
    Address,
    /// A socket cookie, as a number.
    Cookie,
    /// A whole number from 0 on, of so many bits.
    Number(u8),
    /// True or false.
    Bool,
}

impl Kind {
    /// What differs from what is said of JSON.
    const fn differs(self) -> &'static str {
        match self {
            Self::Cookie => " Here, as a number.",
            Self::Time => " Here, as a time.",
            Self::Address => " Here, IPv4 as IPv4-mapped IPv6.",
            Self::Text | Self::Number(_) | Self::Bool => "",
        }
    }
}

/// How many values a row has in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// One.
    One,
    /// One, or none.
    OneOrNull,
    /// An array.
    Array,
    /// An array whose items may be null.
    ArrayOfNulls,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name; with a dot where it is a part of a list of objects.
    pub name: String,
    /// What it is, in a sentence or more.
    pub said: String,
    pub kind: Kind,
    pub values: Values,
}

/// Which batch of which recording a row came with.
const BATCH: [(&str, Kind, &str); 5] = [
    (
        "host",
        Kind::Text,
        "Name of the machine that it happened on.",
    ),
    (
        "boot",
        Kind::Text,
        "Boot id of that machine: cookies begin anew with each.",
    ),
    (
        "run",
        Kind::Text,
        "The run of tcptrace record that wrote the recording: a name by chance.",
    ),
    (
        "segment",
        Kind::Number(64),
        "The segment of the recording in which the flow was over.",
    ),
    (
        "batch",
        Kind::Number(32),
        "The batch of that segment that it was sent with.",
    ),
];

/// All columns, in their order.
pub(super) fn all() -> Vec<Column> {
    let batch = BATCH.map(|(name, kind, said)| Column {
        name: name.to_owned(),
        said: said.to_owned(),
        kind,
        values: Values::One,
    });
    let mut columns = Vec::from(batch);
    let line = document(Some(LineType::Flow));
    if let Some(Value::Object(properties)) = line.get("properties") {
        for (name, property) in properties.iter().filter(|(name, _)| *name != "type") {
            add(name, property, false, &mut columns);
        }
    }
    columns
}

/// Adds a field: one column, or those of its parts. `null`: what it is a part of may be null.
fn add(name: &str, schema: &Value, null: bool, columns: &mut Vec<Column>) {
    let null = null || may_be(schema, "null");
    if let Some(members) = members(schema) {
        for (member, schema) in members {
            add(&format!("{name}_{member}"), schema, null, columns);
        }
        return;
    }
    let said = text(schema, "description");
    let Some(items) = schema.get("items") else {
        let kind = kind(name, schema);
        columns.push(Column {
            name: name.to_owned(),
            said: said + kind.differs(),
            kind,
            values: if null { Values::OneOrNull } else { Values::One },
        });
        return;
    };
    let list = |name: String, said: String, schema: &Value| Column {
        kind: kind(&name, schema),
        values: match may_be(schema, "null") {
            true => Values::ArrayOfNulls,
            false => Values::Array,
        },
        name,
        said,
    };
    match members(items) {
        Some(members) => columns.extend(members.iter().map(|(member, schema)| {
            let said_of_it = text(schema, "description");
            list(
                format!("{name}.{member}"),
                format!("{said} {said_of_it}"),
                schema,
            )
        })),
        None => columns.push(list(name.to_owned(), said, items)),
    }
}

/// The fields of an object.
fn members(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

fn text(schema: &Value, name: &str) -> String {
    let text = schema.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Whether a value may be of that type.
fn may_be(schema: &Value, kind: &str) -> bool {
    let of_type = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|it| it == kind),
        Some(it) => it == kind,
        None => false,
    };
    let listed = |name: &str| schema.get(name).and_then(Value::as_array);
    let word = listed("enum").is_some_and(|words| kind == "null" && words.contains(&Value::Null));
    let either = listed("anyOf").is_some_and(|any| any.iter().any(|it| may_be(it, kind)));
    of_type || word || either
}

/// What a field that is no object has.
fn kind(name: &str, schema: &Value) -> Kind {
    let is_format = |it: &Value, format: &str| it.get("format").is_some_and(|it| it == format);
    let any = schema.get("anyOf").and_then(Value::as_array);
    if name == "cookie" {
        Kind::Cookie
    } else if may_be(schema, "boolean") {
        Kind::Bool
    } else if may_be(schema, "integer") {
        Kind::Number(bits(schema.get("maximum").and_then(Value::as_u64)))
    } else if is_format(schema, "date-time") {
        Kind::Time
    } else if any.is_some_and(|any| any.iter().any(|it| is_format(it, "ipv6"))) {
        Kind::Address
    } else {
        Kind::Text
    }
}

/// How many bits a number takes that is at most as large as that.
fn bits(most: Option<u64>) -> u8 {
    match most {
        Some(most) if u8::try_from(most).is_ok() => 8,
        Some(most) if u16::try_from(most).is_ok() => 16,
        Some(most) if u32::try_from(most).is_ok() => 32,
        _ => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Column {
        let mut all = all().into_iter();
        let found = all.find(|it| it.name == name);
        found.unwrap_or_else(|| panic!("no column {name}"))
    }

    #[track_caller]
    fn is(name: &str, kind: Kind, values: Values) {
        let column = column(name);
        assert_eq!((column.kind, column.values), (kind, values), "{name}");
    }

    #[test]
    fn each_field_of_a_flow_is_a_column_of_its_type() {
        is("host", Kind::Text, Values::One);
        is("batch", Kind::Number(32), Values::One);
        is("time", Kind::Time, Values::One);
        is("opened_at", Kind::Time, Values::OneOrNull);
        is("cookie", Kind::Cookie, Values::OneOrNull);
        is("netns", Kind::Number(32), Values::One);
        is("local_addr", Kind::Address, Values::One);
        is("remote_addr", Kind::Address, Values::OneOrNull);
        is("remote_port", Kind::Number(16), Values::OneOrNull);
        is("comm", Kind::Text, Values::OneOrNull);
        is("container_id", Kind::Text, Values::OneOrNull);
        is("pod_namespace", Kind::Text, Values::OneOrNull);
        is("path.state", Kind::Text, Values::Array);
        is("path.ns", Kind::Number(64), Values::ArrayOfNulls);
        is("end", Kind::Text, Values::OneOrNull);
        is("retransmits", Kind::Number(32), Values::OneOrNull);
        is("total_ns", Kind::Number(64), Values::OneOrNull);
        is("idle_candidates", Kind::Text, Values::Array);
        is("keepalive_probes", Kind::Number(32), Values::OneOrNull);
        is("complete", Kind::Bool, Values::One);
    }

    #[test]
    fn each_column_says_what_it_is_and_no_two_have_one_name() {
        let all = all();
        assert!(all.len() > 40, "{}", all.len());
        for (index, column) in all.iter().enumerate() {
            assert!(column.said.ends_with('.'), "{column:?}");
            assert!(all[..index].iter().all(|it| it.name != column.name));
        }
    }
}
