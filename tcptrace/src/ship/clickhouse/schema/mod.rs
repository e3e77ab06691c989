//! The tables and views of ClickHouse that flows are shipped to: made of the row of `flows`.
//!
//! `columns.rs` makes columns of the row's own schema, `types.rs` says how each is stored. `tables.rs` has
//! the tables, `views.rs`, with the files beside it, what is asked of them. What differs between servers of
//! today and old ones, and between one server and a cluster, is decided here alone: rows are sent in one
//! form.

mod columns;
mod queries;
mod servers;
mod tables;
mod text;
mod types;
mod version;
mod views;

pub use self::{
    queries::{
        BatchId, RunId, TABLES_QUERY, VERSION_QUERY, batch_query, columns, insert_query,
        insert_settings, missing, shipped_query,
    },
    servers::{ClusterName, DatabaseName, NoName, Servers},
    tables::{Schema, TABLE},
    version::{Dialect, NoVersion, OtherVersion, ServerVersion, VERSION, other_version},
};
