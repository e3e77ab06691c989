//! Addresses of kernel functions, from /proc/kallsyms.

use std::{fs::File, io::BufReader, ops::Range};

use crate::decode::EarlyCause;

/// Functions on the way to the early end of a minisock or request, in the order in which they
/// are asked: the first one that is on the stack tells. All in net/ipv4 and net/ipv6; each has
/// its address taken or is called from another file, so it is not inlined.
const CAUSES: &[(&str, EarlyCause)] = &[
    ("inet_csk_complete_hashdance", EarlyCause::Completed),
    ("tcp_abort", EarlyCause::Killed),
    ("inet_twsk_purge", EarlyCause::NetnsGone),
    ("__inet_check_established", EarlyCause::Connect),
    ("__inet6_check_established", EarlyCause::Connect),
    ("__inet_hash_connect", EarlyCause::Connect),
    ("tcp_timewait_state_process", EarlyCause::Reset),
    ("tcp_check_req", EarlyCause::Reset),
    ("tcp_req_err", EarlyCause::Icmp),
    // TPROXY lets a SYN take the place of a TIME_WAIT: net/ipv4/netfilter/nf_tproxy_ipv4.c, and
    // its like for IPv6. It is in tcp_v4_rcv()'s place, before it.
    ("nf_tproxy_handle_time_wait4", EarlyCause::Segment),
    ("nf_tproxy_handle_time_wait6", EarlyCause::Segment),
    ("tcp_v4_rcv", EarlyCause::Segment),
    ("tcp_v6_rcv", EarlyCause::Segment),
];

/// Functions that stop the timer of a minisock or request for good: where none of them is on the
/// way, it may be armed again (`mod_timer()`). inet_csk_reqsk_queue_drop() did it by itself before
/// 6.12.
const FOR_GOOD: [&str; 4] = [
    "inet_twsk_deschedule_put",
    "__inet_csk_reqsk_queue_drop",
    "inet_csk_reqsk_queue_drop",
    "inet_csk_reqsk_queue_drop_and_put",
];

/// The addresses that tcptrace needs.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// `tw_timer_handler`, 0 if unknown.
    pub tw_timer_handler: u64,
    /// `reqsk_timer_handler`, 0 if unknown.
    pub reqsk_timer_handler: u64,
    /// `tcp_write_timer`, 0 if unknown.
    pub tcp_write_timer: u64,
    causes: Vec<(Range<u64>, EarlyCause)>,
    for_good: Vec<Range<u64>>,
}

impl Symbols {
    /// Reads /proc/kallsyms. Where it is hidden (kernel.kptr_restrict), or a function is not
    /// there, its address is 0.
    #[must_use]
    pub fn read() -> Self {
        File::open("/proc/kallsyms")
            .map(|file| Self::parse(BufReader::with_capacity(1 << 16, file)))
            .unwrap_or_default()
    }

    /// Parses lines of `address type name [module]`, sorted by address as the kernel's own are.
    /// What is not of that form is passed over.
    #[must_use]
    pub fn parse(mut lines: impl std::io::BufRead) -> Self {
        let mut symbols = Self::default();
        let mut found: Vec<(usize, Range<u64>)> = Vec::new();
        // The function found last ends where the next symbol begins.
        let mut open: Option<(usize, u64)> = None;
        let mut line = Vec::new();
        loop {
            line.clear();
            match lines.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let Some((address, name)) = split(&line) else {
                continue;
            };
            if let Some((index, start)) = open
                && address > start
            {
                found.push((index, start..address));
                open = None;
            }
            match name {
                b"tw_timer_handler" => symbols.tw_timer_handler = address,
                b"reqsk_timer_handler" => symbols.reqsk_timer_handler = address,
                b"tcp_write_timer" => symbols.tcp_write_timer = address,
                // Most names differ from all of these in the first bytes.
                [b't' | b'i' | b'n' | b'_', ..] => {
                    // Those of FOR_GOOD count on behind those of CAUSES.
                    let mut known = CAUSES.iter().map(|(cause, _)| cause).chain(&FOR_GOOD);
                    if let Some(index) = known.position(|known| known.as_bytes() == name) {
                        open = Some((index, address));
                    }
                }
                _ => {}
            }
        }
        found.retain(|(_, range)| range.start != 0);
        found.sort_by_key(|(index, _)| *index);
        for (index, range) in found {
            match CAUSES.get(index) {
                Some((_, cause)) => symbols.causes.push((range, *cause)),
                None => symbols.for_good.push(range),
            }
        }
        symbols
    }

    /// Whether the way to an early end can be told.
    #[must_use]
    pub fn knows_causes(&self) -> bool {
        !self.causes.is_empty()
    }

    /// Tells from return addresses why a minisock or request ended early.
    #[must_use]
    pub fn early_cause(&self, stack: &[u64]) -> Option<EarlyCause> {
        self.causes
            .iter()
            .find(|(range, _)| stack.iter().any(|address| range.contains(address)))
            .map(|(_, cause)| *cause)
    }
}

impl Symbols {
    /// Whether return addresses say that the timer is not armed again.
    #[must_use]
    pub fn is_for_good(&self, stack: &[u64]) -> bool {
        let within = |range: &Range<u64>| stack.iter().any(|address| range.contains(address));
        self.for_good.iter().any(within)
    }
}

fn split(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut words = line.split(|byte| byte.is_ascii_whitespace());
    let address = std::str::from_utf8(words.next()?).ok()?;
    let address = u64::from_str_radix(address, 16).ok()?;
    words.next()?;
    Some((address, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KALLSYMS: &str = "\
ffffffff82008000 T tcp_abort
ffffffff82008100 t tcp_something
ffffffff820089f0 t tw_timer_handler
ffffffff82008a00 T tcp_timewait_state_process
ffffffff82008c00 T tcp_v4_rcv
ffffffff82009000 t next
ffffffffc0000000 t reqsk_timer_handler\t[module]
";

    #[test]
    fn handlers_and_function_ranges_are_found() {
        let symbols = Symbols::parse(KALLSYMS.as_bytes());
        assert_eq!(symbols.tw_timer_handler, 0xffff_ffff_8200_89f0);
        assert_eq!(symbols.reqsk_timer_handler, 0xffff_ffff_c000_0000);
        let cause = |stack: &[u64]| symbols.early_cause(stack);
        assert_eq!(cause(&[0xffff_ffff_8200_80ff]), Some(EarlyCause::Killed));
        assert_eq!(cause(&[0xffff_ffff_8200_8100]), None);
        // The inner function tells more than the outer one.
        let rst = [0xffff_ffff_8200_8c10, 0xffff_ffff_8200_8a10];
        assert_eq!(cause(&rst), Some(EarlyCause::Reset));
        assert_eq!(cause(&rst[..1]), Some(EarlyCause::Segment));
    }

    #[test]
    fn hidden_addresses_are_unknown_not_zero_ranges() {
        let hidden: String = KALLSYMS
            .lines()
            .map(|line| format!("{:016x}{}\n", 0, &line[16..]))
            .collect();
        let symbols = Symbols::parse(hidden.as_bytes());
        assert_eq!(symbols.tw_timer_handler, 0);
        assert!(!symbols.knows_causes());
    }

    #[test]
    fn garbage_is_passed_over() {
        assert!(!Symbols::parse(&b"\xff\xfe zz\n\n12\n12 t\n"[..]).knows_causes());
    }
}
