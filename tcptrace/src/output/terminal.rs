//! What the terminal can show.

use std::{
    io::{self, IsTerminal},
    os::fd::AsFd,
};

use rustix::termios::tcgetwinsize;

/// Whether the terminal shows more than ASCII, by the locale.
#[must_use]
pub fn speaks_unicode() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}

/// The columns of the terminal that standard output is; `None` if it is none.
#[must_use]
pub fn columns() -> Option<usize> {
    columns_of(&io::stdout())
}

/// The same for standard error.
#[must_use]
pub fn message_columns() -> Option<usize> {
    columns_of(&io::stderr())
}

fn columns_of(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    // A terminal that doesn't know its size says 0.
    let columns = tcgetwinsize(stream).map_or(0, |size| size.ws_col.into());
    Some(if columns > 0 { columns } else { 80 })
}
