//! Colours.

use ratatui::style::{Color, Modifier, Style};

use super::canvas::Tone;
use crate::model::{Reason, State};

/// A set of colours, by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeName {
    /// Those of the tables: the terminal's own 16.
    #[default]
    Default,
    /// For a light background.
    Light,
    /// Blue, orange and brightness tell apart what red and green do elsewhere.
    ColourBlind,
    /// None: bold, reversed and underlined alone.
    Plain,
}

impl ThemeName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Default, Self::Light, Self::ColourBlind, Self::Plain];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Light => "light",
            Self::ColourBlind => "colour-blind",
            Self::Plain => "plain",
        }
    }
}

/// What has a colour of its own in a theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Less important.
    Faint,
    /// Out of the ordinary.
    Trouble,
    /// ESTABLISHED.
    Open,
    /// Not open yet: LISTEN, SYN_SENT, SYN_RECV.
    Opening,
    /// This side closed first: FIN_WAIT1, FIN_WAIT2, TIME_WAIT.
    ClosingFirst,
    /// The peer closed first, or both: CLOSE_WAIT, LAST_ACK, CLOSING.
    ClosingLast,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Faint,
        Self::Trouble,
        Self::Open,
        Self::Opening,
        Self::ClosingFirst,
        Self::ClosingLast,
    ];

    /// What it is called in the file of settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Faint => "faint",
            Self::Trouble => "trouble",
            Self::Open => "open",
            Self::Opening => "opening",
            Self::ClosingFirst => "closing-first",
            Self::ClosingLast => "closing-last",
        }
    }
}

/// Colours by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    colours: [Option<Color>; Role::ALL.len()],
    /// It may dim, too.
    dims: bool,
}

impl Default for Theme {
    fn default() -> Self {
        Self::of(ThemeName::Default)
    }
}

impl Theme {
    /// One of ours.
    #[must_use]
    pub fn of(name: ThemeName) -> Self {
        let colours = match name {
            ThemeName::Default => [
                None,
                Some(Color::Red),
                Some(Color::Green),
                Some(Color::Cyan),
                Some(Color::Yellow),
                Some(Color::Magenta),
            ],
            ThemeName::Light => [
                Some(Color::DarkGray),
                Some(Color::Red),
                Some(Color::Indexed(28)),
                Some(Color::Indexed(25)),
                Some(Color::Indexed(130)),
                Some(Color::Indexed(90)),
            ],
            // Of Okabe and Ito's colours, those nearest to them among the 256 of terminals.
            ThemeName::ColourBlind => [
                None,
                Some(Color::Indexed(208)),
                Some(Color::Indexed(39)),
                Some(Color::Indexed(117)),
                Some(Color::Indexed(228)),
                Some(Color::Indexed(175)),
            ],
            ThemeName::Plain => [None; Role::ALL.len()],
        };
        Self {
            colours,
            dims: name != ThemeName::Plain,
        }
    }

    /// With another colour for a role.
    #[must_use]
    pub fn with(mut self, role: Role, colour: Color) -> Self {
        self.colours[role as usize] = Some(colour);
        self
    }

    fn role(&self, role: Role) -> Style {
        match self.colours[role as usize] {
            Some(colour) => Style::new().fg(colour),
            None => Style::new(),
        }
    }

    /// How something looks.
    #[must_use]
    pub fn style(&self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => Style::new(),
            Tone::Faint if self.dims => self.role(Role::Faint).add_modifier(Modifier::DIM),
            Tone::Faint => Style::new(),
            Tone::Heading => Style::new().add_modifier(Modifier::BOLD),
            Tone::Chosen => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Tone::Selected => Style::new().add_modifier(Modifier::REVERSED),
            Tone::Trouble => self.role(Role::Trouble).add_modifier(Modifier::BOLD),
            Tone::State(state) => match state {
                State::Closed => self.style(Tone::Faint),
                State::Established => self.role(Role::Open),
                State::Listen | State::SynSent | State::SynRecv => self.role(Role::Opening),
                State::FinWait1 | State::FinWait2 | State::TimeWait => {
                    self.role(Role::ClosingFirst)
                }
                State::CloseWait | State::LastAck | State::Closing => self.role(Role::ClosingLast),
            },
            Tone::Reason(reason) => match reason {
                Reason::Overflow
                | Reason::FinTimeout
                | Reason::Refused
                | Reason::Unreachable
                | Reason::TimedOut
                | Reason::KeepaliveTimeout
                | Reason::ResetByPeer
                | Reason::ResetByUs
                | Reason::Killed => self.role(Role::Trouble),
                _ => Style::new(),
            },
        }
    }
}
