//! What `ship --print-schema` prints. A difference is another version of the tables, unless it is one of
//! comments alone: `VERSION` in `src/ship/clickhouse/schema/version.rs`.

use tcptrace::ship::schema::{Dialect, Schema, Servers};

use crate::golden::golden;

#[test]
fn the_schema_of_clickhouse() {
    let cluster = Servers::Cluster("fleet".parse().expect("a name"));
    for (name, dialect, servers) in [
        ("one-server", Dialect::Today, Servers::One),
        ("cluster", Dialect::Today, cluster.clone()),
        ("one-old-server", Dialect::Plain, Servers::One),
        ("old-cluster", Dialect::Plain, cluster),
    ] {
        let schema = Schema {
            dialect,
            servers,
            ..Schema::default()
        };
        golden(&format!("clickhouse/{name}"), &schema.text());
    }
}
