//! The ports that connections of this side take, and when they run out.

use std::net::IpAddr;

use crate::model::{Link, Tuple};

/// TCP_TIMEWAIT_LEN, and the timer's granularity on top (2 s at HZ=250): s.
const TIME_WAIT_S: f64 = 61.0;

/// Where one local port serves one connection at a time: an address of this side, and the peer's
/// address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The network interface, where it is a part of the identity.
    pub link: Option<Link>,
    /// This side's address.
    pub local: IpAddr,
    /// The peer's address.
    pub remote: IpAddr,
    /// The peer's port.
    pub port: u16,
}

impl Route {
    /// The route of a connection.
    #[must_use]
    pub fn of(tuple: &Tuple) -> Self {
        Self {
            netns: tuple.netns,
            link: tuple.link,
            local: tuple.local.addr,
            remote: tuple.remote.addr,
            port: tuple.remote.port_or_zero(),
        }
    }
}

/// Ports of a route that are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// All of them: what bind() took counts for every destination.
    pub ports: u64,
    /// Those that a TIME_WAIT has.
    pub time_waits: u64,
    /// Those of them that connect() would take over: tcp_tw_reuse.
    pub reusable: u64,
    /// TIME_WAITs that began lately.
    pub lately: u64,
}

impl Taken {
    /// Those that connect() can't have.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.ports.saturating_sub(self.reusable)
    }
}

/// What becomes of the ports of a route if everything goes on as it did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Ports taken more, a second; negative: fewer.
    pub grows_per_s: f64,
    /// How many are taken once as many TIME_WAITs end as begin.
    pub settles_at: f64,
    /// When none is left, s; `None`: not at this rate.
    pub exhausted_in_s: Option<f64>,
}

impl Outlook {
    /// Looks ahead from a period of so many seconds at whose beginning and end so many ports were
    /// taken, and in which so many TIME_WAITs were made; where `reused`, connect() takes their
    /// ports over. `None` for a period of no length.
    #[must_use]
    pub fn of(
        before: Taken,
        now: Taken,
        time_waits_made: u64,
        seconds: f64,
        available: u32,
        reused: bool,
    ) -> Option<Self> {
        if seconds <= 0.0 {
            return None;
        }
        let available = f64::from(available);
        let grows_per_s = (now.held() as f64 - before.held() as f64) / seconds;
        let in_use = now.ports.saturating_sub(now.time_waits) as f64;
        let waiting = match reused {
            // Those that are too young for it are as many as there will be.
            true => now.time_waits.saturating_sub(now.reusable) as f64,
            false => time_waits_made as f64 / seconds * TIME_WAIT_S,
        };
        let settles_at = in_use + waiting;
        let left = available - now.held() as f64;
        let exhausted_in_s = if left <= 0.0 {
            Some(0.0)
        } else if grows_per_s > 0.0 && settles_at > available {
            Some(left / grows_per_s)
        } else {
            None
        };
        Some(Self {
            grows_per_s,
            settles_at,
            exhausted_in_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlook(before: u64, now: u64, made: u64, seconds: f64) -> Outlook {
        let taken = |ports| Taken {
            ports,
            time_waits: ports,
            ..Taken::default()
        };
        Outlook::of(taken(before), taken(now), made, seconds, 28_232, false).unwrap()
    }

    #[test]
    fn five_hundred_a_second_are_too_many_for_the_usual_range() {
        let it = outlook(0, 5000, 5000, 10.0);
        assert!((it.settles_at - 30_500.0).abs() < 1.0, "{it:?}");
        assert!((it.exhausted_in_s.unwrap() - 46.5).abs() < 0.1, "{it:?}");
    }

    #[test]
    fn four_hundred_a_second_are_not_though_they_grow_at_first() {
        let it = outlook(0, 4000, 4000, 10.0);
        assert!(it.grows_per_s > 0.0);
        assert_eq!(it.exhausted_in_s, None);
    }

    #[test]
    fn what_does_not_grow_does_not_run_out_and_what_is_out_is_out_now() {
        assert_eq!(outlook(20_000, 20_000, 0, 10.0).exhausted_in_s, None);
        assert_eq!(outlook(28_232, 28_232, 0, 10.0).exhausted_in_s, Some(0.0));
        let nothing = Taken::default();
        assert_eq!(Outlook::of(nothing, nothing, 0, 0.0, 100, false), None);
    }

    #[test]
    fn time_waits_that_connect_takes_over_do_not_run_out() {
        let now = Taken {
            ports: 28_232,
            time_waits: 28_230,
            reusable: 27_000,
            lately: 1000,
        };
        let it = Outlook::of(Taken::default(), now, 28_230, 10.0, 28_232, true).unwrap();
        assert_eq!(it.exhausted_in_s, None);
        assert!((it.settles_at - 1232.0).abs() < 1.0, "{it:?}");
    }
}
