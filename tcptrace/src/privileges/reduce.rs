//! Gives up what is not needed.

use rustix::{
    io,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set,
        set_capabilities, set_no_new_privs,
    },
};

use super::{CAPABILITIES, Capability};

/// The effective capabilities of this thread; `None` if they can't be told.
#[must_use]
pub fn effective() -> Option<CapabilitySet> {
    capabilities(None).ok().map(|sets| sets.effective)
}

/// Which of these capabilities this thread has not got.
pub fn missing(wanted: CapabilitySet) -> impl Iterator<Item = &'static Capability> {
    let held = effective();
    CAPABILITIES
        .iter()
        .filter(move |it| wanted.contains(it.flag) && held.is_some_and(|held| !it.is_among(held)))
}

/// Keeps these capabilities, as far as they are there, and gives up all others for good, the
/// bounding set with them; from then on nothing that this thread runs gets new privileges
/// (no_new_privs).
pub fn keep(wanted: CapabilitySet) {
    if let Err(error) = give_up_all_but(wanted) {
        not_given_up(error);
    }
}

/// Does something with the privileges of whoever called: capabilities that the file of the program
/// has, or that a service was given, must not open what its caller may not. root may.
pub fn as_caller<T>(work: impl FnOnce() -> T) -> T {
    if rustix::process::geteuid().is_root() {
        return work();
    }
    let Ok(before) = capabilities(None) else {
        return work();
    };
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        ..before
    };
    let _ = set_capabilities(None, none);
    let done = work();
    let _ = set_capabilities(None, before);
    done
}

/// The same from now on, for good: for what only reads files.
pub fn keep_callers() {
    if !rustix::process::geteuid().is_root() {
        keep(CapabilitySet::empty());
    }
}

/// Keeps these capabilities, and the spare ones only if it does not work without them.
pub fn keep_or_spare(wanted: CapabilitySet, spare: CapabilitySet, works: impl FnOnce() -> bool) {
    let result = capabilities(None).and_then(|sets| {
        set_capabilities(
            None,
            CapabilitySets {
                effective: sets.permitted & wanted,
                ..sets
            },
        )?;
        let kept = if works() { wanted } else { wanted | spare };
        give_up_all_but(kept)
    });
    if let Err(error) = result {
        not_given_up(error);
    }
}

fn give_up_all_but(wanted: CapabilitySet) -> io::Result<()> {
    // Nothing is run from here on that should gain any. It takes CAP_SETPCAP, which a service has
    // not got; no_new_privs comes to the same.
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if remove_capability_from_bounding_set(capability).is_err() {
            break;
        }
    }
    set_no_new_privs(true)?;
    let kept = capabilities(None)?.permitted & wanted;
    // The ambient set goes with the inheritable one.
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )
}

/// Only what filters system calls can refuse it.
fn not_given_up(error: io::Errno) {
    log::warn!("privileges that are not needed could not be given up: {error}");
}
