//! What this process may do.

use super::{Check, Status};
use crate::{
    language::{Language, why_unseen},
    model::Why,
    privileges::{CAPABILITIES, CapabilitySet},
};

/// Nothing can be traced without them.
const LOAD_AT_ALL: CapabilitySet = CapabilitySet::BPF.union(CapabilitySet::PERFMON);

/// Judges the effective capabilities of a process; `None` if they can't be told. `hidden`: the kernel
/// hides descriptors in spite of them.
pub(super) fn checks(
    effective: Option<CapabilitySet>,
    hidden: bool,
    language: Language,
) -> Vec<Check> {
    CAPABILITIES
        .iter()
        .map(|it| match effective {
            None => Check::new(it.name, Status::Unknown, None),
            Some(held) if it.is_among(held) && hidden && it.flag == CapabilitySet::SYS_PTRACE => {
                let why = why_unseen(&Why::DescriptorsHidden, language);
                Check::new(it.name, Status::Degraded, Some(why))
            }
            Some(held) if it.is_among(held) => Check::ok(it.name),
            Some(_) => {
                let status = match LOAD_AT_ALL.contains(it.flag) {
                    true => Status::Failed,
                    false => Status::Degraded,
                };
                let why = Why::Capability {
                    name: it.name.into(),
                    without: it.without.into(),
                };
                let why = why_unseen(&why, language);
                Check::new(it.name, status, Some(why))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_as_a_trace_says_it() {
        let told = checks(Some(CapabilitySet::empty()), false, Language::English);
        for (it, check) in CAPABILITIES.iter().zip(&told) {
            let said = format!("{}: run it as root, or with {}", it.without, it.name);
            assert_eq!(check.detail, Some(said));
        }
        let told = checks(Some(CapabilitySet::empty()), false, Language::Chinese);
        for (it, check) in CAPABILITIES.iter().zip(&told) {
            let said = check.detail.as_deref().unwrap_or_default();
            assert!(!said.contains(it.without), "{said}");
        }
    }

    fn missing(effective: CapabilitySet) -> Vec<(String, Status)> {
        checks(Some(effective), false, Language::English)
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
    fn a_capability_that_helps_nothing_is_not_told_to_be_all_right() {
        let told = checks(Some(CapabilitySet::all()), true, Language::English);
        let bad: Vec<_> = told.iter().filter(|it| it.status != Status::Ok).collect();
        let [check] = bad[..] else {
            panic!("{} are not all right", bad.len());
        };
        assert_eq!(
            (&*check.name, check.status),
            ("CAP_SYS_PTRACE", Status::Degraded)
        );
        assert!(
            check
                .detail
                .as_deref()
                .unwrap_or_default()
                .contains("AppArmor")
        );
    }

    #[test]
    fn unknown_capabilities_are_neither_there_nor_missing() {
        assert!(
            checks(None, false, Language::English)
                .iter()
                .all(|check| check.status == Status::Unknown)
        );
    }
}
