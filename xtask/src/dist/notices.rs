//! What others wrote and is linked in, with the texts of its licences.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::crates::Crate;

/// What files with a licence, or with words that it wants to be passed on, are called.
const BEGINNINGS: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "copyright",
    "notice",
    "unlicense",
];
/// What files end with that are called so and are something else.
const OTHERS: [&str; 5] = ["rs", "png", "html", "json", "toml"];
/// The C library that the binary is linked to has no crate.
const MUSL: &str = include_str!("musl.txt");
/// What draws charts in pages of `tcptrace report` is no crate either.
const UPLOT: &str = include_str!("../../../tcptrace/data/uplot/LICENSE");
const RULE: &str =
    "\n--------------------------------------------------------------------------------\n";

/// The text about all of them.
///
/// # Errors
/// When a file can't be read.
pub fn text(crates: &[Crate]) -> Result<String> {
    let mut texts = Texts::default();
    let uplot = texts.number(UPLOT);
    let mut list = format!("uPlot 1.6.32, in pages of tcptrace report: MIT; text {uplot}\n");
    for each in crates {
        let folder = each
            .manifest_path
            .parent()
            .with_context(|| format!("{} has no folder", each.name))?;
        let mut numbers = Vec::new();
        for file in licences_in(folder)? {
            let bytes =
                fs::read(&file).with_context(|| format!("{} can't be read", file.display()))?;
            numbers.push(texts.number(&String::from_utf8_lossy(&bytes)));
        }
        list += &line(each, &mut numbers);
    }
    let mut all = format!(
        "What others wrote and is linked into tcptrace. The numbers are those of the texts below.\n\n\
         musl, the C library: MIT; text 0\n\
         The library of Rust: MIT OR Apache-2.0; see THIRD-PARTY-RUST.html\n{list}"
    );
    write!(all, "{RULE}Text 0\n\n{MUSL}")?;
    for (index, text) in texts.all.iter().enumerate() {
        write!(all, "{RULE}Text {}\n\n{text}\n", index + 1)?;
    }
    Ok(all)
}

fn line(each: &Crate, numbers: &mut Vec<usize>) -> String {
    numbers.sort_unstable();
    numbers.dedup();
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    let told = if numbers.is_empty() {
        "it comes without a text".to_owned()
    } else {
        format!("text {}", numbers.join(", "))
    };
    format!(
        "{} {}: {}; {told}; {}\n",
        each.name,
        each.version,
        each.license.as_deref().unwrap_or("see its text"),
        each.repository.as_deref().unwrap_or("crates.io"),
    )
}

/// Texts, each once: most crates have the same.
#[derive(Default)]
struct Texts {
    all: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Texts {
    fn number(&mut self, text: &str) -> usize {
        let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
        let words: Vec<&str> = text.split_whitespace().collect();
        // The same words, however their lines are broken.
        *self.numbers.entry(words.join(" ")).or_insert_with(|| {
            self.all.push(lines.join("\n"));
            self.all.len()
        })
    }
}

/// All such files in a crate, and in what it has of others, in order.
fn licences_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            found.extend(licences_in(&path)?);
        } else if is_licence(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn is_licence(path: &Path) -> bool {
    let lower = |part: Option<&std::ffi::OsStr>| {
        part.unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase()
    };
    let (name, ending) = (lower(path.file_name()), lower(path.extension()));
    BEGINNINGS.iter().any(|it| name.starts_with(it)) && !OTHERS.contains(&&*ending)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{Crate, is_licence, text};

    #[test]
    fn licences_are_told_from_sources() {
        for name in [
            "LICENSE",
            "LICENSE-MIT",
            "COPYING.md",
            "licence.txt",
            "LICENSE-2.0",
            "NOTICE",
        ] {
            assert!(is_licence(Path::new(name)), "{name}");
        }
        for name in ["license.rs", "src.txt", "README.md", "license.png"] {
            assert!(!is_licence(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn a_text_that_two_crates_have_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let made = |name: &str, licence: Option<&str>| {
            let home = folder.path().join(name);
            fs::create_dir_all(home.join("inside")).unwrap();
            if let Some(licence) = licence {
                fs::write(home.join("inside/LICENSE"), licence).unwrap();
            }
            Crate {
                name: name.to_owned(),
                version: "1.0.0".to_owned(),
                license: Some("MIT".to_owned()),
                repository: None,
                manifest_path: home.join("Cargo.toml"),
                source: None,
            }
        };
        let all = text(&[
            made("a", Some("Be free\nto copy.\n")),
            made("b", Some("Be free to\ncopy.")),
            made("c", None),
        ])
        .unwrap();
        assert!(
            all.contains("a 1.0.0: MIT; text 2; crates.io\nb 1.0.0: MIT; text 2;"),
            "{all}"
        );
        assert!(
            all.contains("c 1.0.0: MIT; it comes without a text;"),
            "{all}"
        );
        assert_eq!(all.matches("Be free").count(), 1, "{all}");
        // What is no crate has its text, too.
        assert!(all.contains("uPlot 1.6.32, in pages"), "{all}");
        assert!(all.contains("Leon Sorokin"), "{all}");
    }
}
