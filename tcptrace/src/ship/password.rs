//! A password: from a file, or the environment, never from the command line, which others can read.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::privileges;

/// The variable that has it.
const VARIABLE: &str = "TCPTRACE_SHIP_PASSWORD";
/// The name of the service manager's credential that has it.
const CREDENTIAL: &str = "tcptrace-ship-password";
/// A longer file is something else, bytes.
const LONGEST: usize = 4096;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file can't be read.
    #[error("cannot read the password from {}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no password.
    #[error(
        "{} has no password: one line of text, without others, is one, as HTTP has no place for more",
        .0.display()
    )]
    NoLine(PathBuf),
    /// The same in the environment.
    #[error("the variable {VARIABLE} has no password: one line of text is one")]
    NoText,
}

/// The password: from the file that is asked for, the variable `TCPTRACE_SHIP_PASSWORD`, or the service
/// manager's credential `tcptrace-ship-password`; empty without any of them.
///
/// # Errors
/// When there is one that is of no use.
pub fn password(file: Option<&Path>) -> Result<String, PasswordError> {
    if let Some(file) = file {
        return read(file);
    }
    if let Some(text) = env::var_os(VARIABLE) {
        let text = text.into_string().map_err(|_| PasswordError::NoText)?;
        return line(&text).ok_or(PasswordError::NoText);
    }
    let credential = env::var_os("CREDENTIALS_DIRECTORY").map(|it| Path::new(&it).join(CREDENTIAL));
    match credential.filter(|it| it.exists()) {
        Some(file) => read(&file),
        None => Ok(String::new()),
    }
}

fn read(file: &Path) -> Result<String, PasswordError> {
    let text =
        privileges::as_caller(|| fs::read(file)).map_err(|error| PasswordError::Unreadable {
            path: file.to_owned(),
            error,
        })?;
    let text = String::from_utf8(text)
        .ok()
        .filter(|it| it.len() <= LONGEST);
    let text = text.as_deref().and_then(line).filter(|it| !it.is_empty());
    text.ok_or_else(|| PasswordError::NoLine(file.to_owned()))
}

/// A line, without its end; `None`: it is no line.
fn line(text: &str) -> Option<String> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    (!line.chars().any(char::is_control)).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (text, expected) in [
            ("secret\n", Some("secret")),
            ("sé cret", Some("sé cret")),
            ("secret\r\n", Some("secret")),
            ("", None),
            ("\n", None),
            ("two\nlines\n", None),
            ("a\0b", None),
        ] {
            fs::write(&path, text).unwrap();
            let read = password(Some(&path));
            assert_eq!(read.ok().as_deref(), expected, "{text:?}");
        }
        let error = password(Some(Path::new("/nowhere/password"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/password"), "{error}");
    }
}
