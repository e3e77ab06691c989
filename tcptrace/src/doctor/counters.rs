//! The counters that tell about states.

use std::collections::BTreeMap;

use crate::explain::{Book, Kind};

/// A counter of /proc/net/netstat, of this network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its name.
    pub name: String,
    /// Its value since the namespace was made; `None` where this kernel has not got it.
    pub value: Option<u64>,
    /// What it counts.
    pub meaning: String,
    /// It is not 0, which is worth a look.
    pub trouble: bool,
}

/// The counters of the book, as they are here.
pub(super) fn counters(book: &Book, values: &BTreeMap<&str, u64>) -> Vec<Counter> {
    book.of(Kind::Counter)
        .map(|entry| {
            let value = values.get(entry.name.as_str()).copied();
            Counter {
                name: entry.name.clone(),
                value,
                meaning: entry.line.clone(),
                trouble: entry.trouble && value.is_some_and(|value| value > 0),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn what_should_not_go_up_is_marked_when_it_did() {
        let book = Book::read(Language::English).unwrap();
        let values = BTreeMap::from([("ListenDrops", 3), ("ListenOverflows", 0), ("TW", 172)]);
        let counters = counters(&book, &values);
        let counter = |name: &str| counters.iter().find(|it| it.name == name).unwrap();
        assert!(counter("ListenDrops").trouble);
        assert!(!counter("ListenOverflows").trouble);
        assert!(!counter("TW").trouble);
        assert_eq!(counter("TW").value, Some(172));
        assert_eq!(counter("TWRecycled").value, None);
    }
}
