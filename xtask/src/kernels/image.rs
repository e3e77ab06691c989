//! A kernel's files: its image, its modules, its configuration.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    choice::{Kernel, begins},
    mirror::Mirror,
};
use crate::architecture::Architecture;

/// For virtual machines: small, and nothing that TCP needs is left out.
const FLAVOUR: &str = "-cloud-";

/// A kernel on this machine.
#[derive(Debug)]
pub struct Image {
    /// As `uname -r` says it.
    pub release: String,
    /// What QEMU boots.
    pub vmlinuz: PathBuf,
    /// The directory of its modules.
    pub modules: PathBuf,
    /// How many ticks a second, if its configuration is there.
    pub hz: Option<u32>,
}

impl Image {
    /// The kernel as it is kept in that directory; it is got if it isn't there.
    ///
    /// # Errors
    /// When it can't be got.
    pub fn of(kernel: &Kernel, architecture: Architecture, directory: &Path) -> Result<Self> {
        let home = directory.join(kernel.series);
        if !home.exists() {
            let mirror = Mirror::open(&directory.join("apt"), kernel.suite, architecture.debian())?;
            let names = mirror.names("linux-")?;
            let release = newest(&names, kernel.series, architecture).with_context(|| {
                format!(
                    "Debian's {} has no kernel {} with modules: mend {}",
                    kernel.suite, kernel.series, "xtask/src/kernels/choice.rs"
                )
            })?;
            eprintln!("set-up: getting Debian's kernel {release}");
            mirror.unpack(&packages(&names, release), &home)?;
        }
        Self::found(&home).with_context(|| {
            format!(
                "{} holds no kernel: remove it, and it is got anew",
                home.display()
            )
        })
    }

    /// Where the packages have it: since 7.2 all of it is below /usr/lib/modules.
    fn found(home: &Path) -> Result<Self> {
        let modules = ["usr/lib/modules", "lib/modules"]
            .map(|place| home.join(place))
            .into_iter()
            .find(|place| place.exists())
            .context("no modules")?;
        let release = fs::read_dir(&modules)?
            .next()
            .context("no modules")??
            .file_name()
            .into_string()
            .ok()
            .context("a release is ASCII")?;
        let modules = modules.join(&release);
        let boot = home.join("boot");
        let vmlinuz = [
            boot.join(format!("vmlinuz-{release}")),
            modules.join("vmlinuz"),
        ]
        .into_iter()
        .find(|place| place.exists())
        .context("no vmlinuz")?;
        ensure!(modules.join("kernel").exists(), "no modules");
        let hz = [
            boot.join(format!("config-{release}")),
            modules.join("config"),
        ]
        .iter()
        .find_map(|place| hz(&fs::read_to_string(place).ok()?));
        Ok(Self {
            release,
            vmlinuz,
            modules: modules.join("kernel"),
            hz,
        })
    }
}

/// The newest release of a series of which there is an image with modules.
fn newest<'n>(names: &'n [String], series: &str, architecture: Architecture) -> Option<&'n str> {
    let flavour = format!("{FLAVOUR}{}", architecture.debian());
    names
        .iter()
        .filter_map(|name| name.strip_prefix("linux-image-"))
        .filter(|release| release.ends_with(&flavour) && begins(release, series))
        .filter(|release| {
            // From 6.19 on the image is an empty package, and for some there are no modules.
            let has = |kind| names.contains(&format!("linux-{kind}-{release}"));
            !has("binary") || has("modules")
        })
        .max_by_key(|release| numbers(release))
}

/// The packages that a release consists of.
fn packages(names: &[String], release: &str) -> Vec<String> {
    let separate: Vec<_> = ["base", "binary", "modules"]
        .map(|kind| format!("linux-{kind}-{release}"))
        .into_iter()
        .filter(|name| names.contains(name))
        .collect();
    if separate
        .iter()
        .any(|name| name.starts_with("linux-binary-"))
    {
        separate
    } else {
        vec![format!("linux-image-{release}")]
    }
}

/// What a release is ordered by.
fn numbers(release: &str) -> Vec<u32> {
    release
        .split(|it: char| !it.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// `CONFIG_HZ` of a kernel's configuration.
fn hz(config: &str) -> Option<u32> {
    config
        .lines()
        .find_map(|line| line.strip_prefix("CONFIG_HZ="))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::{Architecture, hz, newest, packages};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_newest_is_taken_by_number() {
        let names = names(&[
            "linux-image-6.12.94+deb13-cloud-amd64",
            "linux-image-6.12.107+deb13-cloud-amd64",
            "linux-image-6.12.107+deb13-cloud-amd64-unsigned",
            "linux-image-6.12.200+deb13-amd64",
            "linux-image-6.1.0-50-cloud-amd64",
            "linux-image-6.1.0-60-cloud-arm64",
        ]);
        assert_eq!(
            newest(&names, "6.12", Architecture::X86_64),
            Some("6.12.107+deb13-cloud-amd64")
        );
        assert_eq!(
            newest(&names, "6.1", Architecture::X86_64),
            Some("6.1.0-50-cloud-amd64")
        );
        assert_eq!(newest(&names, "7", Architecture::X86_64), None);
        let image = "linux-image-6.1.0-50-cloud-amd64";
        assert_eq!(packages(&names, "6.1.0-50-cloud-amd64"), [image]);
    }

    #[test]
    fn one_without_modules_is_passed_over() {
        let names = names(&[
            "linux-image-7.1.8+deb13-cloud-amd64",
            "linux-base-7.1.8+deb13-cloud-amd64",
            "linux-binary-7.1.8+deb13-cloud-amd64",
            "linux-modules-7.1.8+deb13-cloud-amd64",
            "linux-image-7.1.13+deb13-cloud-amd64",
            "linux-binary-7.1.13+deb13-cloud-amd64",
        ]);
        let found = newest(&names, "7", Architecture::X86_64).expect("one");
        assert_eq!(found, "7.1.8+deb13-cloud-amd64");
        assert_eq!(packages(&names, found), names[1..4]);
    }

    #[test]
    fn ticks_are_read_from_the_configuration() {
        let config = "CONFIG_HZ_250=y\n# CONFIG_HZ_1000 is not set\nCONFIG_HZ=250\n";
        assert_eq!(hz(config), Some(250));
        assert_eq!(hz(""), None);
    }
}
