//! The modules that a guest loads.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::cargo::shown;

/// What the tests need: devices to make in a namespace, sock_diag for TCP, and DCCP, which must not
/// be taken for TCP, where the kernel has it.
const NEEDED: [&str; 6] = ["veth", "dummy", "tun", "tcp_diag", "dccp_ipv4", "dccp_ipv6"];

/// A module, as insmod takes it.
#[derive(Debug)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// The object file, not compressed.
    pub object: Vec<u8>,
}

/// The modules that tests need, these others, and those that they depend on, in the order in which
/// they are loaded. What is built into the kernel is not among them.
///
/// # Errors
/// When one can't be read.
pub fn to_load(directory: &Path, others: &[&str]) -> Result<Vec<Module>> {
    let mut all = Vec::new();
    collect(directory, &mut all)?;
    let mut order = Vec::new();
    for name in NEEDED.iter().chain(others) {
        add(name, &all, &mut order)?;
    }
    Ok(order)
}

fn add(name: &str, all: &[PathBuf], order: &mut Vec<Module>) -> Result<()> {
    if order.iter().any(|module| module.name == name) {
        return Ok(());
    }
    let Some(path) = all
        .iter()
        .find(|path| name_of(path).as_deref() == Some(name))
    else {
        return Ok(());
    };
    let object = read(path)?;
    for dependency in dependencies(&object) {
        add(&dependency, all, order)?;
    }
    order.push(Module {
        name: name.to_owned(),
        object,
    });
    Ok(())
}

fn collect(directory: &Path, all: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(directory)
        .with_context(|| format!("{} can't be read", directory.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), all)?;
        } else {
            all.push(entry.path());
        }
    }
    Ok(())
}

/// The name of the module in a file: `inet_diag` of `inet-diag.ko.xz`.
fn name_of(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let (name, _) = file.split_once(".ko")?;
    Some(name.replace('-', "_"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path.extension().is_none_or(|extension| extension != "xz") {
        return fs::read(path).with_context(|| format!("{} can't be read", path.display()));
    }
    let mut command = Command::new("xz");
    command.args(["--decompress", "--stdout"]).arg(path);
    let output = command.output().with_context(|| {
        let shown = shown(&command);
        format!("`{shown}` can't be started: install xz-utils")
    })?;
    ensure!(output.status.success(), "`{}` failed", shown(&command));
    Ok(output.stdout)
}

/// What a module says that it depends on, in its section `.modinfo`.
fn dependencies(object: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = object.windows(KEY.len()).position(|found| found == KEY) else {
        return Vec::new();
    };
    let value = object[at + KEY.len()..]
        .split(|&byte| byte == 0)
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(value)
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{dependencies, name_of};

    #[test]
    fn dependencies_are_as_the_module_says() {
        let object = b"\x7fELF\0license=GPL\0depends=inet-diag,ip_tunnel\0name=x\0";
        assert_eq!(dependencies(object), ["inet_diag", "ip_tunnel"]);
        assert!(dependencies(b"\0depends=\0name=x\0").is_empty());
        assert!(dependencies(b"").is_empty());
    }

    #[test]
    fn a_file_is_named_for_its_module() {
        let name = |path| name_of(Path::new(path));
        assert_eq!(name("/m/tcp_diag.ko.xz").as_deref(), Some("tcp_diag"));
        assert_eq!(name("/m/inet-diag.ko").as_deref(), Some("inet_diag"));
        assert_eq!(name("/m/modules.order"), None);
    }
}
