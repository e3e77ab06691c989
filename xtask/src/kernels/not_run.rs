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
pub const NOT_RUN: [NotRun; 1] = [NotRun {
    test: "time_wait::a_syn_to_a_transparent_proxy_takes_the_place_of_a_time_wait::",
    reason: "nft and its kernel modules are not in the guest",
}];
