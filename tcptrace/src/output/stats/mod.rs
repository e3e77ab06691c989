//! Writes figures: one file for each format, all behind [`View`](super::View).

mod csv;
mod sections;
mod spark;
mod states;
mod table;

pub use self::{csv::StatsCsv, table::StatsTable};
