//! What a report of `stats` says where there is little to tell, or too much.

use tcptrace::{
    aggregate::stats::{By, Figures, Period, Span},
    model::PortRange,
    output::{Context, Palette, StatsTable, View as _},
};

use crate::data;

/// Reports, one after another, as a file has them.
fn shown(reports: &[Period<'_>]) -> String {
    let mut out = Vec::new();
    let mut table = StatsTable::new(
        &mut out,
        Palette::plain(),
        false,
        tcptrace::language::Language::English,
        true,
        || None,
    );
    let mut around = Context {
        clock: &data::clock(),
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    for period in reports {
        table.show(period, &mut around).unwrap();
    }
    drop(table);
    String::from_utf8(out).expect("UTF-8")
}

#[track_caller]
fn says(text: &str, line: &str) {
    assert!(text.lines().any(|it| it == line), "no {line:?} in\n{text}");
}

#[test]
fn where_nothing_happened_it_is_said_what_is_known() {
    let mut told = data::quiet();
    let text = shown(&[told.period(Span::Run)]);
    says(&text, "no connections, and nothing happened");
    assert_eq!(text.lines().count(), 3, "{text}");
    let unknown = Period {
        now: None,
        ..told.period(Span::Run)
    };
    says(
        &shown(&[unknown]),
        "nothing happened; what connections there are is not known",
    );
    let mut lossy = Figures::new(None);
    lossy.lost = 3;
    let seen = Period {
        figures: &lossy,
        ..told.period(Span::Run)
    };
    says(
        &shown(&[seen]),
        "no connections, and nothing that happened was seen",
    );
    let text = shown(&[told.after_a_loss()]);
    says(&text, "nothing that happened was seen");
    says(&text, "17 events lost: all counts are too small");
}

#[test]
fn reports_are_told_apart_by_an_empty_line_and_the_last_is_of_all() {
    let told = data::quiet();
    let text = shown(&[told.period(Span::Interval), told.period(Span::Run)]);
    let titles: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(titles.len(), 2, "{text}");
    assert!(titles[0].starts_with("10:39:12.0 to 10:39:22.0 (10.0s), 0 transitions"));
    assert!(titles[1].starts_with("in all: 10:39:12.0 to"));
}

#[test]
fn one_of_a_kind_is_not_several() {
    let text = shown(&[data::crowd(1, None).period(Span::Run)]);
    says(&text, "1 connection ended");
    says(&text, "1 TIME_WAIT made, by");
    let text = shown(&[data::crowd(2, None).period(Span::Run)]);
    says(&text, "2 connections ended");
    says(&text, "2 TIME_WAITs made, by");
}

#[test]
fn lists_and_groups_say_how_many_more_there_are() {
    let text = shown(&[data::crowd(12, Some(By::Comm)).period(Span::Run)]);
    // Groups, makers, services, and handshakes that needed a segment again.
    assert_eq!(text.matches("\nand 2 more\n").count(), 4, "{text}");
    let text = shown(&[data::crowd(10, Some(By::Comm)).period(Span::Run)]);
    assert!(!text.contains("more\n"), "{text}");
}

#[test]
fn a_group_is_told_by_what_its_connections_have_in_common() {
    for (by, value) in [
        (By::Cgroup, "cgroup /system.slice/nginx.service"),
        (By::Comm, "comm client-0"),
        (By::Pid, "pid 1 client-0"),
        (By::Remote, "remote 198.51.100.1"),
        (By::Port, "port 1"),
        (By::Netns, "netns 4026531840"),
    ] {
        let text = shown(&[data::crowd(1, Some(by)).period(Span::Run)]);
        says(&text, &format!("{value} (3 transitions)"));
    }
}

#[test]
fn keep_alive_is_brought_up_only_where_it_would_spare_time_waits() {
    for (short, long, waits, asks) in [
        (10, 0, true, true),
        (5, 5, true, true),
        // Too few to tell, mostly kept already, and the peer has the TIME_WAITs.
        (9, 0, true, false),
        (5, 6, true, false),
        (10, 0, false, false),
    ] {
        let told = data::one_service(short, long, waits);
        let text = shown(&[told.period(Span::Run)]);
        let case = format!("{short} {long} {waits}");
        assert_eq!(text.contains("keep-alive?"), asks, "{case}\n{text}");
    }
}

#[test]
fn what_is_not_forecast_is_unknown_but_not_that_no_port_is_left() {
    let told = data::stats(None);
    for (range, end) in [
        ("32768 60999", "500     28232         - -"),
        ("33000 33499", "500       500         - now"),
    ] {
        let range = PortRange::parse(range, "").expect("a range");
        let ranges = [(data::NETNS, Some(range))].into_iter().collect();
        let first = Period {
            before: None,
            ranges: &ranges,
            ..told.period(Span::Run)
        };
        let text = shown(&[first]);
        let line = text.lines().find(|it| it.starts_with("198.51.100.7:8080"));
        let line = line.expect("the route");
        assert!(line.ends_with(end), "{line}");
    }
}

#[test]
fn what_had_no_room_is_said() {
    let text = shown(&[data::crowd((1 << 15) + 1, None).period(Span::Run)]);
    let lists = "time_wait_makers, services, retried_handshakes";
    says(&text, &format!("too many to tell all apart: {lists}"));
    let text = shown(&[data::crowd(257, Some(By::Comm)).period(Span::Run)]);
    says(&text, "too many to tell all apart: groups");
    let text = shown(&[data::many_routes((1 << 16) + 1).period(Span::Run)]);
    says(&text, "too many to tell all apart: ports");
}

#[test]
fn time_waits_from_before_are_told_as_such() {
    let told = data::stats(None);
    let figures = Figures::new(None);
    let since_before = Period {
        figures: &figures,
        ..told.period(Span::Run)
    };
    let text = shown(&[since_before]);
    says(&text, "TIME_WAITs from before, by who made them");
    assert!(text.contains("\npython3         198.51.100.7:*"), "{text}");
    // So are half-open connections that are older.
    says(
        &text,
        "10.0.0.1:80                   0         0         0         3         1",
    );
}
