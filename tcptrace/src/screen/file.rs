//! Keys and colours of a user's own, in a file.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use ratatui::style::Color;
use serde::Deserialize;

use super::{
    keys::{COMMANDS, Key, Keymap},
    theme::{Role, Theme, ThemeName},
};
use crate::privileges;

/// What is wrong in a file of settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct FileError {
    /// Which file.
    pub file: String,
    /// What is wrong there, and what would be right.
    pub why: String,
}

/// What a file of settings says: TOML.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Written {
    theme: Option<String>,
    ascii: Option<bool>,
    keys: BTreeMap<String, Vec<String>>,
    colours: BTreeMap<String, String>,
}

/// Settings of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSettings {
    /// The theme; `None`: nothing is said of it.
    pub theme: Option<ThemeName>,
    /// Colours, instead of the theme's.
    colours: Vec<(Role, Color)>,
    /// Only characters of ASCII.
    pub ascii: Option<bool>,
    /// Keys.
    pub keymap: Keymap,
}

impl FileSettings {
    /// Reads a file, as whoever called may; `None`: there is none.
    ///
    /// # Errors
    /// [`FileError`] when it can't be read, or for what is wrong in it.
    pub fn load(path: &Path) -> Result<Option<Self>, FileError> {
        let file = path.display().to_string();
        match privileges::as_caller(|| fs::read_to_string(path)) {
            Ok(text) => Self::parse(&file, &text).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError {
                file,
                why: format!("it can't be read: {error}"),
            }),
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`FileError`] for what is none.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let wrong = |why: String| FileError {
            file: file.to_owned(),
            why,
        };
        let written: Written =
            toml::from_str(text).map_err(|error| wrong(error.to_string().replace('\n', " ")))?;
        let mut settings = Self {
            ascii: written.ascii,
            ..Self::default()
        };
        if let Some(name) = &written.theme {
            let found = ThemeName::ALL.into_iter().find(|it| it.name() == name);
            settings.theme = Some(found.ok_or_else(|| {
                let names = ThemeName::ALL.map(ThemeName::name).join(", ");
                wrong(format!("there is no theme {name}: there are {names}"))
            })?);
        }
        for (name, colour) in &written.colours {
            let role = Role::ALL.into_iter().find(|it| it.name() == name);
            let role = role.ok_or_else(|| {
                let names = Role::ALL.map(Role::name).join(", ");
                wrong(format!("nothing has a colour as {name}: there are {names}"))
            })?;
            let colour = colour.parse().map_err(|_| {
                wrong(format!(
                    "{colour} is no colour: it takes a name as light-blue, a number up to 255, or \
                     #rrggbb"
                ))
            })?;
            settings.colours.push((role, colour));
        }
        for (name, keys) in &written.keys {
            let command = COMMANDS.iter().find(|it| it.1 == name);
            let command = command.ok_or_else(|| {
                let names = COMMANDS.map(|it| it.1).join(", ");
                wrong(format!("no key does {name}: there are {names}"))
            })?;
            let keys: Result<Vec<Key>, FileError> = keys
                .iter()
                .map(|key| {
                    Key::parse(key).ok_or_else(|| {
                        wrong(format!(
                            "{key} is no key: it takes a character, ctrl-a, or up, page-down, \
                             enter, escape, tab, …"
                        ))
                    })
                })
                .collect();
            settings.keymap.set(command.0, &keys?);
        }
        Ok(settings)
    }

    /// The colours, of that theme where the file names none of its own.
    #[must_use]
    pub fn theme(&self, name: ThemeName) -> Theme {
        let colours = self.colours.iter();
        colours.fold(Theme::of(name), |theme, (role, colour)| {
            theme.with(*role, *colour)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::keys::Command;

    #[test]
    fn keys_colours_and_theme_are_read() {
        let text = "theme = \"colour-blind\"\nascii = true\n[keys]\nquit = [\"Q\", \"ctrl-x\"]\n\
                    [colours]\ntrouble = \"#ff8800\"\nopen = \"light-blue\"\n";
        let settings = FileSettings::parse("top.toml", text).unwrap();
        assert_eq!(settings.theme, Some(ThemeName::ColourBlind));
        assert_eq!(settings.ascii, Some(true));
        assert_eq!(settings.keymap.of(Key::Ctrl('x')), Some(Command::Quit));
        assert_eq!(settings.keymap.of(Key::Char('q')), None);
        let theme = settings.theme(ThemeName::Default);
        let expected = Theme::of(ThemeName::Default)
            .with(Role::Trouble, Color::Rgb(0xff, 0x88, 0))
            .with(Role::Open, Color::LightBlue);
        assert_eq!(theme, expected);
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_with_what_would_be_right() {
        for (text, expected) in [
            (
                "theme = \"dark\"",
                "there are default, light, colour-blind, plain",
            ),
            (
                "[colours]\nbackground = \"red\"",
                "there are faint, trouble",
            ),
            ("[colours]\nopen = \"reddish\"", "#rrggbb"),
            ("[keys]\nleave = [\"q\"]", "there are up, down"),
            ("[keys]\nquit = [\"hyper-q\"]", "ctrl-a"),
            ("font = 12", "font"),
            ("theme = ", ""),
        ] {
            let error = FileSettings::parse("top.toml", text)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("top.toml: "), "{error}");
            assert!(error.contains(expected), "{text}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
