//! `tcptrace report`: what is on the page, and what a browser makes of it.
//!
//! The browser is Debian's `chromium` (set up by `cargo xtask test`), driven by the DevTools protocol over
//! a pipe. Where root runs the tests, it has a network namespace of its own, in which nobody can be asked
//! for anything.

mod browser;
mod hostile;
mod html;
mod in_browser;
#[path = "../engine/listening.rs"]
mod listening;
mod made;
#[path = "../scenarios/notation.rs"]
#[expect(dead_code, reason = "the scenarios need more of it")]
mod notation;
mod page;
#[path = "../engine/script.rs"]
#[expect(dead_code, reason = "the tests of the engine need more of it")]
mod script;
mod written;
