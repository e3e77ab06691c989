//! A stuck connection as a recording keeps it: what is known of it, from which all else follows.

use std::{cell::RefCell, io, rc::Rc};

use serde::{Deserialize, Serialize};

use super::ShownStuck;
use crate::{
    diagnose::{Held, Suspect, diagnose},
    host::{Clock, Holder},
    model::Connection,
    output::{Context, Start, View},
};

/// What is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    mono_ns: u64,
    connection: Connection,
    descriptor: Option<u32>,
    holders: Vec<Holder>,
    held: Held,
    suspect: Suspect,
}

impl ShownStuck {
    /// As JSON, for a recording.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_kept(&self) -> io::Result<String> {
        let kept = Kept {
            mono_ns: self.mono_ns,
            connection: self.connection,
            descriptor: self.descriptor,
            holders: self.holders.clone(),
            held: self.held,
            suspect: self.suspect,
        };
        Ok(serde_json::to_string(&kept)?)
    }

    /// Reads what a recording kept.
    ///
    /// # Errors
    /// When another version kept it in another way.
    pub fn from_kept(text: &str) -> io::Result<Self> {
        let kept: Kept = serde_json::from_str(text)?;
        Ok(Self {
            mono_ns: kept.mono_ns,
            connection: kept.connection,
            descriptor: kept.descriptor,
            holders: kept.holders,
            held: kept.held,
            diagnosis: diagnose(&kept.suspect),
            suspect: kept.suspect,
        })
    }
}

/// Collects stuck connections, for whoever takes them.
#[derive(Clone, Default)]
pub struct Collected(Rc<RefCell<Vec<ShownStuck>>>);

impl Collected {
    /// Those since the last time.
    pub fn take(&self) -> Vec<ShownStuck> {
        self.0.take()
    }
}

impl View<ShownStuck> for Collected {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn show(&mut self, it: &ShownStuck, _: &mut Context<'_>) -> io::Result<()> {
        self.0.borrow_mut().push(it.clone());
        Ok(())
    }

    fn tells_losses(&self) -> bool {
        true
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
