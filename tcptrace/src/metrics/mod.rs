//! What `serve` tells monitoring systems: figures, the forms that they are read in, and who reads
//! them. The tracing loop hands figures over, and waits for nobody.

mod confine;
#[cfg(test)]
mod documented;
mod exchange;
mod families;
mod http;
mod listen;
mod otlp;
mod process;
mod prometheus;
mod server;
mod snapshot;

pub use self::{
    exchange::Exchange,
    families::{Family, Kind, Point, Unit, Value, families},
    listen::{Address, AddressError, ListenError, Listeners},
    otlp::{Deliveries, FlowLog, OtlpError, OtlpSettings, Senders},
    server::{Server, ready, stopping},
    snapshot::{Grouped, ListenerFigures, RecorderFigures, RouteFigures, Snapshot},
};
