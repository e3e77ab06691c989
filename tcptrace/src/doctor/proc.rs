//! Texts of /proc, parsed. Whatever is not there, or not of the form, is unknown.

use std::collections::BTreeMap;

use super::Value;

/// Parses what a sysctl's file shows: one number or several.
#[must_use]
pub fn value(text: &str) -> Option<Value> {
    let numbers: Vec<i64> = text
        .split_whitespace()
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    Value::new(numbers)
}

/// Parses /proc/net/netstat: pairs of lines, one with the names and one with the numbers, each
/// behind the name of its group. Gives the numbers of `TcpExt`.
#[must_use]
pub fn netstat(text: &str) -> BTreeMap<&str, u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
    let (Some(names), Some(numbers)) = (lines.next(), lines.next()) else {
        return BTreeMap::new();
    };
    names
        .split_whitespace()
        .zip(numbers.split_whitespace())
        .filter_map(|(name, number)| Some((name, number.parse().ok()?)))
        .collect()
}

/// Parses a number of the line `TCP:` of /proc/net/sockstat, by its name: `tw`, `orphan`.
#[must_use]
pub fn sockstat(text: &str, name: &str) -> Option<u64> {
    let mut words = text
        .lines()
        .find_map(|line| line.strip_prefix("TCP:"))?
        .split_whitespace();
    words.find(|word| *word == name)?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sysctl_is_one_number_or_several() {
        assert_eq!(value("60\n"), Value::new(vec![60]));
        assert_eq!(value("32768\t60999\n"), Value::new(vec![32768, 60999]));
        assert_eq!(value(""), None);
        assert_eq!(value("cubic\n"), None);
    }

    #[test]
    fn counters_are_joined_with_their_names() {
        let counters = netstat(
            "TcpExt: SyncookiesSent TW ListenDrops\nTcpExt: 0 172 3\nIpExt: TW\nIpExt: 9\n",
        );
        assert_eq!(counters.get("TW"), Some(&172));
        assert_eq!(counters.get("ListenDrops"), Some(&3));
        assert_eq!(counters.get("PAWSTimewait"), None);
        assert!(netstat("").is_empty());
        assert!(netstat("TcpExt: TW\n").is_empty());
    }

    #[test]
    fn a_number_of_sockstat_is_found_by_its_name() {
        let text = "sockets: used 20\nTCP: inuse 2 orphan 1 tw 7 alloc 2 mem 102\nUDP: inuse 0\n";
        assert_eq!(sockstat(text, "tw"), Some(7));
        assert_eq!(sockstat(text, "orphan"), Some(1));
        assert_eq!(sockstat(text, "mice"), None);
        assert_eq!(sockstat("", "tw"), None);
    }
}
