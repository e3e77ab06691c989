//! What only a table says.

use tcptrace::{
    host::Socket,
    model::{Owner, State, Transition},
    output::{Context, Palette, ShownSockets, SocketWriter, Table, TableLook, View as _},
};

use unicode_width::UnicodeWidthStr as _;

use crate::data;

fn look() -> TableLook {
    TableLook {
        language: tcptrace::language::Language::English,
        palette: Palette::plain(),
        ascii: false,
        utc: true,
    }
}

/// The line of a transition, in a file.
fn watched(it: &Transition) -> String {
    watched_at(it, None)
}

/// The same on a terminal of so many columns.
fn watched_at(it: &Transition, columns: Option<usize>) -> String {
    let mut out = Vec::new();
    let mut table = Table::new(&mut out, look(), move || columns);
    let mut around = Context {
        clock: &data::clock(),
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    table.show(it, &mut around).unwrap();
    drop(table);
    last_line(out)
}

/// The line of a socket, in a file.
fn listed(it: Socket) -> String {
    let mut out = Vec::new();
    let mut shown = ShownSockets {
        wall_ns: 0,
        sockets: &[it],
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    SocketWriter::table(&mut out, look(), None)
        .write(&mut shown)
        .unwrap();
    last_line(out)
}

fn last_line(out: Vec<u8>) -> String {
    let text = String::from_utf8(out).expect("UTF-8");
    text.lines().last().expect("a line").to_owned()
}

#[test]
fn a_connect_whose_syn_did_not_follow_says_so() {
    let [_, connect, ..] = &data::transitions()[..] else {
        panic!("a connect() is second");
    };
    assert!(watched(connect).ends_with("SYN sent"));
    let put_off = Transition {
        nothing_sent: true,
        ..*connect
    };
    assert!(watched(&put_off).ends_with("nothing sent"));
}

#[test]
fn what_runs_there_is_shown_where_there_is_room_and_nothing_wraps_for_it() {
    let known = data::known_transition();
    for columns in [60, 80, 100, 120, 139, 160, 200] {
        let line = watched_at(&known, Some(columns));
        assert!(line.width() <= columns, "{columns}: {line}");
        assert_eq!(
            line.contains(" shop/cart-0/app "),
            columns >= 160,
            "{columns}: {line}"
        );
    }
    assert!(!watched(&known).contains("shop/cart-0"));
}

#[test]
fn what_waits_to_be_accepted_is_told_closed_by_its_peer_or_not() {
    let [known, _] = data::known_sockets();
    let nobodys = |state| Socket {
        state,
        owner: Owner::default(),
        ..known.clone()
    };
    for state in [State::Established, State::CloseWait] {
        let line = listed(nobodys(state));
        assert!(line.ends_with("queued"), "{line}");
    }
    // It is no listener's any more.
    let line = listed(nobodys(State::FinWait1));
    assert!(!line.ends_with("queued"), "{line}");
}
