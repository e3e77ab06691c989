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
pub const NOT_RUN: [NotRun; 2] = [
    NotRun {
        test: "time_wait::a_syn_to_a_transparent_proxy_takes_the_place_of_a_time_wait::",
        reason: "nft and its kernel modules are not in the guest",
    },
    NotRun {
        test: "syns::connects_that_wait_for_the_first_write_have_their_ports::",
        reason: "they are looked for within 100 ms, which is too short for an emulated CPU",
    },
];
