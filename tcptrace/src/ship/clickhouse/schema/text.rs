//! The schema as a text, for who creates the tables by hand.

use super::{
    Schema, Servers,
    tables::Statement,
    version::{Dialect, VERSION},
};

impl Schema {
    /// All statements with what they are for, as `clickhouse-client --multiquery` takes them.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut say = |said: &str| {
            for line in said.lines() {
                text.push_str("-- ");
                text.push_str(line);
                text.push('\n');
            }
        };
        say(&format!(
            "Flows of tcptrace in ClickHouse, version {VERSION} of the tables: made by tcptrace ship --print-schema."
        ));
        say(match self.dialect {
            Dialect::Today => "For servers from 24.8 on.",
            Dialect::Plain => {
                "For old servers, from 18.16 on: those that know no DateTime64, IPv6, codecs or TTL."
            }
        });
        if let Servers::Cluster(cluster) = &self.servers {
            say(&format!(
                "On all servers of the cluster {cluster}, each of which says in its configuration (macros) which \
                 shard it is\nof, and which replica; internal_replication is true."
            ));
        }
        for Statement { said, sql } in self.all() {
            text.push('\n');
            for line in said.lines() {
                text.push_str("-- ");
                text.push_str(line);
                text.push('\n');
            }
            text.push_str(&sql);
            text.push_str(";\n");
        }
        text
    }
}
