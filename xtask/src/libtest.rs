//! What a test binary says.

/// The test that a line says has failed.
#[must_use]
pub fn failure(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?
        .strip_suffix(" ... FAILED")
        .map(|name| name.trim_end_matches(" - should panic"))
}
