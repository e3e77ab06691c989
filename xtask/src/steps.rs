//! Steps that all are done, even if one fails, and the table of how they ended.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;

/// What was done so far.
#[derive(Debug, Default)]
pub struct Steps(Vec<Step>);

#[derive(Debug)]
struct Step {
    name: &'static str,
    passed: bool,
    took: Duration,
}

impl Steps {
    /// Does a step and says so. Returns what it made, if it passed.
    pub fn step<Made>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<Made>,
    ) -> Option<Made> {
        eprintln!("\n==> {name}");
        let began = Instant::now();
        let result = work();
        if let Err(error) = &result {
            eprintln!("xtask: {error:#}");
        }
        self.0.push(Step {
            name,
            passed: result.is_ok(),
            took: began.elapsed(),
        });
        result.ok()
    }

    /// Prints the table; fails if a step did.
    #[must_use]
    pub fn finish(self) -> ExitCode {
        print!("\n{}", self.table());
        if self.0.iter().all(|step| step.passed) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn table(&self) -> String {
        let width = self
            .0
            .iter()
            .map(|step| step.name.len())
            .max()
            .unwrap_or_default();
        self.0
            .iter()
            .map(|step| {
                let verdict = if step.passed { "pass" } else { "FAIL" };
                format!(
                    "{:width$}  {verdict}  {:6.1} s\n",
                    step.name,
                    step.took.as_secs_f64()
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{process::ExitCode, time::Duration};

    use anyhow::bail;

    use super::{Step, Steps};

    #[test]
    fn a_failure_is_shown_and_the_next_step_is_done() {
        let mut steps = Steps::default();
        assert_eq!(
            steps.step("one", || -> anyhow::Result<()> { bail!("no") }),
            None
        );
        assert_eq!(steps.step("two", || Ok(2)), Some(2));
        assert_eq!(
            format!("{:?}", steps.finish()),
            format!("{:?}", ExitCode::FAILURE)
        );
    }

    #[test]
    fn the_table_is_aligned() {
        let step = |name, passed, ms| Step {
            name,
            passed,
            took: Duration::from_millis(ms),
        };
        let steps = Steps(vec![
            step("format", true, 1_234),
            step("kernel half", false, 61_000),
        ]);
        assert_eq!(
            steps.table(),
            "format       pass     1.2 s\n\
             kernel half  FAIL    61.0 s\n"
        );
    }
}
