//! Flows, as `tcptrace flows` tells them.

use std::{thread::sleep, time::Duration};

use serde_json::Value;

use crate::{
    namespace::Namespace,
    schema,
    trace::{End, Raw, Trace},
};

/// For softirq and tcptrace's poll.
const SETTLED: Duration = Duration::from_millis(300);

/// `tcptrace flows` of a namespace, running; what is waited for must come within a minute.
pub fn start(net: &Namespace) -> Raw {
    start_with::<&str>(net, [])
}

/// The same with arguments.
pub fn start_with<S: ToString>(net: &Namespace, arguments: impl IntoIterator<Item = S>) -> Raw {
    Trace::of(net)
        .subcommand("flows")
        .with(["-d", "60s"])
        .with(arguments)
        .start_raw()
}

/// All flows that were told.
pub fn flows(raw: Raw) -> Vec<Value> {
    sleep(SETTLED);
    raw.stop().lines().filter_map(flow).collect()
}

/// All flows that were told, once so many were: there must not be more.
pub fn exactly(count: usize, mut raw: Raw) -> Vec<Value> {
    let mut told = Vec::new();
    while told.len() < count
        && let Some(line) = raw.line()
    {
        told.extend(flow(&line));
    }
    told.extend(flows(raw));
    assert_eq!(told.len(), count, "flows: {told:#?}");
    told
}

fn flow(line: &str) -> Option<Value> {
    let line = schema::read(line).unwrap_or_else(|error| panic!("{error}"));
    (line["type"] == "flow").then_some(line)
}

/// The only flow of one end.
pub fn flow_of(flows: &[Value], end: End) -> &Value {
    let of_it = |it: &&Value| {
        it["local_port"] == u64::from(end.local) && it["remote_port"] == u64::from(end.remote)
    };
    let mut found = flows.iter().filter(of_it);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("no flow of {end:?} in {flows:#?}"));
    assert!(
        found.next().is_none(),
        "more than one flow of {end:?} in {flows:#?}"
    );
    first
}

/// The names of the states that it went through.
pub fn states(flow: &Value) -> Vec<&str> {
    let path = flow["path"].as_array().expect("a path");
    path.iter()
        .map(|stay| stay["state"].as_str().expect("a state"))
        .collect()
}
