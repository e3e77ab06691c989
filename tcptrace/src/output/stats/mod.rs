//! Writes figures: one file for each format, all behind [`View`](super::View).

mod csv;
mod sections;
mod spark;
mod states;
#[cfg(feature = "report")]
mod summary;
mod table;

#[cfg(feature = "report")]
pub use self::summary::{FirstRows, Summary};
pub use self::{csv::StatsCsv, table::StatsTable};
