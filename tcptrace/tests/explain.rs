//! `tcptrace explain`, without root.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use assert_cmd::Command;

fn explain(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcptrace"));
    command.arg("explain").args(arguments);
    command.env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8");
    command
}

fn stdout(command: &mut Command) -> String {
    let output = command.assert().success().get_output().clone();
    assert!(output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

fn refusal(arguments: &[&str]) -> String {
    let output = explain(arguments).assert().code(2).get_output().clone();
    assert!(output.stdout.is_empty(), "{arguments:?} wrote to stdout");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

const TIME_WAIT: &str = "
                             ┌───────────────┐
       connect(): SYN sent   │    CLOSED     │   listen()
          ┌──────────────────┤               ├──────────────────┐
          ▼                  └───────────────┘                  ▼
  ┌───────────────┐                                     ┌───────────────┐
  │   SYN_SENT    │                                     │    LISTEN     │
  └───┬───────┬───┘                                     └───────┬───────┘
      │       │ SYN received: they crossed                      │ SYN received
      │       │                                                 ▼
      │       │                                         ┌───────────────┐
      │       └────────────────────────────────────────▶│   SYN_RECV    │
      │                                                 └───────┬───────┘
      │ SYN+ACK received     ┌───────────────┐                  │ ACK received
      └─────────────────────▶│  ESTABLISHED  │◀─────────────────┘
                             └───┬───────┬───┘
  this side closes: FIN sent     │       │     FIN received: the peer closes
          ┌──────────────────────┘       └──────────────────────┐
          ▼                                                     ▼
  ┌───────────────┐ FIN received ┌───────────────┐      ┌───────────────┐
  │   FIN_WAIT1   ├─────────────▶│    CLOSING    │      │  CLOSE_WAIT   │
  └───────┬───────┘              └───────┬───────┘      └───────┬───────┘
          │ FIN acked                    │ FIN acked            │ FIN sent
          ▼                              │                      ▼
  ┌───────────────┐                      │              ┌───────────────┐
  │   FIN_WAIT2   │                      │              │   LAST_ACK    │
  └───────┬───────┘                      │              └───────┬───────┘
          │ FIN received                 │                      │ FIN acked
          ▼                              │                      ▼
  ┌───────────────┐                      │              ┌───────────────┐
  │ ● TIME_WAIT ● │◀─────────────────────┘              │    CLOSED     │
  └───────┬───────┘                                     └───────────────┘
          │ 60 s are over                                       ▲
          └─────────────────────────────────────────────────────┘
";

#[test]
fn a_state_is_shown_in_the_state_machine() {
    let page = stdout(&mut explain(&["time-wait"]));
    assert!(page.contains(TIME_WAIT), "{page}");
}

#[test]
fn a_locale_without_utf_8_gets_ascii() {
    let page = stdout(explain(&["time-wait"]).env("LC_ALL", "C"));
    assert!(page.is_ascii(), "{page}");
    assert!(page.contains("| * TIME_WAIT * |<---"), "{page}");
}

#[test]
fn what_people_get_wrong_is_told_right() {
    for (word, said) in [
        ("TIME_WAIT", "60 s, fixed when the kernel was built"),
        ("TIME_WAIT", "tcp_fin_timeout does not change it"),
        ("FIN_WAIT2", "2 x (T - 60)"),
        ("FIN_WAIT2", "no limit at all"),
        ("net.ipv4.tcp_fin_timeout", "It does not govern TIME_WAIT"),
        ("CLOSE_WAIT", "A bug in the program on this side"),
        ("keepalive", "7875 s = 2 h 11 min 15 s"),
        ("tcp_rfc1337", "With 1 the RST is ignored"),
        ("TWKilled", "Not TIME_WAITs that were killed"),
        ("idle-timeouts", "350 s: AWS Network Load Balancer"),
    ] {
        let page = stdout(&mut explain(&[word]));
        let words: Vec<&str> = page.split_whitespace().collect();
        assert!(words.join(" ").contains(said), "{word}: {said}\n{page}");
    }
}

#[test]
fn without_a_word_everything_is_listed_in_sections() {
    let list = stdout(&mut explain(&[]));
    for heading in ["Topics", "States", "Reasons", "Settings", "Counters"] {
        assert!(list.lines().any(|line| line == heading), "{list}");
    }
    for name in ["TIME_WAIT", "overflow", "tcp_tw_reuse", "ListenOverflows"] {
        assert!(list.contains(&format!("\n  {name} ")), "{name}\n{list}");
    }
}

#[test]
fn an_unknown_word_is_wrong_usage_and_the_nearest_are_named() {
    let said = refusal(&["tcp_fin_timout"]);
    assert!(said.contains("'tcp_fin_timout'"), "{said}");
    assert!(said.contains("did you mean tcp_fin_timeout"), "{said}");
    assert!(refusal(&["xyzzy"]).contains("lists what there is"));
    assert!(!refusal(&["\x1b[31m"]).contains('\x1b'));
}

#[test]
fn colour_is_for_terminals_or_on_demand_and_no_color_is_honoured() {
    let coloured = |command: &mut Command| stdout(command).contains("\x1b[");
    assert!(!coloured(&mut explain(&["LISTEN"])));
    assert!(coloured(&mut explain(&["LISTEN", "--color", "always"])));
    assert!(!coloured(&mut explain(&["LISTEN", "--color=never"])));
    assert!(!coloured(explain(&["LISTEN"]).env("NO_COLOR", "1")));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    // Waits for the reader to be gone: the pipe is closed before the text can fit into it.
    let mut child = std::process::Command::new("sh")
        .arg("-c")
        .arg(r#"read go; "$0" explain; echo $? >&2"#)
        .arg(env!("CARGO_BIN_EXE_tcptrace"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    drop(child.stdin.take());
    let said: Vec<String> = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .collect();
    child.wait().unwrap();
    assert_eq!(said, ["0"]);
}
