//! Debian's package, by debhelper: what deploy/debian says of it.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use jiff::tz::TimeZone;

use super::{
    contents::{COMPLETIONS, PAGES, UNITS, copy, copy_all},
    made::Made,
    names::{DEBIAN, Names},
    sums::files,
};
use crate::cargo::say_and_succeed;

/// Where units look for the binary that an administrator installed, and where a package has it.
const PROGRAM: (&str, &str) = ("/usr/local/bin/tcptrace", "/usr/bin/tcptrace");
/// Completions, and where dpkg is to find them: each shell has its own names.
const SHELLS: [(&str, &str); 3] = [
    ("tcptrace.bash", "bash/tcptrace"),
    ("_tcptrace", "zsh/_tcptrace"),
    ("tcptrace.fish", "fish/tcptrace.fish"),
];

/// Packs the contents of an archive anew; `folder` is where.
///
/// # Errors
/// When a file isn't there, or debhelper fails.
pub fn pack(made: &Made<'_>, names: &Names<'_>, contents: &Path, folder: &Path) -> Result<()> {
    let description = made.repository.root.join("deploy/debian");
    let source = folder.join("source");
    copy_all(&description, &source.join("debian"))?;
    let control = fs::read_to_string(description.join("control"))
        .with_context(|| format!("{} can't be read", description.display()))?;
    fs::write(
        source.join("debian/changelog"),
        changelog(made, names, &control)?,
    )?;
    for file in [
        "tcptrace",
        "README.md",
        "CHANGELOG.md",
        "THIRD-PARTY.txt",
        "THIRD-PARTY-RUST.html",
    ] {
        copy(&contents.join(file), &source.join(file))?;
    }
    copy_all(&contents.join(PAGES), &source.join("man"))?;
    for (name, place) in SHELLS {
        copy(
            &contents.join(COMPLETIONS).join(name),
            &source.join(COMPLETIONS).join(place),
        )?;
    }
    let units = source.join(UNITS);
    fs::create_dir_all(&units)?;
    for name in files(&contents.join(UNITS))? {
        let unit = fs::read_to_string(contents.join(UNITS).join(&name))?;
        let unit = packaged(&unit).with_context(|| format!("deploy/systemd/{name}"))?;
        fs::write(units.join(&name), unit)?;
    }
    let mut command = Command::new("dpkg-architecture");
    command
        .args(["--host-arch", names.architecture.debian()])
        .args(["--command", "debian/rules binary"])
        .current_dir(&source)
        .env("SOURCE_DATE_EPOCH", made.epoch())
        // As deploy/debian/control says, which debhelper does not read by itself: files belong to
        // root in the package, whoever packs it.
        .env("DEB_RULES_REQUIRES_ROOT", "no")
        .env("LC_ALL", "C.UTF-8");
    say_and_succeed(&mut command)?;
    copy(&folder.join(names.deb()), &made.out.join(names.deb()))
}

/// A unit as the package has it.
fn packaged(unit: &str) -> Result<String> {
    let unit = unit.replace(PROGRAM.0, PROGRAM.1);
    for line in unit.lines().filter(|line| line.starts_with("ExecStart")) {
        ensure!(
            line.contains(&format!("={} ", PROGRAM.1)),
            "`{line}` starts something else than {}, which is replaced in a package",
            PROGRAM.0
        );
    }
    ensure!(
        !unit.contains("/usr/local"),
        "a package has nothing below /usr/local"
    );
    Ok(unit)
}

/// What Debian's tools want to know of the version, and read nowhere else.
fn changelog(made: &Made<'_>, names: &Names<'_>, control: &str) -> Result<String> {
    let maintainer = control
        .lines()
        .find_map(|line| line.strip_prefix("Maintainer: "))
        .context("deploy/debian/control has no maintainer")?;
    let time = made.time.to_zoned(TimeZone::UTC);
    Ok(format!(
        "{DEBIAN} ({}) unstable; urgency=medium\n\n  * Version {}: what is new is in changelog.gz.\n\n \
         -- {maintainer}  {}\n",
        names.debian_version(),
        made.version,
        time.strftime("%a, %d %b %Y %H:%M:%S %z")
    ))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use jiff::Timestamp;

    use super::{Made, Names, changelog, packaged};
    use crate::{architecture::Architecture, repository::Repository};

    fn deploy() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
    }

    #[test]
    fn units_of_a_package_start_what_the_package_has() {
        for unit in fs::read_dir(deploy().join("systemd")).unwrap() {
            let path = unit.unwrap().path();
            let unit = fs::read_to_string(&path).unwrap();
            let packaged = packaged(&unit).unwrap();
            let starts =
                |text: &str, program: &str| text.matches(&format!("ExecStart={program} ")).count();
            let expected = starts(&unit, "/usr/local/bin/tcptrace");
            assert_eq!(starts(&packaged, "/usr/bin/tcptrace"), expected, "{path:?}");
            let service = path.extension().is_some_and(|it| it == "service");
            assert_eq!(expected, usize::from(service), "{path:?}");
        }
    }

    #[test]
    fn a_unit_that_starts_something_else_is_refused() {
        packaged("[Service]\nExecStart=/usr/bin/tcptrace serve\n").unwrap();
        packaged("[Service]\nExecStart=/opt/tcptrace serve\n").unwrap_err();
        packaged("[Service]\nEnvironment=A=/usr/local/x\n").unwrap_err();
    }

    #[test]
    fn the_version_is_where_debian_looks_for_it() {
        let repository = Repository {
            root: "/nowhere".into(),
            channel: "1".to_owned(),
        };
        let made = Made {
            repository: &repository,
            target_folder: "/nowhere".into(),
            out: "/nowhere".into(),
            version: "0.2.0".to_owned(),
            time: Timestamp::from_second(1_795_754_511).unwrap(),
        };
        let names = Names {
            version: &made.version,
            architecture: Architecture::X86_64,
        };
        let control = fs::read_to_string(deploy().join("debian/control")).unwrap();
        let text = changelog(&made, &names, &control).unwrap();
        assert!(
            text.starts_with("tcptrace-bpf (0.2.0-1) unstable;"),
            "{text}"
        );
        assert!(
            text.ends_with(">  Fri, 27 Nov 2026 04:41:51 +0000\n"),
            "{text}"
        );
        assert!(control.contains("\nConflicts: tcptrace\n"), "{control}");
    }
}
