//! The package in a Debian that does not run.

use anyhow::{Context as _, Result};

use super::{
    super::{made::Made, names::DEBIAN},
    debian::{Debian, SUITE},
};

/// Installs, uses and purges it there.
///
/// # Errors
/// When anything is not as it should be: see chroot.sh, whose words are passed through.
pub fn all(made: &Made<'_>, debian: &Debian) -> Result<()> {
    debian
        .run(|words| {
            words.args([
                "sh",
                "/shared/try.sh",
                DEBIAN,
                &debian.package,
                &made.version,
            ]);
        })
        .with_context(|| format!("{DEBIAN} in Debian {SUITE}"))
}
