//! What is said on stderr.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use super::{line::cut, terminal};
use crate::model::printable;

/// The longest message, in characters: an argument may be as long as its sender likes.
const LONGEST: usize = 2000;

/// Says something on stderr: one line behind the name of the program, whatever is in the text.
/// Where nobody hears it, or there is no room, it is not said: no reason to end.
pub fn say(text: impl Display) {
    let text = printable(text.to_string().as_bytes(), LONGEST);
    // One call: lines of others that go to the same place come before or after it.
    let _ = io::stderr().write_all(format!("tcptrace: {text}\n").as_bytes());
}

/// What stands on the terminal until the first line: a quiet machine must not look broken.
#[derive(Debug, Default)]
pub struct Waiting {
    stands: bool,
}

impl Waiting {
    /// Says what is waited for, if somebody sits at the terminal.
    pub fn say(&mut self, what: &str) {
        if let Some(columns) = terminal::message_columns() {
            self.stands = true;
            let text = format!("tcptrace: waiting for {what} (Ctrl-C ends)");
            // What has wrapped could not be taken back. The last column wraps on some terminals.
            self.put(cut(&text, columns.saturating_sub(1)));
        }
    }

    /// Takes it back; to be called before anything is written.
    pub fn take_back(&mut self) {
        if std::mem::take(&mut self.stands) {
            self.put("\r\x1b[K");
        }
    }

    fn put(&self, text: &str) {
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{text}");
        let _ = stderr.flush();
    }
}
