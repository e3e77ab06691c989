//! What the files are called.

use crate::architecture::Architecture;

/// The package's name at Debian, which has another `tcptrace` already.
pub const DEBIAN: &str = "tcptrace-bpf";
/// The sums of all files.
pub const SUMS: &str = "SHA256SUMS";

/// The files of one version for one architecture.
#[derive(Clone, Copy, Debug)]
pub struct Names<'v> {
    /// As Cargo.toml says it.
    pub version: &'v str,
    /// What it is for.
    pub architecture: Architecture,
}

impl Names<'_> {
    /// The folder that archives have inside.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("tcptrace-{}-{}", self.version, self.architecture.name())
    }

    /// The binary, with all that belongs to it.
    #[must_use]
    pub fn archive(&self) -> String {
        format!("{}.tar.gz", self.folder())
    }

    /// The folder that the archive of debug information has inside.
    #[must_use]
    pub fn debug_folder(&self) -> String {
        format!("{}-debug", self.folder())
    }

    /// The lines of its source, for debuggers and profilers.
    #[must_use]
    pub fn debug_archive(&self) -> String {
        format!("{}.tar.gz", self.debug_folder())
    }

    /// What it consists of, by CycloneDX.
    #[must_use]
    pub fn sbom(&self) -> String {
        format!("{}.cdx.json", self.folder())
    }

    /// The version as Debian orders it: what comes before a release has a tilde, not a dash.
    #[must_use]
    pub fn debian_version(&self) -> String {
        format!("{}-1", self.version.replacen('-', "~", 1))
    }

    /// Debian's package.
    #[must_use]
    pub fn deb(&self) -> String {
        let architecture = self.architecture.debian();
        format!("{DEBIAN}_{}_{architecture}.deb", self.debian_version())
    }

    /// All of them, beside the sums.
    #[must_use]
    pub fn all(&self) -> [String; 4] {
        [
            self.archive(),
            self.debug_archive(),
            self.deb(),
            self.sbom(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{Architecture, Names};

    #[test]
    fn names_have_the_version_and_the_architecture() {
        let of = |version, architecture| {
            Names {
                version,
                architecture,
            }
            .all()
        };
        assert_eq!(
            of("0.2.0", Architecture::X86_64),
            [
                "tcptrace-0.2.0-x86_64.tar.gz",
                "tcptrace-0.2.0-x86_64-debug.tar.gz",
                "tcptrace-bpf_0.2.0-1_amd64.deb",
                "tcptrace-0.2.0-x86_64.cdx.json",
            ]
        );
        let before = of("1.0.0-rc.1", Architecture::Aarch64);
        assert_eq!(before[0], "tcptrace-1.0.0-rc.1-aarch64.tar.gz");
        assert_eq!(before[2], "tcptrace-bpf_1.0.0~rc.1-1_arm64.deb");
    }
}
