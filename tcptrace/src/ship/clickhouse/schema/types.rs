//! How a column is stored: its type and its codec.

use super::{
    columns::{Column, Kind, Values},
    version::Dialect,
};

impl Column {
    /// Its type.
    pub fn sql_type(&self, dialect: Dialect) -> String {
        let one = match (self.kind, dialect) {
            (Kind::Text, _) => "String".to_owned(),
            (Kind::Address, Dialect::Today) => "IPv6".to_owned(),
            (Kind::Address, Dialect::Plain) => "String".to_owned(),
            (Kind::Time, Dialect::Today) => "DateTime64(9, 'UTC')".to_owned(),
            (Kind::Time, Dialect::Plain) => "Int64".to_owned(),
            (Kind::Bool, Dialect::Today) => "Bool".to_owned(),
            (Kind::Bool, Dialect::Plain) => "UInt8".to_owned(),
            (Kind::Cookie, _) => "UInt64".to_owned(),
            (Kind::Number(bits), _) => format!("UInt{bits}"),
        };
        let one = match self.values {
            Values::OneOrNull | Values::ArrayOfNulls => format!("Nullable({one})"),
            Values::One | Values::Array => one,
        };
        let one = match (self.kind, dialect) {
            (Kind::Text, Dialect::Today) => format!("LowCardinality({one})"),
            _ => one,
        };
        match self.values {
            Values::Array | Values::ArrayOfNulls => format!("Array({one})"),
            Values::One | Values::OneOrNull => one,
        }
    }

    /// How it is compressed: of delta, double delta, T64 and ZSTD alone, what took the fewest bytes for
    /// recorded flows. docs/fleet.md has the bytes of each.
    pub fn codec(&self) -> &'static str {
        match (self.kind, &*self.name) {
            // From row to row they grow by little.
            (_, "time" | "closed_at") => "Delta, ZSTD(1)",
            // In jiffies, and few differ.
            (_, "segment" | "idle_before_close_ns") => "ZSTD(1)",
            // The upper bits are the same in many rows: durations, bytes.
            (Kind::Time | Kind::Number(64), _) | (_, "srtt_us") => "T64, ZSTD(1)",
            _ => "ZSTD(1)",
        }
    }
}

/// A text in a statement: in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(kind: Kind, values: Values) -> [String; 2] {
        let column = Column {
            name: "tried".to_owned(),
            said: String::new(),
            kind,
            values,
        };
        [Dialect::Today, Dialect::Plain].map(|it| column.sql_type(it))
    }

    #[test]
    fn old_servers_get_the_types_that_they_know() {
        for (kind, values, today, plain) in [
            (
                Kind::Text,
                Values::OneOrNull,
                "LowCardinality(Nullable(String))",
                "Nullable(String)",
            ),
            (
                Kind::Text,
                Values::Array,
                "Array(LowCardinality(String))",
                "Array(String)",
            ),
            (Kind::Time, Values::One, "DateTime64(9, 'UTC')", "Int64"),
            (
                Kind::Address,
                Values::OneOrNull,
                "Nullable(IPv6)",
                "Nullable(String)",
            ),
            (
                Kind::Number(64),
                Values::ArrayOfNulls,
                "Array(Nullable(UInt64))",
                "Array(Nullable(UInt64))",
            ),
            (Kind::Bool, Values::One, "Bool", "UInt8"),
        ] {
            assert_eq!(types(kind, values), [today, plain]);
        }
    }

    #[test]
    fn text_can_not_leave_its_quotes() {
        assert_eq!(quoted(r"it's \ so"), r"'it\'s \\ so'");
    }
}
