//! A row: what a line of output says, described once.
//!
//! `row!` makes a struct of the fields with their descriptions. From that come the object in JSON,
//! the header and the record in CSV, and the JSON schema. A field's type says how its values are
//! written and what they can be: see [`Field`], and `fields.rs` for those that there are.

use serde_json::{Map, Value, json};

#[cfg(feature = "parquet")]
pub use super::parquet::Stored;
#[cfg(feature = "parquet")]
use super::parquet::{Batch, Column};

/// What can be stored in a file of Parquet: here, none is written.
#[cfg(not(feature = "parquet"))]
pub trait Stored {}

#[cfg(not(feature = "parquet"))]
impl<T> Stored for T {}

/// A value of a field of a row, or a group of fields.
pub trait Field: Stored {
    /// Appends the value, as JSON.
    fn json(&self, line: &mut Vec<u8>);

    /// Appends the value as the text of a cell of CSV; of what is unknown, nothing.
    fn text(&self, cell: &mut Vec<u8>);

    /// What it can be, as a JSON schema.
    fn schema() -> Value;

    /// Appends it as a part of an object: `key` is `,"name":`.
    #[inline]
    fn member(&self, key: &'static str, line: &mut Vec<u8>) {
        line.extend_from_slice(key.as_bytes());
        self.json(line);
    }

    /// The names of its cells in CSV. An object has several.
    fn names(name: &str, names: &mut Vec<String>) {
        names.push(name.to_owned());
    }

    /// Appends its cells.
    fn cells(&self, cells: &mut Cells) {
        self.text(cells.next());
    }

    /// Adds what it is to the properties of an object.
    fn properties(name: &str, said: &str, properties: &mut Map<String, Value>) {
        properties.insert(name.to_owned(), described(Self::schema(), said));
    }

    /// Appends it as a row of a table of a database has it, one column after the other: `key` is
    /// `,"name":`. What is unknown is left out.
    #[cfg(feature = "ship")]
    #[inline]
    fn insert(&self, key: &str, line: &mut Vec<u8>) {
        line.extend_from_slice(key.as_bytes());
        self.json(line);
    }

    /// The same of several in one field.
    #[cfg(feature = "ship")]
    fn insert_all(all: &[Self], key: &str, line: &mut Vec<u8>)
    where
        Self: Sized,
    {
        line.extend_from_slice(key.as_bytes());
        list(all, line, |it, line| it.json(line));
    }

    /// The names of those columns.
    #[cfg(feature = "ship")]
    fn inserted(name: &str, names: &mut Vec<String>) {
        names.push(name.to_owned());
    }

    /// The names of the columns of several in one field.
    #[cfg(feature = "ship")]
    fn all_inserted(name: &str, names: &mut Vec<String>) {
        names.push(name.to_owned());
    }
}

/// Appends an array.
pub fn list<T>(all: &[T], line: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    line.push(b'[');
    for (index, it) in all.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        write(it, line);
    }
    line.push(b']');
}

/// Fields that belong together, in their order.
pub trait Fields {
    /// Appends all of them, each with a comma and its name before it.
    fn members(&self, line: &mut Vec<u8>);

    /// The names of all cells in CSV.
    fn all_names(before: &str, names: &mut Vec<String>);

    /// Appends all cells.
    fn all_cells(&self, cells: &mut Cells);

    /// Adds all of them to the properties of an object.
    fn all_properties(properties: &mut Map<String, Value>);

    /// Adds the columns that all of them have in Parquet.
    #[cfg(feature = "parquet")]
    fn all_columns(columns: &mut Vec<Column>);

    /// Appends all of them to those columns, or that all are unknown.
    #[cfg(feature = "parquet")]
    fn store_all(it: Option<&Self>, to: &mut Batch<'_>);

    /// Appends all of them as a row of a table of a database has them: see [`Field::insert`].
    /// `before` stands before their names.
    #[cfg(feature = "ship")]
    fn insert_members(&self, before: &str, line: &mut Vec<u8>);

    /// The names of those columns.
    #[cfg(feature = "ship")]
    fn inserted_members(before: &str, names: &mut Vec<String>);

    /// Appends them as an object.
    fn object(&self, line: &mut Vec<u8>) {
        let brace = line.len();
        self.members(line);
        // In place of the first comma.
        line[brace] = b'{';
        line.push(b'}');
    }

    /// The schema of that object.
    fn object_schema() -> Value {
        let mut properties = Map::new();
        Self::all_properties(&mut properties);
        closed(properties)
    }
}

/// A line of JSON, with its type.
pub trait Row: Fields {
    /// What its field `type` says.
    const TYPE: &'static str;
    /// What it is, in a few words.
    const TITLE: &'static str;
    /// Which command writes it.
    const WRITTEN_BY: &'static str;
    /// `{"type":"…"`.
    const BEGIN: &'static str;

    /// The schema of the line.
    fn schema() -> Value {
        let what = json!({ "description": "What the line is.", "const": Self::TYPE });
        let mut properties = Map::new();
        properties.insert("type".to_owned(), what);
        Self::all_properties(&mut properties);
        let mut line = Map::new();
        line.insert("title".to_owned(), Self::TITLE.into());
        line.insert("description".to_owned(), Self::WRITTEN_BY.into());
        if let Value::Object(object) = closed(properties) {
            line.extend(object);
        }
        line.into()
    }

    /// The header of CSV.
    #[must_use]
    fn header() -> Vec<String> {
        let mut names = Vec::new();
        Self::all_names("", &mut names);
        names
    }
}

/// The schema of an object all of whose fields are always there, and no others.
fn closed(properties: Map<String, Value>) -> Value {
    let names: Vec<&String> = properties.keys().collect();
    json!({
        "type": "object",
        "required": names,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// A schema with what is said of the field.
pub fn described(schema: Value, said: &str) -> Value {
    let mut described = Map::new();
    described.insert("description".to_owned(), said.trim().into());
    if let Value::Object(schema) = schema {
        described.extend(schema.into_iter().filter(|(name, _)| name != "description"));
    }
    described.into()
}

/// The cells of a record of CSV, one behind the other.
#[derive(Debug, Default)]
pub struct Cells {
    text: Vec<u8>,
    /// Where each begins.
    begins: Vec<usize>,
}

impl Cells {
    /// Begins the record.
    pub fn clear(&mut self) {
        self.text.clear();
        self.begins.clear();
    }

    /// Begins a cell, to be appended to.
    pub fn next(&mut self) -> &mut Vec<u8> {
        self.begins.push(self.text.len());
        &mut self.text
    }

    /// All cells.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.begins.iter().skip(1).copied();
        let ends = ends.chain([self.text.len()]);
        let cells = self.begins.iter().zip(ends);
        cells.map(|(begin, end)| &self.text[*begin..end])
    }
}

/// Makes the struct of a row, or of a group of fields: each field with what is said of it.
macro_rules! row {
    (
        $(#[$about:meta])*
        $visible:vis struct $name:ident $(<$life:lifetime>)? {
            $( $(#[doc = $said:literal])+ $field:ident: $value:ty, )+
        }
    ) => {
        $(#[$about])*
        $visible struct $name $(<$life>)? {
            $( $(#[doc = $said])+ pub $field: $value, )+
        }

        impl $(<$life>)? $crate::output::row::Fields for $name $(<$life>)? {
            #[inline]
            fn members(&self, line: &mut Vec<u8>) {
                $( $crate::output::row::Field::member(
                    &self.$field,
                    concat!(",\"", stringify!($field), "\":"),
                    line,
                ); )+
            }

            fn all_names(before: &str, names: &mut Vec<String>) {
                $( <$value as $crate::output::row::Field>::names(
                    &format!("{before}{}", stringify!($field)),
                    names,
                ); )+
            }

            fn all_cells(&self, cells: &mut $crate::output::row::Cells) {
                $( $crate::output::row::Field::cells(&self.$field, cells); )+
            }

            fn all_properties(properties: &mut serde_json::Map<String, serde_json::Value>) {
                $( <$value as $crate::output::row::Field>::properties(
                    stringify!($field),
                    concat!($($said),+),
                    properties,
                ); )+
            }

            #[cfg(feature = "ship")]
            #[inline]
            fn insert_members(&self, before: &str, line: &mut Vec<u8>) {
                if before.is_empty() {
                    $( $crate::output::row::Field::insert(
                        &self.$field,
                        concat!(",\"", stringify!($field), "\":"),
                        line,
                    ); )+
                } else {
                    $( $crate::output::row::Field::insert(
                        &self.$field,
                        &format!(",\"{before}{}\":", stringify!($field)),
                        line,
                    ); )+
                }
            }

            #[cfg(feature = "ship")]
            fn inserted_members(before: &str, names: &mut Vec<String>) {
                $( <$value as $crate::output::row::Field>::inserted(
                    &format!("{before}{}", stringify!($field)),
                    names,
                ); )+
            }

            #[cfg(feature = "parquet")]
            fn all_columns(columns: &mut Vec<$crate::output::parquet::Column>) {
                $( <$value as $crate::output::row::Stored>::columns(
                    stringify!($field),
                    concat!($($said),+),
                    columns,
                ); )+
            }

            #[cfg(feature = "parquet")]
            #[inline]
            fn store_all(it: Option<&Self>, to: &mut $crate::output::parquet::Batch<'_>) {
                $( $crate::output::row::Stored::store(it.map(|it| &it.$field), to); )+
            }
        }
    };
}
pub(crate) use row;

/// Makes a line of JSON of a row: its type, what it is in a few words, and who writes it.
macro_rules! line {
    ($name:ty = $type:literal, $title:literal, $by:literal) => {
        impl $crate::output::row::Row for $name {
            const TYPE: &'static str = $type;
            const TITLE: &'static str = $title;
            const WRITTEN_BY: &'static str = $by;
            const BEGIN: &'static str = concat!("{\"type\":\"", $type, "\"");
        }
    };
}
pub(crate) use line;

/// How a group of fields is written where it is one value: as an object.
macro_rules! object_forms {
    () => {
        fn json(&self, line: &mut Vec<u8>) {
            $crate::output::row::Fields::object(self, line);
        }

        fn text(&self, cell: &mut Vec<u8>) {
            $crate::output::row::Fields::object(self, cell);
        }

        fn schema() -> serde_json::Value {
            <Self as $crate::output::row::Fields>::object_schema()
        }
    };
}
pub(crate) use object_forms;

/// Makes a field of a group of fields: an object in JSON; in CSV, a cell for each, with the name of
/// the field and `_` before its own.
macro_rules! object {
    ($name:ty) => {
        impl $crate::output::row::Field for $name {
            $crate::output::row::object_forms!();

            fn names(name: &str, names: &mut Vec<String>) {
                <Self as $crate::output::row::Fields>::all_names(&format!("{name}_"), names);
            }

            fn cells(&self, cells: &mut $crate::output::row::Cells) {
                $crate::output::row::Fields::all_cells(self, cells);
            }

            $crate::output::row::inserted_as!(Self, |it| it);
        }

        $crate::output::row::stored_as!($name, $name, |it| it);
    };
}
pub(crate) use object;

/// Has a type be as many columns of a database as the group of fields has that it has inside, with
/// its name and `_` before theirs.
macro_rules! inserted_as {
    ($fields:ty, |$it:ident| $get:expr) => {
        #[cfg(feature = "ship")]
        fn insert(&self, key: &str, line: &mut Vec<u8>) {
            let $it = self;
            let name = key.trim_matches([',', '"', ':']);
            $crate::output::row::Fields::insert_members($get, &format!("{name}_"), line);
        }

        #[cfg(feature = "ship")]
        fn inserted(name: &str, names: &mut Vec<String>) {
            <$fields as $crate::output::row::Fields>::inserted_members(&format!("{name}_"), names);
        }
    };
}
pub(crate) use inserted_as;

/// Has a type stored as the group of fields that it has inside: as a struct.
macro_rules! stored_as {
    ($name:ty, $fields:ty, |$it:ident| $inner:expr) => {
        #[cfg(feature = "parquet")]
        impl $crate::output::row::Stored for $name {
            fn columns(name: &str, said: &str, columns: &mut Vec<$crate::output::parquet::Column>) {
                let mut members = Vec::new();
                <$fields as $crate::output::row::Fields>::all_columns(&mut members);
                columns.push($crate::output::parquet::Column::object(name, said, members));
            }

            fn store(it: Option<&Self>, to: &mut $crate::output::parquet::Batch<'_>) {
                let it: Option<&$fields> = it.map(|$it| $inner);
                to.object(it.is_some(), |members| {
                    <$fields as $crate::output::row::Fields>::store_all(it, members);
                });
            }
        }
    };
}
pub(crate) use stored_as;

/// Has a type stored as the text that it has in CSV.
macro_rules! stored_as_text {
    ($name:ty $(, $of:ident: $bound:path)?) => {
        #[cfg(feature = "parquet")]
        impl $(<$of: $bound + Copy>)? $crate::output::row::Stored for $name {
            fn columns(
                name: &str,
                said: &str,
                columns: &mut Vec<$crate::output::parquet::Column>,
            ) {
                columns.push($crate::output::parquet::Column::text(name, said));
            }

            fn store(it: Option<&Self>, to: &mut $crate::output::parquet::Batch<'_>) {
                let mut cell = Vec::new();
                if let Some(it) = it {
                    $crate::output::row::Field::text(it, &mut cell);
                }
                let text = String::from_utf8_lossy(&cell);
                to.text(it.map(|_| &*text));
            }
        }
    };
}
pub(crate) use stored_as_text;

/// Makes a field of a group of fields, which are in the row as if they were its own.
macro_rules! group {
    ($name:ty) => {
        impl $crate::output::row::Field for $name {
            $crate::output::row::object_forms!();

            #[inline]
            fn member(&self, _: &'static str, line: &mut Vec<u8>) {
                $crate::output::row::Fields::members(self, line);
            }

            fn names(_: &str, names: &mut Vec<String>) {
                <Self as $crate::output::row::Fields>::all_names("", names);
            }

            fn cells(&self, cells: &mut $crate::output::row::Cells) {
                $crate::output::row::Fields::all_cells(self, cells);
            }

            fn properties(
                _: &str,
                _: &str,
                properties: &mut serde_json::Map<String, serde_json::Value>,
            ) {
                <Self as $crate::output::row::Fields>::all_properties(properties);
            }

            #[cfg(feature = "ship")]
            #[inline]
            fn insert(&self, _: &str, line: &mut Vec<u8>) {
                $crate::output::row::Fields::insert_members(self, "", line);
            }

            #[cfg(feature = "ship")]
            fn inserted(_: &str, names: &mut Vec<String>) {
                <Self as $crate::output::row::Fields>::inserted_members("", names);
            }
        }

        #[cfg(feature = "parquet")]
        impl $crate::output::row::Stored for $name {
            fn columns(_: &str, _: &str, columns: &mut Vec<$crate::output::parquet::Column>) {
                <Self as $crate::output::row::Fields>::all_columns(columns);
            }

            #[inline]
            fn store(it: Option<&Self>, to: &mut $crate::output::parquet::Batch<'_>) {
                $crate::output::row::Fields::store_all(it, to);
            }
        }
    };
}
pub(crate) use group;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{csv::CsvLines, json::JsonLines};

    row! {
        /// A row of a test.
        struct Tried<'a> {
            /// How often it was tried.
            tries: u32,
            /// Who tried; null
            /// when unknown.
            who: Option<&'a str>,
            /// How it went.
            how: How,
        }
    }
    line!(Tried<'_> = "tried", "Something was tried", "A line of nobody.");

    row! {
        /// A part of it.
        struct How {
            /// How long it took, ns.
            took_ns: u64,
        }
    }
    object!(How);

    /// A field that is added above is to be found in each of these.
    #[test]
    fn a_field_is_in_every_form_with_what_is_said_of_it() {
        let row = Tried {
            tries: 3,
            who: Some("a\"b,c"),
            how: How { took_ns: 7 },
        };
        let mut json = Vec::new();
        let mut lines = JsonLines::new(&mut json);
        lines.row(&row).unwrap();
        lines.flush().unwrap();
        drop(lines);
        assert_eq!(
            String::from_utf8(json).unwrap(),
            "{\"type\":\"tried\",\"tries\":3,\"who\":\"a\\\"b,c\",\"how\":{\"took_ns\":7}}\n"
        );
        let mut csv = Vec::new();
        let mut lines = CsvLines::new(&mut csv);
        lines.header::<Tried<'_>>().unwrap();
        lines.row(&row).unwrap();
        lines.row(&Tried { who: None, ..row }).unwrap();
        lines.flush().unwrap();
        drop(lines);
        assert_eq!(
            String::from_utf8(csv).unwrap(),
            "tries,who,how_took_ns\n3,\"a\"\"b,c\",7\n3,,7\n"
        );
        let schema = Tried::schema();
        assert_eq!(schema["required"], json!(["type", "tries", "who", "how"]));
        assert_eq!(
            schema["properties"]["who"],
            json!({ "description": "Who tried; null when unknown.", "type": ["string", "null"] })
        );
        assert_eq!(
            schema["properties"]["how"]["properties"]["took_ns"]["description"],
            "How long it took, ns."
        );
    }

    #[cfg(feature = "ship")]
    #[test]
    fn a_field_is_a_column_of_a_database_and_left_out_where_it_is_unknown() {
        let row = Tried {
            tries: 3,
            who: Some("a\"b,c"),
            how: How { took_ns: 7 },
        };
        let written = |row: &Tried<'_>| {
            let mut line = Vec::new();
            row.insert_members("", &mut line);
            String::from_utf8(line).unwrap()
        };
        assert_eq!(
            written(&row),
            r#","tries":3,"who":"a\"b,c","how_took_ns":7"#
        );
        let unknown = Tried { who: None, ..row };
        assert_eq!(written(&unknown), r#","tries":3,"how_took_ns":7"#);
        let mut names = Vec::new();
        Tried::inserted_members("", &mut names);
        assert_eq!(names, ["tries", "who", "how_took_ns"]);
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn a_field_is_in_parquet_with_what_is_said_of_it() {
        use std::fs::File;

        use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
        use arrow_array::{
            cast::AsArray as _,
            types::{Int32Type, UInt32Type, UInt64Type},
        };

        use crate::output::{Origin, parquet::ParquetFile};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tried.parquet");
        let origin = Origin {
            host: "here".to_owned(),
            boot: "now".to_owned(),
        };
        let mut file = ParquetFile::create::<Tried<'_>>(&path, &origin).unwrap();
        let how = || How { took_ns: 7 };
        for (tries, who) in [(3, Some("a\"b,c")), (4, None)] {
            let how = how();
            file.row(&Tried { tries, who, how }).unwrap();
        }
        file.finish().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let batch = reader.build().unwrap().next().unwrap().unwrap();
        let (schema, columns) = (batch.schema(), batch.columns());
        let said = |name: &str| &schema.field_with_name(name).unwrap().metadata()["description"];
        let names: Vec<&String> = schema.fields().iter().map(|it| it.name()).collect();
        assert_eq!(names, ["host", "boot", "tries", "who", "how"]);
        assert_eq!(said("who"), "Who tried; null when unknown.");
        assert_eq!(*columns[2].as_primitive::<UInt32Type>().values(), [3, 4]);
        let who = columns[3].as_dictionary::<Int32Type>();
        assert_eq!(who.values().as_string::<i32>().value(0), "a\"b,c");
        assert_eq!((who.key(0), who.key(1)), (Some(0), None));
        let took = columns[4].as_struct().column_by_name("took_ns").unwrap();
        assert_eq!(*took.as_primitive::<UInt64Type>().values(), [7, 7]);
    }
}
