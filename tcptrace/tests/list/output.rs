//! Formats, counts and the end.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpStream,
    process::Stdio,
};

use crate::{
    listing::{connect, listener, output, ports, sockets, tcptrace, wait_for_state},
    namespace::Namespace,
};

#[test]
fn states_are_counted() {
    let net = Namespace::of_process();
    let listener = listener(&net, 8);
    let to = listener.local_addr().unwrap();
    let (client, other) = (
        TcpStream::connect(to).unwrap(),
        TcpStream::connect(to).unwrap(),
    );
    let server = listener.accept().unwrap();
    let ports = ports(&client);
    drop(client);
    drop(server);
    wait_for_state(ports, "TIME_WAIT");

    let counts = output(&["-s", "-o", "json"]);
    assert_eq!(counts.lines().count(), 11, "{counts}");
    for (state, numbers) in [
        ("LISTEN", r#""sockets":1,"orphans":0,"minisocks":0"#),
        ("ESTABLISHED", r#""sockets":2,"orphans":0,"minisocks":0"#),
        ("TIME_WAIT", r#""sockets":1,"orphans":1,"minisocks":1"#),
        ("CLOSE_WAIT", r#""sockets":0,"orphans":0,"minisocks":0"#),
    ] {
        let line = format!(r#"{{"type":"count","state":"{state}",{numbers}}}"#);
        assert!(
            counts.lines().any(|it| it == line),
            "{line} not in {counts}"
        );
    }
    let table = output(&["--summary"]);
    let all = table.lines().last().unwrap();
    assert_eq!(
        all.split_whitespace().collect::<Vec<_>>(),
        ["all", "4", "1", "1"]
    );
    let csv = output(&["-s", "-o", "csv", "--state", "time-wait"]);
    assert_eq!(csv, "state,sockets,orphans,minisocks\nTIME_WAIT,1,1,1\n");
    drop(other);
}

#[test]
fn a_table_fits_120_columns_and_is_sorted_and_aligned() {
    let net = Namespace::of_process();
    let (one, _held) = connect(&net);
    let (two, half) = connect(&net);
    let orphan = ports(&two);
    drop(two);
    wait_for_state(orphan, "FIN_WAIT2");

    let table = output(&[]);
    let lines: Vec<&str> = table.lines().collect();
    for line in &lines {
        assert!(line.chars().count() <= 120, "{line}");
    }
    let states: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        states,
        [
            "STATE",
            "ESTABLISHED",
            "ESTABLISHED",
            "FIN_WAIT2",
            "CLOSE_WAIT"
        ]
    );
    // Numbers end where their header does.
    for header in ["RECV-Q", "SEND-Q", "LEFT", "AGE"] {
        let end = lines[0].find(header).unwrap() + header.len();
        for line in &lines[1..] {
            let before = line.chars().nth(end - 1).unwrap();
            assert!(
                before != ' ' && line.chars().nth(end) == Some(' '),
                "{line}"
            );
        }
    }
    let minisock = lines[3];
    assert!(minisock.contains("timewait"), "{minisock}");
    assert!(minisock.ends_with("minisock"), "{minisock}");
    let local_ports: Vec<u16> = sockets(&["--state", "established"])
        .iter()
        .filter_map(|line| line.local_port)
        .collect();
    assert!(local_ports.is_sorted());
    drop((one, half));
}

#[test]
fn csv_has_the_fields_of_json() {
    let net = Namespace::of_process();
    let (client, server) = connect(&net);
    let ports = ports(&client);
    drop(client);
    drop(server);
    wait_for_state(ports, "TIME_WAIT");

    let text = output(&["-o", "csv"]);
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let values: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(header.len(), values.len());
    let field = |name| values[header.iter().position(|it| *it == name).unwrap()];
    assert_eq!(field("state"), "TIME_WAIT");
    assert_eq!(field("timer_kind"), "timewait");
    assert_eq!(field("timer_retries"), "0");
    assert_eq!(field("minisock"), "true");
    assert_eq!(field("orphan"), "true");
    assert_eq!((field("pid"), field("keepalive")), ("", ""));
    assert_eq!(field("local_port"), ports.0.to_string());
    assert_eq!(lines.next(), None);
}

#[test]
fn nothing_to_show_is_an_empty_list() {
    let _net = Namespace::of_process();
    assert_eq!(output(&["-o", "json"]), "");
    assert_eq!(output(&["-o", "csv"]).lines().count(), 1);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let net = Namespace::of_process();
    let _listeners: Vec<_> = (0..900).map(|_| listener(&net, 1)).collect();
    for format in ["json", "csv", "table"] {
        let mut child = tcptrace(&["list", "-o", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut reader = BufReader::with_capacity(64, child.stdout.take().unwrap());
        reader.read_line(&mut line).unwrap();
        drop(reader);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{format}");
        assert!(ended.stderr.is_empty(), "{format}");
    }
}
