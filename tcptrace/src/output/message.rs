//! What is said on stderr.

use std::{
    fmt::Display,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use super::{line::cut, terminal};
use crate::model::printable;

/// The longest message, in characters: an argument may be as long as its sender likes.
const LONGEST: usize = 2000;

/// What would be said while stderr is a terminal that something else is drawn on; `None`: nothing
/// is, and it is said.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);
/// So many messages are held at the most: the last ones.
const MOST_HELD: usize = 100;

/// From now on nothing is said, but kept until [`release_messages`].
pub fn hold_messages() {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.get_or_insert_default();
}

/// The messages that are held, and how many by now.
#[must_use]
pub fn held_messages() -> Vec<String> {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.clone().unwrap_or_default()
}

/// The messages that were held; what comes next is said.
#[must_use]
pub fn release_messages() -> Vec<String> {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.take().unwrap_or_default()
}

/// Whether it was kept.
fn is_held(text: &str) -> bool {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(messages) = &mut *held else {
        return false;
    };
    if messages.len() == MOST_HELD {
        messages.remove(0);
    }
    messages.push(text.to_owned());
    true
}

/// Where the log goes: stderr, one line after the other, as [`say`] does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = printable(line.trim_ascii_end(), LONGEST);
        let text = text.strip_prefix("tcptrace: ").unwrap_or(&text);
        match is_held(text) {
            true => Ok(line.len()),
            false => io::stderr().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Says something on stderr: one line behind the name of the program, whatever is in the text.
/// Where nobody hears it, or there is no room, it is not said: no reason to end.
pub fn say(text: impl Display) {
    let text = printable(text.to_string().as_bytes(), LONGEST);
    if is_held(&text) {
        return;
    }
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
