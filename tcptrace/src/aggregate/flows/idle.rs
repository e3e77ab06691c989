//! Idle timeouts that people meet: which of them explains that a connection was closed after it
//! was idle for so long.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use serde::Deserialize;

use crate::model::{Closer, Side, printable};

/// The table that tcptrace ships.
const SHIPPED: &str = include_str!("../../../data/idle-timeouts.toml");

/// How far off a close may be: a server looks at its timers once in a while, and the segment
/// takes its time.
const EARLY_S: f64 = 0.1;
const LATE_S: f64 = 0.75;
/// For long timeouts, as a share of it.
const LATE_SHARE: f64 = 0.01;

/// Larger than any table that people write, bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// The longest name of a product, a setting or a source, in characters.
const LONGEST_NAME: usize = 200;

/// A product that closes idle connections after a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Product and version.
    pub product: String,
    /// The setting that governs it.
    pub setting: String,
    /// After how long, s.
    pub seconds: f64,
    /// What it does then.
    #[serde(default)]
    pub closes: Manner,
    /// Whose connections it does so to.
    #[serde(default)]
    pub role: Role,
    /// Where that is written.
    pub source: String,
}

/// How a product ends an idle connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// By a FIN or an RST.
    #[default]
    Closes,
    /// It forgets the connection: the next segment is dropped or answered by an RST.
    Forgets,
}

/// Whose idle connections a product ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Any that it has, or that goes through it.
    #[default]
    Any,
    /// Those that others opened to it.
    Server,
    /// Those that it opened itself.
    Client,
}

impl Role {
    /// Whether who closed first may be in that role; who does not know, may be.
    fn fits(self, opener: Option<Side>, closer: Closer) -> bool {
        let Some(opener) = opener else { return true };
        let its_own = closer == Closer::from(opener);
        match self {
            Self::Any => true,
            Self::Server => !its_own,
            Self::Client => its_own,
        }
    }
}

/// A table of idle timeouts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdleTable {
    timeout: Vec<Candidate>,
}

/// Not a table of idle timeouts.
#[derive(Debug, thiserror::Error)]
pub enum IdleTableError {
    /// The file can't be read.
    #[error("cannot read {path}: {why}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        why: io::Error,
    },
    /// It is not of the form.
    #[error(
        "{path} is no table of idle timeouts ({why}); `[[timeout]]` takes product, setting, seconds and source"
    )]
    Form {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
}

impl IdleTable {
    /// The table that tcptrace ships, and one of the user's, whose rows come first.
    ///
    /// # Errors
    /// When the user's can't be read.
    pub fn load(own: Option<&Path>) -> Result<Self, IdleTableError> {
        let shipped = Self::parse("the shipped table", SHIPPED)?;
        let Some(path) = own else { return Ok(shipped) };
        let name = path.display().to_string();
        let text = read(path).map_err(|why| IdleTableError::Read {
            path: name.clone(),
            why,
        })?;
        let mut table = Self::parse(&name, &text)?;
        table.timeout.extend(shipped.timeout);
        Ok(table)
    }

    /// All rows, in the order of the tables.
    #[must_use]
    pub fn rows(&self) -> &[Candidate] {
        &self.timeout
    }

    /// Reads the text of a table; `path` is for the message.
    ///
    /// # Errors
    /// When it is not TOML, or not of the form.
    pub fn parse(path: &str, text: &str) -> Result<Self, IdleTableError> {
        let form = |why: String| IdleTableError::Form {
            path: path.to_owned(),
            why,
        };
        let mut table: Self = toml::from_str(text)
            .map_err(|error| form(error.message().lines().collect::<Vec<_>>().join("; ")))?;
        for it in &mut table.timeout {
            for name in [&mut it.product, &mut it.setting, &mut it.source] {
                *name = printable(name.as_bytes(), LONGEST_NAME);
            }
        }
        match table
            .timeout
            .iter()
            .find(|it| !(it.seconds > 0.0 && it.seconds.is_finite()))
        {
            Some(wrong) => Err(form(format!(
                "seconds = {} of {}",
                wrong.seconds, wrong.product
            ))),
            None => Ok(table),
        }
    }

    /// The products that may have closed a connection that was idle for so long.
    pub fn explain(
        &self,
        idle_ns: u64,
        opener: Option<Side>,
        closer: Option<Closer>,
    ) -> impl Iterator<Item = &Candidate> {
        let idle = idle_ns as f64 / 1e9;
        self.timeout.iter().filter(move |it| {
            let late = LATE_S.max(it.seconds * LATE_SHARE);
            // Who only forgets a connection closes none.
            it.closes == Manner::Closes
                && closer
                    .is_some_and(|closer| closer != Closer::Both && it.role.fits(opener, closer))
                && (it.seconds - EARLY_S..=it.seconds + late).contains(&idle)
        })
    }
}

/// Reads a file that a user names: it may be a device that never ends.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(LARGEST_FILE + 1)
        .read_to_string(&mut text)?;
    if read as u64 > LARGEST_FILE {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn products(idle_s: f64) -> Vec<String> {
        let table = IdleTable::load(None).unwrap();
        table
            .explain((idle_s * 1e9) as u64, None, Some(Closer::Remote))
            .map(|it| it.product.clone())
            .collect()
    }

    #[test]
    fn a_close_after_a_known_timeout_names_its_products() {
        assert!(
            products(15.0)
                .iter()
                .any(|name| name.contains("Apache httpd 2.0"))
        );
        assert!(
            products(5.1)
                .iter()
                .any(|name| name.contains("2.2 and 2.4"))
        );
        assert!(products(5.1).iter().any(|name| name.contains("Node.js")));
        assert!(products(75.02).iter().any(|name| name.contains("nginx")));
        assert!(products(302.0).iter().any(|name| name.contains("F5")));
        assert!(
            products(60.3)
                .iter()
                .any(|name| name.contains("Application Load Balancer"))
        );
    }

    #[test]
    fn a_close_at_any_other_time_names_none() {
        for idle in [0.0, 0.5, 3.0, 4.5, 7.0, 12.0, 70.0] {
            assert!(products(idle).is_empty(), "{idle} s: {:?}", products(idle));
        }
    }

    #[test]
    fn nobody_is_named_when_nobody_closed() {
        let table = IdleTable::load(None).unwrap();
        assert_eq!(table.explain(15_000_000_000, None, None).count(), 0);
        assert_eq!(
            table
                .explain(15_000_000_000, None, Some(Closer::Both))
                .count(),
            0
        );
    }

    #[test]
    fn a_server_is_not_named_where_the_client_closed() {
        let table = IdleTable::load(None).unwrap();
        let named = |idle_s: u64, opener, closer| -> Vec<&str> {
            let found = table.explain(idle_s * 1_000_000_000, opener, Some(closer));
            found.map(|it| it.product.as_str()).collect()
        };
        let (we, they) = (Some(Side::Local), Some(Side::Remote));
        let apache = |names: &[&str]| names.iter().any(|name| name.contains("Apache"));
        assert!(apache(&named(5, we, Closer::Remote)));
        assert!(apache(&named(5, they, Closer::Local)));
        assert!(apache(&named(5, None, Closer::Local)), "it may be");
        assert_eq!(named(5, we, Closer::Local), [""; 0]);
        assert_eq!(named(5, they, Closer::Remote), [""; 0]);
        // A load balancer closes the connections to its backends, too.
        let balancer = |names: &[&str]| names.iter().any(|name| name.contains("Oracle"));
        assert!(balancer(&named(300, they, Closer::Remote)));
        assert!(!balancer(&named(300, we, Closer::Remote)));
    }

    #[test]
    fn users_add_rows_of_their_own() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let row =
            "[[timeout]]\nproduct = 'ours'\nsetting = 'idle'\nseconds = 7.0\nsource = 'wiki'\n";
        fs::write(file.path(), row).unwrap();
        let table = IdleTable::load(Some(file.path())).unwrap();
        let found: Vec<_> = table
            .explain(7_100_000_000, None, Some(Closer::Local))
            .collect();
        assert_eq!(found[0].product, "ours");
        fs::write(file.path(), "[[timeout]]\nproduct = 'ours'\n").unwrap();
        let error = IdleTable::load(Some(file.path())).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains("seconds"), "{error}");
        fs::write(file.path(), row.replace("7.0", "-1.0")).unwrap();
        assert!(IdleTable::load(Some(file.path())).is_err());
    }
}
