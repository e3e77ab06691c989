//! Writes the sockets that there are: one file for each format, and one for their counts.

mod counts;
mod csv;
mod json;
mod layout;
mod row;
mod table;

pub use self::{
    counts::Counts, csv::write as sockets_csv, json::write as sockets_json, layout::SocketLayout,
    table::write as sockets_table,
};
use crate::host::{Cgroups, Links, Socket};

/// Sockets to write, in order.
pub struct ShownSockets<'a> {
    /// When they were looked at: nanoseconds since 1970.
    pub wall_ns: i64,
    /// The sockets.
    pub sockets: &'a [Socket],
    /// Knows the paths of cgroups.
    pub cgroups: &'a mut Cgroups,
    /// Knows the names of network interfaces.
    pub links: &'a mut Links,
}
