//! Addresses of kernel functions, from /proc/kallsyms.

use std::{borrow::Cow, fs::File, io::BufReader, ops::Range};

use crate::model::{EarlyCause, NoAddresses};

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
    /// There are names, and all their addresses are hidden.
    hidden: bool,
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

    /// Parses lines of `address type name [module]`: the kernel's own, then those of one module
    /// after another, which need not be sorted by address. What is not of that form is passed over.
    #[must_use]
    pub fn parse(mut lines: impl std::io::BufRead) -> Self {
        let mut handlers = [Handler::default(); 3];
        let mut part = Part::default();
        let mut found = Vec::new();
        let (mut seen, mut hidden) = (false, true);
        let mut line = Vec::new();
        loop {
            line.clear();
            match lines.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let Some(symbol) = Symbol::of(&line) else {
                continue;
            };
            seen = true;
            if symbol.address == 0 {
                continue;
            }
            hidden = false;
            if part.module != symbol.module {
                part.close(&mut found);
                part.module = symbol.module.to_vec();
            }
            part.addresses.push(symbol.address);
            match symbol.name {
                b"tw_timer_handler" => handlers[0].take(&symbol),
                b"reqsk_timer_handler" => handlers[1].take(&symbol),
                b"tcp_write_timer" => handlers[2].take(&symbol),
                // Most names differ from all of these in the first bytes.
                [b't' | b'i' | b'n' | b'_', ..] => {
                    // Those of FOR_GOOD count on behind those of CAUSES.
                    let mut known = CAUSES.iter().map(|(cause, _)| cause).chain(&FOR_GOOD);
                    let index = known.position(|known| known.as_bytes() == symbol.name);
                    part.functions
                        .extend(index.map(|index| (index, symbol.address)));
                }
                _ => {}
            }
        }
        part.close(&mut found);
        found.sort_by_key(|(index, _)| *index);
        let (mut causes, mut for_good) = (Vec::new(), Vec::new());
        for (index, range) in found {
            match CAUSES.get(index) {
                Some((_, cause)) => causes.push((range, *cause)),
                None => for_good.push(range),
            }
        }
        Self {
            tw_timer_handler: handlers[0].address,
            reqsk_timer_handler: handlers[1].address,
            tcp_write_timer: handlers[2].address,
            causes,
            for_good,
            hidden: seen && hidden,
        }
    }

    /// Why minisocks and requests can't be told from other timers, and what helps; `None`: they
    /// can.
    #[must_use]
    pub fn incomplete(&self) -> Option<NoAddresses> {
        let handlers = [
            ("tw_timer_handler", self.tw_timer_handler),
            ("reqsk_timer_handler", self.reqsk_timer_handler),
        ];
        let missing: Vec<Cow<'static, str>> = handlers
            .iter()
            .filter(|(_, address)| *address == 0)
            .map(|(name, _)| (*name).into())
            .collect();
        if missing.is_empty() {
            None
        } else if self.hidden {
            Some(NoAddresses::Hidden)
        } else {
            Some(NoAddresses::Without(missing))
        }
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

/// A line of /proc/kallsyms.
struct Symbol<'a> {
    address: u64,
    /// Without what the compiler adds to the name of a static function.
    name: &'a [u8],
    /// It is so in the file.
    exact: bool,
    /// `[module]`; empty for the kernel's own.
    module: &'a [u8],
}

impl<'a> Symbol<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let mut words = line.split(|byte| byte.is_ascii_whitespace());
        let address = std::str::from_utf8(words.next()?).ok()?;
        let address = u64::from_str_radix(address, 16).ok()?;
        words.next()?;
        let full = words.next()?;
        let name = without_hash(full);
        Some(Self {
            address,
            name,
            exact: name.len() == full.len(),
            module: words.next().unwrap_or_default(),
        })
    }
}

/// Clang with LTO makes static functions global, and adds `.llvm.` and a number to their names.
/// `.isra.0`, `.constprop.0`, `.part.0` and `.cold` are other functions, or a part of one.
fn without_hash(name: &[u8]) -> &[u8] {
    const HASH: &[u8] = b".llvm.";
    let digits = name.iter().rev().take_while(|it| it.is_ascii_digit());
    let (before, digits) = name.split_at(name.len() - digits.count());
    match before.strip_suffix(HASH) {
        Some(bare) if !digits.is_empty() => bare,
        _ => name,
    }
}

/// The address of a function: the first one, but one that has exactly its name rather than another.
#[derive(Clone, Copy, Default)]
struct Handler {
    address: u64,
    exact: bool,
}

impl Handler {
    fn take(&mut self, symbol: &Symbol<'_>) {
        if self.address == 0 || symbol.exact && !self.exact {
            self.address = symbol.address;
            self.exact = symbol.exact;
        }
    }
}

/// The kernel's own symbols, or those of one module.
#[derive(Default)]
struct Part {
    module: Vec<u8>,
    addresses: Vec<u64>,
    /// Functions that are looked for: which one, and where.
    functions: Vec<(usize, u64)>,
}

impl Part {
    /// A function ends where the next symbol of its part begins; the last one with its page at the
    /// latest, where another module may begin.
    fn close(&mut self, found: &mut Vec<(usize, Range<u64>)>) {
        const PAGE: u64 = 4096;
        for (index, start) in self.functions.drain(..) {
            let next = self.addresses.iter().filter(|address| **address > start);
            let end = next.min().copied();
            found.push((index, start..end.unwrap_or((start | (PAGE - 1)) + 1)));
        }
        self.addresses.clear();
    }
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
    fn names_with_a_hash_are_found_and_exact_ones_win() {
        let handlers = |text: &str| {
            let symbols = Symbols::parse(text.as_bytes());
            (symbols.tw_timer_handler, symbols.reqsk_timer_handler)
        };
        let hashed = "\
10 t tw_timer_handler.llvm.3433979326929198294
20 t reqsk_timer_handler.llvm.3433979326929198294
";
        assert_eq!(handlers(hashed), (0x10, 0x20));
        assert_eq!(
            handlers(&format!("{hashed}30 t tw_timer_handler\n")),
            (0x30, 0x20)
        );
        assert_eq!(
            handlers(&format!("30 t tw_timer_handler\n{hashed}")),
            (0x30, 0x20)
        );
        // Parts and variants of a function are not the one that a timer has the address of.
        for other in [
            ".cold",
            ".isra.0",
            ".constprop.0",
            ".part.0",
            ".llvm.",
            ".llvm.1x",
        ] {
            assert_eq!(
                handlers(&format!("10 t tw_timer_handler{other}\n")),
                (0, 0),
                "{other}"
            );
        }
        let symbols = Symbols::parse("10 t tcp_abort.llvm.7\n20 t x\n".as_bytes());
        assert_eq!(symbols.early_cause(&[0x1f]), Some(EarlyCause::Killed));
    }

    #[test]
    fn a_function_does_not_reach_beyond_its_module() {
        let symbols = Symbols::parse(
            "\
1000 T first
c0005000 t between\t[ipv6]
c0001000 t before\t[ipv6]
c0002000 t tcp_v6_rcv\t[ipv6]
c0002800 t next\t[ipv6]
c0009000 t last\t[ipv6]
c0008010 t tcp_check_req\t[other]
d0000000 t far\t[third]
"
            .as_bytes(),
        );
        let cause = |address| symbols.early_cause(&[address]);
        assert_eq!(cause(0xc000_27ff), Some(EarlyCause::Segment));
        assert_eq!(cause(0xc000_2800), None);
        assert_eq!(cause(0xc000_8fff), Some(EarlyCause::Reset));
        assert_eq!(cause(0xc000_9000), None);
    }

    #[test]
    fn what_is_said_to_help_does() {
        let why = |text: &str| {
            let symbols = Symbols::parse(text.as_bytes());
            symbols.incomplete().map(|it| it.to_string())
        };
        assert_eq!(why(KALLSYMS), None);
        let hidden = "0000000000000000 t tw_timer_handler\n0000000000000000 t x\n";
        assert!(why(hidden).unwrap().contains("kptr_restrict"));
        let without = why("10 t tw_timer_handler\n20 t x\n").unwrap();
        assert!(without.contains("no reqsk_timer_handler") && !without.contains("kptr"));
        assert!(why("").unwrap().contains("CONFIG_KALLSYMS"));
    }

    #[test]
    fn garbage_is_passed_over() {
        assert!(!Symbols::parse(&b"\xff\xfe zz\n\n12\n12 t\n"[..]).knows_causes());
    }
}
