//! Sums up what happened: how long states last, how connections end, who makes the TIME_WAITs,
//! and how near a destination is to running out of ports. Pure, like the state machine before it:
//! time is that of the transitions, and what it is told.
//!
//! Everything is bounded: [`Bounded`] tables sum up what finds no room, and say so.

mod bounded;
mod census;
mod drops;
mod ends;
mod figures;
mod group;
mod handshakes;
mod held;
mod listeners;
mod makers;
mod period;
mod ports;
mod services;
mod states;
mod taken;

pub use self::{
    bounded::Bounded,
    census::{Census, Waiting},
    drops::{ClosedListeners, DropCounts, Drops},
    ends::{Ends, FailedHandshakes, Failure},
    figures::Figures,
    group::{By, Group, GroupFigures},
    handshakes::Retried,
    held::Held,
    listeners::{HalfOpen, Listener},
    makers::{Made, Maker},
    period::{Lately, Period, RoutePorts, Span},
    ports::{Outlook, Route, Taken},
    services::{Lengths, Service},
    states::{StateFigures, States},
    taken::{At, TakenPorts},
};
