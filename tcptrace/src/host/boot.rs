//! Which kernel this is.

/// The release of the running kernel, as `uname -r` prints it. For showing, never for deciding
/// what the kernel can do.
#[must_use]
pub fn release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}
