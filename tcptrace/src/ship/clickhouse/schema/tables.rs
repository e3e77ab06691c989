//! The statements that make the tables.

use super::{
    columns::all,
    servers::{DatabaseName, Servers},
    types::quoted,
    version::{Dialect, VERSION},
    views,
};

/// The table that `ship` inserts into.
pub const TABLE: &str = "flows";

/// For so many days today's servers keep rows.
pub(super) const KEPT_DAYS: u32 = 30;

/// So many blocks are remembered, for rows that come a second time: of 1,000 hosts on ten servers, those
/// of two hours.
const REMEMBERED_BLOCKS: u32 = 100_000;

/// For so long, too, where replicas remember them: a week.
const REMEMBERED_S: u32 = 604_800;

/// Tables and views, as a kind of server takes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// What the server knows.
    pub dialect: Dialect,
    /// Which servers have them.
    pub servers: Servers,
    /// The database that they are in.
    pub database: DatabaseName,
}

/// One of them.
pub(super) struct Statement {
    /// What it makes: lines of a comment.
    pub said: String,
    /// Without a semicolon.
    pub sql: String,
}

impl Schema {
    /// The statements that make all that is missing, in their order: each for itself, without a
    /// semicolon. The database is there already.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        self.all().into_iter().map(|it| it.sql).collect()
    }

    pub(super) fn all(&self) -> Vec<Statement> {
        let mut all = vec![self.flows()];
        all.extend(self.distributed(TABLE, "cityHash64(host)"));
        if self.dialect == Dialect::Today {
            all.push(self.by_minute());
            all.extend(self.distributed(views::BY_MINUTE, "cityHash64(host)"));
            all.push(self.fills_by_minute());
        }
        all.extend(views::all(self));
        all.push(self.version());
        all
    }

    /// ` ON CLUSTER …`, if they are on one.
    pub(super) fn on_cluster(&self) -> String {
        match &self.servers {
            Servers::One => String::new(),
            Servers::Cluster(name) => format!(" ON CLUSTER '{name}'"),
        }
    }

    /// The table that has the rows on each server.
    pub(super) fn local(&self, table: &str) -> String {
        match self.servers {
            Servers::One => table.to_owned(),
            Servers::Cluster(_) => format!("{table}_local"),
        }
    }

    /// The engine of a table, for merges of that kind, and what it is told about blocks that come twice.
    fn engine(&self, kind: &str, table: &str) -> (String, Vec<String>) {
        let database = &self.database;
        match self.servers {
            Servers::One => {
                let window = format!("non_replicated_deduplication_window = {REMEMBERED_BLOCKS}");
                let settings = match self.dialect {
                    Dialect::Today => vec![window],
                    // It has no such thing: ship asks before it sends again.
                    Dialect::Plain => Vec::new(),
                };
                (format!("{kind}MergeTree"), settings)
            }
            Servers::Cluster(_) => (
                format!(
                    "Replicated{kind}MergeTree('/clickhouse/tables/{{shard}}/{database}.{table}_local', '{{replica}}')"
                ),
                vec![
                    format!("replicated_deduplication_window = {REMEMBERED_BLOCKS}"),
                    format!("replicated_deduplication_window_seconds = {REMEMBERED_S}"),
                ],
            ),
        }
    }

    fn flows(&self) -> Statement {
        let mut lines = Vec::new();
        for column in all() {
            let mut line = format!("    `{}` {}", column.name, column.sql_type(self.dialect));
            // A replica of 18.16 does not join one whose columns have comments.
            if self.dialect == Dialect::Today {
                line += &format!(
                    " COMMENT {} CODEC({})",
                    quoted(&column.said),
                    column.codec()
                );
            }
            lines.push(line);
        }
        for side in ["local", "remote"] {
            let text = match self.dialect {
                Dialect::Today => {
                    format!("replaceOne(toString({side}_addr), '::ffff:', '')")
                }
                Dialect::Plain => format!("{side}_addr"),
            };
            lines.push(format!(
                "    `{side}_ip` {} ALIAS {text}",
                match side {
                    "local" => "String",
                    _ => "Nullable(String)",
                }
            ));
        }
        let (engine, mut settings) = self.engine("", TABLE);
        let (day, keeps) = match self.dialect {
            Dialect::Today => (
                "toDate(time)",
                format!("\nTTL toDateTime(time) + INTERVAL {KEPT_DAYS} DAY"),
            ),
            Dialect::Plain => (
                "toYYYYMMDD(toDateTime(intDiv(time, 1000000000)), 'UTC')",
                String::new(),
            ),
        };
        let mut said = "Flows: one row a connection and side, when it is over.".to_owned();
        if self.dialect == Dialect::Today {
            settings.push("ttl_only_drop_parts = 1".to_owned());
            said += &format!(
                "\nRows go {KEPT_DAYS} days after their time: ALTER TABLE … MODIFY TTL changes that."
            );
        } else {
            said += "\nTimes are ns since 1970. Nothing is dropped by itself: ALTER TABLE … DROP PARTITION 20261126.";
        }
        Statement {
            said,
            sql: format!(
                "CREATE TABLE IF NOT EXISTS {}.{}{}\n(\n{}\n)\nENGINE = {engine}\nPARTITION BY {day}\nORDER BY (host, time){keeps}{}",
                self.database,
                self.local(TABLE),
                self.on_cluster(),
                lines.join(",\n"),
                with(&settings),
            ),
        }
    }

    fn by_minute(&self) -> Statement {
        let (engine, mut settings) = self.engine("Aggregating", views::BY_MINUTE);
        settings.push("ttl_only_drop_parts = 1".to_owned());
        Statement {
            said: views::said_of_by_minute(),
            sql: format!(
                "CREATE TABLE IF NOT EXISTS {}.{}{}\n(\n{}\n)\nENGINE = {engine}\nPARTITION BY toDate(minute)\n\
                 ORDER BY (host, minute, service_port, comm, workload, opener, end)\n\
                 TTL minute + INTERVAL {} DAY{}",
                self.database,
                self.local(views::BY_MINUTE),
                self.on_cluster(),
                views::BY_MINUTE_COLUMNS.trim_end(),
                KEPT_DAYS * 12,
                with(&settings),
            ),
        }
    }

    /// The view that fills it.
    fn fills_by_minute(&self) -> Statement {
        let (database, name) = (&self.database, views::BY_MINUTE);
        Statement {
            said: "Fills it with each batch: exactly once, as batches are.".to_owned(),
            sql: format!(
                "CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.{name}_filled{} TO {database}.{} AS\n{}",
                self.on_cluster(),
                self.local(name),
                views::by_minute_of(self, &self.local(TABLE)),
            ),
        }
    }

    /// The table that asks all servers of a cluster, and hands each its rows.
    fn distributed(&self, table: &str, by: &str) -> Option<Statement> {
        let Servers::Cluster(cluster) = &self.servers else {
            return None;
        };
        let (database, local) = (&self.database, self.local(table));
        Some(Statement {
            said: format!(
                "{local} of all servers of the cluster. All rows of a host are on one shard."
            ),
            sql: format!(
                "CREATE TABLE IF NOT EXISTS {database}.{table}{} AS {database}.{local}\n\
                 ENGINE = Distributed('{cluster}', '{database}', '{local}', {by})",
                self.on_cluster(),
            ),
        })
    }

    fn version(&self) -> Statement {
        Statement {
            said: "Which version of these tables it is: ship asks it.".to_owned(),
            sql: format!(
                "CREATE VIEW IF NOT EXISTS {}.flows_schema{} AS\nSELECT {VERSION} AS version",
                self.database,
                self.on_cluster()
            ),
        }
    }
}

/// `SETTINGS …`, if there are any.
fn with(settings: &[String]) -> String {
    match settings {
        [] => String::new(),
        some => format!("\nSETTINGS {}", some.join(", ")),
    }
}
