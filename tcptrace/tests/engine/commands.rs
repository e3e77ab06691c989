//! The commands, over a script, as they write JSON.

use std::{
    cell::RefCell,
    io::{self, Write},
    path::Path,
    rc::Rc,
    time::Duration,
};

use serde_json::Value;
use tcptrace::{
    aggregate::{
        flows::{IdleTable, Patience},
        stats::By,
    },
    consumers::{Flows, Record, Stats, Stuck, Watch},
    diagnose::Thresholds,
    engine::{Consumer, Engine, Outcome, RecordingOptions, RunOptions, tell_again},
    filter::Filter,
    host::CgroupFilter,
    output::Json,
    record::Limits,
    source::{
        Beginning, Source,
        replay::{Range, Recording},
    },
};

use crate::{schema, script::Script};

/// What is to be run, and how.
pub struct Run<S = Script> {
    pub script: S,
    pub beginning: Beginning,
    pub options: RunOptions,
    /// `-n`.
    pub count: Option<u64>,
}

/// What came of it.
pub struct Ran {
    /// All lines.
    pub lines: Vec<Value>,
    /// The exit status.
    pub code: u8,
}

impl Run {
    /// Of lines as in a scenario.
    pub fn of(lines: &str) -> Self {
        let (script, beginning) =
            crate::script::read(lines).unwrap_or_else(|error| panic!("{error}"));
        Self::new(script, beginning)
    }

    /// Records all of it in a folder, in files as small as that.
    pub fn recorded(self, folder: &Path, limits: &Limits) -> Outcome {
        self.recorded_as(folder, limits, false)
    }

    /// The same, perhaps with other addresses and names.
    pub fn recorded_as(self, folder: &Path, limits: &Limits, anonymize: bool) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let options = RecordingOptions {
            folder: folder.to_owned(),
            limits: limits.clone(),
            anonymize,
        };
        let engine = Engine::new(self.script, self.beginning, &self.options)
            .recorded(&options, &self.options)
            .expect("a folder");
        let thresholds = Thresholds::new(None, &[]).expect("the usual ones");
        let record = Record::new(folder, &[], Filter::default(), thresholds);
        let outcome = runtime.block_on(engine.run(&self.options, record));
        outcome.expect("nothing that can fail")
    }
}

impl<S: Source> Run<S> {
    pub fn new(script: S, beginning: Beginning) -> Self {
        Self {
            script,
            beginning,
            options: options(),
            count: None,
        }
    }

    pub fn filter(mut self, filter: Filter) -> Self {
        self.options.filter = filter;
        self
    }

    /// `--cgroup`.
    pub fn cgroup(self, path: &str) -> Self {
        self.within("cgroup", path)
    }

    /// `--cgroup`, `--container`, `--pod` or `--unit`.
    pub fn within(mut self, option: &str, value: &str) -> Self {
        let filter = CgroupFilter::of_option(option, value).expect("an option of those");
        self.options.filter.in_cgroup = true;
        self.options.cgroups.push(filter);
        self
    }

    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    pub fn duration(mut self, duration: Duration) -> Self {
        self.options.duration = Some(duration);
        self
    }

    pub fn strict(mut self) -> Self {
        self.options.strict = true;
        self
    }

    pub fn watch(self) -> Ran {
        let (out, count) = (Out::default(), self.count);
        let view = Box::new(Json::new(out.clone()));
        self.ran(Watch::new(view, count), &out)
    }

    /// `flows --time-wait`, with keepalive and idle timeouts as on a machine without any.
    pub fn flows(mut self) -> Ran {
        let (out, count) = (Out::default(), self.count);
        let view = Box::new(Json::new(out.clone()));
        let filter = self.options.filter.clone();
        self.options.filter = filter.of_connections();
        let idle = IdleTable::load(None).expect("it is built in");
        let flows = Flows::new(view, filter, Patience::UntilTimeWaitEnds, idle, count);
        self.ran(flows, &out)
    }

    /// `stats --by`.
    pub fn stats_by(self, by: By) -> Ran {
        let (out, count) = (Out::default(), self.count);
        let view = Box::new(Json::new(out.clone()));
        let filter = self.options.filter.clone();
        self.ran(Stats::new(view, filter, Some(by), None, count), &out)
    }

    pub fn stats(self, every: Option<Duration>) -> Ran {
        let (out, count) = (Out::default(), self.count);
        let view = Box::new(Json::new(out.clone()));
        let filter = self.options.filter.clone();
        self.ran(Stats::new(view, filter, None, every, count), &out)
    }

    pub fn stuck(self) -> Ran {
        let (out, count) = (Out::default(), self.count);
        let view = Box::new(Json::new(out.clone()));
        let filter = self.options.filter.clone();
        let thresholds = Thresholds::new(None, &[]).expect("the usual ones");
        self.ran(Stuck::new(view, filter, thresholds, count), &out)
    }

    fn ran(self, consumer: impl Consumer, out: &Out) -> Ran {
        let outcome = self.with(consumer).expect("nothing that can fail");
        out.ran(&outcome)
    }

    /// Hands what happens to any consumer.
    pub fn with(self, consumer: impl Consumer) -> anyhow::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let engine = Engine::new(self.script, self.beginning, &self.options);
        runtime.block_on(engine.run(&self.options, consumer))
    }
}

fn options() -> RunOptions {
    RunOptions {
        filter: Filter::default(),
        cgroups: Vec::new(),
        recorded_cgroups: Vec::new(),
        duration: None,
        max_connections: 1 << 20,
        strict: false,
    }
}

/// A recording, and what is asked for of it: what `-r` makes of it.
pub struct Again {
    pub recording: Recording,
    pub range: Range,
    pub options: RunOptions,
}

impl Again {
    /// All of a segment, or of a folder.
    pub fn of(path: &Path) -> Self {
        let recording = Recording::open(path).unwrap_or_else(|error| panic!("{error}"));
        Self {
            recording,
            range: Range::default(),
            options: options(),
        }
    }

    pub fn watch(self) -> Ran {
        let out = Out::default();
        let view = Box::new(Json::new(out.clone()));
        self.ran(Watch::new(view, None), &out)
    }

    /// `flows --time-wait`.
    pub fn flows(self) -> Ran {
        let out = Out::default();
        let view = Box::new(Json::new(out.clone()));
        let filter = self.options.filter.of_connections();
        let idle = IdleTable::load(None).expect("it is built in");
        let patience = Patience::UntilTimeWaitEnds;
        self.ran(Flows::new(view, filter, patience, idle, None), &out)
    }

    pub fn stats(self, every: Option<Duration>) -> Ran {
        let out = Out::default();
        let view = Box::new(Json::new(out.clone()));
        let filter = self.options.filter.clone();
        self.ran(Stats::new(view, filter, None, every, None), &out)
    }

    /// Nothing is told where there is nothing of that time.
    fn ran(self, consumer: impl Consumer, out: &Out) -> Ran {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let told = tell_again(&self.options, self.recording, self.range, consumer);
        let outcome = runtime.expect("a runtime").block_on(told);
        match outcome.expect("nothing that can fail") {
            Some(outcome) => out.ran(&outcome),
            None => Ran {
                lines: Vec::new(),
                code: 1,
            },
        }
    }
}

impl Ran {
    /// The lines of a type.
    pub fn of_type(&self, name: &str) -> Vec<&Value> {
        let lines = self.lines.iter();
        lines.filter(|line| line["type"] == name).collect()
    }

    /// The last line.
    pub fn end(&self) -> &Value {
        let last = self.lines.last().expect("a line");
        assert_eq!(last["type"], "end", "{last}");
        last
    }
}

/// What is written, for whoever looks later.
#[derive(Clone, Default)]
struct Out(Rc<RefCell<Vec<u8>>>);

impl Out {
    fn ran(&self, outcome: &Outcome) -> Ran {
        let text = String::from_utf8(self.0.take()).expect("UTF-8");
        let read = |line| schema::read(line).unwrap_or_else(|error| panic!("{error}"));
        Ran {
            lines: text.lines().map(read).collect(),
            code: outcome.code,
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
