//! Where the tables are: on one server, or on each of a cluster.

use std::{fmt, str::FromStr};

/// Which servers have the tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Servers {
    /// One.
    #[default]
    One,
    /// Those of a cluster. Each keeps its part, in replicas, and all are asked together.
    Cluster(ClusterName),
}

/// The name of a cluster, as `remote_servers` in the configuration of the servers has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterName(String);

/// The name of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseName(String);

/// A name that can't be written into a statement as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a {1} here: letters, digits and {2}, and no digit first")]
pub struct NoName(String, &'static str, &'static str);

impl Default for DatabaseName {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl FromStr for DatabaseName {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        match is_name(text, "_") {
            true => Ok(Self(text.to_owned())),
            false => Err(NoName(text.to_owned(), "database", "_")),
        }
    }
}

impl FromStr for ClusterName {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        match is_name(text, "_-") {
            true => Ok(Self(text.to_owned())),
            false => Err(NoName(text.to_owned(), "cluster", "_ and -")),
        }
    }
}

/// Whether it has letters, digits and those characters alone.
fn is_name(text: &str, others: &str) -> bool {
    let plain = |it: char| it.is_ascii_alphanumeric() || others.contains(it);
    !text.is_empty()
        && text.chars().all(plain)
        && !text.starts_with(|it: char| it.is_ascii_digit() || it == '-')
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_more_than_names_are_refused() {
        assert!("tcp_flows".parse::<DatabaseName>().is_ok());
        assert!("eu-west_1".parse::<ClusterName>().is_ok());
        for name in ["", "a b", "a;drop", "a-b", "1a", "é", "a`b"] {
            let error = name.parse::<DatabaseName>().unwrap_err().to_string();
            assert!(error.contains("is no name of a database"), "{error}");
        }
        for name in ["", "a'b", "-a", "a.b"] {
            assert!(name.parse::<ClusterName>().is_err(), "{name}");
        }
    }
}
