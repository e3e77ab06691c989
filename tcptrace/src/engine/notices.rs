//! What is said on stderr, whatever the command: what can't be seen, and what is incomplete.

use std::{ffi::OsString, path::Path};

use crate::{
    model::Degraded,
    output::{End, say},
};

/// Says on stderr what can't be seen on this machine.
pub(super) fn degraded(degraded: &[Degraded]) {
    for Degraded { what, why } in degraded {
        say(format_args!("{what}: {why}"));
    }
}

/// What was said of the run before, where a recording has many.
#[derive(Default)]
pub(super) struct Said(Vec<Degraded>);

impl Said {
    /// Says on stderr what could not be seen in a run and was seen in the one before.
    pub fn degraded(&mut self, degraded: &[Degraded]) {
        self::degraded(&self.unsaid(degraded));
    }

    fn unsaid(&mut self, degraded: &[Degraded]) -> Vec<Degraded> {
        let before = std::mem::replace(&mut self.0, degraded.to_vec());
        let unsaid = degraded.iter().filter(|it| !before.contains(it));
        unsaid.cloned().collect()
    }
}

/// Programs that have a daemon start containers: these are no children of theirs. Podman starts its own.
const CLIENTS: [&str; 4] = ["docker", "nerdctl", "ctr", "crictl"];

/// Says on stderr where what a command starts in a container is not followed, and what to type instead.
pub(super) fn containers(command: &[OsString]) {
    let program = command.first().and_then(|it| Path::new(it).file_name());
    let Some(program) = program.and_then(|it| it.to_str()) else {
        return;
    };
    if CLIENTS.contains(&program) {
        let name = container_name(command).unwrap_or("NAME");
        say(format_args!(
            "{program} has another process start containers: their connections are not shown here; \
             to see them, start tcptrace --container {name} before"
        ));
    }
}

/// The name that a new container is given: `--name web`, `--name=web`.
fn container_name(command: &[OsString]) -> Option<&str> {
    let mut words = command.iter().map_while(|it| it.to_str());
    while let Some(word) = words.next() {
        if word == "--name" {
            return words.next();
        }
        if let Some(name) = word.strip_prefix("--name=") {
            return Some(name);
        }
    }
    None
}

/// Says on stderr what a reader of the output must know at the end.
pub(super) fn incomplete(end: &End) {
    if end.lost > 0 {
        say(format_args!(
            "{} events were lost in all; what is shown of their connections is \
             incomplete",
            end.lost
        ));
    }
    if end.forgotten > 0 {
        say(format_args!(
            "{} connections were forgotten, as too many were open at once; what is \
             shown of them is incomplete",
            end.forgotten
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Why;

    #[test]
    fn what_stays_unseen_from_run_to_run_is_said_once() {
        let unseen = |what: &'static str| Degraded {
            what: what.into(),
            why: Why::NoCgroups,
        };
        let (one, other) = (unseen("one"), unseen("other"));
        let mut said = Said::default();
        let runs = [
            vec![one.clone()],
            vec![one.clone()],
            vec![other.clone(), one.clone()],
            vec![],
            vec![one.clone()],
        ];
        let unsaid = runs.map(|run| said.unsaid(&run));
        assert_eq!(
            unsaid,
            [vec![one.clone()], vec![], vec![other], vec![], vec![one]]
        );
    }

    #[test]
    fn the_name_of_a_new_container_is_found_among_the_words() {
        let name = |words: &str| {
            let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
            container_name(&words).map(str::to_owned)
        };
        assert_eq!(
            name("docker run --rm --name web nginx").as_deref(),
            Some("web")
        );
        assert_eq!(name("docker run --name=web nginx").as_deref(), Some("web"));
        assert_eq!(name("docker run nginx"), None);
        assert_eq!(name("docker run --name"), None);
    }
}
