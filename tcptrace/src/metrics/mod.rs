//! What `serve` and `ship` tell monitoring systems: figures, the forms that they are read in, and who
//! reads them. The tracing loop hands figures over, and waits for nobody.

pub mod agent;
pub mod confine;
#[cfg(test)]
mod documented;
mod exchange;
mod families;
mod http;
mod listen;
mod otlp;
pub mod percent;
pub mod process;
pub mod prometheus;
mod server;
mod snapshot;

pub use self::{
    exchange::Exchange,
    families::{Families, Family, Kind, Point, Unit, Value, families, point, this_process},
    http::{Coming, Told},
    listen::{Address, AddressError, ListenError, Listeners},
    otlp::{
        Client, Deliveries, Endpoint, FlowLog, Origin, OtlpError, OtlpSettings, Post, Senders,
        Sent, logs_request,
    },
    server::{Server, ready, stopping},
    snapshot::{Grouped, ListenerFigures, RecorderFigures, RouteFigures, Snapshot},
};
