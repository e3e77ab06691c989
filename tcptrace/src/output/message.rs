//! What is said on stderr.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

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
