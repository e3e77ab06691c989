//! Files that import each other in a circle.

use std::collections::BTreeMap;

use super::{Broken, File};

/// The lines of a circle of imports among the files of a crate: of one, if there are several.
/// Each line leads to the next, and the last to the first.
pub fn broken(files: &[File]) -> Vec<Broken> {
    let of_name: BTreeMap<&str, &File> = files
        .iter()
        .map(|file| (file.module[0].as_str(), file))
        .collect();
    let mut done = Vec::new();
    for name in of_name.keys() {
        let mut way = Vec::new();
        if let Some(circle) = find(name, &of_name, &mut way, &mut done) {
            return circle;
        }
    }
    Vec::new()
}

/// A step on the way: a file, what it imports, and the line.
type Step<'a> = (&'a File, &'a str, usize);

/// Goes on to all that a file imports, until it comes back to one that is on its way.
fn find<'a>(
    name: &'a str,
    files: &BTreeMap<&'a str, &'a File>,
    way: &mut Vec<Step<'a>>,
    done: &mut Vec<&'a str>,
) -> Option<Vec<Broken>> {
    if done.contains(&name) {
        return None;
    }
    let begins = |(file, ..): &Step<'_>| file.module[0] == name;
    if let Some(start) = way.iter().position(begins) {
        let circle = way[start..].iter();
        let told = circle.map(|(file, next, line)| {
            file.broken(
                *line,
                format!("{} imports {next}, in a circle", file.module[0]),
            )
        });
        return Some(told.collect());
    }
    let file = files.get(name)?;
    for (next, line) in file.imports() {
        way.push((file, next, line));
        if let Some(circle) = find(next, files, way, done) {
            return Some(circle);
        }
        way.pop();
    }
    done.push(name);
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(name: &str, source: &str) -> File {
        File::read(Path::new(name), Path::new(name), source).expect("Rust")
    }

    #[test]
    fn a_circle_is_told_line_by_line() {
        let files = [
            file("head.rs", "use crate::kernel::read;"),
            file(
                "kernel.rs",
                "macro_rules! setting { () => { crate::kernel::load() } }",
            ),
            file("main.rs", "mod timer;\nuse crate::timer::changed;"),
            file(
                "minisock.rs",
                "use crate::{\n    kernel::read,\n    sock::common,\n};",
            ),
            file("sock.rs", "use crate::{head::Head,\n timer};"),
            file("timer.rs", "use crate::{head::Head, minisock::Snapshot};"),
        ];
        let told: Vec<_> = broken(&files).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "timer.rs:1: timer imports minisock, in a circle",
                "minisock.rs:3: minisock imports sock, in a circle",
                "sock.rs:2: sock imports timer, in a circle",
            ]
        );
    }

    #[test]
    fn a_file_that_several_import_is_no_circle() {
        let files = [
            file("head.rs", "use crate::kernel::read;"),
            file("kernel.rs", ""),
            file("sock.rs", "use crate::{head::Head, kernel::read, state};"),
            file("timer.rs", "use crate::{head::Head, sock};"),
        ];
        assert_eq!(broken(&files), []);
    }
}
