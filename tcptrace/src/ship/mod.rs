//! Flows of a recording to where a fleet's are kept.

mod clickhouse;

pub use self::clickhouse::schema;
