//! The sysctls that govern TCP's states, with their values here.

use std::{collections::BTreeMap, fmt};

use super::{meaning::meaning, proc};
use crate::{
    explain::{Book, Kind},
    language::Words,
};

/// The value of a sysctl: one number or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(Vec<i64>);

impl Value {
    /// Of one number at least.
    #[must_use]
    pub fn new(numbers: Vec<i64>) -> Option<Self> {
        (!numbers.is_empty()).then_some(Self(numbers))
    }

    /// The first number.
    pub(super) fn first(&self) -> i64 {
        self.0.first().copied().unwrap_or_default()
    }

    /// All numbers.
    pub(crate) fn numbers(&self) -> &[i64] {
        &self.0
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(i64::to_string).collect();
        f.pad(&words.join(" "))
    }
}

/// A sysctl on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// The unit of its value.
    pub unit: Option<String>,
    /// Its value; `None` where this kernel or network namespace has not got it.
    pub value: Option<Value>,
    /// The value on a machine on which nobody changed it; `None` if that can't be told.
    pub default: Option<Value>,
    /// What it means on this machine.
    pub meaning: Option<String>,
}

/// Values by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Values(BTreeMap<String, Value>);

impl Values {
    /// Reads the sysctls of the book, and the size of the connection hash. `read` gives the text
    /// of a file.
    pub(super) fn read(book: &Book, read: impl Fn(&str) -> Option<String>) -> Self {
        let files = book
            .of(Kind::Setting)
            .filter_map(|entry| entry.file.as_deref())
            .chain(["/proc/sys/net/ipv4/tcp_ehash_entries"]);
        Self(
            files
                .filter_map(|file| {
                    let name = file.rsplit('/').next()?.to_owned();
                    Some((name, proc::value(&read(file)?)?))
                })
                .collect(),
        )
    }

    /// The first number of a sysctl.
    pub(super) fn first(&self, name: &str) -> Option<i64> {
        self.0.get(name).map(Value::first)
    }

    /// All numbers of a sysctl.
    pub(crate) fn numbers(&self, name: &str) -> Option<&[i64]> {
        self.0.get(name).map(Value::numbers)
    }

    /// Where nobody changed it: what the book says, or what the connection hash gives
    /// (`tcp_set_hashinfo()`, `tcp_init()` in net/ipv4).
    fn default_of(&self, name: &str, said: Option<&str>) -> Option<Value> {
        // A namespace that shares the machine's hash shows it as a negative number.
        let buckets = self.first("tcp_ehash_entries").map(i64::saturating_abs);
        match name {
            "tcp_max_tw_buckets" | "tcp_max_orphans" => Value::new(vec![buckets? / 2]),
            "tcp_max_syn_backlog" => Value::new(vec![(buckets? / 128).max(128)]),
            _ => proc::value(said?),
        }
    }
}

/// The sysctls of the book, as they are here.
pub(super) fn settings(book: &Book, values: &Values, words: &Words) -> Vec<Setting> {
    book.of(Kind::Setting)
        .filter_map(|entry| {
            Some(Setting {
                name: entry.name.clone(),
                file: entry.file.clone()?,
                unit: entry.unit.clone(),
                value: values.0.get(&entry.name).cloned(),
                default: values.default_of(&entry.name, entry.default.as_deref()),
                meaning: meaning(&entry.name, values, words),
            })
        })
        .collect()
}

#[cfg(test)]
impl Values {
    /// For tests: `name = numbers`, one a line.
    pub(super) fn of(lines: &str) -> Self {
        Self(
            lines
                .lines()
                .filter_map(|line| {
                    let (name, numbers) = line.split_once('=')?;
                    Some((name.trim().to_owned(), proc::value(numbers)?))
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Chapter, Language};

    fn shown(files: &[(&str, &str)], name: &str) -> Setting {
        let book = Book::read(Language::English).unwrap();
        let values = Values::read(&book, |file| {
            let found = files.iter().find(|(path, _)| file.ends_with(path));
            found.map(|(_, text)| (*text).to_owned())
        });
        settings(
            &book,
            &values,
            Words::kept(Chapter::Doctor, Language::English),
        )
        .into_iter()
        .find(|setting| setting.name == name)
        .unwrap()
    }

    #[test]
    fn a_setting_that_the_kernel_has_not_got_is_unknown_not_0() {
        let setting = shown(&[], "tcp_tw_reuse_delay");
        assert_eq!(setting.value, None);
        assert_eq!(setting.default, proc::value("1000"));
        assert_eq!(setting.meaning, None);
    }

    #[test]
    fn defaults_that_depend_on_the_machine_follow_from_its_hash() {
        for (buckets, tw, backlog) in [
            ("262144", 131_072, 2048),
            ("-4096", 2048, 128),
            ("-9223372036854775808", i64::MAX / 2, i64::MAX / 128),
        ] {
            let files = [("/tcp_ehash_entries", buckets)];
            let default = |name| shown(&files, name).default.map(|value| value.first());
            assert_eq!(default("tcp_max_tw_buckets"), Some(tw));
            assert_eq!(default("tcp_max_orphans"), Some(tw));
            assert_eq!(default("tcp_max_syn_backlog"), Some(backlog));
        }
        assert_eq!(shown(&[], "tcp_max_tw_buckets").default, None);
    }
}
