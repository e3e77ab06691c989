//! Why a kernel can't be traced, and what helps.

use std::{borrow::Cow, error::Error, fmt};

use serde::{Deserialize, Serialize};

/// What went wrong in loading the kernel half. Texts in it are those of the kernel, or of who loads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelError {
    /// A capability is missing.
    NotPermitted(String),
    /// The kernel tells nothing about its types.
    NoBtf(String),
    /// It tells something that is not of the form.
    DamagedBtf,
    /// A struct or field that the kernel half reads is not there.
    NoField {
        /// The struct.
        container: Cow<'static, str>,
        /// The field in it, with dots for nested ones.
        field: Cow<'static, str>,
    },
    /// A helper that the kernel half cannot do without is not there.
    TooOld,
    /// The ring buffer could not be made.
    Buffer {
        /// The size asked for.
        bytes: u32,
        /// Why not.
        why: String,
    },
    /// This process may not have as many descriptors as it takes.
    Descriptors,
    /// The verifier refused a program.
    Refused {
        /// The program.
        program: Cow<'static, str>,
        /// The last lines of the verifier.
        why: String,
    },
    /// Anything else that aya reports.
    Load(String),
}

impl Error for KernelError {}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let no_types = |f: &mut fmt::Formatter<'_>, why: &str| {
            write!(
                f,
                "cannot read /sys/kernel/btf/vmlinux ({why}): tcptrace needs a kernel built with \
                 CONFIG_DEBUG_INFO_BTF=y (all large distributions since 2021), and /sys mounted"
            )
        };
        match self {
            Self::NotPermitted(why) => write!(
                f,
                "not permitted to load BPF programs ({why}): run it as root (sudo tcptrace), or \
                 with CAP_BPF and CAP_PERFMON"
            ),
            Self::NoBtf(why) => no_types(f, why),
            Self::DamagedBtf => no_types(f, "it is damaged"),
            Self::NoField { container, field } => write!(
                f,
                "this kernel's struct {container} has no field {field}: please report this, with \
                 `uname -r`"
            ),
            Self::TooOld => f.write_str(
                "this kernel is too old: its tracing programs cannot use bpf_get_socket_cookie(), \
                 which came with Linux 5.12; a newer kernel is needed",
            ),
            Self::Buffer { bytes, why } => write!(
                f,
                "cannot make a ring buffer of {bytes} bytes ({why}): try a smaller --buffer-size"
            ),
            Self::Descriptors => {
                f.write_str("too many open files: tcptrace needs some 40 descriptors (ulimit -n)")
            }
            Self::Refused { program, why } => {
                write!(f, "the kernel refused program {program}: {why}")
            }
            Self::Load(why) => write!(f, "cannot load the kernel half: {why}"),
        }
    }
}
