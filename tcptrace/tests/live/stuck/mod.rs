//! `tcptrace stuck`: who is to blame, by one look and live.

mod close;
mod fin_wait2;
mod follow;
mod line;
mod open;
mod outlook;
mod silent;
