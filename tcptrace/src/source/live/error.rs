//! Why this machine can't be traced, and what helps.

use std::io;

/// What went wrong in loading the kernel half.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// A capability is missing.
    #[error(
        "not permitted to load BPF programs ({0}): run it as root (sudo tcptrace), or with \
         CAP_BPF and CAP_PERFMON"
    )]
    NotPermitted(String),
    /// The kernel tells nothing about its types.
    #[error(
        "cannot read /sys/kernel/btf/vmlinux ({0}): tcptrace needs a kernel built with \
         CONFIG_DEBUG_INFO_BTF=y (all large distributions since 2021), and /sys mounted"
    )]
    NoBtf(String),
    /// A struct or field that the kernel half reads is not there.
    #[error(
        "this kernel's struct {container} has no field {field}: please report this, with `uname -r`"
    )]
    NoField {
        /// The struct.
        container: &'static str,
        /// The field in it, with dots for nested ones.
        field: &'static str,
    },
    /// A helper that the kernel half cannot do without is not there.
    #[error(
        "this kernel is too old: its tracing programs cannot use bpf_get_socket_cookie(), which \
         came with Linux 5.12; a newer kernel is needed"
    )]
    TooOld,
    /// The ring buffer could not be made.
    #[error("cannot make a ring buffer of {bytes} bytes ({why}): try a smaller --buffer-size")]
    Buffer {
        /// The size asked for.
        bytes: u32,
        /// Why not.
        why: io::Error,
    },
    /// This process may not have as many descriptors as it takes.
    #[error("too many open files: tcptrace needs some 40 descriptors (ulimit -n)")]
    Descriptors,
    /// The verifier refused a program.
    #[error("the kernel refused program {program}: {why}")]
    Refused {
        /// The program.
        program: &'static str,
        /// The last lines of the verifier.
        why: String,
    },
    /// Anything else that aya reports.
    #[error("cannot load the kernel half: {0}")]
    Load(String),
}

impl KernelError {
    /// Reads an aya error of loading maps.
    pub(super) fn from_load(error: &aya::EbpfError, buffer_bytes: u32) -> Self {
        if let aya::EbpfError::MapError(aya::maps::MapError::CreateError { name, io_error }) = error
            && name == "EVENTS"
        {
            return Self::refusal(io_error).unwrap_or_else(|| Self::Buffer {
                bytes: buffer_bytes,
                why: copy(io_error),
            });
        }
        Self::from_any(error)
    }

    /// Reads an aya error of taking hold of the ring buffer.
    pub(super) fn from_buffer(error: &aya::maps::MapError, buffer_bytes: u32) -> Self {
        match io_source(error) {
            Some(io) => Self::refusal(io).unwrap_or_else(|| Self::Buffer {
                bytes: buffer_bytes,
                why: copy(io),
            }),
            None => Self::Load(chain(error)),
        }
    }

    /// Reads an error of reading the kernel's types.
    pub(super) fn from_types(error: &(dyn std::error::Error + 'static)) -> Self {
        match io_source(error) {
            Some(io) if are_too_many(io) => Self::Descriptors,
            _ => Self::NoBtf(error.to_string()),
        }
    }

    /// Reads any other error of aya.
    pub(super) fn from_any(error: &(dyn std::error::Error + 'static)) -> Self {
        io_source(error)
            .and_then(Self::refusal)
            .unwrap_or_else(|| Self::Load(chain(error)))
    }

    /// Reads an aya error of loading or attaching a program.
    pub(super) fn from_program(program: &'static str, error: &aya::programs::ProgramError) -> Self {
        if let aya::programs::ProgramError::LoadError {
            io_error,
            verifier_log,
        } = error
        {
            let log = verifier_log.to_string();
            if log.contains("unknown func bpf_get_socket_cookie")
                || log.contains("helper call is not allowed in probe")
            {
                return Self::TooOld;
            }
            if is_permission(io_error) && !log.contains("processed ") {
                return Self::NotPermitted(io_error.to_string());
            }
            if are_too_many(io_error) {
                return Self::Descriptors;
            }
            let last: Vec<&str> = log.lines().filter(|line| !line.is_empty()).collect();
            let last = last[last.len().saturating_sub(4)..].join("; ");
            return Self::Refused {
                program,
                why: format!("{io_error}: {last}"),
            };
        }
        io_source(error)
            .and_then(Self::refusal)
            .unwrap_or_else(|| Self::Refused {
                program,
                why: chain(error),
            })
    }

    /// What this process is refused whatever it asks for.
    fn refusal(error: &io::Error) -> Option<Self> {
        if is_permission(error) {
            Some(Self::NotPermitted(error.to_string()))
        } else if are_too_many(error) {
            Some(Self::Descriptors)
        } else {
            None
        }
    }
}

/// What an aya error comes from, in few words.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    match io_source(error) {
        Some(io) if io.raw_os_error() == Some(ENOTSUPP) => {
            "this kernel does not support it on this processor (ENOTSUPP)".to_owned()
        }
        Some(io) => io.to_string(),
        None => chain(error),
    }
}

/// include/linux/errno.h: of the kernel's own, for which no C library has words. Seen of 6.1 on 64-bit
/// ARM, which attaches no program to a function (register_fentry(), kernel/bpf/trampoline.c).
const ENOTSUPP: i32 = 524;

fn is_permission(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES))
}

fn are_too_many(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(
        || io::Error::from(error.kind()),
        io::Error::from_raw_os_error,
    )
}

fn io_source<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        // Some say what their source says.
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_no_c_library_knows_has_words() {
        let said = cause(&io::Error::from_raw_os_error(ENOTSUPP));
        assert!(said.contains("does not support it"), "{said}");
        let said = cause(&io::Error::from_raw_os_error(libc::ENOENT));
        assert!(said.starts_with("No such file"), "{said}");
    }
}
