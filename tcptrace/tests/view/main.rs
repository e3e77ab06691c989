//! What is written, from data that never changes: tables as `tests/golden` has them, and JSON as
//! its schema says. Without root.

mod data;
mod golden;
mod json;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod reference;
mod reports;
mod schema;
mod screen;
mod tables;
#[cfg(feature = "ship")]
mod tables_of_clickhouse;
