//! Names that do harm elsewhere: of programs, containers, machines, kernels, and whatever else somebody
//! may have written into a recording.

use std::{borrow::Cow, path::PathBuf};

use tcptrace::{
    aggregate::flows::IdleTable,
    consumers::{GatheredReport, Report},
    engine::{RunOptions, tell_again},
    filter::Filter,
    language::Language,
    model::{Cgroup, Comm, Container, Degraded, Event, Pod, Process, Why, Workload},
    output::RecordingReport,
    report::Page,
    source::replay::{Damage, Range, Recording},
};
use tempfile::TempDir;

use crate::{
    html::Element,
    made,
    script::{self, Tell},
};

/// What would run a script, end an element or an attribute, or turn the direction of what follows.
pub const NAMES: [&str; 9] = [
    "<script>window.__pwned=1</script>",
    "</script><script>window.__pwned=2</script>",
    "<img src=x onerror=\"window.__pwned=3\">",
    "\"><svg onload=window.__pwned=4>",
    "' onfocus='window.__pwned=5' autofocus='",
    "</style><link rel=stylesheet href=http://127.0.0.1/x.css>",
    "javascript:window.__pwned=6",
    "a\u{202e}b\u{2028}c\u{7}d\u{1b}[31m&amp;&#60;b",
    "{ $host } [TIME_WAIT] <!-- -->",
];

/// A page on which they all are.
pub fn page(language: Language) -> String {
    let folder = TempDir::new().unwrap();
    for (number, name) in (0..).zip(NAMES) {
        for scenario in ["6.18/reset_by_linger_ipv4", "6.18/client_closes_first_ipv4"] {
            let (mut script, beginning) = script::read(&made::scenario(scenario)).unwrap();
            for event in script.events() {
                if let Event::Socket(it) = event
                    && let Some(owner) = &mut it.owner
                {
                    owner.process = Some(Process {
                        pid: Some(7),
                        comm: Comm::new(name.as_bytes()),
                    });
                    owner.cgroup = Cgroup::new(7);
                }
            }
            let workload = Workload {
                container: Some(Container {
                    id: name.to_owned(),
                    name: Some(name.to_owned()),
                    ..Container::default()
                }),
                pod: Some(Pod {
                    namespace: Some(name.to_owned()),
                    name: Some(name.to_owned()),
                    uid: None,
                }),
                unit: Some(name.to_owned()),
            };
            script.put_first(Tell::Workload(7, workload));
            script.put_first(Tell::CgroupMade(7, 5, name));
            let script = script.later(number * 200_000_000_000);
            made::record(script, beginning, folder.path());
        }
    }
    let mut recording = Recording::open(folder.path()).unwrap();
    let mut names = NAMES.iter().cycle().map(|it| (*it).to_owned());
    let mut name = || names.next().unwrap();
    for piece in &mut recording.pieces {
        for segment in &mut piece.segments {
            let beginning = &mut segment.beginning;
            beginning.host = name();
            beginning.kernel = name();
            beginning.tcptrace = name();
            beginning.degraded = NAMES
                .iter()
                .map(|it| Degraded {
                    what: Cow::Borrowed(it),
                    why: Why::Text((*it).to_owned()),
                })
                .collect();
        }
    }
    for name in NAMES {
        let damage = Damage {
            offset: 3,
            why: name.to_owned(),
        };
        let file = name.replace('/', "");
        recording.unreadable.push((PathBuf::from(file), damage));
    }
    let report = RecordingReport::of(folder.path(), &recording).unwrap();
    let gathered = GatheredReport::default();
    let table = "[[timeout]]\nproduct = 'ours'\nsetting = 'x'\nseconds = 0.1\nsource = 'y'\n";
    let idle = IdleTable::parse("", table).unwrap();
    let consumer = Report::new(Filter::default(), idle, &gathered);
    let options = RunOptions::of(Filter::default(), Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let told = tell_again(&options, recording, Range::default(), consumer);
    runtime.unwrap().block_on(told).unwrap().unwrap();
    let mut gathered = gathered.take();
    gathered.degraded = NAMES
        .iter()
        .map(|it| Degraded {
            what: Cow::Borrowed(it),
            why: Why::Text((*it).to_owned()),
        })
        .collect();
    let asked: Vec<_> = NAMES.map(|it| (it.to_owned(), it.to_owned())).into();
    Page {
        recording: &report,
        gathered: &gathered,
        asked: &asked,
        whole: true,
        damaged: true,
    }
    .write(language)
    .unwrap()
}

#[test]
fn names_are_text_and_nothing_else() {
    for language in Language::ALL {
        let text = page(language);
        let harmful =
            |it: char| (it.is_control() && it != '\n') || matches!(it, '\u{2028}'..='\u{202e}');
        let found = text
            .find(harmful)
            .map(|at| &text[at.saturating_sub(60)..at]);
        assert_eq!(found, None);
        let page = Element::page(&text);
        // The elements that tcptrace itself writes.
        let scripts = page.named("script");
        let run: Vec<_> = scripts
            .iter()
            .filter(|it| it.attribute("type").is_none())
            .collect();
        assert_eq!(run.len(), 2);
        for name in [
            "img", "link", "iframe", "object", "embed", "base", "form", "b",
        ] {
            assert!(page.named(name).is_empty(), "<{name}>");
        }
        for it in page.all() {
            assert!(
                !it.attributes.keys().any(|it| it.starts_with("on")),
                "{it:?}"
            );
        }
        // And they are there, to be read.
        let read = page.text();
        for name in [
            "<script>window.__pwned=1</script>",
            "<img src=x onerror=\"window.__pwned=3\">",
        ] {
            assert!(read.contains(name), "{name}");
        }
        assert!(read.contains("a\\u{202e}b\\u{2028}c\\x07d\\x1b[31m&amp;&#60;b"));
        let comm = "</script><scrip";
        assert!(page.class("who").iter().any(|it| it.text().contains(comm)));
    }
}

#[test]
fn whatever_is_no_text_of_the_page_leads_nowhere_else() {
    let page = Element::page(&page(Language::English));
    let policy = page.named("meta").into_iter();
    let mut policy = policy.filter(|it| it.attribute("http-equiv").is_some());
    let policy = policy.next().unwrap().attribute("content").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(
        policy.ends_with("base-uri 'none'; form-action 'none'"),
        "{policy}"
    );
    for unsafe_word in ["unsafe", "http:", "https:", "*", "self", "data:"] {
        assert!(!policy.contains(unsafe_word), "{policy}");
    }
    // Each block has its hash, and there is none for anything else.
    let blocks = page.named("style").into_iter().chain(page.named("script"));
    let blocks: Vec<_> = blocks.filter(|it| it.attribute("type").is_none()).collect();
    assert_eq!(policy.matches("'sha256-").count(), blocks.len());
    for block in blocks {
        let hash = ring::digest::digest(&ring::digest::SHA256, block.raw().as_bytes());
        let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
        assert!(policy.contains(&format!("'sha256-{hash}'")), "{hash}");
        assert!(!block.raw().contains("//cdn") && !block.raw().contains("@import"));
        assert!(!block.raw().contains("url("), "a style asks for something");
    }
}

#[test]
fn uplot_is_as_it_is_given_away_with_its_licence() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/uplot");
    let said = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let page = page(Language::English);
    for name in ["uPlot.iife.min.js", "uPlot.min.css", "LICENSE"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let hash = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let hash: String = hash.as_ref().iter().map(|it| format!("{it:02x}")).collect();
        assert!(said.contains(&format!("{hash}  {name}")), "{name}: {hash}");
        let text = String::from_utf8(bytes).unwrap();
        let text = text.replace('"', "&quot;");
        let written = match name {
            "LICENSE" => page.contains(text.as_str()),
            _ => page.contains(text.replace("&quot;", "\"").as_str()),
        };
        assert!(written, "{name}");
    }
}
