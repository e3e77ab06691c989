//! What becomes of memory that is not needed any more.

/// Has large pieces of memory given back to the kernel as soon as they are free. glibc's malloc() keeps
/// pieces of the size of what was freed before, up to 32 MiB each ("dynamic mmap threshold", mallopt(3)):
/// what the kernel's types and the sockets from before take at the start would stay for good. To be
/// called before there is another thread.
pub fn give_back_at_once() {
    #[cfg(target_env = "gnu")]
    {
        use nix::libc;
        /// Bytes. The pieces in which sockets are read at the start are smaller, and got again and
        /// again.
        const LARGE: libc::c_int = 4 << 20;
        // SAFETY: it takes integers, and no other thread uses malloc() yet. Where it fails, all stays
        // as it is.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    }
}
