//! The kernel half, hook by hook.

use super::{Check, Status};
use crate::{
    language::{Words, kernel_error, why_unseen},
    model::{Degraded, KernelError},
};

/// Without it nothing can be traced.
const STATES: &str = "inet_sock_set_state";
/// For `-- COMMAND`, and for who may accept a connection.
const FORK: &str = "sched_process_fork";
/// For the names of cgroups alone.
const CGROUPS: &str = "cgroup_mkdir";
/// For who accepts a connection, where it can be had.
const ACCEPT: &str = "inet_csk_accept";
/// Tried only if the addresses of the timers' handlers are known.
const OTHERS: [&str; 6] = [
    "timer_start",
    "timer_cancel",
    "timer_expire_entry",
    "kfree_skb",
    "tcp_receive_reset",
    "tcp_send_reset",
];

/// What came of loading the kernel half.
pub(super) struct Loaded {
    /// What could not be attached.
    pub(super) degraded: Vec<Degraded>,
    /// The addresses of the timers' handlers are known.
    pub(super) addresses: bool,
    /// Why following a command can't be had.
    pub(super) fork: Option<KernelError>,
    /// Why it is not told who accepts, and what stands in.
    pub(super) accept: Option<Degraded>,
}

/// Tells of each hook how it went.
pub(super) fn checks(loaded: &Result<Loaded, KernelError>, words: &Words) -> Vec<Check> {
    let language = words.language();
    let said = |lost: &Degraded| Some(why_unseen(&lost.why, language));
    let mut checks = Vec::new();
    match loaded {
        Ok(loaded) => {
            checks.push(Check::ok("load"));
            checks.push(Check::ok(STATES));
            for hook in OTHERS.into_iter().chain([CGROUPS]) {
                checks.push(
                    match loaded.degraded.iter().find(|lost| lost.what == hook) {
                        Some(lost) => Check::new(hook, Status::Degraded, said(lost)),
                        None if loaded.addresses || hook == CGROUPS => Check::ok(hook),
                        None => Check::new(hook, Status::Unknown, None),
                    },
                );
            }
            checks.push(match &loaded.fork {
                None => Check::ok(FORK),
                Some(error) => Check::new(
                    FORK,
                    Status::Degraded,
                    Some(words.say(
                        "check-no-command",
                        [("error", kernel_error(error, language).into())],
                    )),
                ),
            });
            checks.push(match &loaded.accept {
                None => Check::ok(ACCEPT),
                Some(lost) => Check::new(ACCEPT, Status::Degraded, said(lost)),
            });
        }
        Err(error) => {
            let refused = match error {
                KernelError::Refused { program, .. } => Some(program.as_ref()),
                _ => None,
            };
            let why = Some(kernel_error(error, language));
            checks.push(if refused.is_some() {
                Check::ok("load")
            } else {
                Check::new("load", Status::Failed, why.clone())
            });
            for hook in std::iter::once(STATES)
                .chain(OTHERS)
                .chain([CGROUPS, FORK, ACCEPT])
            {
                checks.push(if refused == Some(hook) {
                    Check::new(hook, Status::Failed, why.clone())
                } else {
                    Check::new(hook, Status::Unknown, None)
                });
            }
        }
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        language::{Chapter, Language},
        model::Why,
    };

    fn english() -> &'static Words {
        Words::kept(Chapter::Doctor, Language::English)
    }

    fn status(checks: &[Check], name: &str) -> Status {
        checks
            .iter()
            .find(|check| check.name == name)
            .unwrap()
            .status
    }

    fn loaded(degraded: Vec<Degraded>, addresses: bool) -> Result<Loaded, KernelError> {
        Ok(Loaded {
            degraded,
            addresses,
            fork: None,
            accept: None,
        })
    }

    #[test]
    fn a_hook_that_could_not_be_attached_takes_a_part_away() {
        let lost = Degraded {
            what: "timer_start".into(),
            why: Why::Text("not there".to_owned()),
        };
        let checks = checks(&loaded(vec![lost], true), english());
        assert_eq!(status(&checks, "timer_start"), Status::Degraded);
        assert_eq!(status(&checks, "timer_cancel"), Status::Ok);
        assert_eq!(status(&checks, "inet_sock_set_state"), Status::Ok);
    }

    #[test]
    fn where_accept_cannot_be_seen_it_is_said_what_stands_in() {
        let mut told = loaded(Vec::new(), true).unwrap();
        told.accept = Some(Degraded {
            what: ACCEPT.into(),
            why: Why::Text("looked for instead".to_owned()),
        });
        let checks = checks(&Ok(told), english());
        assert_eq!(status(&checks, ACCEPT), Status::Degraded);
        assert_eq!(
            checks.last().unwrap().detail.as_deref(),
            Some("looked for instead")
        );
    }

    #[test]
    fn without_addresses_the_hooks_that_need_them_are_not_called_good() {
        let checks = checks(&loaded(Vec::new(), false), english());
        assert_eq!(status(&checks, "timer_start"), Status::Unknown);
        assert_eq!(status(&checks, "inet_sock_set_state"), Status::Ok);
    }

    #[test]
    fn what_failed_is_failed_and_the_rest_unknown() {
        let told = checks(&Err(KernelError::TooOld), english());
        assert_eq!(status(&told, "load"), Status::Failed);
        assert_eq!(status(&told, "inet_sock_set_state"), Status::Unknown);
        let told = checks(
            &Err(KernelError::Refused {
                program: "inet_sock_set_state".into(),
                why: "no".to_owned(),
            }),
            english(),
        );
        assert_eq!(status(&told, "load"), Status::Ok);
        assert_eq!(status(&told, "inet_sock_set_state"), Status::Failed);
    }
}
