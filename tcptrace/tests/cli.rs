//! The command line, without root: help, wrong usage, exit statuses.

#[path = "faults/copied.rs"]
mod copied;

use std::{
    ffi::{OsStr, OsString},
    fmt::Debug,
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
};

use assert_cmd::Command;

use copied::Copied;

fn tcptrace(arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcptrace"));
    command.args(arguments);
    command
}

fn stdout(arguments: &[&str]) -> String {
    let output = tcptrace(arguments).assert().success().get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

/// What is printed on stderr for wrong usage: one line, and status 2.
fn refusal(arguments: &[impl AsRef<OsStr> + Debug]) -> String {
    let output = tcptrace(arguments).output().unwrap();
    let shown = || {
        format!("{arguments:?}")
            .chars()
            .take(200)
            .collect::<String>()
    };
    assert_eq!(output.status.code(), Some(2), "{}", shown());
    assert!(output.stdout.is_empty(), "{} wrote to stdout", shown());
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{}: {text}", shown());
    assert!(text.starts_with("tcptrace: "), "{text}");
    text
}

#[test]
fn help_tells_of_every_option_and_exit_status() {
    let help = stdout(&["--help"]);
    for word in [
        "watch",
        "stuck",
        "explain",
        "doctor",
        "schema",
        "-4",
        "-6",
        "--local-port",
        "--remote-port",
        "--port",
        "--addr",
        "--local-addr",
        "--remote-addr",
        "--pid",
        "--comm",
        "--uid",
        "--netns",
        "--cgroup",
        "--state",
        "--duration",
        "--count",
        "--output",
        "--color",
        "--utc",
        "--buffer-size",
        "--max-connections",
        "--strict",
        "--verbose",
        "Exit status",
        "COMMAND",
    ] {
        assert!(help.contains(word), "{word} is missing in:\n{help}");
    }
    assert_eq!(
        stdout(&["--version"]),
        concat!("tcptrace ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert!(stdout(&["watch", "--help"]).contains("--local-port"));
}

#[test]
fn wrong_usage_is_one_line_that_says_what_would_be_right() {
    for (arguments, wrong, right) in [
        (&["--port", "0"][..], "'0' is no port", "1 to 65535"),
        (&["-L", "http"], "'http' is no port", "8000-8099"),
        (&["-D", "90-80"], "'90-80'", "ends before it begins"),
        (&["-a", "10.0.0.0/33"], "10.0.0.0/33", "10.0.0.0/8"),
        (
            &["-s", "ESTABLISH"],
            "'ESTABLISH' is no TCP state",
            "ESTABLISHED",
        ),
        (&["-d", "soon"], "soon", "10s"),
        (&["-n", "0"], "'0'", "1"),
        (&["-p", "init"], "init", "--pid"),
        (&["-o", "xml"], "xml", "table, json, csv"),
        (&["--color", "blue"], "blue", "auto, always, never"),
        (&["--buffer-size", "1K"], "1K", "16K to 1G"),
        (&["--max-connections", "1023"], "1023", "1024..=67108864"),
        (&["--max-connections", "1e9"], "1e9", "--max-connections"),
        (&["--uid", "no-such-user"], "no such user", "1000"),
        (
            &["--netns", "/no/such/path"],
            "/no/such/path",
            "/proc/123/ns/net",
        ),
        // Other files, and namespaces of another kind.
        (
            &["--netns", "/dev/null"],
            "no network namespace",
            "ip netns",
        ),
        (&["--netns", "/"], "no network namespace", "/proc/123"),
        (
            &["--netns", "/proc/self/ns/pid"],
            "no network namespace",
            "self",
        ),
        (&["-c", ""], "--comm", "value is required"),
        (&["--cgroup", ""], "--cgroup", "/system.slice"),
        (
            &["--cgroup", "/system.slice/../.."],
            "/system.slice/../..",
            "below the root",
        ),
        (
            &["flows", "--idle-table", "/no/such/file"],
            "/no/such/file",
            "No such file",
        ),
        (
            &["flows", "--idle-table", "/dev/zero"],
            "/dev/zero",
            "too large",
        ),
        (
            &["flows", "--idle-table", "/dev/null"],
            "/dev/null",
            "[[timeout]]",
        ),
        (&["-4", "-6"], "--ipv4", "--ipv6"),
        (
            &["list", "--all-netns", "--netns", "self"],
            "--all-netns",
            "--netns",
        ),
        (&["list", "-s", "listen"], "listen", "list"),
        (&["list", "--state", "up"], "'up' is no TCP state", "LISTEN"),
        (
            &["stuck", "-d", "0", "-s", "time-wait"],
            "stuck in TIME_WAIT",
            "CLOSE_WAIT",
        ),
        (&["stuck", "--for", "long"], "long", "10s"),
        (&["--prot", "80"], "--prot", "--port"),
        (&["wach"], "wach", "watch"),
        (&["shema"], "shema", "schema"),
        (
            &["schema", "flows"],
            "flows",
            "transition, flow, stats, stuck, lost",
        ),
    ] {
        let said = refusal(arguments);
        assert!(
            said.contains(wrong) && said.contains(right),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn what_is_no_type_of_line_is_refused_without_more_words() {
    let said = refusal(&["schema", "flows"]);
    assert!(!said.contains("the commands are"), "{said}");
    assert!(!said.contains("more information"), "{said}");
}

#[test]
fn the_schema_is_one_document_of_all_types_or_of_one() {
    let all: serde_json::Value = serde_json::from_str(&stdout(&["schema"])).unwrap();
    assert_eq!(
        all["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let types = [
        "start",
        "transition",
        "flow",
        "stats",
        "stuck",
        "lost",
        "end",
    ];
    for name in types.into_iter().chain(["socket", "count", "doctor"]) {
        let place = serde_json::json!({ "$ref": format!("#/$defs/{name}") });
        assert!(all["oneOf"].as_array().unwrap().contains(&place), "{name}");
        let one: serde_json::Value = serde_json::from_str(&stdout(&["schema", name])).unwrap();
        assert_eq!(one["properties"]["type"]["const"], name);
        assert!(one["oneOf"].is_null());
    }
}

#[test]
fn control_characters_in_wrong_usage_do_not_reach_the_terminal() {
    assert!(!refusal(&["--port", "\x1b[31m"]).contains('\x1b'));
    assert!(!refusal(&["-s", "\x1b[31m"]).contains('\x1b'));
}

/// Options with values, by command.
const OPTIONS: [(&str, &[&str]); 6] = [
    (
        "watch",
        &[
            "-L",
            "-D",
            "-P",
            "-a",
            "--local-addr",
            "--remote-addr",
            "-p",
            "--uid",
            "--netns",
            "--cgroup",
            "-s",
            "-d",
            "-n",
            "-o",
            "--color",
            "--buffer-size",
            "--max-connections",
        ],
    ),
    ("flows", &["-n", "-s", "--idle-table"]),
    ("stats", &["-n", "-i", "--by"]),
    ("stuck", &["-n", "-s", "--held-for"]),
    ("list", &["-L", "-a", "-p", "--netns", "--state", "-o"]),
    ("doctor", &["-o", "--color"]),
];

#[test]
fn nonsense_is_refused_in_one_short_line_whatever_the_option() {
    let long = "x".repeat(100_000);
    let nonsense: [&[u8]; 12] = [
        b"",
        b" ",
        b"-1",
        b"99999999999999999999",
        b"1e400",
        b",",
        b"\x1b[31mred\x1b[0m",
        b"two\r\nlines\x07\x7f",
        "gr\u{f6}\u{df}e\u{202e}\u{9b}31m".as_bytes(),
        b"\xff\xfe",
        b"%s%n'\"\\",
        long.as_bytes(),
    ];
    for (command, options) in OPTIONS {
        for option in options {
            for value in nonsense {
                let glue = if option.starts_with("--") { "=" } else { "" };
                let mut word = OsString::from(format!("{option}{glue}"));
                word.push(OsStr::from_bytes(value));
                let said = refusal(&[OsStr::new(command), &word]);
                let harmless = |it: char| !it.is_control() && it != '\u{202e}';
                assert!(said.trim_end().chars().all(harmless), "{said:?}");
                assert!(said.len() < 2500, "{} bytes: {option}", said.len());
            }
        }
    }
}

#[test]
fn without_capabilities_it_says_which_and_how_with_status_3() {
    let copy = Copied::of(env!("CARGO_BIN_EXE_tcptrace"));
    let mut command = std::process::Command::new(copy.path());
    command.current_dir("/").arg("--duration=1s");
    if nix::unistd::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for word in ["CAP_BPF", "CAP_PERFMON", "sudo"] {
        assert!(said.contains(word), "{said}");
    }
    assert!(output.stdout.is_empty());
}
