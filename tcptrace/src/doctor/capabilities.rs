//! What this process may do.

use super::{Check, Status};
use crate::privileges::{CAPABILITIES, CapabilitySet};

/// Nothing can be traced without them.
const LOAD_AT_ALL: CapabilitySet = CapabilitySet::BPF.union(CapabilitySet::PERFMON);

/// Judges the effective capabilities of a process; `None` if they can't be told.
pub(super) fn checks(effective: Option<CapabilitySet>) -> Vec<Check> {
    CAPABILITIES
        .iter()
        .map(|it| match effective {
            None => Check::new(it.name, Status::Unknown, None),
            Some(held) if it.is_among(held) => Check::ok(it.name),
            Some(_) => {
                let status = match LOAD_AT_ALL.contains(it.flag) {
                    true => Status::Failed,
                    false => Status::Degraded,
                };
                let why = format!("{}: run it as root, or with {}", it.without, it.name);
                Check::new(it.name, status, Some(why))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(effective: CapabilitySet) -> Vec<(String, Status)> {
        checks(Some(effective))
            .into_iter()
            .filter(|check| check.status != Status::Ok)
            .map(|check| (check.name, check.status))
            .collect()
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(missing(CapabilitySet::all()).is_empty());
        assert_eq!(missing(CapabilitySet::empty()).len(), 6);
        assert_eq!(
            missing(CapabilitySet::BPF | CapabilitySet::SYS_PTRACE),
            [
                ("CAP_PERFMON".to_owned(), Status::Failed),
                ("CAP_SYSLOG".to_owned(), Status::Degraded),
                ("CAP_SYS_ADMIN".to_owned(), Status::Degraded),
                ("CAP_DAC_READ_SEARCH".to_owned(), Status::Degraded),
            ]
        );
    }

    #[test]
    fn unknown_capabilities_are_neither_there_nor_missing() {
        assert!(
            checks(None)
                .iter()
                .all(|check| check.status == Status::Unknown)
        );
    }
}
