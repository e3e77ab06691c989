//! What crates.io gets: the crates, and in that of tcptrace its kernel half as it was built, so that
//! who installs it needs neither the source of `core` nor bpf-linker.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    cargo::{cargo, output, say_and_succeed},
    dist::{Renamed, version},
    repository::{Repository, toml_of},
    setup,
};

/// Where tcptrace/build.rs looks for it. git does not have it.
const CARRIED: &str = "tcptrace/kernel-half.o";

/// Puts the kernel half into the crate, and has cargo do all of publishing but the sending.
///
/// # Errors
/// When something can't be built, or crates.io would refuse it.
pub fn dry_run(repository: &Repository) -> Result<ExitCode> {
    setup::prepare(repository, &[])?;
    let folder = repository.target_folder().join("crates-io");
    let built = kernel_half(repository, &folder)?;
    let carried = repository.root.join(CARRIED);
    fs::copy(&built, &carried).with_context(|| format!("{} can't be made", carried.display()))?;
    let mut command = cargo(repository);
    command
        .args(["publish", "--dry-run", "--workspace", "--exclude", "xtask"])
        // The kernel half, which git does not have.
        .arg("--allow-dirty")
        .arg("--target-dir")
        .arg(&folder)
        // Whoever installs it has none.
        .env("PATH", without("bpf-linker")?);
    say_and_succeed(&mut command)?;
    // What was unpacked of the crate, to build it.
    let version = version(&toml_of(&repository.root.join("Cargo.toml"))?)?;
    let unpacked = folder.join(format!("package/tcptrace-{version}/kernel-half.o"));
    let carried =
        fs::read(&unpacked).with_context(|| format!("{} can't be read", unpacked.display()))?;
    ensure!(
        carried == fs::read(&built)?,
        "the crate carries another kernel half than was built just now"
    );
    eprintln!("crates.io would take both crates, and they build without bpf-linker");
    Ok(ExitCode::SUCCESS)
}

/// Builds it, without a path of this machine inside.
fn kernel_half(repository: &Repository, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let mut command = cargo(repository);
    command
        .args(["check", "--package", "tcptrace", "--message-format=json"])
        .arg("--target-dir")
        .arg(folder);
    let renamed = Renamed::of(repository, folder)?;
    renamed.apply(&mut command, "host", &folder.join("rustc"))?;
    let messages = output(&mut command)?;
    let built = out_folder(&messages)
        .context("cargo did not say where the build script of tcptrace puts what it makes")?
        .join("tcptrace-ebpf");
    let bytes = fs::read(&built).with_context(|| format!("{} can't be read", built.display()))?;
    ensure!(
        renamed.found_in(&bytes).is_none(),
        "{} has a path of this machine inside",
        built.display()
    );
    Ok(built)
}

/// Where the build script put things, by cargo's messages.
fn out_folder(messages: &str) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|it| serde_json::from_str(it).ok());
    let mut of_tcptrace = messages.filter(|it: &Value| {
        let id = it["package_id"].as_str().unwrap_or_default();
        it["reason"] == "build-script-executed" && id.contains("/tcptrace#")
    });
    let found = of_tcptrace.next()?;
    found["out_dir"].as_str().map(PathBuf::from)
}

/// The search path without the folders that have that program.
fn without(program: &str) -> Result<OsString> {
    let path = env::var_os("PATH").context("PATH is not set")?;
    let folders = env::split_paths(&path).filter(|it| !it.join(program).exists());
    Ok(env::join_paths(folders)?)
}

#[cfg(test)]
mod tests {
    use super::out_folder;

    #[test]
    fn the_build_script_of_tcptrace_is_told_from_others() {
        let said = "{\"reason\":\"build-script-executed\",\"package_id\":\"registry+x#libc@0.2\",\"out_dir\":\"/a\"}\n\
                    no JSON\n\
                    {\"reason\":\"build-script-executed\",\"package_id\":\"path+file:///src/tcptrace#0.2.0\",\"out_dir\":\"/b\"}\n";
        assert_eq!(out_folder(said).as_deref(), Some("/b".as_ref()));
        assert_eq!(out_folder(""), None);
    }
}
