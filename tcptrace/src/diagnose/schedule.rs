//! When the kernel sends again, and when it gives up: net/ipv4/tcp_timer.c, as arithmetic.
//!
//! Times are as the kernel's timers are set. They run out a little later, up to an eighth of their
//! length (kernel/time/timer.c), so that the sums here are a little too short.

use std::time::Duration;

use crate::host::{TcpInfo, WaitSettings};

/// TCP_TIMEOUT_INIT: the first pause after a SYN or SYN+ACK.
const INITIAL: Duration = Duration::from_secs(1);
/// TCP_RTO_MIN, with which the time that retransmissions may take is counted.
const RTO_MIN: Duration = Duration::from_millis(200);
/// TCP_RTO_MAX, where tcp_rto_max_ms does not say otherwise.
const RTO_MAX: Duration = Duration::from_secs(120);
/// What tcp_orphan_retries = 0 means (`tcp_orphan_retries()`).
const ORPHAN_RETRIES: u32 = 8;
/// TCP_THIN_LINEAR_RETRIES.
const THIN_RETRIES: u32 = 6;
/// More retransmissions than any setting allows.
const ENDLESS: u32 = 1 << 12;

/// What is to come, if the peer stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outlook {
    /// Until the kernel gives up.
    pub remaining: Duration,
    /// How often it will have sent again by then.
    pub most: u32,
}

/// The longest pause between two retransmissions.
fn longest(settings: &WaitSettings) -> Duration {
    settings
        .rto_max_ms
        .map_or(RTO_MAX, |ms| Duration::from_millis(ms.into()))
        .max(INITIAL)
}

/// `tcp_model_timeout()`: how long so many retransmissions take, when the pause begins with `first`
/// and doubles up to `most`.
fn model(retries: u32, first: Duration, most: Duration) -> Duration {
    let doublings = (most.as_millis() / first.as_millis().max(1))
        .checked_ilog2()
        .unwrap_or_default();
    if retries <= doublings {
        first * ((2 << retries) - 1)
    } else {
        first * ((2 << doublings) - 1) + most.saturating_mul(retries - doublings)
    }
}

/// A pause that was doubled so often.
fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    match 1_u32.checked_shl(times) {
        Some(factor) => first.saturating_mul(factor).min(most),
        None => most,
    }
}

/// The pause behind the SYN that was sent again so often: the first of them keep the pause that
/// tcp_syn_linear_timeouts says (`tcp_retransmit_timer()`).
fn syn_pause(retransmits: u32, settings: &WaitSettings) -> Duration {
    let linear = settings.syn_linear_timeouts.unwrap_or_default();
    doubled(
        INITIAL,
        retransmits.saturating_sub(linear),
        longest(settings),
    )
}

/// How long ago a SYN was sent first, when `until_next` is left until it is sent again.
pub(super) fn syn_age(retransmits: u32, until_next: Duration, settings: &WaitSettings) -> Duration {
    let before: Duration = (0..retransmits.min(ENDLESS))
        .map(|times| syn_pause(times, settings))
        .sum();
    before + syn_pause(retransmits, settings).saturating_sub(until_next)
}

/// When the kernel gives up on a SYN: `tcp_write_timeout()`. There are two limits, of the number
/// and of the time; with few retries the second comes first.
pub(super) fn syn(
    retransmits: u32,
    until_next: Duration,
    settings: &WaitSettings,
) -> Option<Outlook> {
    let retries = settings.syn_retries?;
    let linear = settings.syn_linear_timeouts.unwrap_or_default();
    let limit = model(retries, INITIAL, longest(settings));
    let mut made = retransmits;
    let mut remaining = until_next;
    let mut age = syn_age(made, Duration::ZERO, settings);
    while made < retries.saturating_add(linear) && (made == 0 || age < limit) && made < ENDLESS {
        made += 1;
        let pause = syn_pause(made, settings);
        remaining += pause;
        age += pause;
    }
    Some(Outlook {
        remaining,
        most: made,
    })
}

/// How often the timer of a half-open connection has run out. It is doubled each time, but the
/// SYN+ACK is not sent again while TCP_DEFER_ACCEPT waits for data.
pub(super) fn request_timeouts(retransmits: u32, until_next: Duration) -> u32 {
    let needed = (until_next.as_millis().div_ceil(INITIAL.as_millis()).max(1))
        .next_power_of_two()
        .ilog2();
    retransmits.max(needed)
}

/// How long ago the SYN of a half-open connection came.
pub(super) fn request_age(
    retransmits: u32,
    until_next: Duration,
    settings: &WaitSettings,
) -> Duration {
    let timeouts = request_timeouts(retransmits, until_next);
    let most = longest(settings);
    let before: Duration = (0..timeouts.min(ENDLESS))
        .map(|times| doubled(INITIAL, times, most))
        .sum();
    before + doubled(INITIAL, timeouts, most).saturating_sub(until_next)
}

/// When the kernel gives up on a half-open connection (`reqsk_timer_handler()`,
/// net/ipv4/inet_connection_sock.c); earlier when the listener's queue is more than half full.
pub(super) fn request(
    retransmits: u32,
    until_next: Duration,
    settings: &WaitSettings,
) -> Option<Outlook> {
    let retries = settings.synack_retries?;
    let most = longest(settings);
    let timeouts = request_timeouts(retransmits, until_next);
    let remaining = until_next
        + (timeouts + 1..=retries.min(ENDLESS))
            .map(|times| doubled(INITIAL, times, most))
            .sum::<Duration>();
    Some(Outlook {
        remaining,
        most: retries.max(retransmits),
    })
}

/// The pause behind the first retransmission, halved; where the pause can't grow any more, the
/// shortest that it may have been.
fn first_pause(info: &TcpInfo, most: Duration) -> Duration {
    let pause = match 1_u32.checked_shl(info.backoff.into()) {
        Some(factor) => info.rto.min(most) / factor,
        None => Duration::ZERO,
    };
    pause.max(RTO_MIN.min(info.rto))
}

/// The pause behind each retransmission so far, and before the first. They are doubled as often as
/// `backoff` says, and before that were all alike: those of a thin stream
/// (tcp_thin_linear_timeouts), or such as were taken back when ICMP came.
fn pauses(info: &TcpInfo, most: Duration) -> impl Iterator<Item = Duration> {
    let first = first_pause(info, most);
    let alike = u32::from(info.retransmits.saturating_sub(info.backoff));
    (0..u32::from(info.retransmits))
        .map(move |times| doubled(first, times.saturating_sub(alike), most))
}

/// How long ago a segment was sent that was sent again so often, and not acknowledged.
pub(super) fn unacked_for(
    info: &TcpInfo,
    until_next: Duration,
    settings: &WaitSettings,
) -> Duration {
    let before: Duration = pauses(info, longest(settings)).sum();
    // Pauses that ICMP took back may have been longer.
    (before + info.rto.saturating_sub(until_next)).max(info.in_recovery.unwrap_or_default())
}

/// How long since the first retransmission (`retrans_stamp`), when the timer runs out next: the
/// time that may be limited.
fn since_first(info: &TcpInfo, until_next: Duration, most: Duration) -> Duration {
    match (info.retransmits, info.in_recovery) {
        (0, _) => Duration::ZERO,
        (_, Some(since)) => since + until_next,
        (_, None) => pauses(info, most).skip(1).sum::<Duration>() + info.rto,
    }
}

/// When TCP_USER_TIMEOUT is over: `tcp_write_timeout()`. The timer is cut short so that it runs
/// out then (`tcp_clamp_rto_to_user_timeout()`).
pub(super) fn until_user_timeout(
    info: &TcpInfo,
    until_next: Duration,
    limit: Duration,
    settings: &WaitSettings,
) -> Duration {
    if info.retransmits == 0 {
        return until_next + limit;
    }
    let passed = since_first(info, until_next, longest(settings)).saturating_sub(until_next);
    limit.saturating_sub(passed).max(until_next)
}

/// When the kernel gives up on a segment that is not acknowledged: `tcp_write_timeout()`. Only
/// when the timer runs out is it looked at whether the time since the first retransmission
/// (`retrans_stamp`) is over.
pub(super) fn unacked(
    info: &TcpInfo,
    until_next: Duration,
    orphan: bool,
    settings: &WaitSettings,
) -> Option<Outlook> {
    let most = longest(settings);
    let given = if orphan {
        settings.orphan_retries?
    } else {
        settings.retries2?
    };
    let mut made = u32::from(info.retransmits);
    let mut rto = info.rto;
    let mut remaining = until_next;
    // Since the first retransmission, when the timer runs out next.
    let mut since = since_first(info, until_next, most);
    // A thin stream goes on as it began, for some time.
    let thin = made > 0 && info.backoff == 0;
    loop {
        let retries = match (orphan, given) {
            (true, 0) if rto < most => ORPHAN_RETRIES,
            (_, given) => given,
        };
        if (made > 0 && since >= model(retries, RTO_MIN, most)) || made >= ENDLESS {
            return Some(Outlook {
                remaining,
                most: made,
            });
        }
        // The time begins with the first retransmission.
        made += 1;
        if !(thin && made <= THIN_RETRIES) {
            rto = (rto * 2).min(most);
        }
        remaining += rto;
        since += rto;
    }
}

/// How long ago the peer's window closed, by the probes that were sent since.
pub(super) fn closed_for(
    info: &TcpInfo,
    until_next: Duration,
    settings: &WaitSettings,
) -> Duration {
    let most = longest(settings);
    let first = info.rto.max(RTO_MIN);
    let before: Duration = (0..u32::from(info.backoff))
        .map(|times| doubled(first, times, most))
        .sum();
    before + doubled(first, info.backoff.into(), most).saturating_sub(until_next)
}

/// When the kernel gives up on a peer whose window was closed and that does not answer probes any
/// more, for a process that still has its socket: `tcp_probe_timer()`.
pub(super) fn silent_probes(
    info: &TcpInfo,
    until_next: Duration,
    settings: &WaitSettings,
) -> Option<Outlook> {
    let most = longest(settings);
    let first = info.rto.max(RTO_MIN);
    let retries = settings.retries2?.min(ENDLESS);
    let mut backoff = u32::from(info.backoff);
    let mut remaining = until_next;
    for _ in u32::from(info.probes)..retries {
        backoff = (backoff + 1).min(retries);
        remaining += doubled(first, backoff, most);
    }
    Some(Outlook {
        remaining,
        most: retries.max(info.probes.into()),
    })
}

/// When the kernel gives up on an orphan whose peer's window is closed: `tcp_probe_timer()`. A
/// peer that answers the probes keeps it until the pause between them can't grow any more.
pub(super) fn probes(
    info: &TcpInfo,
    until_next: Duration,
    settings: &WaitSettings,
) -> Option<Outlook> {
    let most = longest(settings);
    let first = info.rto.max(RTO_MIN);
    let given = settings.orphan_retries?;
    let answers = info.probes == 0;
    let mut sent = u32::from(info.probes);
    let mut backoff = u32::from(info.backoff);
    let mut remaining = until_next;
    let mut made = backoff;
    loop {
        let alive = doubled(info.rto, backoff, Duration::MAX) < most;
        let retries = match given {
            0 if alive => ORPHAN_RETRIES,
            given => given,
        };
        if (!alive && backoff >= retries) || sent >= retries || made >= ENDLESS {
            return Some(Outlook {
                remaining,
                most: if answers { made } else { sent },
            });
        }
        made += 1;
        if !answers {
            sent += 1;
        }
        // It is not doubled more often than tcp_retries2 says (`tcp_send_probe0()`).
        if backoff < settings.retries2? {
            backoff += 1;
        }
        remaining += doubled(first, backoff, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: WaitSettings = WaitSettings {
        fin_timeout_s: Some(60),
        orphan_retries: Some(0),
        retries2: Some(15),
        syn_retries: Some(6),
        syn_linear_timeouts: Some(4),
        synack_retries: Some(5),
        syncookies: Some(1),
        somaxconn: Some(4096),
        rto_max_ms: None,
    };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn outlook(remaining: u64, most: u32) -> Option<Outlook> {
        Some(Outlook {
            remaining: ms(remaining),
            most,
        })
    }

    fn info(rto: u64, retransmits: u8) -> TcpInfo {
        TcpInfo {
            retransmits,
            backoff: retransmits,
            rto: ms(rto << retransmits).min(RTO_MAX),
            ..TcpInfo::default()
        }
    }

    #[test]
    fn a_syn_is_given_up_after_127_s_or_131_s_with_linear_timeouts() {
        assert_eq!(syn(0, ms(1000), &SETTINGS), outlook(131_000, 10));
        let without = WaitSettings {
            syn_linear_timeouts: None,
            ..SETTINGS
        };
        assert_eq!(syn(0, ms(1000), &without), outlook(127_000, 6));
        assert_eq!(syn(6, ms(500), &without), outlook(500, 6));
        assert_eq!(syn(10, ms(64_000), &SETTINGS), outlook(64_000, 10));
    }

    #[test]
    fn with_few_retries_the_time_is_over_before_the_number() {
        // Seen on Linux 6.18: 3.07 s and 7.13 s.
        for (retries, over) in [(1, outlook(3000, 2)), (2, outlook(7000, 5))] {
            let few = WaitSettings {
                syn_retries: Some(retries),
                ..SETTINGS
            };
            assert_eq!(syn(0, ms(1000), &few), over);
        }
    }

    #[test]
    fn the_age_of_a_syn_is_the_sum_of_its_pauses() {
        assert_eq!(syn_age(0, ms(400), &SETTINGS), ms(600));
        assert_eq!(syn_age(3, ms(1000), &SETTINGS), ms(3000));
        assert_eq!(syn_age(6, ms(1000), &SETTINGS), ms(10_000));
    }

    #[test]
    fn a_half_open_connection_is_given_up_after_63_s() {
        assert_eq!(request(0, ms(1000), &SETTINGS), outlook(63_000, 5));
        assert_eq!(request(5, ms(2000), &SETTINGS), outlook(2000, 5));
        assert_eq!(request_age(2, ms(1000), &SETTINGS), ms(6000));
    }

    #[test]
    fn a_timer_that_was_doubled_without_a_syn_ack_tells_that_data_is_awaited() {
        assert_eq!(request_timeouts(0, ms(1000)), 0);
        assert_eq!(request_timeouts(0, ms(1004)), 1);
        assert_eq!(request_timeouts(0, ms(7000)), 3);
        assert_eq!(request_timeouts(2, ms(500)), 2);
        assert_eq!(request_age(0, ms(7000), &SETTINGS), ms(8000));
    }

    #[test]
    fn an_orphans_fin_is_given_up_when_its_time_is_over_at_a_timeout() {
        let orphan = |retries, info: &TcpInfo| {
            let settings = WaitSettings {
                orphan_retries: Some(retries),
                ..SETTINGS
            };
            unacked(info, info.rto, true, &settings)
        };
        // Seen on Linux 6.18: 3.35 s and 6.61 s.
        assert_eq!(orphan(2, &info(204, 0)), outlook(204 * 15, 3));
        assert_eq!(orphan(3, &info(204, 0)), outlook(204 * 31, 4));
        assert_eq!(orphan(3, &info(204, 4)), outlook(204 * 16, 4));
        // 0 means 8: 102.2 s since the first retransmission.
        assert_eq!(orphan(0, &info(204, 0)), outlook(204 * 511, 8));
    }

    #[test]
    fn a_socket_that_a_process_has_waits_as_retries2_says() {
        let Outlook { remaining, most } =
            unacked(&info(204, 0), ms(204), false, &SETTINGS).unwrap();
        assert!(
            remaining > ms(924_600) && remaining < ms(1_060_000),
            "{remaining:?}"
        );
        assert_eq!(most, 15);
    }

    #[test]
    fn how_long_a_fin_was_sent_again_is_the_sum_of_its_pauses() {
        assert_eq!(unacked_for(&info(204, 0), ms(4), &SETTINGS), ms(200));
        assert_eq!(unacked_for(&info(204, 3), ms(0), &SETTINGS), ms(204 * 15));
    }

    #[test]
    fn a_thin_stream_is_sent_again_at_even_pauses_first() {
        let thin = |retransmits, backoff| TcpInfo {
            retransmits,
            backoff,
            rto: ms(204 << backoff),
            ..TcpInfo::default()
        };
        assert_eq!(
            unacked_for(&thin(3, 0), ms(104), &SETTINGS),
            ms(204 * 3 + 100)
        );
        assert_eq!(
            unacked_for(&thin(8, 2), ms(816), &SETTINGS),
            ms(204 * (6 + 1 + 2))
        );
        let Outlook { remaining, .. } = unacked(&thin(3, 0), ms(204), false, &SETTINGS).unwrap();
        let Outlook {
            remaining: thick, ..
        } = unacked(&info(204, 3), ms(204), false, &SETTINGS).unwrap();
        assert!(
            remaining.abs_diff(thick) < ms(121_000),
            "{remaining:?} {thick:?}"
        );
    }

    #[test]
    fn a_timeout_of_its_own_counts_from_the_first_retransmission() {
        let left = |info: &TcpInfo, next| until_user_timeout(info, ms(next), ms(10_000), &SETTINGS);
        assert_eq!(left(&info(204, 0), 204), ms(10_204));
        assert_eq!(left(&info(204, 3), 1632), ms(10_000 - 204 * (2 + 4)));
        // The timer was cut short.
        assert_eq!(left(&info(204, 5), 3000), ms(3000));
    }

    #[test]
    fn a_process_waits_for_a_silent_window_as_long_as_retries2_says() {
        let silent = TcpInfo {
            rto: ms(204),
            backoff: 2,
            probes: 2,
            ..TcpInfo::default()
        };
        let few = WaitSettings {
            retries2: Some(4),
            ..SETTINGS
        };
        assert_eq!(
            silent_probes(&silent, ms(816), &few),
            outlook(816 + 204 * (8 + 16), 4)
        );
    }

    #[test]
    fn an_orphan_with_a_closed_window_is_given_up_when_its_probes_are_seldom() {
        let answered = TcpInfo {
            rto: ms(204),
            backoff: 3,
            ..TcpInfo::default()
        };
        assert_eq!(
            closed_for(&answered, ms(632), &SETTINGS),
            ms(204 * 7 + 1000)
        );
        let Outlook { remaining, most } = probes(&answered, ms(1632), &SETTINGS).unwrap();
        assert_eq!((remaining, most), (ms(204 * (1023 - 7) + 120_000), 10));
        let silent = TcpInfo {
            probes: 3,
            ..answered
        };
        assert_eq!(
            probes(&silent, ms(1632), &SETTINGS),
            outlook(204 * (511 - 7), 8)
        );
    }

    #[test]
    fn no_number_makes_it_run_for_ever() {
        let odd = WaitSettings {
            orphan_retries: Some(u32::MAX),
            retries2: Some(u32::MAX),
            syn_retries: Some(u32::MAX),
            synack_retries: Some(u32::MAX),
            ..SETTINGS
        };
        let far = TcpInfo {
            retransmits: u8::MAX,
            probes: u8::MAX,
            backoff: u8::MAX,
            rto: Duration::from_secs(4_000_000),
            ..TcpInfo::default()
        };
        for info in [far, TcpInfo::default()] {
            assert!(unacked(&info, Duration::MAX / 2, true, &odd).is_some());
            assert!(probes(&info, Duration::MAX / 2, &odd).is_some());
            let _ = unacked_for(&info, ms(0), &odd);
            let _ = closed_for(&info, ms(0), &odd);
        }
        assert!(syn(u32::MAX, ms(0), &odd).is_some());
        assert!(request(0, ms(0), &odd).is_some());
    }
}
