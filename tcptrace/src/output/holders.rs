//! The processes that hold a socket, in the formats of the interface.

use serde::Serialize;

use crate::host::Holder;

/// One of them, in JSON.
#[derive(Serialize)]
pub(super) struct HolderRow<'a> {
    pid: Option<u32>,
    comm: &'a str,
    fd: u32,
}

/// All of them, in JSON.
pub(super) fn rows(holders: &[Holder]) -> Vec<HolderRow<'_>> {
    holders
        .iter()
        .map(|holder| HolderRow {
            pid: holder.process.pid,
            comm: holder.process.comm.as_str(),
            fd: holder.descriptor,
        })
        .collect()
}

/// All of them in one field, for CSV: `PID:FD:COMM`, with a space between two; `?` for a pid that is
/// not known.
pub(super) fn flat(holders: &[Holder]) -> String {
    let flat: Vec<String> = holders
        .iter()
        .map(|holder| {
            let process = &holder.process;
            let pid = process.pid.map_or("?".to_owned(), |pid| pid.to_string());
            let comm = process.comm.as_str();
            format!("{pid}:{}:{comm}", holder.descriptor)
        })
        .collect();
    flat.join(" ")
}
