//! `docs/reference.md`, which is made of the rows. With `BLESS=1` it is written anew.

use std::{env, fmt::Write as _, fs, path::Path};

use serde_json::Value;
use tcptrace::output::schema::{LineType, document, header};

const INTRODUCTION: &str = "\
# JSON and CSV

Made from the program by its tests (`BLESS=1 cargo test -p tcptrace --test view` writes it anew).

With `-o json`, each line is an object, and its field `type` says of which type. Every field of a type
is always there; what isn't known is null. `tcptrace schema` prints all of this as a JSON schema,
`tcptrace schema flow` that of one type.

With `-o csv`, the fields have the same names, the first line is a header, and what isn't known is
empty. A field that begins with `=`, `+`, `-` or `@`, which a spreadsheet would take for a formula, has
`'` before it. Where JSON has an object, CSV has a column for each of its fields, with the object's name
and `_` before it; of a list, the elements with `;` between them (holders: `PID:FD:COMM`, with a space
between two; path: `STATE=ns`). Losses and what can't be seen go to stderr.
";

/// What a field can be, in few words.
fn kind(schema: &Value) -> String {
    let word = |it: &Value| match it {
        Value::String(word) => format!("`{word}`"),
        other => other.to_string(),
    };
    if let Some(Value::Array(words)) = schema.get("enum") {
        return words.iter().map(word).collect::<Vec<_>>().join(", ");
    }
    match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.join(" or ")
        }
        _ => "one of several".to_owned(),
    }
}

/// Rows of a table for the fields of an object, and for those within them.
fn fields(schema: &Value, before: &str, text: &mut String) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, field) in properties.iter().filter(|(name, _)| *name != "type") {
        let said = field["description"].as_str().unwrap_or_default();
        let name = format!("{before}{name}");
        let _ = writeln!(
            text,
            "| {name} | {} | {} |",
            kind(field),
            said.replace('|', "\\|")
        );
        fields(field, &format!("{name}."), text);
        fields(&field["items"], &format!("{name}[]."), text);
        let each = &field["additionalProperties"];
        fields(each, &format!("{name}.*."), text);
    }
}

fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for line in LineType::ALL {
        let schema = document(Some(line));
        let of = |key: &str| schema[key].as_str().unwrap_or_default().to_owned();
        let _ = writeln!(
            text,
            "\n## {}\n\n{}. {}\n",
            line.name(),
            of("title"),
            of("description")
        );
        text.push_str("| field | is | meaning |\n|---|---|---|\n");
        fields(&schema, "", &mut text);
        if let Some(header) = header(line) {
            let _ = writeln!(text, "\nIn CSV: `{}`.", header.join(","));
        }
    }
    text
}

#[test]
fn the_reference_is_what_the_program_writes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference.md");
    let text = reference();
    if env::var_os("BLESS").is_some() {
        fs::write(path, text).expect("a file that can be written");
        return;
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == text,
        "docs/reference.md is not as the rows are (BLESS=1 makes it so)"
    );
}
