//! The package in a system that does not run.

use anyhow::{Context as _, Result};

use super::{
    super::{made::Made, names::DEBIAN},
    system::System,
};

/// Installs, uses and purges it there.
///
/// # Errors
/// When anything is not as it should be: see chroot.sh, whose words are passed through.
pub fn all(made: &Made<'_>, system: &System) -> Result<()> {
    system
        .run(|words| {
            words.args([
                "sh",
                "/shared/try.sh",
                DEBIAN,
                &system.package,
                &made.version,
            ]);
        })
        .with_context(|| format!("{DEBIAN} in {}", system.distribution))
}
