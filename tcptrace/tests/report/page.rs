//! What is on the page: the numbers of the other commands, and a page that holds together.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;

use crate::{
    html::Element,
    listening::Dropping,
    made::{self, DAY_NS},
    script,
};

/// A number as the page writes it.
fn number(text: &str) -> u64 {
    let text = text.replace(',', "");
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn counts(object: &Value) -> BTreeMap<String, u64> {
    let entries = object.as_object().unwrap().iter();
    let counts = entries.map(|(name, count)| (name.clone(), count.as_u64().unwrap()));
    counts.filter(|(_, count)| *count > 0).collect()
}

/// The sums that are on the page are those of `stats`.
#[track_caller]
fn says_what_stats_says(page: &Element, stats: &Value) {
    let mut rows = BTreeMap::new();
    if !page.id("states").named("table").is_empty() {
        for row in page.id("states").table("States").rows() {
            rows.insert(row[0].clone(), row);
        }
    }
    for (state, figures) in stats["states"].as_object().unwrap() {
        let zero = |name: &str| figures[name].as_u64().unwrap_or(0) == 0;
        let Some(row) = rows.get(state) else {
            assert!(zero("entered") && zero("left") && zero("now"), "{state}");
            continue;
        };
        assert_eq!(number(&row[1]), figures["entered"], "{state}");
        assert_eq!(number(&row[2]), figures["left"], "{state}");
        match figures["now"].as_u64() {
            Some(now) => assert_eq!(number(&row[3]), now, "{state}"),
            None => assert_eq!(row[3], "-", "{state}"),
        }
        assert_eq!(
            row[7] == "-",
            figures["held_ns"].is_null(),
            "{state}: {row:?}"
        );
    }
    let ends = counts(&stats["ends"]);
    if ends.is_empty() {
        assert!(page.id("ends").text().contains("No connection ended"));
    } else {
        let mut rows = page.id("ends").table("How connections ended").rows();
        let sums = rows.pop().unwrap();
        assert_eq!(number(&sums[5]), ends.values().sum::<u64>());
        let shown = rows.iter().map(|row| (row[0].clone(), number(&row[5])));
        assert_eq!(shown.collect::<BTreeMap<_, _>>(), ends);
        for row in rows {
            let by: u64 = row[1..5].iter().map(|it| number(it)).sum();
            assert_eq!(by, number(&row[5]), "{row:?}");
        }
    }
    let transitions = stats["transitions"].as_u64().unwrap();
    let machine = page.id("machine");
    let ways = match machine.named("table").is_empty() {
        true => 0,
        false => machine
            .table("Transitions")
            .rows()
            .iter()
            .map(|row| number(&row[2]))
            .sum(),
    };
    assert_eq!(ways, transitions);
    let tiles: Vec<String> = page.class("number").iter().map(|it| it.text()).collect();
    assert_eq!(number(&tiles[0]), transitions);
    assert_eq!(number(&tiles[6]), stats["lost"]);
    let makers = stats["time_wait_makers"].as_array().unwrap();
    if !makers.is_empty() {
        let rows = page.id("time-waits").table("by program").rows();
        let made: u64 = rows.iter().map(|row| number(&row[3])).sum();
        let first = makers
            .iter()
            .take(20)
            .map(|it| it["count"].as_u64().unwrap());
        assert_eq!(made, first.sum::<u64>());
    }
    // What is drawn over time is all that happened.
    let rates = page.id("rates");
    if !rates.named("table").is_empty() {
        let rows = rates.table("Counts for each").rows();
        let sum = |at: usize| rows.iter().map(|row| number(&row[at])).sum::<u64>();
        assert_eq!(sum(3), ends.values().sum::<u64>());
        let waits = stats["states"]["TIME_WAIT"]["entered"].as_u64().unwrap();
        assert_eq!(sum(4), waits);
        assert_eq!(sum(7), stats["lost"]);
    }
}

/// What must hold for every page.
#[track_caller]
fn holds_together(page: &Element) {
    let all = page.all();
    let mut ids = BTreeSet::new();
    for id in all.iter().filter_map(|it| it.attribute("id")) {
        assert!(ids.insert(id), "#{id} is there twice");
    }
    for it in &all {
        for name in [
            "href",
            "src",
            "action",
            "data",
            "poster",
            "srcset",
            "xlink:href",
        ] {
            let Some(link) = it.attribute(name) else {
                continue;
            };
            let target = link.strip_prefix('#');
            let target = target.unwrap_or_else(|| panic!("{name}={link:?} leads elsewhere"));
            assert!(ids.contains(target), "{link} leads nowhere");
        }
        for name in ["aria-labelledby", "aria-describedby"] {
            let named = it.attribute(name).unwrap_or_default().split_whitespace();
            for id in named {
                assert!(ids.contains(id), "{name}={id} names nothing");
            }
        }
        for name in it.attributes.keys() {
            assert!(
                !name.starts_with("on") && name != "style",
                "<{} {name}>",
                it.name
            );
        }
    }
    // Headings of all levels, and no level left out.
    let mut level = 0;
    for it in all.iter().filter(|it| it.name.len() == 2) {
        if let Some(next) = it
            .name
            .strip_prefix('h')
            .and_then(|it| it.parse::<u32>().ok())
        {
            assert!(
                next <= level + 1,
                "{} behind h{level}: {}",
                it.name,
                it.text()
            );
            assert!(!it.text().trim().is_empty(), "{} without words", it.name);
            level = next;
        }
    }
    assert_eq!(page.named("h1").len(), 1);
    assert_eq!(page.named("main").len(), 1);
    for table in page.named("table") {
        let columns = table.named("thead")[0].named("th");
        assert!(
            columns
                .iter()
                .all(|it| it.attribute("scope") == Some("col"))
        );
        for row in table.named("tbody")[0].named("tr") {
            assert_eq!(row.named("th").len(), 1, "{}", row.text());
            assert_eq!(row.named("th").len() + row.named("td").len(), columns.len());
        }
    }
    for drawing in page.named("svg") {
        assert_eq!(drawing.attribute("role"), Some("img"));
        let named = ["aria-label", "aria-labelledby"].map(|it| drawing.attribute(it));
        assert!(named.iter().flatten().any(|it| !it.is_empty()));
    }
    // A word that nobody wrote stands there by its id, or by the name of its place.
    let text = page.text();
    assert!(
        !text.contains("{$") && !text.contains("{ $"),
        "a place was not filled"
    );
}

fn checked(recording: &Path, options: &[&str]) -> Element {
    let page = made::read(recording, options);
    holds_together(&page);
    let stats = made::stats(recording, options);
    says_what_stats_says(&page, &stats);
    page
}

#[test]
fn a_page_of_each_kept_recording_says_what_stats_says() {
    for recording in made::kept() {
        let page = checked(&recording, &[]);
        assert!(page.id("traced").text().contains("No event was lost"));
    }
}

#[test]
fn each_situation_makes_a_page_that_holds_together() {
    for name in made::SITUATIONS {
        let recording = made::recorded(&made::scenario(name));
        checked(recording.path(), &[]);
    }
}

#[test]
fn several_parts_are_one_page_with_a_connection_of_each_kind() {
    let recording = made::rich();
    let page = checked(recording.path(), &[]);
    let parts = page.id("traced").table("The recording").rows();
    // More than are shown.
    assert_eq!(parts.len(), 20);
    let beside = format!("and {} more rows", made::SITUATIONS.len() - 20);
    assert!(page.id("traced").text().contains(&beside));
    let lives = page.id("lives").text();
    for reason in [
        "reset_by_peer",
        "reset_by_us",
        "timed_out",
        "keepalive_timeout",
        "refused",
        "unreachable",
        "overflow",
        "fin_timeout",
        "killed",
    ] {
        assert!(lives.contains(reason), "{reason}");
        assert_eq!(page.id(&format!("x-reason-{reason}")).name, "article");
    }
    // Their transitions are those that watch tells.
    let mut watch = made::tcptrace();
    watch
        .args(["watch", "-o", "json", "-r"])
        .arg(recording.path());
    let lines = made::told(&mut watch);
    let told: Vec<Value> = lines
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let mut compared = 0;
    for life in page.class("life") {
        let facts = life.class("facts")[0].named("div").into_iter();
        let mut facts = facts.filter(|it| it.named("dt")[0].text() == "Cookie");
        let Some(cookie) = facts.next().map(|it| it.named("dd")[0].text()) else {
            continue;
        };
        for row in life.named("table")[0].rows() {
            let Some((from, to)) = row[1].split_once(" → ") else {
                continue;
            };
            let told = told.iter().any(|it| {
                it["to"] == to
                    && (it["from"] == from || it["from"] == "CLOSED")
                    && row[2].starts_with(it["reason"].as_str().unwrap_or("?"))
                    && (it["cookie"] == cookie.as_str() || it["cookie"].is_null())
                    && it["time"].as_str().unwrap_or_default().contains(&row[0])
            });
            assert!(
                told || row[0] == "-" || row[2] == "before",
                "{cookie}: {row:?}"
            );
            compared += u32::from(told);
        }
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn what_is_left_out_is_counted() {
    let mut lines = String::new();
    for number in 1..=60 {
        let at = f64::from(number);
        lines += &format!(
            "{at:.2} socket sk:{number} 10.0.0.1:{port} 10.0.0.{number}:80 CLOSED -> SYN_SENT by=curl/100\n\
             {after:.2} socket sk:{number} 10.0.0.1:{port} 10.0.0.{number}:80 SYN_SENT -> CLOSED err=ECONNREFUSED\n",
            port = 40_000 + number,
            after = at + 0.5,
        );
    }
    let recording = made::recorded(&lines);
    let page = checked(recording.path(), &[]);
    let kind = &page.id("lives").class("kind")[0].text();
    assert!(
        kind.contains("8 of 60: those that lasted the longest"),
        "{kind}"
    );
}

#[test]
fn what_is_not_known_is_a_dash_and_no_number() {
    let recording = made::recorded(&made::scenario(
        "invented/older_connection_closes_with_unknown_time",
    ));
    let page = checked(recording.path(), &[]);
    let life = page.class("life");
    let text: String = life.iter().map(|it| it.text()).collect();
    let rows = page.id("states").table("States").rows();
    let unknown = rows.iter().any(|row| row[4..8].iter().all(|it| it == "-"));
    assert!(
        unknown || text.contains("before it was recorded"),
        "{rows:?} {text}"
    );
}

#[test]
fn lost_events_are_said_and_what_there_is_at_the_end_is_unknown() {
    let recording = made::recorded(&made::scenario("invented/lost_events_leave_times_unknown"));
    let page = checked(recording.path(), &[]);
    assert!(page.id("overview").text().contains("1 event was lost"));
    assert_eq!(
        page.id("traced")
            .table("Where events were lost")
            .rows()
            .len(),
        1
    );
}

#[test]
fn nothing_at_all_makes_a_page_that_says_so() {
    let recording = made::recorded("900.00 passed\n");
    let page = checked(recording.path(), &[]);
    assert!(
        page.id("overview")
            .text()
            .contains("No transition was recorded")
    );
    for recording in made::kept() {
        let page = checked(&recording, &["-P", "1"]);
        assert!(
            page.id("overview")
                .text()
                .contains("No transition was recorded")
        );
        assert!(page.id("traced").text().contains("--port 1"));
        assert!(
            page.id("connections")
                .text()
                .contains("no connection to look at")
        );
    }
}

#[test]
fn filters_and_times_are_those_of_stats() {
    for recording in made::kept() {
        for options in [
            &["-4"][..],
            &["-6"],
            &["-s", "time-wait"],
            &["-s", "syn-sent,syn-recv"],
            &["-c", "no-such-process"],
            &["--from", "-30s"],
            &["--to", "-60s"],
        ] {
            let page = checked(&recording, options);
            let in_part = page
                .id("traced")
                .text()
                .contains("Only the time above was read");
            assert_eq!(
                in_part,
                ["--from", "--to"].contains(&options[0]),
                "{options:?}"
            );
        }
    }
}

#[test]
fn a_clock_that_jumps_does_not_tear_the_time_apart() {
    let folder = tempfile::TempDir::new().unwrap();
    let name = "6.18/client_closes_first_ipv4";
    // Before the clock was set, and long after.
    for later in [-20_000 * DAY_NS, 0, 3 * DAY_NS] {
        let (script, beginning) = script::read(&made::scenario(name)).unwrap();
        made::record(script.later(later), beginning, folder.path());
    }
    let page = checked(folder.path(), &[]);
    assert_eq!(page.id("traced").table("The recording").rows().len(), 3);
}

#[test]
fn a_recording_that_is_cut_is_told_as_far_as_it_can_be_read() {
    let mut lines = String::new();
    for number in 1..=4000_u32 {
        let (at, port) = (f64::from(number), 10_000 + number);
        lines += &format!(
            "{at:.2} socket sk:{number} 10.0.0.1:{port} 10.0.0.2:80 CLOSED -> SYN_SENT by=curl/{port}\n\
             {at:.2}9 socket sk:{number} 10.0.0.1:{port} 10.0.0.2:80 SYN_SENT -> CLOSED err=ECONNREFUSED\n",
        );
    }
    let recording = made::recorded(&lines);
    let file = std::fs::read_dir(recording.path()).unwrap().flatten();
    let file = file.map(|it| it.path()).find(|it| it.is_file()).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    // Cut, and a byte within wrong.
    std::fs::write(&file, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let page = checked(recording.path(), &[]);
    assert!(
        page.id("overview")
            .text()
            .contains("Not all of the recording could be read")
    );
    assert!(page.id("traced").text().contains("killed, or it goes on"));
    let mut wrong = bytes.clone();
    let middle = wrong.len() / 2;
    wrong[middle] ^= 0xff;
    std::fs::write(&file, wrong).unwrap();
    let page = checked(recording.path(), &[]);
    assert!(
        page.id("overview")
            .text()
            .contains("Not all of the recording could be read")
    );
}

#[test]
fn the_page_is_small_however_much_happened() {
    // A busy host: thousands of services, each with trouble, for hours.
    let (mut script, beginning) = script::read("").unwrap();
    let mut lines = String::new();
    for number in 1..=6000_u32 {
        let (at, port) = (f64::from(number) * 2000.0, 1024 + number);
        lines += &format!(
            "{at:.2} socket sk:{number} 10.1.0.1:{port} 10.{}.{}.2:{port} CLOSED -> SYN_SENT by=service-{number}/{port}\n\
             {at:.2}7 socket sk:{number} 10.1.0.1:{port} 10.{}.{}.2:{port} SYN_SENT -> ESTABLISHED\n\
             {later:.2} socket sk:{number} 10.1.0.1:{port} 10.{}.{}.2:{port} ESTABLISHED -> CLOSED err=ECONNRESET rst\n",
            number / 250,
            number % 250,
            number / 250,
            number % 250,
            number / 250,
            number % 250,
            later = at + 1000.0,
        );
    }
    let (read, _) = script::read(&lines).unwrap();
    for (at, step) in read.into_steps().enumerate() {
        script.put_in(at, step);
    }
    let folder = tempfile::TempDir::new().unwrap();
    made::record(script, beginning, folder.path());
    let text = made::page(folder.path(), &[]);
    assert!(text.len() < 1_000_000, "{} bytes", text.len());
    checked(folder.path(), &[]);
}

#[test]
fn what_listeners_dropped_is_the_sum_of_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    for (day, before) in [(0, 3), (1, 900)] {
        let (script, beginning) = Dropping::of(10, before).script();
        made::record(script.later(day * DAY_NS), beginning, folder.path());
    }
    let page = made::read(folder.path(), &[]);
    let overview = page.id("overview").text();
    assert!(overview.contains("Listeners dropped 20 SYNs"), "{overview}");
    let rows = page.id("handshakes").table("listener").rows();
    assert_eq!(rows[0][4], "20", "{rows:?}");
}
