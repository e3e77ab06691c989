//! What a server knows, by its version, and which version of the tables is there.

use std::{fmt, str::FromStr};

/// Version of the tables, which `flows_schema` says. It changes with what `ship` sends, or with what
/// views rely on.
pub const VERSION: u32 = 1;

/// The version of a server: what `SELECT version()` answers, `26.9.2.1` for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    /// The year.
    pub major: u32,
    /// Counted within the year.
    pub minor: u32,
}

/// What a server answered is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version of ClickHouse: is it ClickHouse's HTTP port that --to names?")]
pub struct NoVersion(String);

impl FromStr for ServerVersion {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let mut numbers = text.trim().split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self { major, minor }),
            _ => {
                let begin: String = text.trim().chars().take(60).collect();
                Err(NoVersion(begin))
            }
        }
    }
}

/// What a server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Types, codecs and deduplication of today: 24.8 and later.
    #[default]
    Today,
    /// What servers know from 18.16 on.
    Plain,
}

impl Dialect {
    /// The first version with all that the schema of today takes.
    const TODAY: ServerVersion = ServerVersion {
        major: 24,
        minor: 8,
    };

    /// Of a server of that version.
    #[must_use]
    pub fn of(version: ServerVersion) -> Self {
        if version >= Self::TODAY {
            Self::Today
        } else {
            Self::Plain
        }
    }
}

/// The tables are of another version than this tcptrace writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherVersion(String);

impl fmt::Display for OtherVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the tables are of version {}, and this tcptrace writes to version {VERSION}: take the tcptrace that \
             made them, or another database with --create",
            self.0
        )
    }
}

impl std::error::Error for OtherVersion {}

/// What the answer to [`super::VERSION_QUERY`] says, if it is another version than [`VERSION`].
#[must_use]
pub fn other_version(answer: &str) -> Option<OtherVersion> {
    let told = answer.trim();
    (told != VERSION.to_string()).then(|| OtherVersion(told.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_apart_by_what_they_answer() {
        for (version, dialect) in [
            ("18.16.1\n", Dialect::Plain),
            ("24.7.9.1", Dialect::Plain),
            ("24.8.1.1", Dialect::Today),
            ("26.9.2.1\n", Dialect::Today),
        ] {
            let parsed = version.parse().expect("a version");
            assert_eq!(Dialect::of(parsed), dialect, "{version}");
        }
        let error = "<html>".parse::<ServerVersion>().unwrap_err().to_string();
        assert!(error.starts_with("\"<html>\" is no version"), "{error}");
    }

    #[test]
    fn tables_of_another_version_are_told_with_the_remedy() {
        assert_eq!(other_version(&format!("{VERSION}\n")), None);
        let said = other_version("7\n").expect("another").to_string();
        assert!(said.starts_with("the tables are of version 7,"), "{said}");
        assert!(said.contains("--create"), "{said}");
    }
}
