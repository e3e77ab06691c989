//! The command line of `tcptrace top`.

use std::path::PathBuf;

use clap::Args;
use jiff::tz::TimeZone;
use tcptrace::{
    commands::TopOptions,
    language::Language,
    output::{Colour, terminal},
    screen::{FileError, FileSettings, Settings, Theme, ThemeName},
};

use super::{ReplayArgs, TraceArgs, language::LanguageArgs, words};

/// Options of `tcptrace top`.
#[derive(Args, Debug)]
#[command(mut_arg("buffer_size", |it| it.conflicts_with("read")))]
pub struct TopArgs {
    #[command(flatten)]
    pub(super) trace: TraceArgs,
    #[command(flatten)]
    replay: ReplayArgs,
    /// Colours: for a dark background, a light one, for the colour-blind, or none.
    #[arg(long, value_parser = words::theme(), value_name = "NAME", help_heading = "Screen")]
    theme: Option<ThemeName>,
    /// Draw with characters of ASCII alone, in English.
    #[arg(long, help_heading = "Screen")]
    ascii: bool,
    /// When to colour; NO_COLOR is honoured.
    #[arg(
        long,
        value_parser = words::colour(),
        default_value = "auto",
        value_name = "WHEN",
        help_heading = "Screen"
    )]
    color: Colour,
    /// Show times in UTC, not in this machine's zone.
    #[arg(long, help_heading = "Screen")]
    utc: bool,
    /// Keys and colours, as TOML; without, those of ~/.config/tcptrace/top.toml, if it is there.
    #[arg(long, value_name = "FILE", help_heading = "Screen")]
    config: Option<PathBuf>,
    #[command(flatten)]
    language: LanguageArgs,
}

impl TopArgs {
    /// What `top` is told.
    ///
    /// # Errors
    /// When there is no such network interface, the file of settings is wrong, or a language is asked
    /// for that tcptrace does not speak.
    pub fn into_options(self) -> anyhow::Result<TopOptions> {
        let file = match &self.config {
            Some(path) => FileSettings::load(path)?.ok_or_else(|| FileError {
                file: path.display().to_string(),
                why: "there is no such file".to_owned(),
            })?,
            None => match usual_file() {
                Some(path) => FileSettings::load(&path)?.unwrap_or_default(),
                None => FileSettings::default(),
            },
        };
        let coloured = match self.color {
            Colour::Always => true,
            Colour::Never => false,
            // https://no-color.org
            Colour::Auto => std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
        };
        let theme = match self.theme.or(file.theme) {
            _ if !coloured => Theme::of(ThemeName::Plain),
            Some(name) => file.theme(name),
            None => file.theme(ThemeName::Default),
        };
        let language = self.language.of_terminal()?;
        // Whoever asks for Chinese by name has a terminal for it, whatever the locale says.
        let ascii = || language == Language::English && !terminal::speaks_unicode();
        let ascii = self.ascii || file.ascii.unwrap_or_else(ascii);
        Ok(TopOptions {
            settings: Settings {
                theme,
                ascii,
                // There is nothing but English in ASCII.
                language: if ascii { Language::English } else { language },
                keymap: file.keymap,
                zone: match self.utc {
                    true => TimeZone::UTC,
                    false => TimeZone::system(),
                },
            },
            live: self
                .trace
                .into_options(Vec::new(), self.replay.into_options())?,
        })
    }
}

/// Where it is looked for.
fn usual_file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|it| !it.is_empty());
    let folder = match set("XDG_CONFIG_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(set("HOME")?).join(".config"),
    };
    Some(folder.join("tcptrace").join("top.toml"))
}
