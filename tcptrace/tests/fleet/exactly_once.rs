//! Each flow is in the table once, whatever happens meanwhile.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    clickhouse::{self, ClickHouse, ask},
    namespace::Namespace,
    patience::patient,
    proxy::{self, Fate, Proxy},
    recordings::{self, Growing, files, repeated, spread},
    shipping::Ship,
};

/// How long something is waited for.
const LIMIT: Duration = Duration::from_secs(60);

fn to(port: u16) -> String {
    format!("clickhouse+http://127.0.0.1:{port}/default")
}

fn direct(folder: &Path) -> Ship {
    Ship::new(folder, to(clickhouse::PORT)).with(&["--create"])
}

/// All flows of the recording are there, once, and no others.
#[track_caller]
fn all_are_there_once(folder: &Path) {
    let (told, there) = (recordings::flows(folder), clickhouse::flows());
    assert_eq!(there.len(), told.len());
    assert!(there == told, "the same number, but not the same flows");
}

/// Numbers by chance, the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        // xorshift: https://www.jstatsoft.org/article/view/v008i14
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

#[test]
fn a_recording_is_there_as_flows_tells_it_and_once_however_often_it_is_shipped() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let folder = repeated(20, Duration::from_millis(50));
    let ship = direct(folder.path());
    ship.run().done();
    all_are_there_once(folder.path());
    // By what is on the disk, and then by what is in the table.
    ship.run().done();
    all_are_there_once(folder.path());
    let batches =
        ask("SELECT count() FROM (SELECT segment, batch FROM flows GROUP BY segment, batch)");
    assert!(batches.parse::<u32>().expect("a number") >= 5, "{batches}");
    let said = direct(folder.path()).run().done();
    assert!(said.contains("there is no state"), "{said}");
    all_are_there_once(folder.path());
}

#[test]
fn killed_at_any_moment_it_goes_on_where_it_was() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let folder = repeated(120, Duration::from_millis(30));
    let ship = direct(folder.path());
    let mut chance = Chance(88_172_645_463_325_252);
    let mut kills = 0;
    loop {
        let mut shipping = ship.start();
        // However slow the machine is, it gets on.
        sleep(Duration::from_millis(20 + chance.below(200 + 10 * kills)));
        if shipping.is_over() {
            shipping.end().done();
            break;
        }
        shipping.kill();
        kills += 1;
        assert!(kills < 500, "it does not get on");
    }
    assert!(kills >= 3, "it was killed {kills} times alone");
    all_are_there_once(folder.path());
}

#[test]
fn answers_that_never_come_and_connections_that_are_cut_lose_nothing_and_double_nothing() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let folder = repeated(40, Duration::from_millis(60));
    let proxy = Proxy::start(&net, |before| match before % 9 {
        1 => Fate::Unanswered,
        3 => Fate::Cut,
        5 => Fate::Half,
        7 => Fate::Busy,
        _ => Fate::Passed,
    });
    let ship = Ship::new(folder.path(), to(proxy::PORT)).with(&["--create"]);
    ship.run().done();
    assert!(proxy.inserts() > 9, "{}", proxy.inserts());
    all_are_there_once(folder.path());
}

#[test]
fn killed_while_an_answer_is_under_way_it_asks_the_table_first() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let folder = repeated(10, Duration::from_secs(3600));
    // The only batch is there, and ship does not know.
    let proxy = Proxy::start(&net, |_| Fate::Unanswered);
    let ship = Ship::new(folder.path(), to(proxy::PORT)).with(&["--create"]);
    let shipping = ship.start();
    let deadline = Instant::now() + patient(LIMIT);
    while proxy.inserts() == 0
        || ask("EXISTS TABLE flows") == "0"
        || ask("SELECT count() FROM flows") == "0"
    {
        assert!(Instant::now() < deadline, "nothing came");
        sleep(Duration::from_millis(10));
    }
    shipping.kill();
    let inserts = proxy.inserts();
    ship.run().done();
    assert_eq!(proxy.inserts(), inserts, "it was sent again");
    all_are_there_once(folder.path());
}

#[test]
fn a_server_that_is_killed_in_the_middle_and_comes_back_has_all() {
    let net = Namespace::new();
    let mut server = ClickHouse::start(&net);
    let folder = repeated(100, Duration::from_millis(40));
    let ship = direct(folder.path()).with(&["--rate", "6000"]);
    let mut shipping = ship.start();
    let mut kills = 0;
    while !shipping.is_over() && kills < 3 {
        sleep(Duration::from_millis(1500));
        server.kill();
        sleep(Duration::from_millis(300));
        server.start_again();
        kills += 1;
    }
    shipping.end().done();
    all_are_there_once(folder.path());
}

#[test]
fn what_is_recorded_just_now_is_there_soon_and_once_though_it_is_read_in_pieces() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let whole = repeated(60, Duration::from_millis(200));
    let folder = TempDir::new().expect("a folder");
    let mut growing = Growing::new(whole.path(), folder.path());
    growing.grow(20_000);
    let ship = direct(folder.path()).with(&["--follow"]);
    let mut shipping = ship.start();
    let mut chance = Chance(1_442_695_040_888_963_407);
    let mut pieces = 0;
    while growing.grow(1 + chance.below(30_000) as usize) {
        sleep(Duration::from_millis(5 + chance.below(30)));
        pieces += 1;
        if pieces % 15 == 0 {
            // In between, all begins anew.
            shipping.kill();
            shipping = ship.start();
        }
    }
    growing.end();
    let told = recordings::flows(whole.path()).len();
    let deadline = Instant::now() + patient(LIMIT);
    while ask("SELECT count() FROM flows")
        .parse::<usize>()
        .expect("a number")
        < told
    {
        assert!(
            Instant::now() < deadline,
            "not all came: {}",
            ask("SELECT count() FROM flows")
        );
        sleep(Duration::from_millis(100));
    }
    let ended = shipping.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    all_are_there_once(whole.path());
}

#[test]
fn a_recording_that_goes_on_is_shipped_in_parts_without_its_open_connections_twice() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let whole = repeated(30, Duration::from_millis(150));
    let folder = TempDir::new().expect("a folder");
    let mut growing = Growing::new(whole.path(), folder.path());
    let mut ship = direct(folder.path());
    let mut chance = Chance(7_046_029_254_386_353_131);
    loop {
        let more = growing.grow(5_000 + chance.below(60_000) as usize);
        if !more {
            growing.end();
        }
        ship.run().done();
        if !more {
            break;
        }
        if chance.below(4) == 0 {
            // What is on the disk is lost: the table tells how far it is.
            ship.state = TempDir::new().expect("a folder");
        }
    }
    all_are_there_once(whole.path());
}

#[test]
fn a_segment_that_is_gone_on_with_without_the_ones_before_doubles_and_lacks_nothing() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let whole = spread(60, Duration::from_secs(1), Duration::from_secs(12));
    let folder = TempDir::new().expect("a folder");
    let mut growing = Growing::new(whole.path(), folder.path());
    let ship = direct(folder.path());
    let mut chance = Chance(3_935_559_000_370_003_845);
    let (mut removed, mut alone) = (0, 0);
    while growing.grow(10_000 + chance.below(60_000) as usize) {
        let said = ship.run().done();
        assert!(!said.contains("removed before"), "{said}");
        // All that was shipped whole goes, as by --keep.
        let reached = format!("{:08}", ship.segment());
        let there = files(folder.path());
        let (before, rest): (Vec<_>, Vec<_>) = there
            .into_iter()
            .partition(|it| it.file_name().expect("a name") < OsStr::new(&reached));
        alone += u32::from(rest.len() == 1);
        for file in before {
            fs::remove_file(file).expect("it was there");
            removed += 1;
        }
    }
    growing.end();
    ship.run().done();
    assert!(removed > 3 && alone > 5, "{removed}, {alone}");
    // How long it was in a state before that, a segment alone does not tell of each.
    let without_times = |all: Vec<String>| -> Vec<String> {
        let words = |it: &String| it.split(' ').take(2).collect::<Vec<_>>().join(" ");
        all.iter().map(words).collect()
    };
    let told = without_times(recordings::flows(whole.path()));
    let there = without_times(clickhouse::flows());
    let lacks = told.iter().filter(|it| !there.contains(it)).count();
    assert_eq!((there.len(), lacks), (told.len(), 0));
}

#[test]
fn segments_that_went_before_they_were_shipped_are_said_and_counted() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let folder = repeated(40, Duration::from_millis(60));
    let all = files(folder.path());
    assert!(all.len() > 8);
    let later = TempDir::new().expect("a folder");
    for file in &all[5..] {
        let name = file.file_name().expect("a name");
        fs::rename(file, later.path().join(name)).expect("another folder");
    }
    let ship = direct(folder.path());
    ship.run().done();
    // The sixth and the seventh were removed, and so were the first five, which are there.
    for file in &all[..5] {
        fs::remove_file(file).expect("it was there");
    }
    for file in &all[7..] {
        let name = file.file_name().expect("a name");
        fs::rename(later.path().join(name), file).expect("back");
    }
    let said = ship.run().done();
    assert!(
        said.contains("2 segments were removed before they were read"),
        "{said}"
    );
    let told = recordings::flows(folder.path());
    let there = clickhouse::flows();
    let missing = told.iter().filter(|it| !there.contains(it)).count();
    assert_eq!(missing, 0, "all that the recording has is there");
}

#[test]
fn one_process_alone_ships_a_recording_to_a_table() {
    let net = Namespace::new();
    let _server = ClickHouse::start(&net);
    let folder = repeated(2, Duration::from_secs(3600));
    let ship = direct(folder.path()).with(&["--follow"]);
    let shipping = ship.start();
    let deadline = Instant::now() + patient(LIMIT);
    while ask("EXISTS TABLE flows") != "1" || ask("SELECT count() FROM flows") == "0" {
        assert!(Instant::now() < deadline, "nothing came");
        sleep(Duration::from_millis(20));
    }
    ship.run().failed(1, &["is shipped there already", ".lock"]);
    let ended = shipping.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
