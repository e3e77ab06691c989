//! Whether a network namespace has TCP sockets at all. To have the kernel look for them takes it
//! through a table that all namespaces share: milliseconds, where containers have hundreds.

use std::fs;

/// Whether the namespace that this thread is in has none that a dump would tell of, but for those
/// that are bound and do nothing. False where that can't be told.
pub fn shows_no_tcp() -> bool {
    let read = |name: &str| fs::read_to_string(format!("/proc/thread-self/net/{name}"));
    let Ok(ipv4) = read("sockstat") else {
        return false;
    };
    // Not there without IPv6.
    let ipv6 = read("sockstat6").unwrap_or_default();
    is_empty(&ipv4) == Some(true) && is_empty(&ipv6).unwrap_or(true)
}

/// `None`: there is no line of TCP's.
///
/// `sockstat_seq_show()`, net/ipv4/proc.c, and `sockstat6_seq_show()`, net/ipv6/proc.c: `inuse` are
/// those in its tables, `tw` the minisocks, FIN_WAIT2 and both families included. Both are the
/// namespace's; requests belong to a listener, which is in use. `orphan` and `alloc` are those of
/// all.
fn is_empty(sockstat: &str) -> Option<bool> {
    let line = sockstat.lines().find(|it| it.starts_with("TCP"))?;
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        if matches!(word, "inuse" | "tw") && words.next()? != "0" {
            return Some(false);
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::is_empty;

    #[test]
    fn what_others_have_does_not_count() {
        let of = |tcp: &str| is_empty(&format!("sockets: used 13\n{tcp}\nUDP: inuse 3 mem 0\n"));
        assert_eq!(of("TCP: inuse 0 orphan 7 tw 0 alloc 15 mem 23"), Some(true));
        assert_eq!(
            of("TCP: inuse 1 orphan 0 tw 0 alloc 15 mem 23"),
            Some(false)
        );
        assert_eq!(
            of("TCP: inuse 0 orphan 0 tw 2 alloc 15 mem 23"),
            Some(false)
        );
        assert_eq!(of("TCP6: inuse 0"), Some(true));
        assert_eq!(of("TCP6: inuse 4"), Some(false));
        assert_eq!(of("RAW: inuse 0"), None);
    }
}
