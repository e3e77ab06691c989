//! Tests that are not run in a guest, and why.

/// A test that a guest can't run.
#[derive(Debug)]
pub struct NotRun {
    /// Its name, or the beginning of its name up to `::`.
    pub test: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// All of them, of all kernels. They are counted and told in the table.
pub const NOT_RUN: [NotRun; 0] = [];
