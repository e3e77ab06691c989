//! Every scenario, through each command.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write as _},
};

use serde_json::Value;
use tcptrace::{filter::Filter, model::State};

use crate::{
    commands::Run,
    files::{Scenario, flow, scenarios, transition},
};

/// Tells all that differ, not the first alone.
fn each(mut check: impl FnMut(&Scenario) -> Result<(), String>) {
    let mut wrong = String::new();
    for scenario in scenarios() {
        if let Err(error) = check(&scenario) {
            let _ = writeln!(wrong, "{}: {error}", scenario.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What is told must be what is expected; the first that is not is shown.
fn same<T: PartialEq + Debug>(told: &[T], expected: &[T]) -> Result<(), String> {
    let differs = |index: &usize| told.get(*index) != expected.get(*index);
    match (0..told.len().max(expected.len())).find(differs) {
        None => Ok(()),
        Some(index) => Err(format!(
            "the {}. is {:?} instead of {:?}",
            index + 1,
            told.get(index),
            expected.get(index)
        )),
    }
}

/// The transitions that `watch` tells of a scenario without a filter.
fn all(scenario: &Scenario) -> Vec<Value> {
    let ran = Run::of(&scenario.events).watch();
    ran.of_type("transition").into_iter().cloned().collect()
}

#[test]
fn watch_tells_the_transitions_of_every_scenario() {
    each(|scenario| {
        let ran = Run::of(&scenario.events).watch();
        let told: Vec<_> = ran
            .of_type("transition")
            .into_iter()
            .map(transition)
            .collect();
        let end = ran.end();
        same(&[end["transitions"].as_u64()], &[Some(told.len() as u64)])?;
        let lost = scenario.events.lines().filter(|it| *it == "lost").count();
        same(&[ran.of_type("lost").len()], &[lost])?;
        same(&[end["lost"].as_u64()], &[Some(lost as u64)])?;
        // What still waited when the file ends is told as the run ends.
        match scenario.ends {
            true => same(&told, &scenario.transitions),
            false => same(
                &told[..told.len().min(scenario.transitions.len())],
                &scenario.transitions,
            ),
        }
    });
}

#[test]
fn a_filter_lets_exactly_what_is_asked_for_through() {
    type Asks = fn(&Value) -> bool;
    let filters: [(Filter, Asks); 5] = [
        (
            Filter {
                local_ports: "80".parse().ok(),
                ..Filter::default()
            },
            |it| it["local_port"] == 80,
        ),
        (
            Filter {
                remote_ports: "80".parse().ok(),
                ..Filter::default()
            },
            |it| it["remote_port"] == 80,
        ),
        (
            Filter {
                states: vec![State::TimeWait, State::Listen],
                ..Filter::default()
            },
            |it| {
                let asked = |state: &Value| state == "TIME_WAIT" || state == "LISTEN";
                asked(&it["from"]) || asked(&it["to"])
            },
        ),
        (
            Filter {
                comms: vec!["peer".to_owned()],
                ..Filter::default()
            },
            |it| it["comm"] == "peer",
        ),
        (
            Filter {
                pids: vec![100],
                ..Filter::default()
            },
            |it| it["pid"] == 100,
        ),
    ];
    let mut counts = [(0, 0); 5];
    each(|scenario| {
        let all = all(scenario);
        for ((filter, asks), (through, kept)) in filters.iter().zip(&mut counts) {
            let ran = Run::of(&scenario.events).filter(filter.clone()).watch();
            let (asked, others): (Vec<_>, Vec<_>) = all.iter().partition(|it| asks(it));
            same(&ran.of_type("transition"), &asked)?;
            *through += asked.len();
            *kept += others.len();
        }
        Ok(())
    });
    // Each had something to do.
    for (through, kept) in counts {
        assert!(through > 50 && kept > 50, "{counts:?}");
    }
}

#[test]
fn a_connection_that_closed_is_one_flow_with_its_end() {
    let mut closed = 0;
    each(|scenario| {
        let ran = Run::of(&scenario.events).flows();
        let mut flows = ran.of_type("flow");
        flows.retain(|it| !it["end"].is_null());
        let told: Vec<_> = flows.into_iter().map(flow).collect();
        let is_closed = |it: &&Vec<String>| !it.iter().any(|word| word == "end=-");
        let expected: Vec<_> = scenario.flows.iter().filter(is_closed).cloned().collect();
        closed += expected.len();
        same(&told, &expected)
    });
    assert!(closed > 200, "{closed}");
}

#[test]
fn the_counts_of_stats_add_up_to_the_transitions() {
    each(|scenario| {
        let all = all(scenario);
        let ran = Run::of(&scenario.events).stats(None);
        let [report] = ran.of_type("stats")[..] else {
            return Err("not one report".to_owned());
        };
        let counts = |report: &Value| {
            let states = report["states"].as_object().expect("states");
            let each = |(state, it): (&String, &Value)| {
                let count = |name: &str| it[name].as_u64().expect("a number");
                (state.clone(), (count("entered"), count("left")))
            };
            states.iter().map(each).collect::<BTreeMap<_, _>>()
        };
        let mut expected: BTreeMap<String, (u64, u64)> = counts(report)
            .into_keys()
            .map(|state| (state, (0, 0)))
            .collect();
        for it in &all {
            let (from, to) = (it["from"].as_str(), it["to"].as_str());
            if let Some((entered, _)) = to.and_then(|to| expected.get_mut(to)) {
                *entered += 1;
            }
            // A listener goes on listening.
            if (from, to) != (Some("LISTEN"), Some("SYN_RECV"))
                && let Some((_, left)) = from.and_then(|from| expected.get_mut(from))
            {
                *left += 1;
            }
        }
        same(&[counts(report)], &[expected])?;
        let transitions = Some(all.len() as u64);
        same(&[report["transitions"].as_u64()], &[transitions])?;
        same(&[ran.end()["transitions"].as_u64()], &[transitions])
    });
}
