//! Sums, by which who gets the files can tell that they are the same.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::names::SUMS;
use crate::cargo::output;

/// The SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// When it can't be read.
pub fn sum(file: &Path) -> Result<String> {
    let told = output(Command::new("sha256sum").arg("--binary").arg(file))?;
    let (sum, _) = told.split_once(' ').context("sha256sum tells no sum")?;
    Ok(sum.to_owned())
}

/// Writes the sums of all files in a folder, for `sha256sum --check`.
///
/// # Errors
/// When one can't be read, or the sums can't be written.
pub fn write(folder: &Path) -> Result<()> {
    let mut lines = String::new();
    for name in files(folder)? {
        if name != SUMS {
            lines += &format!("{}  {name}\n", sum(&folder.join(&name))?);
        }
    }
    let path = folder.join(SUMS);
    fs::write(&path, lines).with_context(|| format!("{} can't be written", path.display()))
}

/// The names of all files in a folder, in order.
///
/// # Errors
/// When it can't be read.
pub fn files(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::write;

    #[test]
    fn sums_are_of_all_files_but_themselves() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b"), "").unwrap();
        fs::write(folder.path().join("a"), "x").unwrap();
        // Twice: what is there already is not counted.
        write(folder.path()).unwrap();
        write(folder.path()).unwrap();
        assert_eq!(
            fs::read_to_string(folder.path().join("SHA256SUMS")).unwrap(),
            "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881  a\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b\n"
        );
    }
}
