//! A file that is there under its name when it is whole.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// A file that is written aside, in the same folder, and has its name in the end. One that is there
/// stays until then, and is replaced. If there is no end, nothing is left behind.
#[derive(Debug)]
pub struct AsideFile {
    path: PathBuf,
    aside: PathBuf,
    file: File,
    has_its_name: bool,
}

impl AsideFile {
    /// Begins one that will be there under `path`.
    ///
    /// # Errors
    /// The folder is not there, or can't be written to. All errors name the file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let aside = aside(path)?;
        // Of a run that was killed.
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(named(path, &error)),
            _ => {}
        }
        Ok(Self {
            file: File::create_new(&aside).map_err(|error| named(path, &error))?,
            path: path.to_owned(),
            aside,
            has_its_name: false,
        })
    }

    /// Lets nobody else read it.
    ///
    /// # Errors
    /// The file system does not take it.
    pub fn only_ours(self) -> io::Result<Self> {
        let only_ours = fs::Permissions::from_mode(0o600);
        let set = self.file.set_permissions(only_ours);
        set.map_err(|error| named(&self.path, &error))?;
        Ok(self)
    }

    /// What writes to it.
    ///
    /// # Errors
    /// This process has too many descriptors.
    pub fn writer(&self) -> io::Result<AsideWriter> {
        let file = self.file.try_clone();
        Ok(AsideWriter {
            path: self.path.clone(),
            file: file.map_err(|error| named(&self.path, &error))?,
        })
    }

    /// Gives the file its name, once all is written. It is on the disk then.
    ///
    /// # Errors
    /// The disk is full, or the folder gone: there is no file then.
    pub fn finish(mut self) -> io::Result<()> {
        let done = self.file.sync_all().and_then(|()| {
            fs::rename(&self.aside, &self.path)?;
            self.has_its_name = true;
            File::open(folder(&self.path))?.sync_all()
        });
        done.map_err(|error| named(&self.path, &error))
    }
}

/// Writes to such a file, from where it ends.
#[derive(Debug)]
pub struct AsideWriter {
    path: PathBuf,
    file: File,
}

impl Write for AsideWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        written.map_err(|error| named(&self.path, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AsideFile {
    fn drop(&mut self) {
        if !self.has_its_name {
            // What is left is removed by whoever writes the file the next time.
            let _ = fs::remove_file(&self.aside);
        }
    }
}

/// Where a file is written before it has its name.
fn aside(path: &Path) -> io::Result<PathBuf> {
    let Some(name) = path.file_name() else {
        let error = io::Error::new(ErrorKind::InvalidInput, "no name of a file");
        return Err(named(path, &error));
    };
    let mut aside = OsString::from(".");
    aside.push(name);
    aside.push(".tmp");
    Ok(path.with_file_name(aside))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// What failed, with the file: a full disk stays known as one.
pub fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in a folder.
    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.json");
        // What a run that was killed left, and a file from before.
        fs::write(folder.path().join(".it.json.tmp"), "half").unwrap();
        fs::write(&path, "before").unwrap();
        let file = AsideFile::create(&path).unwrap();
        file.writer().unwrap().write_all(b"whole").unwrap();
        assert_eq!(names(folder.path()), [".it.json.tmp", "it.json"]);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        file.finish().unwrap();
        assert_eq!(names(folder.path()), ["it.json"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = AsideFile::create(&folder.path().join("it.json")).unwrap();
        assert_eq!(names(folder.path()), [".it.json.tmp"]);
        drop(file);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_fails_is_told_with_the_name_of_the_file() {
        for path in ["/nowhere/it.json", "/"] {
            let error = AsideFile::create(Path::new(path)).unwrap_err();
            assert!(error.to_string().starts_with(path), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.json");
        let file = AsideFile::create(&path).unwrap();
        fs::remove_file(folder.path().join(".it.json.tmp")).unwrap();
        let error = file.finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("it.json: "), "{error}");
    }
}
