//! Where the page goes, and in which language.

use std::{
    fs,
    io::Read as _,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use tcptrace::model::{Degraded, KernelError, NoAddresses, Why};

use crate::{
    html::Element,
    made::{self, tcptrace, told},
    script,
};

fn report() -> Command {
    let mut command = tcptrace();
    command.arg("report").arg("-r").arg(&made::kept()[0]);
    command
}

fn language(command: &mut Command) -> String {
    let page = Element::page(&told(command.args(["-o", "-"])));
    page.attribute("lang").unwrap().to_owned()
}

#[test]
fn a_file_has_its_name_when_it_is_whole_and_replaces_another() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report.html");
    fs::write(&path, "before").unwrap();
    assert_eq!(told(report().arg("-o").arg(&path)), "");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("<!DOCTYPE html>") && text.ends_with("</html>"));
    assert_eq!(text, told(report().args(["-o", "-"])));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_can_not_be_is_told_in_a_line_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let there = folder.path().join("report.html");
    let there = there.to_str().unwrap();
    let recording = made::kept()[0].clone();
    let recording = recording.to_str().unwrap();
    for (arguments, code, words) in [
        (
            &["-r", "/nowhere", "-o", there][..],
            1,
            "cannot read /nowhere",
        ),
        (
            &["-r", recording, "-o", "/nowhere/r.html"],
            1,
            "/nowhere/r.html",
        ),
        (&["-r", recording, "-o", "/"], 1, "/"),
        (&["-r", recording], 2, "--output"),
        (&["-o", there], 2, "--read"),
        (
            &[
                "-r",
                recording,
                "-o",
                there,
                "--from",
                "2040-01-01T00:00:00Z",
            ],
            1,
            "nothing of that time",
        ),
        (
            &["-r", recording, "-o", there, "--lang", "de"],
            2,
            "the languages are en and zh",
        ),
        (
            &["-r", recording, "-o", there, "-a", "fe80::1%lo"],
            2,
            "without its interface",
        ),
    ] {
        let output = tcptrace().arg("report").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "{arguments:?}"
        );
    }
    let output = report()
        .args(["-o", "-"])
        .env("TCPTRACE_LANG", "xx")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("TCPTRACE_LANG asks for 'xx'"), "{said}");
}

#[test]
fn ctrl_c_leaves_what_is_there_and_nothing_else() {
    let recording = made::long();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report.html");
    let names = || -> Vec<_> {
        let entries = fs::read_dir(folder.path()).unwrap().flatten();
        entries.map(|it| it.file_name()).collect()
    };
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        // Before it reads, and while it does.
        for pause in [Duration::ZERO, Duration::from_millis(50)] {
            for before in [None, Some("before")] {
                let there = usize::from(before.is_some());
                if let Some(before) = before {
                    fs::write(&path, before).unwrap();
                }
                let child = tcptrace()
                    .arg("report")
                    .arg("-r")
                    .arg(recording.path())
                    .arg("-o")
                    .arg(&path)
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                let until = Instant::now() + Duration::from_secs(30);
                while names().len() == there {
                    assert!(Instant::now() < until, "nothing is written");
                    thread::sleep(Duration::from_millis(1));
                }
                thread::sleep(pause);
                kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
                let output = child.wait_with_output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                // As of every command that is ended by them.
                assert_eq!(output.status.code(), Some(0), "{signal}: {said}");
                assert!(
                    said.contains("interrupted: no report was written"),
                    "{said}"
                );
                assert_eq!(names().len(), there, "{:?}", names());
                if before.is_some() {
                    assert_eq!(fs::read_to_string(&path).unwrap(), "before");
                    fs::remove_file(&path).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = report()
        .args(["-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(status.success(), "{status}: {said}");
    assert_eq!(said, "");
}

#[test]
fn the_language_is_that_of_the_option_or_of_the_environment() {
    let locale = |all: &str, messages: &str, lang: &str| {
        let mut command = report();
        command.env_remove("TCPTRACE_LANG");
        command.env("LC_ALL", all).env("LC_MESSAGES", messages);
        command.env("LANG", lang);
        language(&mut command)
    };
    assert_eq!(locale("", "", "zh_CN.UTF-8"), "zh-Hans");
    assert_eq!(locale("", "zh_CN.UTF-8", "en_US.UTF-8"), "zh-Hans");
    assert_eq!(locale("C", "zh_CN.UTF-8", "zh_CN.UTF-8"), "en");
    assert_eq!(locale("", "", "de_DE.UTF-8"), "en");
    assert_eq!(language(report().env("TCPTRACE_LANG", "zh")), "zh-Hans");
    let both = language(report().env("TCPTRACE_LANG", "zh").args(["--lang", "en"]));
    assert_eq!(both, "en");
}

#[test]
fn in_every_language_the_numbers_and_names_are_the_same() {
    let recording = made::rich();
    let [english, chinese] = ["en", "zh"].map(|it| made::read(recording.path(), &["--lang", it]));
    // Whatever is no word of a language: names of states and reasons, numbers, times, addresses.
    let plain = |page: &Element| -> Vec<String> {
        let tables = page.named("table");
        let rows = tables.iter().flat_map(|it| it.rows()).flatten();
        rows.filter(|it| it.is_ascii() && !it.contains(' '))
            .collect()
    };
    let words = |cells: Vec<String>| -> Vec<String> {
        let is_word = |it: &str| it.chars().all(|it| it.is_ascii_lowercase());
        cells.into_iter().filter(|it| !is_word(it)).collect()
    };
    let (english_cells, chinese_cells) = (words(plain(&english)), words(plain(&chinese)));
    assert!(english_cells.len() > 500, "{}", english_cells.len());
    for cell in &english_cells {
        let capital = cell
            .chars()
            .next()
            .is_some_and(|it| it.is_ascii_uppercase());
        let translated = capital && cell.chars().skip(1).all(|it| it.is_ascii_lowercase());
        assert!(translated || chinese_cells.contains(cell), "{cell}");
    }
    let ids = |page: &Element| -> Vec<String> {
        let all = page.all();
        let ids = all.iter().filter_map(|it| it.attribute("id"));
        ids.map(str::to_owned).collect()
    };
    assert_eq!(ids(&english), ids(&chinese));
    assert_ne!(english.text(), chinese.text());
    let heading = chinese.named("h2")[0].text();
    assert!(!heading.is_ascii(), "{heading}");
}

#[test]
fn what_could_not_be_seen_is_said_in_the_language_of_the_page() {
    let (script, mut beginning) = script::read(&made::scenario(made::SITUATIONS[0])).unwrap();
    let refused = KernelError::Refused {
        program: "timer_start".into(),
        why: "E2BIG (os error 7)".to_owned(),
    };
    let causes = [
        Why::Timers(refused),
        Why::Addresses(NoAddresses::Hidden),
        Why::Capability {
            name: "CAP_SYS_PTRACE".into(),
            without: "in English".into(),
        },
        // Older versions recorded no more than that.
        Why::Text("told long ago".to_owned()),
    ];
    beginning.degraded = causes
        .map(|why| Degraded {
            what: "hook".into(),
            why,
        })
        .into();
    let folder = TempDir::new().unwrap();
    made::record(script, beginning, folder.path());
    let lines = |language: &str, heading: &str| -> Vec<String> {
        let page = made::read(folder.path(), &["--lang", language]);
        let traced = page.id("traced");
        assert!(traced.text().contains(heading), "{}", traced.text());
        traced.named("li").iter().map(|it| it.text()).collect()
    };
    assert_eq!(
        lines("en", "What could not be seen"),
        [
            "hook: the kernel refused program timer_start: E2BIG (os error 7), so TIME_WAIT, \
             orphaned FIN_WAIT2 and half-open SYN_RECV can't be seen",
            "hook: no kernel addresses in it: set kernel.kptr_restrict to 0 or 1, and run as root \
             or with CAP_SYSLOG; until then, TIME_WAIT, orphaned FIN_WAIT2 and half-open SYN_RECV \
             can't be seen",
            "hook: whose sockets there are already can't be seen of other users' processes, nor \
             the network namespaces that only they are in: run it as root, or with CAP_SYS_PTRACE",
            "hook: told long ago",
        ]
    );
    assert_eq!(
        lines("zh", "看不到"),
        [
            "hook: 内核拒绝了程序 timer_start：E2BIG (os error 7)，所以看不到 TIME_WAIT、孤儿连接的 \
             FIN_WAIT2 和半连接的 SYN_RECV",
            "hook: 里面没有内核地址：请把 kernel.kptr_restrict 设为 0 或 1，并以 root 运行，或者授予 \
             CAP_SYSLOG；在那之前，看不到 TIME_WAIT、孤儿连接的 FIN_WAIT2 和半连接的 SYN_RECV",
            "hook: 看不到已经存在的套接字属于其他用户的哪个进程，也看不到只有这些进程所在的网络命名空间：\
             请以 root 运行，或者授予 CAP_SYS_PTRACE",
            "hook: told long ago",
        ]
    );
    // What programs read is English, whatever the language.
    let mut json = tcptrace();
    json.args(["watch", "-o", "json", "-r"]).arg(folder.path());
    let json = told(json.env("TCPTRACE_LANG", "zh"));
    assert!(
        json.contains("\"why\":\"the kernel refused program timer_start: E2BIG"),
        "{json}"
    );
}
