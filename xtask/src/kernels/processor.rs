//! The processors of guests.

/// What a guest has for a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// That of most machines.
    X86_64,
    /// Arm's, 64 bits.
    Aarch64,
}

impl Processor {
    /// As Debian calls it.
    #[must_use]
    pub fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// What emulates it.
    #[must_use]
    pub fn qemu(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86_64",
            Self::Aarch64 => "qemu-system-aarch64",
        }
    }

    /// The machine around it.
    #[must_use]
    pub fn machine(self) -> &'static str {
        match self {
            Self::X86_64 => "q35",
            Self::Aarch64 => "virt",
        }
    }

    /// QEMU's model of it.
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
