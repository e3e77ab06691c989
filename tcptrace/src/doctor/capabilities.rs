//! What this process may do.

use super::{Check, Status};
use crate::{
    language::Words,
    privileges::{CAPABILITIES, Capability, CapabilitySet},
};

/// Nothing can be traced without them.
const LOAD_AT_ALL: CapabilitySet = CapabilitySet::BPF.union(CapabilitySet::PERFMON);

/// Judges the effective capabilities of a process; `None` if they can't be told.
pub(super) fn checks(effective: Option<CapabilitySet>, words: &Words) -> Vec<Check> {
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
                let without = words.word(without(it));
                let why = words.say(
                    "check-capability",
                    [("without", without.into()), ("name", it.name.into())],
                );
                Check::new(it.name, status, Some(why))
            }
        })
        .collect()
}

/// The words for what can't be done without it.
fn without(it: &Capability) -> &'static str {
    match it.flag {
        CapabilitySet::SYSLOG => "without-symbols",
        CapabilitySet::SYS_ADMIN => "without-namespaces",
        CapabilitySet::SYS_PTRACE => "without-processes",
        CapabilitySet::DAC_READ_SEARCH => "without-descriptors",
        _ => "without-loading",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Chapter, Language};

    fn english() -> &'static Words {
        Words::kept(Chapter::Doctor, Language::English)
    }

    #[test]
    fn what_is_missing_is_said_as_a_trace_says_it() {
        for it in &CAPABILITIES {
            assert_eq!(english().word(without(it)), it.without, "{}", it.name);
        }
    }

    fn missing(effective: CapabilitySet) -> Vec<(String, Status)> {
        checks(Some(effective), english())
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
            checks(None, english())
                .iter()
                .all(|check| check.status == Status::Unknown)
        );
    }
}
