//! What a guest's console says about the tests.

use std::ops::AddAssign;

use super::guest::Run;
use crate::libtest::failure;

/// Before each line that init.sh and what it runs write for us.
const GUEST: &str = "guest: ";

/// What came of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As expected; said in a few words.
    Passed(String),
    /// Not as expected: each line says what.
    Failed(Vec<String>),
    /// Nothing is known of the tests, for this reason: it is not they that failed.
    Unknown(String),
}

impl Verdict {
    /// Of two guests, the worse; of failures, all.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Failed(mut one), Self::Failed(other)) => {
                one.extend(other);
                Self::Failed(one)
            }
            (failed @ Self::Failed(_), _) | (_, failed @ Self::Failed(_)) => failed,
            (unknown @ Self::Unknown(_), _) | (_, unknown @ Self::Unknown(_)) => unknown,
            (Self::Passed(one), Self::Passed(other)) => Self::Passed(match (&*one, &*other) {
                ("", said) | (said, "" | "pass") | ("pass", said) => said.to_owned(),
                (one, other) => format!("{one}; {other}"),
            }),
        }
    }
}

/// The tests of a suite that failed.
#[must_use]
pub fn failed<'c>(run: &'c Run, suite: &str) -> Vec<&'c str> {
    programs(&run.console)
        .iter()
        .filter(|ran| ran.name == suite)
        .flat_map(|ran| ran.lines.iter().copied())
        .filter_map(failure)
        .collect()
}

/// How many tests did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Marked as not to be run unless asked for.
    pub ignored: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

/// A program that the guest ran: what it wrote, and its status if it ended.
#[derive(Debug)]
pub struct Ran<'c> {
    /// What it is called.
    pub name: &'c str,
    /// What it wrote.
    pub lines: Vec<&'c str>,
    /// Its status; `None`: the guest ended before it did.
    pub status: Option<i32>,
}

/// Whether all tests of these suites were run and passed: name, and how many there are.
#[must_use]
pub fn of_tests(run: &Run, suites: &[(&str, usize)]) -> (Counts, Verdict) {
    let programs = programs(&run.console);
    let mut all = Counts::default();
    let mut wrong = Vec::new();
    for (name, tests) in suites {
        let Some(ran) = programs.iter().find(|ran| ran.name == *name) else {
            continue;
        };
        let failed: Vec<_> = failures(&ran.lines).collect();
        // Of a test that failed there is a line; what else it may be is told by the status.
        if failed.is_empty() && ran.status.is_some_and(|status| status != 0) {
            let status = ran.status.unwrap_or_default();
            wrong.push(format!("{name} ended with status {status}"));
        }
        wrong.extend(failed.iter().map(|test| format!("{name}: {test}")));
        let counts = ran.lines.iter().rev().find_map(|line| counts(line));
        let done = counts.unwrap_or_default();
        all.passed += done.passed;
        all.failed += done.failed;
        all.ignored += done.ignored;
        let run = done.passed + done.failed + done.ignored;
        if ran.status == Some(0) && run != *tests {
            wrong.push(format!("{name}: {run} tests were run of {tests}"));
        }
    }
    let verdict = if let Some(panic) = panic(&run.console) {
        wrong.push(panic.to_owned());
        Verdict::Failed(wrong)
    } else if let Some(unknown) = unreported(run, &programs) {
        // What failed before is known all the same, and is in the log.
        Verdict::Unknown(unknown)
    } else if wrong.is_empty() && programs.len() == suites.len() {
        Verdict::Passed("pass".to_owned())
    } else {
        Verdict::Failed(wrong)
    };
    (all, verdict)
}

/// Whether tcptrace said that it can't trace, with this status and these words.
#[must_use]
pub fn of_refusal(run: &Run, status: i32, words: &str) -> Verdict {
    let programs = programs(&run.console);
    if let Some(panic) = panic(&run.console) {
        return Verdict::Failed(vec![panic.to_owned()]);
    }
    if let Some(unknown) = unreported(run, &programs) {
        return Verdict::Unknown(unknown);
    }
    let wrong: Vec<_> = programs
        .iter()
        .filter(|ran| ran.status != Some(status) || !ran.lines.concat().contains(words))
        .map(|ran| {
            format!(
                "{} was to end with status {status} and say `{words}`; it ended with {:?} and \
                 said `{}`",
                ran.name,
                ran.status,
                ran.lines.join(" ")
            )
        })
        .collect();
    if wrong.is_empty() {
        Verdict::Passed(format!("pass: says `{words}`"))
    } else {
        Verdict::Failed(wrong)
    }
}

/// What the guest ran, in order.
#[must_use]
pub fn programs(console: &str) -> Vec<Ran<'_>> {
    let mut programs: Vec<Ran<'_>> = Vec::new();
    for line in console.lines() {
        // The kernel may have written to the same line before.
        let said = line.find(GUEST).map(|at| &line[at + GUEST.len()..]);
        if let Some(name) = said.and_then(|said| said.strip_prefix("run ")) {
            programs.push(Ran {
                name,
                lines: Vec::new(),
                status: None,
            });
        } else if let Some(ran) = programs.last_mut() {
            match said.and_then(|said| said.strip_prefix("status ")) {
                Some(status) => ran.status = status.trim().parse().ok(),
                None if ran.status.is_none() => ran.lines.push(line),
                None => {}
            }
        }
    }
    programs
}

/// The kernel's last words. It is told to take every oops for a panic.
fn panic(console: &str) -> Option<&str> {
    console.lines().find_map(|line| {
        let at = line.find("Kernel panic")?;
        Some(line[at..].trim_end())
    })
}

/// Why nothing is known, if so.
fn unreported(run: &Run, programs: &[Ran<'_>]) -> Option<String> {
    let end = format!("{GUEST}end");
    if run.console.lines().any(|line| line.ends_with(&end)) {
        return None;
    }
    let at = match programs.last() {
        None => "before anything was run".to_owned(),
        Some(ran) => format!("in {}", ran.name),
    };
    Some(if run.timed_out {
        format!("its time was over {at}")
    } else {
        format!("the guest ended {at} and reported no status")
    })
}

/// The tests that a test binary says have failed.
fn failures<'c>(lines: &[&'c str]) -> impl Iterator<Item = &'c str> {
    lines.iter().filter_map(|line| failure(line))
}

/// The last line of a test binary.
fn counts(line: &str) -> Option<Counts> {
    let (_, counts) = line.split_once("test result: ")?;
    let of = |what: &str| {
        counts
            .split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok())
    };
    Some(Counts {
        passed: of("passed")?,
        failed: of("failed")?,
        ignored: of("ignored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Counts, Run, Verdict, of_refusal, of_tests};

    const GOOD: &str = "guest: begin 6.1.0\nguest: run live\ntest a::b ... ok\n\n\
        test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in \
        1.00s\n\nguest: status 0\n[    3.1] a word of the kernel's: guest: end\n";

    fn run(console: &str) -> Run {
        Run {
            console: console.to_owned(),
            timed_out: false,
        }
    }

    #[test]
    fn the_worse_of_two_guests_counts_and_no_failure_is_lost() {
        let passed = || Verdict::Passed("pass".to_owned());
        let failed = |what: &str| Verdict::Failed(vec![what.to_owned()]);
        let unknown = || Verdict::Unknown("?".to_owned());
        assert_eq!(passed().and(passed()), passed());
        assert_eq!(unknown().and(passed()), unknown());
        assert_eq!(passed().and(failed("a")), failed("a"));
        assert_eq!(unknown().and(failed("a")), failed("a"));
        let both = Verdict::Failed(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(failed("a").and(failed("b")), both);
    }

    fn unknown(console: &str) -> String {
        match of_tests(&run(console), &[("live", 13)]).1 {
            Verdict::Unknown(why) => why,
            other => panic!("{other:?}"),
        }
    }

    fn failed(console: &str) -> Vec<String> {
        match of_tests(&run(console), &[("live", 13)]).1 {
            Verdict::Failed(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_tests_passed() {
        let (counts, verdict) = of_tests(&run(GOOD), &[("live", 13)]);
        assert_eq!(verdict, Verdict::Passed("pass".to_owned()));
        let told = Counts {
            passed: 12,
            failed: 0,
            ignored: 1,
        };
        assert_eq!(counts, told);
    }

    #[test]
    fn tests_that_failed_are_named() {
        let console = GOOD
            .replace("a::b ... ok", "a::b ... FAILED")
            .replace("12 passed; 0 failed", "11 passed; 1 failed")
            .replace("status 0", "status 101");
        assert_eq!(failed(&console), ["live: a::b"]);
    }

    #[test]
    fn a_test_binary_that_crashes_has_failed() {
        let console = "guest: run live\ntest a::b ... ok\nguest: status 139\nguest: end\n";
        assert_eq!(failed(console), ["live ended with status 139"]);
    }

    #[test]
    fn fewer_tests_than_there_are_is_a_failure() {
        assert_eq!(
            failed(&GOOD.replace("12 passed", "2 passed")),
            ["live: 3 tests were run of 13"]
        );
    }

    #[test]
    fn a_suite_that_was_not_run_is_no_pass() {
        let (_, verdict) = of_tests(&run(GOOD), &[("live", 13), ("list", 1)]);
        assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
    }

    #[test]
    fn no_report_is_nobodys_failure() {
        assert_eq!(
            unknown("SeaBIOS\n"),
            "the guest ended before anything was run and reported no status"
        );
        let console = GOOD.split("guest: status").next().unwrap();
        assert!(unknown(console).contains("ended in live"));
        let late = Run {
            timed_out: true,
            ..run(console)
        };
        let (_, verdict) = of_tests(&late, &[("live", 13)]);
        assert_eq!(
            verdict,
            Verdict::Unknown("its time was over in live".to_owned())
        );
    }

    #[test]
    fn a_panic_of_the_kernel_is_a_failure() {
        let console = "guest: run live\n[    9.9] Kernel panic - not syncing: Fatal exception\n";
        assert_eq!(
            failed(console),
            ["Kernel panic - not syncing: Fatal exception"]
        );
    }

    #[test]
    fn a_refusal_has_a_status_and_says_why() {
        let console = "guest: run tcptrace\ntcptrace: this kernel is too old\nguest: status 3\n\
                       guest: end\n";
        let verdict = |console: &str| of_refusal(&run(console), 3, "too old");
        assert!(matches!(verdict(console), Verdict::Passed(_)));
        let wrong = [
            console.replace("status 3", "status 1"),
            console.replace("too old", "odd"),
        ];
        for console in wrong {
            assert!(matches!(verdict(&console), Verdict::Failed(_)), "{console}");
        }
        assert!(matches!(verdict(""), Verdict::Unknown(_)));
    }
}
