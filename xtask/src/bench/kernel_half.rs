//! What tcptrace's programs cost in the kernel, beside ones that return at once. The kernel counts
//! that itself, which makes everything slower: never while connections are compared.

use std::{collections::BTreeMap, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};

use super::{
    Options,
    attached::Attached,
    bare::Bare,
    bpf::{Program, Ran, RunTimes, programs_of},
    load,
    results::{Configuration, KernelHalf, ProgramCost, RunCost},
    spread::Spread,
    tracers::Tracer,
};

/// A transition: the first of the programs.
const TRANSITION: &str = "inet_sock_set_state";
/// Programs that tcptrace may have, and their tracepoints; it tells by what it has which ones it
/// does.
const PROGRAMS: [(&str, &str); 11] = [
    (TRANSITION, TRANSITION),
    ("preempted_sock_set_state", TRANSITION),
    ("nested_sock_set_state", TRANSITION),
    ("timer_start", "timer_start"),
    ("timer_cancel", "timer_cancel"),
    ("timer_expire_entry", "timer_expire_entry"),
    ("kfree_skb", "kfree_skb"),
    ("tcp_receive_reset", "tcp_receive_reset"),
    ("tcp_send_reset", "tcp_send_reset"),
    ("sched_process_fork", "sched_process_fork"),
    ("cgroup_mkdir", "cgroup_mkdir"),
];
/// What the kernel keeps of a program's name (BPF_OBJ_NAME_LEN less its zero byte).
const NAME: usize = 15;
/// Runs of everything; the median counts.
const REPEATS: usize = 3;
/// Fewer runs for each connection or timer are no part of it.
const FEW: f64 = 0.01;
/// Between the attachment and the load.
const SETTLE: Duration = Duration::from_millis(300);

/// Runs of each program.
type Runs = BTreeMap<&'static str, Ran>;

/// Measures tcptrace's programs and the empty ones, in turn.
///
/// # Errors
/// When the kernel does not count run times, or tcptrace does not begin.
pub fn measure(options: &Options, tracer: &Tracer) -> Result<KernelHalf> {
    let _counted = RunTimes::count()?;
    let duration = options.load();
    let mut ours = Vec::new();
    let mut empty = Vec::new();
    let mut bare = Vec::new();
    let mut timers_per_second = Vec::new();
    for _ in 0..REPEATS {
        let attached = Attached::start(tracer)?;
        let fdinfo = attached.proc("fdinfo");
        let run = Run::of(duration, || runs(programs_of(&fdinfo)?))?;
        attached.stop()?;
        timers_per_second.push(run.timers_per_second);
        let programs = PROGRAMS
            .into_iter()
            .filter(|(program, _)| run.connections.runs.contains_key(program))
            .map(|(program, tracepoint)| Ok((program, Program::empty(tracepoint)?)))
            .collect::<Result<BTreeMap<_, _>>>()?;
        ours.push(run);
        let record = Bare::attach(TRANSITION)?;
        bare.push(Run::of(duration, || {
            Ok(Runs::from([(TRANSITION, record.ran()?)]))
        })?);
        drop(record);
        empty.push(Run::of(duration, || {
            programs
                .iter()
                .map(|(name, program)| Ok((*name, program.ran()?)))
                .collect()
        })?);
    }

    let median = |runs: &[Run], of: &dyn Fn(&Run) -> Option<f64>| {
        Spread::of(runs.iter().filter_map(of)).map(|spread| spread.median)
    };
    let cost = |part: fn(&Run) -> &Counted, program: &str| {
        let often = |run: &Run| part(run).per_one(program);
        let ns = |run: &Run| part(run).ns_per_run(program);
        Some(RunCost {
            runs: median(&ours, &often).filter(|runs| *runs >= FEW)?,
            ns: median(&ours, &ns)?,
            empty_ns: median(&empty, &ns)?,
        })
    };
    let programs: Vec<ProgramCost> = PROGRAMS
        .iter()
        .filter_map(|(program, _)| {
            Some(ProgramCost {
                name: (*program).to_owned(),
                connections: cost(|run| &run.connections, program)?,
                timers: cost(|run| &run.timers, program),
            })
        })
        .collect();
    let transitions = median(&empty, &|run| run.connections.per_one(TRANSITION))
        .context("the kernel counted no transitions")?;
    let per_connection = |ns: fn(&RunCost) -> f64| {
        programs
            .iter()
            .map(|program| program.connections.runs * ns(&program.connections))
            .sum()
    };
    let bare_ns = median(&bare, &|run| run.connections.ns_per_run(TRANSITION));
    Ok(KernelHalf {
        bare_ns: bare_ns.context("the kernel counted no transitions")?,
        transitions_per_connection: transitions,
        ns_per_connection: per_connection(|cost| cost.ns),
        empty_ns_per_connection: per_connection(|cost| cost.empty_ns),
        timers_per_second: Spread::of(timers_per_second)
            .context("no timers were set")?
            .median,
        programs,
    })
}

/// One run of both loads.
struct Run {
    connections: Counted,
    timers: Counted,
    timers_per_second: f64,
}

impl Run {
    fn of(duration: Duration, mut ran: impl FnMut() -> Result<Runs>) -> Result<Self> {
        thread::sleep(SETTLE);
        let before = ran()?;
        let made = load::connections(Configuration { threads: 1 }, duration)?;
        let between = ran()?;
        let timers = load::timers(duration)?;
        let after = ran()?;
        Ok(Self {
            connections: Counted::between(&before, &between, made.connections_in_all)?,
            timers: Counted::between(&between, &after, timers.timers)?,
            timers_per_second: timers.timers as f64 / timers.seconds,
        })
    }
}

/// What ran while so many connections, or timers, were made.
struct Counted {
    runs: Runs,
    of: u64,
}

impl Counted {
    fn between(before: &Runs, after: &Runs, of: u64) -> Result<Self> {
        ensure!(of > 0, "the load made nothing");
        let runs = after
            .iter()
            .map(|(program, after)| {
                let before = before.get(program).copied().unwrap_or_default();
                let ran = Ran {
                    count: after.count - before.count,
                    ns: after.ns - before.ns,
                };
                (*program, ran)
            })
            .collect();
        Ok(Self { runs, of })
    }

    /// How often it ran for each connection or timer.
    fn per_one(&self, program: &str) -> Option<f64> {
        Some(self.runs.get(program)?.count as f64 / self.of as f64)
    }

    /// How long each run took.
    fn ns_per_run(&self, program: &str) -> Option<f64> {
        let ran = self.runs.get(program)?;
        (ran.count > 0).then(|| ran.ns as f64 / ran.count as f64)
    }
}

/// By the programs' names instead of by what is left of them.
fn runs(programs: Vec<(String, Ran)>) -> Result<Runs> {
    programs
        .into_iter()
        .map(|(name, ran)| {
            let (program, _) = PROGRAMS
                .iter()
                .find(|(program, _)| program[..program.len().min(NAME)] == name)
                .with_context(|| format!("the bench knows no tracepoint of program {name}"))?;
            Ok((*program, ran))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Counted, Ran, Runs, runs};

    #[test]
    fn programs_are_known_by_the_beginning_of_their_names() {
        let ran = Ran { count: 1, ns: 2 };
        let known = runs(vec![
            ("inet_sock_set_s".to_owned(), ran),
            ("kfree_skb".to_owned(), ran),
        ]);
        let names: Vec<_> = known.unwrap().into_keys().collect();
        assert_eq!(names, ["inet_sock_set_state", "kfree_skb"]);
        assert!(runs(vec![("other".to_owned(), ran)]).is_err());
    }

    #[test]
    fn costs_are_of_what_ran_in_between() {
        let at = |count, ns| Runs::from([("timer_start", Ran { count, ns })]);
        let counted = Counted::between(&at(10, 1_000), &at(30, 2_000), 10).unwrap();
        assert_eq!(counted.per_one("timer_start"), Some(2.0));
        assert_eq!(counted.ns_per_run("timer_start"), Some(50.0));
        assert_eq!(counted.per_one("timer_cancel"), None);
    }
}
