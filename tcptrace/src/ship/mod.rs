//! Brings a recording's flows elsewhere: to ClickHouse, or to a collector of OpenTelemetry.
//!
//! The loop that reads the recording hands rows to [`Rows`], which makes [batches](batch::Batch) of
//! them: parts of the recording that are the same whoever reads it. A thread of its own, [`Sender`],
//! brings one after the other to its [target](target::Target). Before it does, it writes the batch to
//! the disk ([`State`]); what was under way when it was killed is sent again from there, as the same
//! batch, to the last byte.

mod address;
mod batch;
mod clickhouse;
mod cutter;
mod figures;
mod otlp;
mod password;
mod rows;
mod sender;
mod state;
mod target;

pub use self::{
    address::{AddressError, ClickHouseAddress, Destination},
    batch::{BatchId, Limits, Position, Shipped},
    clickhouse::{ClickHouse, Creation, schema},
    figures::Figures,
    otlp::Collector,
    password::{PasswordError, password},
    rows::{Queue, RowForm, Rows, queue},
    sender::{Ended, Sender, Sending},
    state::{Flight, State, StateError, state_folder},
    target::{Failure, Source as ShippedFrom, Target},
};
