//! Connections that stay too long in a state, and who is to blame. No I/O, no clock: a
//! [`Suspect`] is what is known of a connection, a [`Diagnosis`] what is to be said of it.

mod age;
mod diagnosis;
mod schedule;
mod suspect;
mod thresholds;
mod verdict;
mod watchlist;
mod words;

pub use self::{
    age::{Age, Held},
    diagnosis::{Diagnosis, Limit, Queues, diagnose},
    suspect::{Circumstances, Suspect},
    thresholds::{NotWatched, Thresholds},
    verdict::Verdict,
    watchlist::Watchlist,
    words::{advice, text},
};
