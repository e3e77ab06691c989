//! Reads errors of who loads the kernel half.

use std::io;

use crate::model::{KernelError, Why};

impl KernelError {
    /// Reads an aya error of loading maps.
    pub(super) fn from_load(error: &aya::EbpfError, buffer_bytes: u32) -> Self {
        if let aya::EbpfError::MapError(aya::maps::MapError::CreateError { name, io_error }) = error
            && name == "EVENTS"
        {
            return Self::refusal(io_error).unwrap_or_else(|| Self::Buffer {
                bytes: buffer_bytes,
                why: io_error.to_string(),
            });
        }
        Self::from_any(error)
    }

    /// Reads an aya error of taking hold of the ring buffer.
    pub(super) fn from_buffer(error: &aya::maps::MapError, buffer_bytes: u32) -> Self {
        match io_source(error) {
            Some(io) => Self::refusal(io).unwrap_or_else(|| Self::Buffer {
                bytes: buffer_bytes,
                why: io.to_string(),
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
                program: program.into(),
                why: format!("{io_error}: {last}"),
            };
        }
        io_source(error)
            .and_then(Self::refusal)
            .unwrap_or_else(|| Self::Refused {
                program: program.into(),
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

/// Why no program is told of accept().
pub(super) fn no_accepts(error: &(dyn std::error::Error + 'static)) -> Why {
    match io_source(error) {
        Some(io) if io.raw_os_error() == Some(ENOTSUPP) => Why::AcceptsNowhere,
        Some(io) => Why::Accepts(io.to_string()),
        None => Why::Accepts(chain(error)),
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
        let said = no_accepts(&io::Error::from_raw_os_error(ENOTSUPP)).to_string();
        assert!(said.contains("does not support it"), "{said}");
        let said = no_accepts(&io::Error::from_raw_os_error(libc::ENOENT)).to_string();
        assert!(said.starts_with("No such file"), "{said}");
    }
}
