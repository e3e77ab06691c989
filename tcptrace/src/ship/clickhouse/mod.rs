//! `ClickHouse`.

pub mod schema;
