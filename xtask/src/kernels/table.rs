//! What came of each kernel, as a table.

use std::{process::ExitCode, time::Duration};

use super::verdict::{Counts, Verdict};

/// The status where a test failed.
const FAILED: u8 = 1;
/// The status where nothing is known, as `git bisect run` has it, too.
const UNKNOWN: u8 = 125;

/// A kernel, and what came of it.
#[derive(Debug)]
pub struct Row {
    /// Its release; its series where it could not be got.
    pub release: String,
    /// Its ticks a second, if known.
    pub hz: Option<u32>,
    /// What the tests did, if they ran.
    pub counts: Option<Counts>,
    /// Tests that were asked for, and are not run in a guest.
    pub not_run: usize,
    /// How long it took, all in all.
    pub took: Duration,
    /// What came of it.
    pub verdict: Verdict,
}

/// The table, with what went wrong below it.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.release.len()).max().unwrap_or(0);
    let width = width.max("KERNEL".len());
    let mut text = format!(
        "{:width$}   HZ  PASSED  FAILED  IGNORED  NOT RUN  SECONDS  VERDICT\n",
        "KERNEL"
    );
    for row in rows {
        let number = |number: Option<usize>| number.map_or("-".to_owned(), |it| it.to_string());
        let verdict = match &row.verdict {
            Verdict::Passed(said) => said.as_str(),
            Verdict::Failed(_) => "FAIL",
            Verdict::Unknown(_) => "UNKNOWN",
        };
        text += &format!(
            "{:width$} {:>4}  {:>6}  {:>6}  {:>7}  {:>7}  {:>7.1}  {verdict}\n",
            row.release,
            number(row.hz.map(|hz| hz as usize)),
            number(row.counts.map(|it| it.passed)),
            number(row.counts.map(|it| it.failed)),
            number(row.counts.map(|it| it.ignored)),
            number(row.counts.map(|_| row.not_run)),
            row.took.as_secs_f64(),
        );
    }
    for row in rows {
        match &row.verdict {
            Verdict::Passed(_) => {}
            Verdict::Failed(wrong) => {
                for each in wrong {
                    text += &format!("{}: FAIL: {each}\n", row.release);
                }
            }
            Verdict::Unknown(why) => {
                text += &format!("{}: infrastructure failure: {why}\n", row.release);
            }
        }
    }
    text
}

/// 1 where a kernel failed; 125 where of a kernel nothing is known, and none failed.
#[must_use]
pub fn status(rows: &[Row]) -> ExitCode {
    let any = |wanted: fn(&Verdict) -> bool| rows.iter().any(|row| wanted(&row.verdict));
    if any(|verdict| matches!(verdict, Verdict::Failed(_))) {
        ExitCode::from(FAILED)
    } else if any(|verdict| matches!(verdict, Verdict::Unknown(_))) {
        ExitCode::from(UNKNOWN)
    } else {
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use std::{process::ExitCode, time::Duration};

    use super::{Row, status, table};
    use crate::kernels::verdict::{Counts, Verdict};

    fn row(release: &str, verdict: Verdict) -> Row {
        Row {
            release: release.to_owned(),
            hz: Some(250),
            counts: matches!(verdict, Verdict::Failed(_)).then_some(Counts {
                passed: 100,
                failed: 1,
                ignored: 2,
            }),
            not_run: 3,
            took: Duration::from_millis(61_000),
            verdict,
        }
    }

    #[test]
    fn failures_and_what_is_unknown_are_told_apart() {
        let rows = [
            row("6.1.0", Verdict::Failed(vec!["live: a::b".to_owned()])),
            row("7", Verdict::Unknown("no network".to_owned())),
        ];
        assert_eq!(
            table(&rows),
            "KERNEL   HZ  PASSED  FAILED  IGNORED  NOT RUN  SECONDS  VERDICT\n\
             6.1.0   250     100       1        2        3     61.0  FAIL\n\
             7       250       -       -        -        -     61.0  UNKNOWN\n\
             6.1.0: FAIL: live: a::b\n\
             7: infrastructure failure: no network\n"
        );
    }

    #[test]
    fn the_status_is_that_of_the_worst() {
        let of = |rows: &[Row]| format!("{:?}", status(rows));
        let expected = |status: u8| format!("{:?}", ExitCode::from(status));
        let passed = || row("1", Verdict::Passed("pass".to_owned()));
        let failed = || row("2", Verdict::Failed(vec![]));
        let unknown = || row("3", Verdict::Unknown(String::new()));
        assert_eq!(of(&[passed()]), expected(0));
        assert_eq!(of(&[unknown(), passed(), failed()]), expected(1));
        assert_eq!(of(&[passed(), unknown()]), expected(125));
    }
}
