//! How QEMU emulates an architecture.

use crate::architecture::Architecture;

impl Architecture {
    /// The program that does.
    #[must_use]
    pub fn qemu(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86_64",
            Self::Aarch64 => "qemu-system-aarch64",
        }
    }

    /// The machine around the processor.
    #[must_use]
    pub fn machine(self) -> &'static str {
        match self {
            Self::X86_64 => "q35",
            Self::Aarch64 => "virt",
        }
    }

    /// Its model of the processor.
    #[must_use]
    pub fn model(self) -> &'static str {
        match self {
            // No cx16: QEMU 7.2 corrupts guests that have it.
            Self::X86_64 => "max,-cx16",
            Self::Aarch64 => "max",
        }
    }

    /// The kernel's name of the serial line, which its console is.
    #[must_use]
    pub fn console(self) -> &'static str {
        match self {
            Self::X86_64 => "ttyS0",
            Self::Aarch64 => "ttyAMA0",
        }
    }
}
