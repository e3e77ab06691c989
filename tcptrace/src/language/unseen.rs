//! Words for what can't be seen on a machine.

use super::{Chapter, Language, Words};
use crate::model::{KernelError, NoAddresses, Why};

/// Why something can't be seen, what is missing because of it, and what helps. A text of a recording
/// of which no more is known stays as it is: in English.
#[must_use]
pub fn why_unseen(why: &Why, language: Language) -> String {
    let words = words(language);
    let so = |id, why: String| words.say(id, [("why", why.into())]);
    let error = |error| kernel_error(error, language);
    match why {
        Why::Cgroups(it) => so("unseen-cgroups", error(it)),
        Why::NoCgroups => so("unseen-cgroups", words.word("no-cgroups")),
        Why::Addresses(it) => so("unseen-addresses", no_addresses(it, language)),
        Why::Timers(it) => so("unseen-timers", error(it)),
        Why::NoWriteTimer => words.word("unseen-write-timer"),
        Why::Fins(it) => so("unseen-fins", error(it)),
        Why::Resets(it) => so("unseen-resets", error(it)),
        Why::NoCauses => words.word("unseen-causes"),
        Why::Forks(it) => so("unseen-forks", error(it)),
        Why::Accepts(it) => so("unseen-accepts", it.clone()),
        Why::AcceptsNowhere => so("unseen-accepts", words.word("accepts-nowhere")),
        Why::PidNamespace => words.word("unseen-pid-namespace"),
        Why::Proc => words.word("unseen-proc"),
        Why::DescriptorsHidden => words.word("unseen-descriptors"),
        Why::Capability { name, without } => {
            let without = match without_capability(name) {
                Some(id) => words.word(id),
                None => without.to_string(),
            };
            let places = [("without", without.into()), ("name", name.as_ref().into())];
            words.say("unseen-capability", places)
        }
        Why::Text(text) => text.clone(),
    }
}

/// Why the kernel half can't be loaded.
#[must_use]
pub fn kernel_error(error: &KernelError, language: Language) -> String {
    let words = words(language);
    let why = |why: &str| ("why", why.to_owned().into());
    match error {
        KernelError::NotPermitted(it) => words.say("kernel-not-permitted", [why(it)]),
        KernelError::NoBtf(it) => words.say("kernel-no-types", [why(it)]),
        KernelError::DamagedBtf => {
            let damaged = words.word("kernel-types-damaged");
            words.say("kernel-no-types", [why(&damaged)])
        }
        KernelError::NoField { container, field } => {
            let places = [
                ("container", container.as_ref().into()),
                ("field", field.as_ref().into()),
            ];
            words.say("kernel-no-field", places)
        }
        KernelError::TooOld => words.word("kernel-too-old"),
        KernelError::Buffer { bytes, why: it } => {
            let bytes = ("bytes", bytes.to_string().into());
            words.say("kernel-buffer", [bytes, why(it)])
        }
        KernelError::Descriptors => words.word("kernel-descriptors"),
        KernelError::Refused { program, why: it } => {
            let program = ("program", program.as_ref().into());
            words.say("kernel-refused", [program, why(it)])
        }
        KernelError::Load(it) => words.say("kernel-load", [why(it)]),
    }
}

/// Why /proc/kallsyms does not tell where the handlers of timers are.
#[must_use]
pub fn no_addresses(why: &NoAddresses, language: Language) -> String {
    let words = words(language);
    match why {
        NoAddresses::Hidden => words.word("addresses-hidden"),
        NoAddresses::Without(functions) => {
            let functions = functions.iter().map(ToString::to_string);
            let functions = functions.reduce(|all, function| {
                let places = [("functions", all.into()), ("function", function.into())];
                words.say("functions-and-no", places)
            });
            let functions = functions.unwrap_or_default();
            words.say("addresses-missing", [("functions", functions.into())])
        }
    }
}

/// The id of the words for what can't be done without a capability; `None`: tcptrace has no use for
/// it.
fn without_capability(name: &str) -> Option<&'static str> {
    Some(match name {
        "CAP_BPF" | "CAP_PERFMON" => "without-loading",
        "CAP_SYSLOG" => "without-symbols",
        "CAP_SYS_ADMIN" => "without-namespaces",
        "CAP_SYS_PTRACE" => "without-processes",
        "CAP_DAC_READ_SEARCH" => "without-descriptors",
        _ => return None,
    })
}

fn words(language: Language) -> &'static Words {
    Words::kept(Chapter::Unseen, language)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each, with texts as the kernel has them.
    fn errors() -> Vec<KernelError> {
        let why = || "E2BIG (os error 7)".to_owned();
        vec![
            KernelError::NotPermitted(why()),
            KernelError::NoBtf(why()),
            KernelError::DamagedBtf,
            KernelError::NoField {
                container: "sock".into(),
                field: "sk_err".into(),
            },
            KernelError::TooOld,
            KernelError::Buffer {
                bytes: 8_388_608,
                why: why(),
            },
            KernelError::Descriptors,
            KernelError::Refused {
                program: "timer_start".into(),
                why: why(),
            },
            KernelError::Load(why()),
        ]
    }

    fn addresses() -> [NoAddresses; 3] {
        let one = || vec!["tw_timer_handler".into()];
        let both = vec!["tw_timer_handler".into(), "reqsk_timer_handler".into()];
        [
            NoAddresses::Hidden,
            NoAddresses::Without(one()),
            NoAddresses::Without(both),
        ]
    }

    fn all() -> Vec<Why> {
        let of_errors = [
            Why::Cgroups,
            Why::Timers,
            Why::Fins,
            Why::Resets,
            Why::Forks,
        ];
        let mut all: Vec<Why> = of_errors
            .into_iter()
            .flat_map(|why| errors().into_iter().map(why))
            .collect();
        all.extend(addresses().map(Why::Addresses));
        all.extend([
            Why::NoCgroups,
            Why::NoWriteTimer,
            Why::NoCauses,
            Why::Accepts("E2BIG (os error 7)".to_owned()),
            Why::AcceptsNowhere,
            Why::PidNamespace,
            Why::Proc,
            Why::DescriptorsHidden,
            Why::Capability {
                name: "CAP_SYSLOG".into(),
                without: "TIME_WAIT, orphaned FIN_WAIT2 and half-open SYN_RECV can't be seen"
                    .into(),
            },
        ]);
        all
    }

    #[test]
    fn english_words_are_those_of_json() {
        for why in all() {
            assert_eq!(why_unseen(&why, Language::English), why.to_string());
        }
        for error in errors() {
            assert_eq!(kernel_error(&error, Language::English), error.to_string());
        }
        for why in addresses() {
            assert_eq!(no_addresses(&why, Language::English), why.to_string());
        }
    }

    /// English words in a row are prose; names of functions, states and settings are none.
    fn prose(text: &str) -> Option<&str> {
        let mut row = text.split(|it: char| !it.is_ascii_lowercase() && it != ' ' && it != '\'');
        row.find(|it| it.split_whitespace().count() > 2)
    }

    #[test]
    fn chinese_words_are_chinese() {
        assert!(prose("所以 run it as root").is_some());
        for why in all() {
            let said = why_unseen(&why, Language::Chinese);
            assert_eq!(prose(&said), None, "{said}");
            assert!(!said.contains('$') && !said.contains("unseen-"), "{said}");
            assert_ne!(said, why.to_string());
        }
    }

    #[test]
    fn what_nobody_knows_any_more_is_said_as_it_stands() {
        let text = Why::Text("told long ago".to_owned());
        assert_eq!(why_unseen(&text, Language::Chinese), "told long ago");
        let of_later = Why::Capability {
            name: "CAP_OF_LATER".into(),
            without: "nothing works".into(),
        };
        let said = why_unseen(&of_later, Language::Chinese);
        assert!(said.starts_with("nothing works："), "{said}");
    }
}
