//! Texts of /proc, whatever the kernel writes there: understood, or unknown. The texts of several
//! files, with a NUL between two; and a table of idle timeouts, which is a user's.

#![no_main]

use std::{io, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tcptrace::{
    aggregate::flows::IdleTable,
    doctor::{ListenerState, judge, proc},
    explain::Book,
    language::{Chapter, Language, Words},
    model::PortRange,
    output::{Look, Palette},
    source::live::Symbols,
};

static BOOKS: LazyLock<[Book; 2]> = LazyLock::new(|| {
    Language::ALL.map(|language| Book::read(language).expect("the book that is shipped"))
});
static PRODUCTS: LazyLock<IdleTable> =
    LazyLock::new(|| IdleTable::load(None).expect("the table that is shipped"));

fuzz_target!(|given: &str| {
    let texts: Vec<&str> = given.split('\0').collect();
    for text in &texts {
        let _ = proc::value(text);
        for (name, _) in proc::netstat(text) {
            assert!(!name.contains(char::is_whitespace));
        }
        let _ = proc::sockstat(text, "tw");
        let symbols = Symbols::parse(text.as_bytes());
        let _ = symbols.early_cause(&[symbols.tw_timer_handler, 1]);
        let _ = IdleTable::parse("it", text);
    }
    if let [range, reserved, ..] = texts[..]
        && let Some(ports) = PortRange::parse(range, reserved)
    {
        assert!(ports.first <= ports.last);
        assert!(ports.available <= u32::from(ports.last - ports.first) + 1);
    }

    // Each file has one of the texts: which one is told by its name.
    let read = |file: &str| {
        let name: usize = file.bytes().map(usize::from).sum();
        Some(texts[name % texts.len()].to_owned())
    };
    for (book, language) in BOOKS.iter().zip(Language::ALL) {
        let listener = ListenerState {
            name: "0.0.0.0:80".to_owned(),
            waiting: given.len() as u32,
            backlog: 8,
        };
        let words = Words::kept(Chapter::Doctor, language);
        let report = judge(book, words, &PRODUCTS, Vec::new(), vec![listener], read);
        let look = Look {
            width: 80,
            ascii: false,
            palette: Palette::plain(),
        };
        report
            .table(&mut io::sink(), look)
            .expect("a sink takes all");
        report.json(&mut io::sink()).expect("a sink takes all");
    }
});
