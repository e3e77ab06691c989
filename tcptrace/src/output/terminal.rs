//! What the terminal can show.

use std::{
    io::{self, IsTerminal},
    os::fd::AsRawFd,
};

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

nix::ioctl_read_bad!(
    /// Asks for the size.
    window_size,
    libc::TIOCGWINSZ,
    libc::winsize
);

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

fn columns_of(stream: &(impl IsTerminal + AsRawFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the call fills the struct that it is given.
    let told = unsafe { window_size(stream.as_raw_fd(), &raw mut size) };
    // A terminal that doesn't know its size says 0.
    Some(
        told.ok()
            .map(|_| usize::from(size.ws_col))
            .filter(|columns| *columns > 0)
            .unwrap_or(80),
    )
}
