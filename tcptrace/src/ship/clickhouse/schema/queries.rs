//! What `ship` asks of the tables, and how it inserts.

use super::{columns::all, tables::TABLE, types::quoted, version::Dialect};

/// Asks which of the tables that are needed are there: a line for each name.
pub const TABLES_QUERY: &str = "SELECT name FROM system.tables \
     WHERE database = currentDatabase() AND name IN ('flows', 'flows_schema') ORDER BY name FORMAT TabSeparated";

/// Asks for the version of the tables, where `flows_schema` is there: a line with a number.
pub const VERSION_QUERY: &str = "SELECT version FROM flows_schema FORMAT TabSeparated";

/// The tables that the answer to [`TABLES_QUERY`] has not.
#[must_use]
pub fn missing(answer: &str) -> Vec<&'static str> {
    let mut needed = vec![TABLE, "flows_schema"];
    needed.retain(|name| answer.lines().all(|line| line.trim() != *name));
    needed
}

/// The names of the columns of `flows`, in their order.
#[must_use]
pub fn columns() -> Vec<String> {
    all().into_iter().map(|it| it.name).collect()
}

/// What rows are inserted with: lines of JSON stand behind it.
#[must_use]
pub fn insert_query() -> String {
    let names = columns().into_iter().map(|it| format!("`{it}`"));
    let names = names.collect::<Vec<_>>().join(", ");
    format!("INSERT INTO {TABLE} ({names}) FORMAT JSONEachRow\n")
}

/// Settings of an INSERT, beside the token of the batch.
#[must_use]
pub const fn insert_settings(dialect: Dialect) -> &'static [(&'static str, &'static str)] {
    match dialect {
        Dialect::Today => &[
            // Where several INSERTs become one, nothing tells that one of them came twice.
            ("async_insert", "0"),
            ("insert_deduplicate", "1"),
            // What is sent again fills what was not reached the first time.
            ("deduplicate_blocks_in_dependent_materialized_views", "1"),
            // A value that there is no column for is an error, and not left out.
            ("input_format_skip_unknown_fields", "0"),
            // The answer comes when the rows are where they belong.
            ("distributed_foreground_insert", "1"),
        ],
        Dialect::Plain => &[
            ("insert_deduplicate", "1"),
            ("insert_distributed_sync", "1"),
        ],
    }
}

/// A run of a recording.
#[derive(Clone, Copy, Debug)]
pub struct RunId<'a> {
    /// The machine's name.
    pub host: &'a str,
    /// Its boot id.
    pub boot: &'a str,
    /// The name by chance that all segments of the run have.
    pub run: &'a str,
    /// Not later than its first flow: ns since 1970.
    pub from_ns: i64,
    /// What the server knows.
    pub dialect: Dialect,
}

/// A batch of a recording.
#[derive(Clone, Copy, Debug)]
pub struct BatchId<'a> {
    /// The machine's name.
    pub host: &'a str,
    /// Its boot id.
    pub boot: &'a str,
    /// The name by chance that all segments of the run have.
    pub run: &'a str,
    /// The segment's number.
    pub segment: u64,
    /// Counted from 0 within the segment.
    pub batch: u32,
    /// The earliest time of its rows, ns since 1970: only what is stored from then on is read.
    pub from_ns: i64,
    /// The latest, likewise.
    pub to_ns: i64,
    /// What the server knows.
    pub dialect: Dialect,
}

/// Asks for the last segment of a run that rows are there of: a line with the segment, its last batch, and
/// the number of its rows; none if there are no rows.
#[must_use]
pub fn shipped_query(of: &RunId<'_>) -> String {
    format!(
        "SELECT segment, max(batch), count() FROM {TABLE} WHERE {} AND time >= {} \
         GROUP BY segment ORDER BY segment DESC LIMIT 1 FORMAT TabSeparated",
        is_of(of.host, of.boot, of.run),
        time(of.from_ns, of.dialect),
    )
}

/// Asks how many rows of a batch are there: a line with a number.
#[must_use]
pub fn batch_query(of: &BatchId<'_>) -> String {
    format!(
        "SELECT count() FROM {TABLE} WHERE {} AND time >= {} AND time <= {} AND segment = {} AND batch = {} \
         FORMAT TabSeparated",
        is_of(of.host, of.boot, of.run),
        time(of.from_ns, of.dialect),
        time(of.to_ns, of.dialect),
        of.segment,
        of.batch,
    )
}

fn is_of(host: &str, boot: &str, run: &str) -> String {
    let [host, boot, run] = [host, boot, run].map(quoted);
    format!("host = {host} AND boot = {boot} AND run = {run}")
}

fn time(ns: i64, dialect: Dialect) -> String {
    match dialect {
        Dialect::Today => format!("fromUnixTimestamp64Nano(toInt64({ns}), 'UTC')"),
        Dialect::Plain => ns.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_are_missing_are_named() {
        assert_eq!(missing(""), ["flows", "flows_schema"]);
        assert_eq!(missing("flows\n"), ["flows_schema"]);
        assert!(missing("flows\nflows_schema\n").is_empty());
    }

    #[test]
    fn names_that_hosts_have_can_not_leave_their_quotes() {
        let query = batch_query(&BatchId {
            host: "a' OR 1 --",
            boot: "b",
            run: "r",
            segment: 3,
            batch: 7,
            from_ns: 1,
            to_ns: 2,
            dialect: Dialect::Plain,
        });
        assert!(
            query.contains(r"host = 'a\' OR 1 --' AND boot = 'b'"),
            "{query}"
        );
        assert!(
            query.contains("time >= 1 AND time <= 2 AND segment = 3"),
            "{query}"
        );
    }
}
