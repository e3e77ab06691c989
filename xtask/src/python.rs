//! Python with packages of PyPI that tests take, in pinned versions, in `.tools/python`, so that nothing
//! of the machine is changed.

use std::{fs, process::Command};

use anyhow::{Context as _, Result};

use crate::{cargo::succeed, packages, repository::Repository, setup};

/// What the tests take, from the root of the repository.
const REQUIREMENTS: &str = "tcptrace/tests/export/requirements.txt";
/// What was installed, in `.tools/python`.
const INSTALLED: &str = "installed.txt";

/// Installs them, unless they are there.
///
/// # Errors
/// When there is no Python, or a package can't be had; says what to type.
pub fn install(repository: &Repository) -> Result<()> {
    let requirements = repository.root.join(REQUIREMENTS);
    let wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("{} can't be read", requirements.display()))?;
    let folder = repository.tools().join("python");
    let installed = fs::read_to_string(folder.join(INSTALLED)).is_ok_and(|it| it == wanted);
    // The Python that it was made of may be gone.
    if installed && folder.join("bin/python").exists() {
        return Ok(());
    }
    if !makes_environments() {
        packages::install_all(packages::OF_PYTHON)?;
    }
    eprintln!(
        "set-up: installing what reads exported files, a collector, the engine of ClickHouse and what renders manifests into {} (once; 450 MB)",
        folder.display()
    );
    let mut command = Command::new("python3");
    command.args(["-m", "venv", "--clear"]).arg(&folder);
    setup::install(
        &format!("python3 -m venv --clear {}", folder.display()),
        &mut command,
    )?;
    let pip = folder.join("bin/pip");
    let mut command = Command::new(&pip);
    command
        .args(["install", "--quiet", "--disable-pip-version-check"])
        // All are named, and none is compiled here.
        .args(["--no-deps", "--only-binary", ":all:", "--requirement"])
        .arg(&requirements);
    let typed = format!("{} install -r {}", pip.display(), requirements.display());
    setup::install(&typed, &mut command)?;
    fs::write(folder.join(INSTALLED), wanted)
        .with_context(|| format!("{} can't be written to", folder.display()))
}

/// Whether there is a Python that can make an environment of its own: Debian has that in a package
/// besides.
fn makes_environments() -> bool {
    let mut command = Command::new("python3");
    command.args(["-c", "import ensurepip, venv"]);
    succeed(command.stderr(std::process::Stdio::null())).is_ok()
}
