//! The table of runtimes: how their control groups are called, and which files they keep.

use std::sync::LazyLock;

use serde::Deserialize;

use super::pattern::Pattern;
use crate::model::Runtime;

/// The table that tcptrace ships.
const SHIPPED: &str = include_str!("../../../data/container-runtimes.toml");

/// The table, as the program has it; empty if it could not be read, which a test rules out.
pub static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(SHIPPED).unwrap_or_default());

/// All rows.
#[derive(Debug, Default)]
pub struct Table {
    pub containers: Vec<ContainerRow>,
    pub pods: Vec<Pattern>,
    pub files: Vec<FileRow>,
    pub keys: Vec<KeyRow>,
}

/// The control group of a container.
#[derive(Debug)]
pub struct ContainerRow {
    pub pattern: Pattern,
    /// `None`: files tell.
    pub runtime: Option<Runtime>,
    /// It looks like one, and is none.
    pub no_container: bool,
    /// Only where no other row matches.
    pub otherwise: bool,
}

/// A file of a runtime.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRow {
    pub runtime: Runtime,
    pub form: Form,
    /// A file of JSON that says where that is; `None`: it is where it is by default.
    pub settings: Option<String>,
    /// Where it lies: symbolic links are followed that far.
    pub under: String,
    /// And below that.
    pub file: String,
    #[serde(rename = "source")]
    _source: String,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// config.json of a bundle, by the runtime specification of OCI.
    Bundle,
    /// config.v2.json of Docker.
    Docker,
    /// containers.json of containers/storage.
    Storage,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bundle, Self::Docker, Self::Storage];
}

/// An annotation or label.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRow {
    pub form: Form,
    pub key: String,
    pub is: Said,
    #[serde(rename = "source")]
    _source: String,
}

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    ContainerName,
    Image,
    PodNamespace,
    PodName,
    PodUid,
}

/// The rows as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    container: Vec<WrittenContainer>,
    pod: Vec<WrittenPod>,
    file: Vec<FileRow>,
    key: Vec<KeyRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenContainer {
    pattern: String,
    runtime: Option<Runtime>,
    #[serde(default)]
    no_container: bool,
    #[serde(default)]
    otherwise: bool,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPod {
    pattern: String,
    #[serde(rename = "source")]
    _source: String,
}

impl Table {
    /// Reads it; what is wrong with it otherwise.
    fn parse(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
        let pattern = |text: &str| Pattern::parse(text).map_err(|error| error.to_string());
        let containers = written.container.into_iter().map(|row| {
            Ok(ContainerRow {
                pattern: pattern(&row.pattern)?,
                runtime: row.runtime,
                no_container: row.no_container,
                otherwise: row.otherwise,
            })
        });
        let pods = written.pod.iter().map(|row| pattern(&row.pattern));
        Ok(Self {
            containers: containers.collect::<Result<_, String>>()?,
            pods: pods.collect::<Result<_, _>>()?,
            files: written.file,
            keys: written.key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_can_be_read_and_each_row_has_a_source() {
        let table = Table::parse(SHIPPED).expect("the table");
        assert!(table.containers.len() > 10 && table.pods.len() > 2);
        let sources = table.files.iter().map(|it| &it._source);
        let sources = sources.chain(table.keys.iter().map(|it| &it._source));
        for source in sources {
            assert!(source.len() > 10, "{source}");
        }
    }

    #[test]
    fn a_runtime_with_files_is_looked_up_by_its_own() {
        for runtime in Runtime::ALL {
            let has_files = TABLE.files.iter().any(|it| it.runtime == runtime);
            let by_name = matches!(runtime, Runtime::Lxc | Runtime::SystemdNspawn);
            assert_ne!(has_files, by_name, "{}", runtime.name());
        }
    }
}
