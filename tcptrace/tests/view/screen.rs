//! The screen of `top`: frames as files, keys and what comes of them, at any size.

use jiff::tz::TimeZone;
use proptest::prelude::*;
use ratatui::{buffer::Buffer, layout::Rect};
use tcptrace::{
    aggregate::{Beat, Pulse},
    language::Language,
    model::{Connection, Cookie, Side, SocketKind, State, Transition},
    screen::{
        Action, Alarms, EndRow, GroupRow, Life, ListenerRow, Ports, ReplayState, Rows, Screen,
        Settings, Snapshot, Tab, Theme, ThemeName, Travel,
        keys::{Key, Keymap},
    },
};
use unicode_width::UnicodeWidthStr as _;

use crate::{
    data::{self, MS, SECOND},
    golden::golden,
};

const NOW: u64 = 1000 * SECOND;
/// The frames of tables that are compared in Chinese, too.
const IN_CHINESE: [&str; 6] = [
    "machine-80x24",
    "machine-200x60",
    "connections-120x40",
    "stuck-120x40",
    "stuck-200x60",
    "ends-120x40",
];
/// 2026-11-26T03:15:00Z.
const WALL: i64 = 1_795_662_900_000_000_000;

fn settings(theme: ThemeName, ascii: bool) -> Settings {
    Settings {
        theme: Theme::of(theme),
        ascii,
        keymap: Keymap::default(),
        zone: TimeZone::UTC,
        language: Language::English,
    }
}

fn in_chinese() -> Settings {
    Settings {
        language: Language::Chinese,
        ..settings(ThemeName::Plain, false)
    }
}

fn connection(number: u32, state: State) -> Connection {
    let mut tuple = data::ends(("10.0.0.1", 443), ("10.20.30.40", 50_000));
    tuple.remote.port = std::num::NonZeroU16::new(50_000 + u16::try_from(number).expect("few"));
    Connection {
        cookie: Cookie::new(1000 + u64::from(number)),
        tuple,
        state,
        since: Some(NOW - u64::from(number + 1) * 700 * MS),
        kind: SocketKind::Full,
        owner: match number % 3 {
            0 => data::by("nginx", 812),
            1 => data::by("数据库-1", 31_337),
            _ => tcptrace::model::Owner::default(),
        },
        opener: Some(Side::Remote),
        followed: false,
        bound: false,
    }
}

fn connections(count: u32) -> Vec<Connection> {
    let states = [
        State::Established,
        State::TimeWait,
        State::CloseWait,
        State::SynRecv,
    ];
    let state = |number: u32| states[number as usize % states.len()];
    (0..count).map(|it| connection(it, state(it))).collect()
}

/// What a machine does, in figures.
fn pulse() -> Pulse {
    let mut pulse = Pulse::default();
    let transitions = data::transitions();
    pulse.set_now(Some([0, 2, 0, 1, 1234, 0, 3, 28_000, 7, 0, 0]));
    pulse.look(NOW - 5 * SECOND);
    for _ in 0..40 {
        transitions.iter().for_each(|it| pulse.take(it));
    }
    pulse
}

/// Something of everything.
fn snapshot(tab: Tab, rows: Rows) -> Snapshot {
    let pulse = pulse();
    Snapshot {
        now_ns: NOW,
        wall_ns: WALL,
        began_ns: NOW - 65 * SECOND,
        states: State::ALL.map(|state| pulse.beat(state, NOW)),
        traffic: pulse.traffic(NOW),
        alarms: Alarms {
            stuck: 3,
            resets: Some(12.3),
            failures: Some(0.0),
            overflows: None,
            ports: Some(Ports {
                remote: "10.9.8.7".parse().expect("an address"),
                port: 5432,
                taken: 27_000,
                available: 28_232,
                exhausted_in_s: Some(12.0),
            }),
            lost: 0,
            forgotten: 0,
        },
        transitions: pulse.transitions(),
        of: Some(tab),
        matching: rows.len() as u64,
        rows,
        ..Snapshot::default()
    }
}

fn ends() -> Vec<EndRow> {
    let transitions = data::transitions().into_iter().zip(0..);
    transitions
        .map(|(last, number)| EndRow {
            number,
            wall_ns: WALL - 1_000_000_000 * i64::try_from(number).expect("few"),
            last,
        })
        .collect()
}

fn groups() -> Vec<GroupRow> {
    use tcptrace::aggregate::stats::Group;
    let row = |group, established, time_wait| {
        let mut states = [0; State::ALL.len()];
        states[State::Established as usize] = established;
        states[State::TimeWait as usize] = time_wait;
        GroupRow {
            group,
            states,
            connections: established + time_wait,
        }
    };
    vec![
        row(Group::Pid(data::by("nginx", 812).process), 1200, 4),
        row(Group::Pid(data::by("curl", 4242).process), 1, 27_900),
        row(Group::Pid(None), 3, 0),
    ]
}

fn listeners() -> Vec<ListenerRow> {
    let listener = Connection {
        tuple: data::ends(("0.0.0.0", 443), ("0.0.0.0", 0)),
        opener: None,
        ..connection(0, State::Listen)
    };
    vec![ListenerRow {
        listener,
        half_open: 17,
        established: 1200,
        closing: 9,
    }]
}

fn all_rows() -> Vec<(Tab, Rows)> {
    vec![
        (Tab::Machine, Rows::None),
        (Tab::Connections, Rows::Connections(connections(60))),
        (Tab::Processes, Rows::Groups(groups())),
        (Tab::Remotes, Rows::Groups(groups())),
        (Tab::Listeners, Rows::Listeners(listeners())),
        (Tab::Stuck, Rows::Stuck(data::stuck())),
        (Tab::Ends, Rows::Ends(ends())),
    ]
}

/// A screen that shows a tab.
fn screen(settings: Settings, tab: Tab, rows: Rows) -> Screen {
    let mut screen = Screen::new(settings);
    let digit = char::from_digit(tab as u32 + 1, 10).expect("a digit");
    screen.key(Key::Char(digit));
    screen.take(snapshot(tab, rows));
    screen
}

fn frame(screen: &mut Screen, columns: u16, lines: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, lines));
    screen.draw(&mut buffer);
    buffer
}

/// As one sees it, without its colours.
fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut wide = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if wide == 0 {
                line += symbol;
            }
            wide = unicode_width::UnicodeWidthStr::width(symbol)
                .max(1)
                .max(wide)
                - 1;
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn shown(screen: &mut Screen) -> String {
    text(&frame(screen, 80, 24))
}

#[test]
fn frames_are_as_they_were() {
    for (tab, rows) in all_rows() {
        let name = tab.name(Language::English).to_lowercase();
        for (columns, lines) in [(80, 24), (120, 40), (200, 60)] {
            let settings = settings(ThemeName::Plain, false);
            let mut screen = screen(settings, tab, rows.clone());
            let frame = text(&frame(&mut screen, columns, lines));
            golden(&format!("top/{name}-{columns}x{lines}"), &frame);
        }
        let mut screen = screen(settings(ThemeName::Plain, true), tab, rows);
        let frame = shown(&mut screen);
        // Names are what they are.
        assert!(frame.replace('?', "").is_ascii(), "{frame}");
        golden(&format!("top/{name}-80x24-ascii"), &frame);
    }
}

#[test]
fn in_chinese_columns_stand_below_each_other() {
    for (tab, rows) in all_rows() {
        let name = tab.name(Language::English).to_lowercase();
        for (columns, lines) in [(80, 24), (120, 40), (200, 60)] {
            let mut screen = screen(in_chinese(), tab, rows.clone());
            let frame = text(&frame(&mut screen, columns, lines));
            for line in frame.lines() {
                assert!(line.width() <= usize::from(columns), "{columns}: {line}");
            }
            let name = format!("{name}-{columns}x{lines}");
            if IN_CHINESE.contains(&name.as_str()) {
                golden(&format!("top/zh-{name}"), &frame);
            }
        }
    }
    let rows = Rows::Connections(connections(5));
    let mut screen = screen(in_chinese(), Tab::Connections, rows.clone());
    screen.key(Key::Enter);
    let mut later = snapshot(Tab::Connections, rows);
    later.life = Some(life());
    screen.take(later);
    golden("top/zh-life-80x24", &shown(&mut screen));
    screen.key(Key::Char('?'));
    golden("top/zh-help-80x24", &shown(&mut screen));
}

#[test]
fn narrow_tabs_have_whole_characters() {
    let mut screen = screen(in_chinese(), Tab::Machine, Rows::None);
    for columns in 1..120 {
        let frame = text(&frame(&mut screen, columns, 4));
        for line in frame.lines() {
            assert!(line.width() <= usize::from(columns), "{columns}: {line}");
        }
    }
    let narrow = text(&frame(&mut screen, 60, 24));
    assert!(narrow.contains("1状态 2连接"), "{narrow}");
    let wide = text(&frame(&mut screen, 80, 24));
    assert!(wide.contains("1状态机 2连接"), "{wide}");
}

#[test]
fn in_chinese_words_are_explained_and_notices_said() {
    for (tab, rows) in all_rows() {
        let mut screen = screen(in_chinese(), tab, rows);
        screen.key(Key::Char('x'));
        let page = shown(&mut screen);
        assert!(page.contains("tcptrace explain"), "{tab:?}: {page}");
        let kinds = ["(状态)", "(原因)", "(诊断结论)"];
        assert!(kinds.iter().any(|it| page.contains(it)), "{page}");
    }
    let mut screen = screen(in_chinese(), Tab::Machine, Rows::None);
    screen.key(Key::Left);
    assert!(shown(&mut screen).contains("只有录制"));
    screen.key(Key::Char('/'));
    for it in "colour:red 数据库".chars() {
        screen.key(Key::Char(it));
    }
    screen.key(Key::Enter);
    let frame = shown(&mut screen);
    assert!(frame.contains("colour:red：可用的词是"), "{frame}");
}

#[test]
fn the_readme_shows_what_the_screen_shows() {
    let mut screen = screen(settings(ThemeName::Plain, false), Tab::Machine, Rows::None);
    let frame = text(&frame(&mut screen, 80, 18));
    golden("top/readme", &frame);
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("it is there");
    assert!(readme.contains(&frame), "README.md is to show\n{frame}");
}

#[test]
fn without_colour_nothing_is_coloured() {
    for (tab, rows) in all_rows() {
        let coloured = |theme| {
            let mut screen = screen(settings(theme, false), tab, rows.clone());
            let frame = frame(&mut screen, 120, 40);
            let cells = frame.content.iter();
            cells
                .filter(|it| it.fg != ratatui::style::Color::Reset)
                .count()
        };
        assert_eq!(coloured(ThemeName::Plain), 0, "{tab:?}");
        for theme in [ThemeName::Default, ThemeName::Light, ThemeName::ColourBlind] {
            assert!(coloured(theme) > 0, "{tab:?} {theme:?}");
        }
    }
}

/// The line that is selected: reversed.
fn selected(screen: &mut Screen) -> (u16, String) {
    use ratatui::style::Modifier;
    let frame = frame(screen, 80, 24);
    let lines = text(&frame);
    let is_reversed = |y: &u16| frame[(0, *y)].modifier.contains(Modifier::REVERSED);
    let y = (2..23).find(is_reversed).expect("a line is selected");
    (y, lines.lines().nth(y.into()).expect("a line").to_owned())
}

#[test]
fn the_selected_row_does_not_jump_when_others_come_and_go() {
    let rows = connections(60);
    let settings = settings(ThemeName::Plain, false);
    let mut screen = screen(settings, Tab::Connections, Rows::Connections(rows.clone()));
    frame(&mut screen, 80, 24);
    for _ in 0..10 {
        screen.key(Key::Down);
    }
    let (y, line) = selected(&mut screen);
    // Older ones come, which stand above it.
    let mut more: Vec<Connection> = (60..75).map(|it| connection(it, State::Closing)).collect();
    more.extend(&rows);
    screen.take(snapshot(Tab::Connections, Rows::Connections(more)));
    assert_eq!(selected(&mut screen), (y, line.clone()));
    // Others go, above it.
    screen.take(snapshot(
        Tab::Connections,
        Rows::Connections(rows[..52].to_vec()),
    ));
    assert_eq!(selected(&mut screen).1, line);
    // It goes itself: the one in its place is selected.
    let without: Vec<Connection> = rows
        .iter()
        .filter(|it| !line.contains(&it.tuple.remote.port_or_zero().to_string()))
        .copied()
        .collect();
    screen.take(snapshot(Tab::Connections, Rows::Connections(without)));
    assert_ne!(selected(&mut screen).1, line);
}

#[test]
fn a_table_is_sorted_by_any_column_both_ways() {
    let settings = settings(ThemeName::Plain, false);
    let rows = Rows::Connections(connections(9));
    let mut screen = screen(settings, Tab::Connections, rows);
    frame(&mut screen, 200, 24);
    let mut first_lines = std::collections::HashSet::new();
    for _ in 0..8 {
        screen.key(Key::Char('>'));
        let wish = screen.wish();
        let frame_text = text(&frame(&mut screen, 200, 24));
        first_lines.insert(frame_text.lines().nth(3).expect("a row").to_owned());
        screen.key(Key::Char('r'));
        assert_ne!(screen.wish().descending, wish.descending);
        let frame_text = text(&frame(&mut screen, 200, 24));
        first_lines.insert(frame_text.lines().nth(3).expect("a row").to_owned());
    }
    assert!(first_lines.len() >= 4, "{first_lines:#?}");
}

#[test]
fn a_search_is_typed_read_and_told_where_it_is_wrong() {
    let settings = settings(ThemeName::Plain, false);
    let mut screen = screen(
        settings,
        Tab::Connections,
        Rows::Connections(connections(5)),
    );
    let type_in = |screen: &mut Screen, text: &str| {
        screen.key(Key::Char('/'));
        screen.key(Key::Ctrl('u'));
        text.chars().for_each(|it| {
            screen.key(Key::Char(it));
        });
        screen.key(Key::Enter);
    };
    type_in(&mut screen, "state:time-wait not port:80");
    assert_eq!(screen.wish().search.text(), "state:time-wait not port:80");
    assert!(shown(&mut screen).contains("/state:ti"));
    type_in(&mut screen, "colour:red");
    assert!(
        shown(&mut screen).contains("colour:red: words are"),
        "{}",
        shown(&mut screen)
    );
    assert_eq!(screen.wish().search.text(), "state:time-wait not port:80");
    // Keys are letters while it is typed.
    screen.key(Key::Char('q'));
    screen.key(Key::Escape);
    assert_eq!(screen.key(Key::Char('q')), Action::Quit);
    screen.key(Key::Escape);
    assert!(screen.wish().search.is_empty());
}

#[test]
fn a_held_screen_stays_and_counts_what_it_misses() {
    let settings = settings(ThemeName::Plain, false);
    let mut screen = screen(
        settings,
        Tab::Connections,
        Rows::Connections(connections(5)),
    );
    let before = shown(&mut screen);
    screen.key(Key::Char(' '));
    assert!(screen.wish().frozen);
    let mut later = snapshot(Tab::Connections, Rows::Connections(connections(50)));
    later.transitions += 77;
    screen.take(later);
    let held = shown(&mut screen);
    assert!(held.contains("HELD, 77 since"), "{held}");
    assert_eq!(
        before.lines().skip(2).collect::<Vec<_>>(),
        held.lines().skip(2).collect::<Vec<_>>()
    );
    screen.key(Key::Char(' '));
    assert!(!screen.wish().frozen);
    assert_ne!(shown(&mut screen), held);
}

fn life() -> Life {
    let cookie = connection(0, State::Established)
        .cookie
        .expect("it has one");
    let mut steps: Vec<Transition> = data::transitions();
    for step in &mut steps {
        step.cookie = Some(cookie);
    }
    let mut stuck = data::stuck();
    Life {
        cookie,
        steps,
        now: Some((State::CloseWait, Some(NOW - 9 * SECOND))),
        cut: true,
        holders: None,
        idle_ns: Some(5 * SECOND),
        cgroup: Some("/kubepods/besteffort/pod1c9ae2f4-0d5b-4c0e-9d3a-0b1f6b1f2a77".to_owned()),
        workload: data::workload(),
        stuck: Some(Box::new(stuck.remove(0))),
    }
}

#[test]
fn enter_shows_a_life_and_x_explains_what_is_under_the_cursor() {
    let settings = settings(ThemeName::Plain, false);
    let rows = Rows::Connections(connections(5));
    let mut screen = screen(settings, Tab::Connections, rows.clone());
    screen.key(Key::Enter);
    assert!(screen.wish().opened.is_some());
    let mut later = snapshot(Tab::Connections, rows);
    later.life = Some(life());
    screen.take(later);
    golden("top/life-80x24", &shown(&mut screen));
    golden("top/life-120x40", &text(&frame(&mut screen, 120, 40)));
    screen.key(Key::Escape);
    assert_eq!(screen.wish().opened, None);
    screen.key(Key::Char('x'));
    let page = shown(&mut screen);
    assert!(
        page.contains("tcptrace explain") && page.contains("(state)"),
        "{page}"
    );
    let first = page.lines().nth(3).map(str::to_owned);
    screen.key(Key::PageDown);
    assert_ne!(shown(&mut screen).lines().nth(3).map(str::to_owned), first);
}

#[test]
fn who_holds_a_connection_is_said_where_it_is_known() {
    let rows = Rows::Connections(connections(5));
    let mut screen = screen(
        settings(ThemeName::Plain, false),
        Tab::Connections,
        rows.clone(),
    );
    screen.key(Key::Enter);
    let holders = data::stuck().into_iter().flat_map(|it| it.holders).take(1);
    for (holders, expected) in [
        (Some(holders.collect()), Some("held by ")),
        (Some(Vec::new()), Some("held by no process")),
        (None, None),
    ] {
        let mut later = snapshot(Tab::Connections, rows.clone());
        later.life = Some(Life {
            holders,
            stuck: None,
            ..life()
        });
        screen.take(later);
        let frame = shown(&mut screen);
        match expected {
            Some(words) => assert!(frame.contains(words), "{words}: {frame}"),
            None => assert!(!frame.contains("held by"), "{frame}"),
        }
    }
}

#[test]
fn every_word_that_can_be_under_the_cursor_is_explained() {
    for (tab, rows) in all_rows() {
        let count = rows.len().max(1);
        for at in 0..count {
            let mut screen = screen(settings(ThemeName::Plain, false), tab, rows.clone());
            (0..at).for_each(|_| {
                screen.key(Key::Down);
            });
            screen.key(Key::Char('x'));
            let page = shown(&mut screen);
            assert!(page.contains("tcptrace explain"), "{tab:?} {at}: {page}");
        }
    }
}

#[test]
fn keys_are_shown_and_what_is_to_be_written_is_asked_for_once() {
    let settings = settings(ThemeName::Plain, false);
    let mut screen = screen(settings, Tab::Machine, Rows::None);
    screen.key(Key::Char('?'));
    golden("top/keys-80x24", &shown(&mut screen));
    screen.key(Key::Escape);
    screen.key(Key::Char('w'));
    assert!(screen.wish().lines);
    assert!(!screen.wish().lines);
    screen.say("60 lines written to tcptrace-top.json".to_owned());
    assert!(shown(&mut screen).contains("60 lines written"));
}

#[test]
fn a_recording_is_gone_through_and_a_machine_is_not() {
    let mut screen = screen(settings(ThemeName::Plain, false), Tab::Machine, Rows::None);
    screen.key(Key::Left);
    assert_eq!(screen.wish().travel, None);
    assert!(shown(&mut screen).contains("only a recording has a past"));
    let mut replayed = snapshot(Tab::Machine, Rows::None);
    replayed.replay = Some(ReplayState {
        from_ns: WALL - 100_000_000_000,
        to_ns: WALL + 300_000_000_000,
        speed: 0,
    });
    replayed.event = data::transitions().pop();
    screen.take(replayed);
    let frame = shown(&mut screen);
    assert!(frame.contains("2026-11-26 03:15:00 25 % stands"), "{frame}");
    for (key, expected) in [
        (Key::Left, Travel::By(-10_000_000_000)),
        (Key::Right, Travel::By(10_000_000_000)),
        (Key::Char(']'), Travel::NextEvent),
        (Key::Char('['), Travel::EventBefore),
        (Key::Char('p'), Travel::Play(1)),
        (Key::Char('+'), Travel::Play(2)),
        (Key::Char('+'), Travel::Play(5)),
        (Key::Char('-'), Travel::Play(2)),
    ] {
        screen.key(key);
        assert_eq!(screen.wish().travel, Some(expected), "{key:?}");
        assert_eq!(screen.wish().travel, None, "once");
    }
}

#[test]
fn what_is_unknown_is_not_zero() {
    let mut unknown = snapshot(Tab::Machine, Rows::None);
    unknown.states = [Beat::default(); State::ALL.len()];
    let mut screen = Screen::new(settings(ThemeName::Plain, false));
    screen.take(unknown);
    let frame = shown(&mut screen);
    let line = frame.lines().find(|it| it.starts_with("TIME_WAIT"));
    let words: Vec<&str> = line.expect("a line").split_whitespace().collect();
    assert_eq!(words, ["TIME_WAIT", "-"]);
}

#[test]
fn names_that_others_choose_do_not_draw() {
    let mut rows = connections(3);
    rows[0].owner = data::by("\x1b[2J\x07evil", 1);
    let mut screen = screen(
        settings(ThemeName::Default, false),
        Tab::Connections,
        Rows::Connections(rows),
    );
    let frame = frame(&mut screen, 120, 24);
    for cell in &frame.content {
        assert!(!cell.symbol().contains(char::is_control), "{cell:?}");
    }
}

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        any::<char>().prop_map(Key::Char),
        prop::sample::select("q?1234567 wxrL/<>[]p+-jkgGhlHL".chars().collect::<Vec<_>>())
            .prop_map(Key::Char),
        prop::sample::select(vec![
            Key::Up,
            Key::Down,
            Key::Left,
            Key::Right,
            Key::PageUp,
            Key::PageDown,
            Key::Home,
            Key::End,
            Key::Enter,
            Key::Escape,
            Key::Tab,
            Key::BackTab,
            Key::Backspace,
            Key::Ctrl('l'),
            Key::Ctrl('u'),
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn at_any_size_after_any_keys_it_is_drawn_and_nothing_outside(
        columns in 1_u16..=300,
        lines in 1_u16..=100,
        keys in prop::collection::vec(any_key(), 0..40),
        count in 0_u32..300,
        ascii: bool,
    ) {
        for language in Language::ALL {
            let mut screen = Screen::new(Settings {
                language,
                ..settings(ThemeName::Default, ascii)
            });
            for key in &keys {
                let wish = screen.wish();
                let rows = match wish.tab {
                    Tab::Connections => Rows::Connections(connections(count)),
                    other => all_rows().swap_remove(other as usize).1,
                };
                let mut next = snapshot(wish.tab, rows);
                next.life = wish.opened.map(|_| life());
                screen.take(next);
                // It panics where something is put outside.
                frame(&mut screen, columns, lines);
                screen.key(*key);
            }
            frame(&mut screen, 300 - columns.min(299), lines);
        }
    }
}
