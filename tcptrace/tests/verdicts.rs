//! Verdicts on the cases of `tests/verdicts`: each file is a connection, what is known of it above
//! a line of dashes, and what is to be said of it below.
//!
//! A test is named for its file, and its file for what a user would see. The notation is in
//! `tests/verdicts/README.md`. With `BLESS=1` what is said is written anew: read the diff.

#[path = "verdicts/notation.rs"]
mod notation;

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use libtest_mimic::{Arguments, Failed, Trial};
use tcptrace::{
    diagnose::{Age, Diagnosis, Suspect, Verdict, advice, diagnose, text},
    language::{Chapter, Language, Words},
};

use crate::notation::{parse, write};

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verdicts");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "case"))
        .collect();
    files.sort();
    let all = files.clone();
    let mut trials: Vec<Trial> = files.into_iter().map(trial).collect();
    trials.push(Trial::test("every_verdict_has_a_case", move || {
        every_verdict_has_a_case(&all)
    }));
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

fn trial(path: PathBuf) -> Trial {
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Trial::test(name, move || run(&path))
}

fn run(path: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(path)?;
    let (known, expected) = text
        .split_once("\n---\n")
        .ok_or("no line of three dashes")?;
    let suspect = parse(known)?;
    let diagnosis = diagnose(&suspect);
    let said = write(&Age::of(&suspect), &suspect, &diagnosis);
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, format!("{known}\n---\n{said}"))?;
        return Ok(());
    }
    if expected != said {
        return Err(format!("expected:\n{expected}\nbut it says:\n{said}").into());
    }
    says_the_same_in_chinese(&suspect, &diagnosis)
}

/// The same names and numbers, and nothing that is left in English.
fn says_the_same_in_chinese(suspect: &Suspect, it: &Diagnosis) -> Result<(), Failed> {
    let said = |language| {
        let words = Words::kept(Chapter::Stuck, language);
        [text(suspect, it, words), advice(suspect, it.verdict, words)]
    };
    let numbers = |text: &str| {
        let digits = text.split(|it: char| !it.is_ascii_digit());
        let mut all: Vec<String> = digits.map(str::to_owned).collect();
        all.retain(|it| !it.is_empty());
        all.sort();
        all
    };
    let (english, chinese) = (said(Language::English), said(Language::Chinese));
    for (english, chinese) in english.iter().zip(&chinese) {
        let left = ["the ", " peer", "{", " is ", "not ", "  "];
        let left = left
            .iter()
            .find(|it| chinese.contains(**it) && !english.contains("{1, 0}"));
        if numbers(english) != numbers(chinese) || chinese.is_ascii() || left.is_some() {
            return Err(format!("{english}\nis in Chinese\n{chinese}").into());
        }
    }
    Ok(())
}

fn every_verdict_has_a_case(files: &[PathBuf]) -> Result<(), Failed> {
    let mut said = HashSet::new();
    for path in files {
        let text = fs::read_to_string(path)?;
        let (known, _) = text.split_once("\n---\n").unwrap_or((&text, ""));
        said.insert(diagnose(&parse(known)?).verdict);
    }
    for verdict in Verdict::ALL {
        if !said.contains(&verdict) {
            return Err(format!("no case of {verdict}").into());
        }
    }
    Ok(())
}
