//! What a user sees, to the letter: `tests/golden`. With `BLESS=1` the files are written anew: read
//! the diff.

use std::{env, fs, path::Path};

use tcptrace::{
    aggregate::stats::{By, Period, Span},
    explain::Book,
    language::{Chapter, Language, Words},
    output::{
        Colour, Context, Counts, Look, Palette, ShownFlow, ShownSockets, SocketWriter, StatsTable,
        Table, TableLook, View as _, page,
    },
};

use unicode_width::UnicodeWidthStr as _;

use crate::data;

/// Widths that everything must be good at; `None` is a file.
const WIDTHS: [Option<usize>; 3] = [Some(80), Some(120), None];

/// Compares with a file.
pub fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = path.join(name).with_extension("txt");
    if env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("room");
        fs::write(path, text).expect("a file that can be written");
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == text,
        "{name} is to be\n{expected}\nbut is\n{text}\n(BLESS=1 makes it so)"
    );
}

/// Compares what is shown at every width, in UTF-8 and ASCII, and once in colour.
fn goldens(name: &str, show: impl Fn(Option<usize>, bool, Palette) -> String) {
    for width in WIDTHS {
        let at = width.map_or("file".to_owned(), |width| width.to_string());
        for (ascii, ending) in [(false, ""), (true, "-ascii")] {
            let text = show(width, ascii, Palette::plain());
            for line in text.lines() {
                let fits = width.is_none_or(|width| line.width() <= width);
                assert!(fits, "{width:?}: {line}");
            }
            golden(&format!("{name}-{at}{ending}"), &text);
        }
    }
    for columns in 1..200 {
        for line in show(Some(columns), false, Palette::plain()).lines() {
            assert!(line.width() <= columns, "{columns}: {line}");
        }
    }
    let palette = Palette::stdout(Colour::Always);
    golden(
        &format!("{name}-120-colour"),
        &show(Some(120), false, palette),
    );
}

fn look(palette: Palette, ascii: bool) -> TableLook {
    TableLook {
        language: tcptrace::language::Language::English,
        palette,
        ascii,
        utc: true,
    }
}

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn watch() {
    goldens("watch", |width, ascii, palette| {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, look(palette, ascii), move || width);
        let mut around = Context {
            clock: &data::clock(),
            cgroups: &mut data::cgroups(),
            links: &mut data::links(),
        };
        for it in data::transitions() {
            table.show(&it, &mut around).unwrap();
        }
        drop(table);
        text(out)
    });
}

fn show_flows(table: &mut Table<&mut Vec<u8>>, around: &mut Context<'_>) {
    for flow in data::flows() {
        let candidates: Vec<_> = flow.candidates.iter().collect();
        let shown = ShownFlow {
            record: &flow.record,
            idle_before_close_ns: flow.idle_ns,
            idle_candidates: &candidates,
            keepalive: None,
        };
        table.show(&shown, around).unwrap();
    }
}

#[test]
fn in_chinese_columns_stand_below_each_other() {
    for columns in [80, 120] {
        let chinese = TableLook {
            language: Language::Chinese,
            ..look(Palette::plain(), false)
        };
        let around = &mut Context {
            clock: &data::clock(),
            cgroups: &mut data::cgroups(),
            links: &mut data::links(),
        };
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, chinese, move || Some(columns));
        for it in data::transitions() {
            table.show(&it, around).unwrap();
        }
        drop(table);
        let mut table = Table::new(&mut out, chinese, move || Some(columns));
        for it in data::stuck() {
            table.show(&it, around).unwrap();
        }
        drop(table);
        let mut table = Table::new(&mut out, chinese, move || Some(columns));
        show_flows(&mut table, around);
        drop(table);
        let terminal = move || Some(columns);
        let (palette, language) = (Palette::plain(), Language::Chinese);
        let mut table = StatsTable::new(&mut out, palette, false, language, true, terminal);
        let told = data::stats(None);
        table.show(&told.period(Span::Run), around).unwrap();
        drop(table);
        let text = text(out);
        assert!(text.lines().all(|line| line.width() <= columns), "{text}");
        golden(&format!("zh-{columns}"), &text);
    }
}

#[test]
fn flows() {
    goldens("flows", |width, ascii, palette| {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, look(palette, ascii), move || width);
        let mut around = Context {
            clock: &data::clock(),
            cgroups: &mut data::cgroups(),
            links: &mut data::links(),
        };
        show_flows(&mut table, &mut around);
        drop(table);
        text(out)
    });
}

#[test]
fn stats() {
    let show = |told: &Period<'_>, width: Option<usize>, ascii: bool, palette: Palette| {
        let mut out = Vec::new();
        let mut table = StatsTable::new(
            &mut out,
            palette,
            ascii,
            Language::English,
            true,
            move || width,
        );
        let mut around = Context {
            clock: &data::clock(),
            cgroups: &mut data::cgroups(),
            links: &mut data::links(),
        };
        table.show(told, &mut around).unwrap();
        drop(table);
        text(out)
    };
    let all = data::stats(None);
    goldens("stats", |width, ascii, palette| {
        show(&all.period(Span::Run), width, ascii, palette)
    });
    let groups = data::stats(Some(By::Comm));
    let shown = show(
        &groups.period(Span::Interval),
        Some(80),
        false,
        Palette::plain(),
    );
    golden("stats-by-comm-80", &shown);
    let mut lossy = data::stats(None);
    let shown = show(&lossy.after_a_loss(), Some(80), false, Palette::plain());
    golden("stats-lossy-80", &shown);
}

#[test]
fn stuck() {
    goldens("stuck", |width, ascii, palette| {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, look(palette, ascii), move || width);
        let mut around = Context {
            clock: &data::clock(),
            cgroups: &mut data::cgroups(),
            links: &mut data::links(),
        };
        for it in data::stuck() {
            table.show(&it, &mut around).unwrap();
        }
        drop(table);
        text(out)
    });
}

#[test]
fn list() {
    goldens("list", |width, ascii, palette| {
        let mut out = Vec::new();
        let mut shown = ShownSockets {
            wall_ns: 0,
            sockets: &data::sockets(),
            cgroups: &mut data::cgroups(),
            links: &mut data::links(),
        };
        SocketWriter::table(&mut out, look(palette, ascii), width)
            .write(&mut shown)
            .unwrap();
        text(out)
    });
}

#[test]
fn list_summary() {
    let mut out = Vec::new();
    let mut counts = Counts::new(&[]);
    counts.add(&data::sockets());
    counts
        .table(&mut out, Palette::plain(), Language::English)
        .unwrap();
    golden("list-summary", &text(out));
}

#[test]
fn doctor() {
    for (columns, ascii, name) in [
        (80, false, "doctor-80"),
        (80, true, "doctor-80-ascii"),
        (40, false, "doctor-40"),
    ] {
        let mut out = Vec::new();
        let look = Look::new(Some(columns), ascii, Palette::plain());
        data::report().table(&mut out, look).unwrap();
        let text = text(out);
        assert!(text.lines().all(|line| line.width() <= columns), "{text}");
        golden(name, &text);
    }
}

#[test]
fn explain() {
    let explained = |language| {
        let book = Book::read(language).unwrap();
        (book, Words::of(Chapter::Explain, language).unwrap())
    };
    let (book, words) = explained(Language::Chinese);
    for (word, columns) in [
        ("半连接", 80),
        ("TIME_WAIT", 80),
        ("TIME_WAIT 过多怎么办", 60),
    ] {
        let look = Look::new(Some(columns), false, Palette::plain());
        let found = book.find(word).unwrap();
        let name = format!("explain-zh-{}-{columns}", found[0].name);
        golden(&name, &page(found[0], look, &words));
    }
    let (book, words) = explained(Language::English);
    for (word, columns, ascii, palette, name) in [
        ("time-wait", 80, false, Palette::plain(), "explain-80"),
        ("time-wait", 80, true, Palette::plain(), "explain-80-ascii"),
        ("time-wait", 60, false, Palette::plain(), "explain-60"),
        ("established", 40, false, Palette::plain(), "explain-40"),
        (
            "established",
            60,
            true,
            Palette::stdout(Colour::Always),
            "explain-60-ascii-colour",
        ),
    ] {
        let look = Look::new(Some(columns), ascii, palette);
        let found = book.find(word).unwrap();
        golden(name, &page(found[0], look, &words));
    }
}
