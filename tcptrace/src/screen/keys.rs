//! What keys do.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A character.
    Char(char),
    /// A letter with Ctrl.
    Ctrl(char),
    /// ↑.
    Up,
    /// ↓.
    Down,
    /// ←.
    Left,
    /// →.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Backspace.
    Backspace,
}

impl Key {
    /// Reads a key as it is written in the file of settings: `q`, `ctrl-d`, `page-down`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut characters = text.chars();
        if let (Some(one), None) = (characters.next(), characters.next()) {
            return Some(Self::Char(one));
        }
        if let Some(letter) = text.strip_prefix("ctrl-") {
            let mut letters = letter.chars();
            return match (letters.next(), letters.next()) {
                (Some(letter), None) => Some(Self::Ctrl(letter.to_ascii_lowercase())),
                _ => None,
            };
        }
        NAMES.iter().find(|it| it.0 == text).map(|it| it.1)
    }

    /// As it is written.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Char(' ') => "space".to_owned(),
            Self::Char(it) => it.to_string(),
            Self::Ctrl(it) => format!("ctrl-{it}"),
            other => NAMES
                .iter()
                .find(|it| it.1 == other)
                .map_or_else(String::new, |it| it.0.to_owned()),
        }
    }
}

const NAMES: [(&str, Key); 14] = [
    ("up", Key::Up),
    ("down", Key::Down),
    ("left", Key::Left),
    ("right", Key::Right),
    ("page-up", Key::PageUp),
    ("page-down", Key::PageDown),
    ("home", Key::Home),
    ("end", Key::End),
    ("enter", Key::Enter),
    ("escape", Key::Escape),
    ("tab", Key::Tab),
    ("back-tab", Key::BackTab),
    ("backspace", Key::Backspace),
    ("space", Key::Char(' ')),
];

/// Something that a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Leaves.
    Quit,
    /// Shows the keys.
    Help,
    /// Goes to the tab on the right.
    NextTab,
    /// Goes to the tab on the left.
    TabBefore,
    /// A line up.
    Up,
    /// A line down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
    /// Sorts by the column on the right.
    SortRight,
    /// Sorts by the column on the left.
    SortLeft,
    /// Sorts the other way round.
    Reverse,
    /// Asks which rows are shown.
    Search,
    /// Shows the life of the connection.
    Open,
    /// Explains what is under the cursor.
    Explain,
    /// Goes back: from a page, or a search.
    Back,
    /// Holds the screen as it is, or lets it go on.
    Freeze,
    /// Writes what is shown as lines of JSON.
    Write,
    /// Draws all anew.
    Redraw,
    /// Puts tcptrace into the background.
    Suspend,
    /// Earlier in a recording.
    Earlier,
    /// Later in a recording.
    Later,
    /// To the event before, in a recording.
    EventBefore,
    /// To the next event, in a recording.
    NextEvent,
    /// Plays a recording, or stops it.
    Play,
    /// Plays it faster.
    Faster,
    /// Plays it slower.
    Slower,
}

/// What each command is called in the file of settings, what it does (the id of a word of
/// [`Chapter::Top`]), and its keys.
///
/// [`Chapter::Top`]: crate::language::Chapter::Top
pub const COMMANDS: [(Command, &str, &str, &[Key]); 28] = [
    (Command::Up, "up", "key-up", &[Key::Up, Key::Char('k')]),
    (
        Command::Down,
        "down",
        "key-down",
        &[Key::Down, Key::Char('j')],
    ),
    (
        Command::PageUp,
        "page-up",
        "key-page-up",
        &[Key::PageUp, Key::Ctrl('b')],
    ),
    (
        Command::PageDown,
        "page-down",
        "key-page-down",
        &[Key::PageDown, Key::Ctrl('f')],
    ),
    (
        Command::First,
        "first",
        "key-first",
        &[Key::Home, Key::Char('g')],
    ),
    (
        Command::Last,
        "last",
        "key-last",
        &[Key::End, Key::Char('G')],
    ),
    (
        Command::NextTab,
        "next-tab",
        "key-next-tab",
        &[Key::Tab, Key::Char('L')],
    ),
    (
        Command::TabBefore,
        "tab-before",
        "key-tab-before",
        &[Key::BackTab, Key::Char('H')],
    ),
    (
        Command::SortRight,
        "sort-right",
        "key-sort-right",
        &[Key::Char('>')],
    ),
    (
        Command::SortLeft,
        "sort-left",
        "key-sort-left",
        &[Key::Char('<')],
    ),
    (
        Command::Reverse,
        "reverse",
        "key-reverse",
        &[Key::Char('r')],
    ),
    (Command::Search, "search", "key-search", &[Key::Char('/')]),
    (Command::Open, "open", "key-open", &[Key::Enter]),
    (
        Command::Explain,
        "explain",
        "key-explain",
        &[Key::Char('x')],
    ),
    (Command::Back, "back", "key-back", &[Key::Escape]),
    (Command::Freeze, "freeze", "key-freeze", &[Key::Char(' ')]),
    (Command::Write, "write", "key-write", &[Key::Char('w')]),
    (
        Command::Earlier,
        "earlier",
        "key-earlier",
        &[Key::Left, Key::Char('h')],
    ),
    (
        Command::Later,
        "later",
        "key-later",
        &[Key::Right, Key::Char('l')],
    ),
    (
        Command::EventBefore,
        "event-before",
        "key-event-before",
        &[Key::Char('[')],
    ),
    (
        Command::NextEvent,
        "next-event",
        "key-next-event",
        &[Key::Char(']')],
    ),
    (Command::Play, "play", "key-play", &[Key::Char('p')]),
    (Command::Faster, "faster", "key-faster", &[Key::Char('+')]),
    (Command::Slower, "slower", "key-slower", &[Key::Char('-')]),
    (Command::Redraw, "redraw", "key-redraw", &[Key::Ctrl('l')]),
    (
        Command::Suspend,
        "suspend",
        "key-suspend",
        &[Key::Ctrl('z')],
    ),
    (Command::Help, "help", "key-help", &[Key::Char('?')]),
    (
        Command::Quit,
        "quit",
        "key-quit",
        &[Key::Char('q'), Key::Ctrl('c')],
    ),
];

/// Which key does what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap(Vec<(Key, Command)>);

impl Default for Keymap {
    fn default() -> Self {
        let pairs = COMMANDS
            .iter()
            .flat_map(|(command, _, _, keys)| keys.iter().map(|key| (*key, *command)));
        Self(pairs.collect())
    }
}

impl Keymap {
    /// What a key does.
    #[must_use]
    pub fn of(&self, key: Key) -> Option<Command> {
        // What was set last counts.
        self.0.iter().rev().find(|it| it.0 == key).map(|it| it.1)
    }

    /// Has these keys do that, and no others.
    pub fn set(&mut self, command: Command, keys: &[Key]) {
        self.0
            .retain(|it| it.1 != command || it.0 == Key::Ctrl('c'));
        self.0.extend(keys.iter().map(|key| (*key, command)));
    }

    /// The keys that do that.
    pub fn keys(&self, command: Command) -> impl Iterator<Item = Key> + '_ {
        let keys = self.0.iter().map(|it| it.0);
        keys.filter(move |key| self.of(*key) == Some(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_as_it_is_written() {
        for (command, _, _, keys) in COMMANDS {
            for key in keys {
                assert_eq!(Key::parse(&key.name()), Some(*key), "{command:?}");
            }
        }
        assert_eq!(Key::parse("ctrl-"), None);
        assert_eq!(Key::parse("hyper-x"), None);
    }

    #[test]
    fn no_key_does_two_things() {
        let keymap = Keymap::default();
        for (command, _, _, keys) in COMMANDS {
            for key in keys {
                assert_eq!(keymap.of(*key), Some(command), "{}", key.name());
            }
        }
    }

    #[test]
    fn a_key_that_is_set_does_that_alone_but_ctrl_c_always_leaves() {
        let mut keymap = Keymap::default();
        keymap.set(Command::Quit, &[Key::Char('Q')]);
        assert_eq!(keymap.of(Key::Char('q')), None);
        assert_eq!(keymap.of(Key::Char('Q')), Some(Command::Quit));
        assert_eq!(keymap.of(Key::Ctrl('c')), Some(Command::Quit));
        keymap.set(Command::Down, &[Key::Char('x')]);
        assert_eq!(keymap.of(Key::Char('x')), Some(Command::Down));
        assert_eq!(keymap.keys(Command::Explain).count(), 0);
    }
}
