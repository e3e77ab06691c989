//! Programs of crates.io in pinned versions, built once into `.tools`, so that nothing of the
//! machine is changed.

use std::{env, path::Path};

use anyhow::Result;

use crate::{
    cargo::cargo,
    repository::{Repository, toml_of},
    setup::install,
};

/// A program, and how it is had.
#[derive(Clone, Copy, Debug)]
pub struct Pinned {
    /// The name of the crate, and of its program.
    pub name: &'static str,
    /// The version, exactly.
    pub version: &'static str,
    /// What cargo's environment says while it is built.
    pub environment: &'static [(&'static str, &'static str)],
}

impl Pinned {
    /// Builds it into `.tools`, unless it is there.
    ///
    /// # Errors
    /// When it can't be built; says what to type.
    pub fn install(&self, repository: &Repository) -> Result<()> {
        let Self { name, version, .. } = self;
        let tools = repository.tools();
        if self.is_installed(&tools) {
            return Ok(());
        }
        eprintln!(
            "set-up: installing {name} {version} into {} (once; takes some minutes)",
            tools.display()
        );
        let arguments = ["install", name, "--version", version, "--locked", "--root"];
        let mut command = cargo(repository);
        command.args(arguments).arg(&tools);
        if tools.join("bin").join(name).exists() {
            // Another version, or one that cargo does not know of.
            command.arg("--force");
        }
        // Meant for what is developed, not for a tool that runs on this machine.
        for unwanted in [
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTFLAGS",
            "RUSTC_BOOTSTRAP",
            "CARGO_BUILD_TARGET",
        ] {
            command.env_remove(unwanted);
        }
        command.envs(self.environment.iter().copied());
        // Or cargo advises to put it there, which is not needed.
        let mut path = env::var_os("PATH").unwrap_or_default();
        path.push(":");
        path.push(tools.join("bin"));
        command.env("PATH", path);
        let typed = format!(
            "cargo +{} {} {} --force",
            repository.channel,
            arguments.join(" "),
            tools.display()
        );
        install(&typed, &mut command)
    }

    /// Whether that version is there, without starting anything.
    fn is_installed(&self, tools: &Path) -> bool {
        tools.join("bin").join(self.name).is_file()
            && toml_of(&tools.join(".crates.toml")).is_ok_and(|record| self.is_recorded(&record))
    }

    /// Whether what cargo keeps of its installations names that version.
    fn is_recorded(&self, record: &toml::Table) -> bool {
        let wanted = format!("{} {} ", self.name, self.version);
        record
            .get("v1")
            .and_then(toml::Value::as_table)
            .is_some_and(|crates| crates.keys().any(|key| key.starts_with(&wanted)))
    }
}

#[cfg(test)]
mod tests {
    use super::Pinned;

    fn recorded(text: &str) -> bool {
        let linker = Pinned {
            name: "bpf-linker",
            version: "0.10.4",
            environment: &[],
        };
        linker.is_recorded(&text.parse().expect("TOML"))
    }

    #[test]
    fn only_the_pinned_version_counts() {
        let from = "(registry+https://github.com/rust-lang/crates.io-index)";
        assert!(recorded(&format!(
            "[v1]\n\"bpf-linker 0.10.4 {from}\" = [\"bpf-linker\"]"
        )));
        assert!(!recorded(&format!(
            "[v1]\n\"bpf-linker 0.10.40 {from}\" = [\"bpf-linker\"]"
        )));
        assert!(!recorded(&format!(
            "[v1]\n\"bpf-linker 0.9.15 {from}\" = [\"bpf-linker\"]"
        )));
        assert!(!recorded("[v1]"));
        assert!(!recorded(""));
    }
}
