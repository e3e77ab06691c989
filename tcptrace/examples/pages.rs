//! Writes what the command line tells of itself: a man page for each command, and completions for
//! shells. `cargo xtask dist` runs it; the date is that of the pages.
//!
//! ```text
//! cargo run --package tcptrace --example pages -- DIR YYYY-MM-DD
//! ```

/// The command line, as the binary has it.
#[path = "../src"]
mod binary {
    #[expect(dead_code, reason = "what comes of it is the binary's")]
    pub mod cli;
}

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use binary::cli::Cli;
use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate_to};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

/// The section of commands that anybody may run.
const SECTION: &str = "1";
/// Where in its last words a command's help tells what its statuses mean.
const STATUSES: &str = "Exit status: ";
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let (Some(folder), Some(date)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: pages DIR YYYY-MM-DD");
    };
    let folder = PathBuf::from(folder);
    let date = date.to_str().context("a date is ASCII")?;
    fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    write_pages(&folder, date)?;
    for shell in SHELLS {
        generate_to(shell, &mut Cli::command(), "tcptrace", &folder)
            .with_context(|| format!("completions for {shell} can't be written"))?;
    }
    Ok(())
}

fn write_pages(folder: &Path, date: &str) -> Result<()> {
    // `help` is an option of every command, and has no page of its own.
    let mut whole = Cli::command()
        .disable_help_subcommand(true)
        .subcommand_help_heading("COMMANDS");
    whole.build();
    let commands: Vec<&Command> = whole
        .get_subcommands()
        .filter(|it| !it.is_hide_set())
        .collect();
    let names: Vec<String> = std::iter::once(&whole)
        .chain(commands.iter().copied())
        .map(name)
        .collect();
    write_page(folder, date, &of_all_commands(&whole), &names)?;
    for command in commands {
        write_page(folder, date, command, &names)?;
    }
    Ok(())
}

/// The page of the program: without a command it takes the options of `watch`, which has a page.
fn of_all_commands(whole: &Command) -> Command {
    let asked: Vec<_> = whole
        .get_arguments()
        .filter(|it| matches!(it.get_id().as_str(), "help" | "version"))
        .cloned()
        .collect();
    let mut command = Command::new("tcptrace")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .subcommand_help_heading("COMMANDS")
        .override_usage(
            "tcptrace [COMMAND] [OPTIONS]\ntcptrace [OPTIONS] [-- COMMAND [ARGUMENTS]...]",
        )
        .args(asked)
        .subcommands(whole.get_subcommands().cloned());
    if let Some(about) = whole.get_about() {
        let long = format!(
            "{about}\n\nWithout a command it does what tcptrace watch does, and takes its options: see \
             tcptrace-watch(1)."
        );
        command = command.about(about.clone()).long_about(long);
    }
    if let Some(words) = whole.get_after_help() {
        command = command.after_help(words.clone());
    }
    command
}

fn write_page(folder: &Path, date: &str, command: &Command, names: &[String]) -> Result<()> {
    let name = name(command);
    let usage = command.clone().render_usage().to_string();
    let mut told = command.clone().mut_args(|argument| {
        if argument.get_id() == "help" {
            // Not where a shorter one is told.
            argument.help("Print help").long_help("Print help")
        } else if argument.is_last_set() {
            argument.value_name("-- COMMAND [ARGUMENTS]...")
        } else {
            argument
        }
    });
    if command.get_overridden_usage().is_none() {
        // The one line of --help, not one of all options, which are listed below.
        told = told.override_usage(usage.trim_start_matches("Usage: ").to_owned());
    }
    let version = env!("CARGO_PKG_VERSION");
    let page = Man::new(told)
        .title(name.to_uppercase())
        .section(SECTION)
        .date(date)
        .source(format!("tcptrace {version}"))
        .manual("tcptrace");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    if command.get_subcommands().next().is_some() {
        page.render_subcommands_section(&mut text)?;
    }
    page.render_options_section(&mut text)?;
    render_last_words(command, &mut text)?;
    render_see_also(&name, names, &mut text)?;
    let path = folder.join(format!("{name}.{SECTION}"));
    let text = String::from_utf8(text)?;
    fs::write(&path, tightened(&text))
        .with_context(|| format!("{} can't be written", path.display()))
}

/// Words that an option takes, close below it: clap_mangen puts them far to the right, with empty
/// lines between.
fn tightened(text: &str) -> String {
    let begin = ".br\n\n.br\n\\fIPossible values:\\fR\n.RS 14\n";
    let mut parts = text.split(begin);
    let mut tightened = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (words, rest) = part.split_once(".RE\n").unwrap_or((part, ""));
        tightened += &format!(".RS\n.PD 0\n{words}.PD\n.RE\n{rest}");
    }
    tightened
}

/// What stands below the options in --help, under the headings that man pages have for it.
fn render_last_words(command: &Command, text: &mut Vec<u8>) -> Result<()> {
    let words = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (notes, statuses) = words.split_once(STATUSES).unwrap_or((&words, ""));
    let mut roff = Roff::new();
    for (heading, said) in [("EXIT STATUS", statuses), ("NOTES", notes)] {
        if !said.trim().is_empty() {
            roff.control("SH", [heading]);
            roff.text([roman(said.trim())]);
        }
    }
    roff.to_writer(text)?;
    Ok(())
}

fn render_see_also(own: &str, names: &[String], text: &mut Vec<u8>) -> Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let others: Vec<_> = names.iter().filter(|name| *name != own).collect();
    for (index, name) in others.iter().enumerate() {
        let end = if index + 1 < others.len() { "," } else { "" };
        roff.text([bold(name.as_str()), roman(format!("({SECTION}){end}"))]);
    }
    roff.to_writer(text)?;
    text.flush()?;
    Ok(())
}

/// As its page is called: `tcptrace-watch`.
fn name(command: &Command) -> String {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned()
}
