//! Colours.

use anstyle::{AnsiColor, Style};

use crate::model::{Reason, State};

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The colours of a table, or none.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    on: bool,
}

impl Palette {
    /// Decides for standard output.
    #[must_use]
    pub fn stdout(colour: Colour) -> Self {
        let on = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
            }
        };
        Self { on }
    }

    /// No colours.
    #[must_use]
    pub fn plain() -> Self {
        Self { on: false }
    }

    /// Headings.
    pub(crate) fn header(self) -> Style {
        self.style(Style::new().bold())
    }

    pub(super) fn faint(self) -> Style {
        self.style(Style::new().dimmed())
    }

    /// What is wrong.
    pub(crate) fn trouble(self) -> Style {
        self.style(AnsiColor::Red.on_default())
    }

    /// A state that is pointed at.
    pub(crate) fn marked(self, state: State) -> Style {
        self.style(self.state(state).bold().invert())
    }

    pub(super) fn state(self, state: State) -> Style {
        self.style(match state {
            State::Established => AnsiColor::Green.on_default(),
            State::SynSent | State::SynRecv | State::Listen => AnsiColor::Cyan.on_default(),
            State::TimeWait | State::FinWait1 | State::FinWait2 => AnsiColor::Yellow.on_default(),
            State::CloseWait | State::LastAck | State::Closing => AnsiColor::Magenta.on_default(),
            State::Closed => Style::new().dimmed(),
        })
    }

    pub(super) fn reason(self, reason: Reason) -> Style {
        self.style(match reason {
            Reason::Refused
            | Reason::Unreachable
            | Reason::TimedOut
            | Reason::KeepaliveTimeout
            | Reason::ResetByPeer
            | Reason::ResetByUs
            | Reason::Overflow
            | Reason::FinTimeout
            | Reason::Killed => AnsiColor::Red.on_default(),
            _ => Style::new(),
        })
    }

    fn style(self, style: Style) -> Style {
        if self.on { style } else { Style::new() }
    }
}
