//! What the documents say holds: commands are taken, links lead somewhere, paths are there.

/// The command line, as the binary has it.
#[path = "../src"]
mod binary {
    #[expect(dead_code, reason = "what comes of it is the binary's")]
    pub mod cli;
}

use std::{
    fs,
    path::{Path, PathBuf},
};

use binary::cli::{Cli, Invocation};
use clap::Parser as _;

/// The documents whose commands are tried: what users read.
const FOR_USERS: [&str; 3] = ["README.md", "README.zh.md", "docs"];
/// All documents.
const ALL: [&str; 7] = [
    "README.md",
    "README.zh.md",
    "docs",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
];
/// What a command names that another machine may not have, and what stands for it here. In place of
/// a service's control group there is the root, which every tree has.
const STAND_INS: [(&str, &str); 3] = [
    ("web", "self"),
    ("fe80::1%eth0", "fe80::1%lo"),
    ("/system.slice", "/"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

struct Document {
    /// From the root of the repository.
    path: PathBuf,
    text: String,
}

/// Documents by name, and all that are in a folder of that name.
fn documents(names: &[&str]) -> Vec<Document> {
    let mut paths = Vec::new();
    for name in names {
        match fs::read_dir(root().join(name)) {
            Ok(folder) => paths.extend(
                folder
                    .map(|entry| Path::new(name).join(entry.unwrap().file_name()))
                    .filter(|path| path.extension().is_some_and(|it| it == "md")),
            ),
            Err(_) => paths.push(name.into()),
        }
    }
    let read = |path: PathBuf| Document {
        text: fs::read_to_string(root().join(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        path,
    };
    paths.into_iter().map(read).collect()
}

impl Document {
    /// Lines of code blocks, and lines of text.
    fn lines(&self) -> (Vec<&str>, Vec<&str>) {
        let (mut code, mut text) = (Vec::new(), Vec::new());
        let mut within = false;
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                within = !within;
            } else if within {
                code.push(line);
            } else {
                text.push(line);
            }
        }
        assert!(!within, "{}: a code block has no end", self.path.display());
        (code, text)
    }

    /// What stands between backquotes within a line of text.
    fn spans(&self) -> Vec<&str> {
        let (_, text) = self.lines();
        for line in &text {
            let even = line.matches('`').count() % 2 == 0;
            assert!(even, "{}: not in one line: {line}", self.path.display());
        }
        text.iter()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
            .collect()
    }

    /// Where its links lead, but for those to other machines.
    fn links(&self) -> Vec<&str> {
        let (_, text) = self.lines();
        text.iter()
            .flat_map(|line| line.split("](").skip(1))
            .map(|rest| rest.split(')').next().unwrap_or_default())
            .filter(|link| !link.contains("://"))
            .collect()
    }

    /// Its headings, as a link to one names them: as GitHub makes them.
    fn anchors(&self) -> Vec<String> {
        let (_, text) = self.lines();
        text.iter()
            .filter_map(|line| line.strip_prefix('#'))
            .map(|heading| {
                heading
                    .trim_start_matches('#')
                    .trim()
                    .to_lowercase()
                    .chars()
                    .filter(|it| it.is_alphanumeric() || " -_".contains(*it))
                    .map(|it| if it == ' ' { '-' } else { it })
                    .collect()
            })
            .collect()
    }
}

/// The arguments of tcptrace in a line, if the line runs it: up to a comment, a pipe or a redirection.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    let line = line.strip_prefix("$ ").unwrap_or(line);
    let line = line
        .strip_prefix("ExecStart=/usr/local/bin/")
        .unwrap_or(line);
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    let rest = ["tcptrace", "cargo xtask run --"]
        .iter()
        .find_map(|begin| line.strip_prefix(begin))
        .filter(|rest| rest.is_empty() || rest.starts_with(' '))?;
    let mut words = Vec::new();
    for word in rest.split_whitespace() {
        if ["#", "|", ">", "2>", "&"]
            .iter()
            .any(|end| word.starts_with(end))
        {
            break;
        }
        assert!(
            !word.contains(['\'', '"', '\\']),
            "quotes are not read here: {line}"
        );
        let stand_in = STAND_INS.iter().find(|(name, _)| *name == word);
        words.push(stand_in.map_or(word, |(_, it)| it).to_owned());
    }
    Some(words)
}

/// What is wrong with a command; `None`: it is taken.
fn refused(words: &[String]) -> Option<String> {
    let shown = || format!("tcptrace {}", words.join(" "));
    let typed = std::iter::once("tcptrace").chain(words.iter().map(String::as_str));
    let invocation = match Cli::try_parse_from(typed) {
        Ok(cli) => cli.into_invocation(),
        // --help, or a machine without control groups.
        Err(error) if !error.use_stderr() || error.to_string().contains("v2 is not mounted") => {
            return None;
        }
        Err(error) => return Some(format!("{}: {error}", shown())),
    };
    match invocation {
        // Which words it knows, it tells when it looks for them.
        Ok(Invocation::Explain(_)) => {
            let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_tcptrace"));
            let output = command.args(words).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            (!output.status.success()).then(|| format!("{}: {said}", shown()))
        }
        Ok(_) => None,
        Err(error) => Some(format!("{}: {error:#}", shown())),
    }
}

#[test]
fn every_command_in_the_documents_is_one_that_tcptrace_takes() {
    let mut wrong = Vec::new();
    for document in documents(&FOR_USERS) {
        let (code, _) = document.lines();
        let lines = code.into_iter().chain(document.spans());
        let commands: Vec<_> = lines.filter_map(arguments).collect();
        // That they are found at all.
        let many = matches!(document.path.to_str(), Some("README.md" | "docs/guide.md"));
        assert!(!many || commands.len() >= 5, "{}", document.path.display());
        let told = commands.iter().filter_map(|words| refused(words));
        wrong.extend(told.map(|it| format!("{}: {it}", document.path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_in_the_alerts_and_on_the_dashboard_is_one_that_tcptrace_takes() {
    /// What stands for a value that the one who reads it sees, or knows.
    const VALUES: [(&str, &str); 7] = [
        ("{{ $labels.state }}", "CLOSE_WAIT"),
        ("{{ $labels.verdict }}", "not_closed"),
        ("explain STATE", "explain CLOSE_WAIT"),
        ("explain REASON", "explain expired"),
        ("explain VERDICT", "explain not_closed"),
        ("PORT", "5432"),
        ("DIR", "."),
    ];
    for (file, least) in [
        ("deploy/prometheus/tcptrace.rules.yml", 15),
        ("deploy/grafana/tcptrace.json", 5),
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        // Texts are wrapped.
        let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for (name, value) in VALUES {
            text = text.replace(name, value);
        }
        let spans = text.split('`').skip(1).step_by(2);
        let commands: Vec<_> = spans.filter_map(arguments).collect();
        assert!(commands.len() >= least, "{file}: {commands:?}");
        let wrong: Vec<_> = commands.iter().filter_map(|it| refused(it)).collect();
        assert!(wrong.is_empty(), "{file}: {}", wrong.join("\n"));
    }
}

#[test]
fn every_link_between_the_documents_leads_to_what_is_there() {
    let mut wrong = Vec::new();
    for document in documents(&ALL) {
        for link in document.links() {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = document.path.parent().unwrap_or(Path::new(""));
            let target = match file {
                "" => document.path.clone(),
                file => folder.join(file),
            };
            let there = match heading {
                "" => root().join(&target).exists(),
                heading => target.to_str().is_some_and(|path| {
                    root().join(path).exists()
                        && documents(&[path])[0]
                            .anchors()
                            .iter()
                            .any(|it| it == heading)
                }),
            };
            if !there {
                wrong.push(format!("{}: {link}", document.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_chinese_readme_has_what_the_english_has() {
    let [english, chinese] = ["README.md", "README.zh.md"].map(|it| documents(&[it]).remove(0));
    let links = |of: &Document| {
        let links = of.links().into_iter().map(str::to_owned);
        let mut links: Vec<String> = links.filter(|it| !it.contains("README")).collect();
        // Its words for the terms are linked to in it alone.
        links.retain(|it| it != "docs/glossary.zh.md");
        links.sort();
        links
    };
    assert_eq!(links(&english), links(&chinese));
    let headings = |of: &Document| of.text.lines().filter(|it| it.starts_with("## ")).count();
    assert_eq!(headings(&english), headings(&chinese));
    let blocks = |of: &Document| of.text.matches("```").count();
    assert_eq!(blocks(&english), blocks(&chinese));
    let rows = |of: &Document| of.text.lines().filter(|it| it.starts_with("| ")).count();
    assert_eq!(rows(&english), rows(&chinese));
    // What is typed, and numbers of versions, are the same.
    let spans = |of: &Document| {
        let spans = of.spans().into_iter().map(str::to_owned);
        spans.collect::<std::collections::BTreeSet<String>>()
    };
    let missing: Vec<_> = spans(&english)
        .difference(&spans(&chinese))
        .cloned()
        .collect();
    assert!(missing.is_empty(), "README.zh.md has no {missing:?}");
}

#[test]
fn the_readme_is_read_in_five_minutes() {
    let lines = documents(&["README.md"])[0].text.lines().count();
    assert!(lines <= 150, "README.md has {lines} lines");
}

#[test]
fn every_path_that_the_architecture_names_is_there() {
    let document = &documents(&["ARCHITECTURE.md"])[0];
    let mut paths: Vec<&str> = document.spans();
    let plain = |it: char| it.is_ascii_alphanumeric() || "/._-".contains(it);
    paths.retain(|it| it.chars().all(plain) && !it.starts_with('/'));
    paths.retain(|it| it.contains('/') || it.ends_with(".rs") || it.ends_with(".toml"));
    assert!(paths.len() > 20, "{paths:?}");
    // Rooms are named without the folder that they are in.
    let there = |path: &&str| {
        let mut folders = ["", "tcptrace/src"].iter();
        folders.any(|folder| root().join(folder).join(path).exists())
    };
    paths.retain(|it| !there(it));
    assert!(paths.is_empty(), "{paths:?}");
}
