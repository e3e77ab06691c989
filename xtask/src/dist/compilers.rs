//! How programs are built for an architecture.

use crate::architecture::Architecture;

impl Architecture {
    /// As Rust calls it: static, with musl.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-musl",
            Self::Aarch64 => "aarch64-unknown-linux-musl",
        }
    }

    /// A program of the C compiler for it: `gcc`, `objcopy`.
    #[must_use]
    pub fn program(self, name: &str) -> String {
        format!("{}-linux-gnu-{name}", self.name())
    }
}
