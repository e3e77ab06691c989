//! The lines that a command shows: how many there are, and what stands on the terminal before the
//! first.

use std::{io, ops::ControlFlow};

use crate::{
    host::{Clock, snapshot},
    model::Why,
    output::{End, Start, View, Waiting, say},
    privileges,
};

/// Counts lines, up to a limit.
#[derive(Debug)]
pub(super) struct Lines {
    shown: u64,
    left: Option<u64>,
    waiting: Waiting,
}

impl Lines {
    /// At most so many lines.
    pub fn new(most: Option<u64>) -> Self {
        Self {
            shown: 0,
            left: most,
            waiting: Waiting::default(),
        }
    }

    /// Writes the first line, and says what is waited for if somebody sits at the terminal.
    pub fn begin<T, V: View<T> + ?Sized>(
        &mut self,
        view: &mut V,
        start: &Start,
        clock: &Clock,
        what: &str,
    ) -> io::Result<()> {
        view.start(start, clock)?;
        view.flush()?;
        self.waiting.say(what);
        Ok(())
    }

    /// Tells of a loss: in the output, or where that has no place for it, on stderr.
    pub fn lost<T, V: View<T> + ?Sized>(&mut self, view: &mut V, events: u64) -> io::Result<()> {
        self.stop_waiting();
        view.lost(events)?;
        if !view.tells_losses() {
            report_loss(events);
        }
        view.flush()
    }

    /// Writes the last line.
    pub fn close<T, V: View<T> + ?Sized>(&mut self, view: &mut V, end: &End) -> io::Result<()> {
        self.stop_waiting();
        view.end(end)?;
        view.flush()
    }

    /// Takes that back; to be called before anything is written.
    pub fn stop_waiting(&mut self) {
        self.waiting.take_back();
    }

    /// One line was shown. Breaks when it was the last.
    pub fn one_more(&mut self) -> ControlFlow<()> {
        self.shown += 1;
        self.left = self.left.map(|left| left.saturating_sub(1));
        if self.are_enough() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Whether no more are wanted.
    pub fn are_enough(&self) -> bool {
        self.left == Some(0)
    }

    /// How many were shown.
    pub fn shown(&self) -> u64 {
        self.shown
    }
}

/// Says on stderr that events were lost just now.
fn report_loss(events: u64) {
    say(format_args!(
        "{events} events lost: they came faster than they were read (a larger --buffer-size or a \
         narrower filter helps)"
    ));
}

/// Says on stderr that some processes have sockets that can't be told to be theirs.
pub(super) fn report_unknown_owners(sockets: usize) {
    let missing: Vec<_> = privileges::missing(privileges::OWNERS)
        .map(|it| it.name)
        .collect();
    if sockets == 0 {
        return;
    }
    if !missing.is_empty() {
        say(format_args!(
            "whose {sockets} of the sockets are is not to be seen: run it as root, or with {}",
            missing.join(" and ")
        ));
    } else if snapshot::are_descriptors_hidden() {
        say(format_args!(
            "whose {sockets} of the sockets are is not to be seen: {}",
            Why::DescriptorsHidden
        ));
    }
}
