//! What can be looked at.

use super::words::words;
use crate::language::Language;

/// A part of the screen that is chosen by a tab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tab {
    /// The state machine.
    #[default]
    Machine,
    /// Connections.
    Connections,
    /// Processes, with what they have.
    Processes,
    /// Peers, with what is open to them.
    Remotes,
    /// Listeners, with what came to them.
    Listeners,
    /// Connections that do not go on.
    Stuck,
    /// How connections ended.
    Ends,
}

impl Tab {
    /// All of them, as they stand beside each other.
    pub const ALL: [Self; 7] = [
        Self::Machine,
        Self::Connections,
        Self::Processes,
        Self::Remotes,
        Self::Listeners,
        Self::Stuck,
        Self::Ends,
    ];

    /// What it is called.
    #[must_use]
    pub fn name(self, language: Language) -> String {
        words(language).word(match self {
            Self::Machine => "tab-machine",
            Self::Connections => "tab-connections",
            Self::Processes => "tab-processes",
            Self::Remotes => "tab-remotes",
            Self::Listeners => "tab-listeners",
            Self::Stuck => "tab-stuck",
            Self::Ends => "tab-ends",
        })
    }

    /// The one beside it: to the right, or to the left.
    #[must_use]
    pub fn beside(self, right: bool) -> Self {
        let at = self as usize;
        let count = Self::ALL.len();
        let next = if right { at + 1 } else { at + count - 1 };
        Self::ALL[next % count]
    }
}
