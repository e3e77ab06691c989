//! Sums up what happened: how long states last, how connections end, who makes the TIME_WAITs,
//! and how near a destination is to running out of ports. Pure, like the state machine before it:
//! time is that of the transitions, and what it is told.
//!
//! Everything is bounded: [`Bounded`] tables sum up what finds no room, and say so.

mod bounded;
mod census;
mod closers;
mod drops;
mod durations;
mod ends;
mod figures;
mod group;
mod handshakes;
mod listeners;
mod makers;
mod period;
mod ports;
mod services;
mod states;
mod taken;

pub use self::{
    bounded::Bounded,
    census::{Census, TimeWaitsNow},
    closers::Closers,
    drops::{ClosedListeners, Drops},
    durations::Durations,
    ends::{Ends, FailedHandshakes, Failure},
    figures::Figures,
    group::{By, Group, GroupFigures},
    handshakes::Retried,
    listeners::{HalfOpen, ListenAddress},
    makers::{TimeWaitMaker, TimeWaitsMade},
    period::{Earlier, Lately, Period, RoutePorts, Span, fullest},
    ports::{Outlook, Route, Taken},
    services::{Lengths, Service},
    states::{StateFigures, States},
    taken::{At, TakenPorts},
};
