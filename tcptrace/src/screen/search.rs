//! Which rows are shown: the words of the options, as in `state:time-wait not port:443`.

use super::words::words;
use crate::{
    filter::Filter,
    host::{CgroupFilter, Cgroups},
    language::Language,
    model::{Connection, Owner, Transition},
};

/// Words, and what they ask for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// As it was typed.
    text: String,
    wanted: Filter,
    /// What is wanted of where it runs.
    places: Vec<CgroupFilter>,
    /// Each lets nothing through that it matches.
    unwanted: Vec<Filter>,
    unwanted_places: Vec<CgroupFilter>,
}

/// Words that ask for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", said(word, why, Language::English))]
pub struct SearchError {
    word: String,
    /// The id of what is wrong.
    why: &'static str,
}

impl SearchError {
    /// Which word, and what is wrong.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        said(&self.word, self.why, language)
    }
}

fn said(word: &str, why: &str, language: Language) -> String {
    let words = words(language);
    let why = words.word(why);
    words.say("search-wrong", [("word", word.into()), ("why", why.into())])
}

/// What the words begin with.
pub const WORDS: [&str; 14] = [
    "state",
    "port",
    "local-port",
    "remote-port",
    "addr",
    "local-addr",
    "remote-addr",
    "comm",
    "pid",
    "uid",
    "netns",
    "container",
    "pod",
    "unit",
];

impl Search {
    /// Reads words, with blanks between them; `not` is for the word behind it. A word without a
    /// colon is the name of a process. Of words alike one must match, of others all.
    ///
    /// # Errors
    /// [`SearchError`] for the first word that is none.
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        let mut wanted: Vec<(&str, String)> = Vec::new();
        let mut unwanted = Vec::new();
        let (mut places, mut unwanted_places) = (Vec::new(), Vec::new());
        let mut not = false;
        for word in text.split_whitespace() {
            if word == "not" {
                not = !not;
                continue;
            }
            let (option, value) = option(word)?;
            if let Some(place) = CgroupFilter::of_option(option, value) {
                match std::mem::take(&mut not) {
                    false => places.push(place),
                    true => unwanted_places.push(place),
                }
                continue;
            }
            match std::mem::take(&mut not) {
                // Ports are a set, written in one word.
                false => match wanted.iter_mut().find(|it| it.0 == option) {
                    Some((_, set)) if option.ends_with("port") => {
                        *set = format!("{set},{value}");
                    }
                    _ => wanted.push((option, value.to_owned())),
                },
                true => unwanted.push(read(word, [(option, value)])?),
            }
        }
        if not {
            return Err(SearchError {
                word: "not".to_owned(),
                why: "search-not-alone",
            });
        }
        // Each by itself, to name the one that is wrong.
        for (option, value) in &wanted {
            read(&format!("{option}:{value}"), [(*option, &**value)])?;
        }
        let wanted = wanted.iter().map(|(option, value)| (*option, &**value));
        Ok(Self {
            text: text.trim().to_owned(),
            wanted: read(text, wanted)?,
            places,
            unwanted,
            unwanted_places,
        })
    }

    /// As it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether everything is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether a connection is asked for.
    #[must_use]
    pub fn matches(&self, it: &Connection, cgroups: &mut Cgroups) -> bool {
        self.wanted.matches_connection(it, true)
            && !self
                .unwanted
                .iter()
                .any(|not| not.matches_connection(it, true))
            && self.matches_place(&it.owner, cgroups)
    }

    /// Whether a transition is asked for, from or to a state.
    #[must_use]
    pub fn matches_transition(&self, it: &Transition, cgroups: &mut Cgroups) -> bool {
        self.wanted.matches(it, true)
            && !self.unwanted.iter().any(|not| not.matches(it, true))
            && self.matches_place(&it.owner, cgroups)
    }

    /// Whether what runs where it was made is asked for. What is unknown is not, and is not ruled out.
    fn matches_place(&self, owner: &Owner, cgroups: &mut Cgroups) -> bool {
        if self.places.is_empty() && self.unwanted_places.is_empty() {
            return true;
        }
        let place = owner.cgroup.and_then(|id| {
            let (path, workload) = cgroups.path_and_workload(id.get());
            Some((path.unwrap_or_default(), workload?))
        });
        let Some((path, workload)) = place else {
            return self.places.is_empty();
        };
        let option = |it: &CgroupFilter| it.to_option().0;
        self.places.iter().all(|wanted| {
            // Of words alike, one is enough.
            let alike = self.places.iter().filter(|it| option(it) == option(wanted));
            alike.into_iter().any(|it| it.matches(path, workload))
        }) && !self
            .unwanted_places
            .iter()
            .any(|it| it.matches(path, workload))
    }
}

fn option(word: &str) -> Result<(&str, &str), SearchError> {
    let Some((option, value)) = word.split_once(':') else {
        return Ok(("comm", word));
    };
    match WORDS.contains(&option) {
        true if !value.is_empty() => Ok((option, value)),
        true => Err(SearchError {
            word: word.to_owned(),
            why: "search-without-value",
        }),
        false => Err(SearchError {
            word: word.to_owned(),
            why: "search-words",
        }),
    }
}

fn read<'a>(
    word: &str,
    options: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Filter, SearchError> {
    Filter::from_options(options).map_err(|_| SearchError {
        word: word.to_owned(),
        why: "search-no-such-thing",
    })
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::model::{
        Cgroup, Comm, Container, Endpoint, Owner, Process, SocketKind, State, Tuple,
    };

    fn connection(state: State, port: u16, comm: &str) -> Connection {
        let end = |last, port| Endpoint::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), port);
        Connection {
            cookie: None,
            tuple: Tuple {
                netns: 1,
                link: None,
                local: end(1, 40_000),
                remote: end(2, port),
            },
            state,
            since: None,
            kind: SocketKind::Full,
            owner: Owner {
                process: Some(Process {
                    pid: Some(7),
                    comm: Comm::new(comm.as_bytes()),
                }),
                ..Owner::default()
            },
            opener: None,
            followed: false,
            bound: false,
        }
    }

    fn finds_in(text: &str, it: &Connection, cgroups: &mut Cgroups) -> bool {
        Search::parse(text).expect(text).matches(it, cgroups)
    }

    #[test]
    fn what_runs_in_a_container_a_pod_or_a_unit_is_found() {
        let mut it = connection(State::TimeWait, 443, "nginx");
        it.owner.cgroup = Cgroup::new(9);
        let path = "/system.slice/nginx.service".to_owned();
        let cgroups = &mut Cgroups::from_iter([(9, path)]);
        assert!(finds_in("unit:nginx", &it, cgroups));
        assert!(finds_in("unit:nginx unit:sshd port:443", &it, cgroups));
        assert!(finds_in("not unit:sshd", &it, cgroups));
        assert!(!finds_in("not unit:nginx", &it, cgroups));
        assert!(!finds_in("container:web", &it, cgroups));
        let mut workload = (**cgroups.workload(9).expect("known")).clone();
        workload.container = Some(Container {
            id: "0123".repeat(16),
            name: Some("web".to_owned()),
            ..Container::default()
        });
        cgroups.told(9, workload);
        assert!(finds_in("container:web", &it, cgroups));
        assert!(finds_in("container:0123 unit:nginx", &it, cgroups));
        assert!(!finds_in("container:web unit:sshd", &it, cgroups));
        assert!(!finds_in("pod:shop/cart", &it, cgroups));
        it.owner.cgroup = None;
        assert!(!finds_in("container:web", &it, cgroups));
        assert!(finds_in("not container:web", &it, cgroups));
    }

    fn finds(text: &str, it: &Connection) -> bool {
        finds_in(text, it, &mut Cgroups::default())
    }

    #[test]
    fn words_of_the_options_find_what_the_options_let_through() {
        let it = connection(State::TimeWait, 443, "nginx");
        for text in [
            "",
            "state:time-wait",
            "state:TIME_WAIT port:443",
            "port:80 port:400-500",
            "comm:nginx",
            "nginx",
            "addr:10.0.0.0/8",
            "remote-addr:10.0.0.2",
            "not port:80",
            "not state:established not comm:curl",
            "not not port:443",
            "pid:7 netns:1",
        ] {
            assert!(finds(text, &it), "{text}");
        }
        for text in [
            "state:established",
            "port:80",
            "not port:443",
            "curl",
            "not addr:10.0.0.0/8",
            "state:time-wait not nginx",
        ] {
            assert!(!finds(text, &it), "{text}");
        }
    }

    #[test]
    fn a_word_that_is_none_is_named() {
        let error = |text| Search::parse(text).expect_err(text).to_string();
        assert!(error("colour:red").starts_with("colour:red: words are state:"));
        assert_eq!(
            error("port:443 state:gone"),
            "state:gone: there is no such thing"
        );
        assert_eq!(error("port:http"), "port:http: there is no such thing");
        assert!(error("port:").contains("behind the colon"));
        assert!(error("port:1 not").contains("before a word"));
    }
}
