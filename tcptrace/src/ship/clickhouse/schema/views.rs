//! What is asked often, as views: who talked to whom, who makes TIME_WAITs, what was stuck, how long
//! handshakes take, ports near their end; and sums by minute.

use super::{
    tables::{Schema, Statement, TABLE},
    types::quoted,
    version::Dialect,
};
use crate::{diagnose::Thresholds, model::State};

/// Sums by minute: a table today, that is filled as rows come; a view on old servers, as those could fill
/// it twice, or not at all, with a batch that is sent again.
pub(super) const BY_MINUTE: &str = "flows_by_minute";

const BY_MINUTE_SQL: &str = include_str!("views/by_minute.sql");

/// Its columns as a table.
pub(super) const BY_MINUTE_COLUMNS: &str = include_str!("views/by_minute_columns.sql");

/// Name, and what it selects behind a comment.
const VIEWS: [(&str, &str); 5] = [
    ("flows_both_ends", include_str!("views/both_ends.sql")),
    ("flows_time_waits", include_str!("views/time_waits.sql")),
    ("flows_stuck", include_str!("views/stuck.sql")),
    ("flows_handshakes", include_str!("views/handshakes.sql")),
    ("flows_ports", include_str!("views/ports.sql")),
];

/// All views.
pub(super) fn all(schema: &Schema) -> Vec<Statement> {
    let by_minute = match schema.dialect {
        Dialect::Today => None,
        Dialect::Plain => Some((BY_MINUTE, BY_MINUTE_SQL)),
    };
    let all = by_minute.into_iter().chain(VIEWS);
    all.map(|(name, file)| {
        let (said, query) = parts(file);
        Statement {
            said: filled(schema, &said, TABLE),
            sql: format!(
                "CREATE VIEW IF NOT EXISTS {}.{name}{} AS\n{}",
                schema.database,
                schema.on_cluster(),
                filled(schema, query, TABLE),
            ),
        }
    })
    .collect()
}

/// What the sums by minute are made of.
pub(super) fn by_minute_of(schema: &Schema, table: &str) -> String {
    filled(schema, parts(BY_MINUTE_SQL).1, table)
}

/// What is said of them.
pub(super) fn said_of_by_minute() -> String {
    parts(BY_MINUTE_SQL).0
}

/// The comment that a file begins with, and the query behind it.
fn parts(file: &str) -> (String, &str) {
    let mut said = Vec::new();
    let mut rest = file;
    while let Some((line, behind)) = rest.split_once('\n')
        && let Some(comment) = line.strip_prefix("-- ")
    {
        said.push(comment);
        rest = behind;
    }
    (said.join("\n"), rest.trim_end())
}

/// A query in the words of the server.
fn filled(schema: &Schema, query: &str, flows: &str) -> String {
    let ns = |column: &str| match schema.dialect {
        Dialect::Today => format!("toUnixTimestamp64Nano({column})"),
        Dialect::Plain => column.to_owned(),
    };
    let between = |slack: &str| match schema.dialect {
        Dialect::Today => format!(
            "\n      AND time >= {{from:DateTime64(9, 'UTC')}}{} AND time < {{to:DateTime64(9, 'UTC')}}{}",
            if slack.is_empty() {
                String::new()
            } else {
                format!(" - INTERVAL {slack}")
            },
            if slack.is_empty() {
                String::new()
            } else {
                format!(" + INTERVAL {slack}")
            },
        ),
        // It takes no parameters.
        Dialect::Plain => String::new(),
    };
    let (minute, loopback, about_time) = match schema.dialect {
        Dialect::Today => (
            "toStartOfMinute(time)",
            "(local_addr BETWEEN toIPv6('::ffff:127.0.0.0') AND toIPv6('::ffff:127.255.255.255')) \
             OR local_addr = toIPv6('::1')",
            "\nIt takes the time in which the client's end was over, UTC: \
             SELECT * FROM flows_both_ends(from = '2026-11-26 10:00:00', to = '2026-11-26 10:10:00').\n\
             The server's end is looked for ten minutes longer, before and after.",
        ),
        Dialect::Plain => (
            "toStartOfMinute(toDateTime(intDiv(time, 1000000000)))",
            "startsWith(local_addr, '127.') OR local_addr = '::1'",
            "",
        ),
    };
    [
        ("$db", schema.database.to_string()),
        ("$flows", flows.to_owned()),
        ("$minute", minute.to_owned()),
        ("$loopback", loopback.to_owned()),
        ("$about_time", about_time.to_owned()),
        ("$opened_ns", ns("opened_at")),
        ("$closed_ns", ns("closed_at")),
        ("$time_ns", ns("time")),
        ("$client_time", between("")),
        ("$server_time", between("10 MINUTE")),
        ("$stuck", stuck()),
    ]
    .iter()
    .fold(query.to_owned(), |query, (name, value)| {
        query.replace(name, value)
    })
}

/// What is stuck: as long in a state as `stuck` takes for it.
fn stuck() -> String {
    let states = State::ALL
        .into_iter()
        // Those can't be told of a connection that is over: it was used, and it is closed.
        .filter(|it| !matches!(it, State::Established | State::Closed));
    let usual = Thresholds::usual();
    let each = states.filter_map(|state| {
        let longer = usual.of(state)?.as_nanos();
        let state = quoted(state.name());
        Some(format!("(state = {state} AND held_ns >= {longer})"))
    });
    each.collect::<Vec<_>>().join("\n   OR ")
}
