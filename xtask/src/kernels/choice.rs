//! The kernels that there are to choose from.

use anyhow::{Result, bail};

/// A kernel of Debian's, and what is expected of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The first numbers of its version; the newest that begins so is taken.
    pub series: &'static str,
    /// The suite of Debian that has it.
    pub suite: &'static str,
    /// What is expected of tcptrace there.
    pub expected: Expected,
}

/// What is expected on a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// All tests pass.
    Passes,
    /// tcptrace can't trace, and says that the kernel is too old.
    TooOld,
}

/// Oldest first. Debian has no 5.15 and no 6.6; of 6.19 to 7.1 it has no modules any more.
pub const KERNELS: [Kernel; 5] = [
    Kernel {
        series: "5.10",
        suite: "bullseye",
        expected: Expected::TooOld,
    },
    Kernel {
        series: "6.1",
        suite: "bookworm",
        expected: Expected::Passes,
    },
    Kernel {
        series: "6.12",
        suite: "trixie",
        expected: Expected::Passes,
    },
    // The first in which LISTEN -> SYN_RECV has the peer's port.
    Kernel {
        series: "6.16",
        suite: "trixie-backports",
        expected: Expected::Passes,
    },
    // The newest that the mirror has.
    Kernel {
        series: "7",
        suite: "trixie-backports",
        expected: Expected::Passes,
    },
];

/// The kernels that are asked for; all, if nothing is said.
///
/// # Errors
/// When there is no such kernel.
pub fn chosen(asked: &[String]) -> Result<Vec<&'static Kernel>> {
    for word in asked {
        if !KERNELS.iter().any(|kernel| begins(kernel.series, word)) {
            let all: Vec<_> = KERNELS.iter().map(|kernel| kernel.series).collect();
            bail!(
                "no kernel `{word}` to test on: there are {}",
                all.join(", ")
            );
        }
    }
    Ok(KERNELS
        .iter()
        .filter(|kernel| asked.is_empty() || asked.iter().any(|word| begins(kernel.series, word)))
        .collect())
}

/// Whether a version begins with these numbers: 6.1.0 does with 6.1, 6.12.0 does not.
#[must_use]
pub fn begins(version: &str, numbers: &str) -> bool {
    version
        .strip_prefix(numbers)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::{KERNELS, begins, chosen};

    fn series(asked: &[&str]) -> Vec<&'static str> {
        let asked: Vec<_> = asked.iter().map(ToString::to_string).collect();
        let chosen = chosen(&asked).expect("they are there");
        chosen.iter().map(|kernel| kernel.series).collect()
    }

    #[test]
    fn numbers_count_as_a_whole() {
        assert!(begins("6.1", "6.1"));
        assert!(begins("6.1.0-50", "6.1"));
        assert!(!begins("6.12.107+deb13", "6.1"));
    }

    #[test]
    fn nothing_said_is_all() {
        assert_eq!(series(&[]).len(), KERNELS.len());
    }

    #[test]
    fn kernels_are_picked_by_their_first_numbers() {
        assert_eq!(series(&["7", "6.1"]), ["6.1", "7"]);
        assert_eq!(series(&["6"]), ["6.1", "6.12", "6.16"]);
    }

    #[test]
    fn a_kernel_that_is_not_there_is_told_with_those_that_are() {
        let error = chosen(&["4.19".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("4.19") && error.contains("5.10, 6.1, 6.12"),
            "{error}"
        );
    }
}
