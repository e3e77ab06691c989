//! A report.

use tcptrace::{
    doctor::Report,
    doctor::{Check, Counter, Setting, Status, Value, Warning},
};

/// What `doctor` reports.
pub fn report() -> Report {
    let check = |name: &str, status, detail: Option<&str>| Check {
        name: name.to_owned(),
        status,
        detail: detail.map(str::to_owned),
    };
    let setting = |name: &str, unit: Option<&str>, value: &[i64], default: &[i64]| Setting {
        name: name.to_owned(),
        file: format!("/proc/sys/net/ipv4/{name}"),
        unit: unit.map(str::to_owned),
        value: Value::new(value.to_vec()),
        default: Value::new(default.to_vec()),
        meaning: value
            .first()
            .map(|value| format!("what {value} means on this machine, in plain words")),
    };
    let counter = |name: &str, value, trouble| Counter {
        name: name.to_owned(),
        value,
        meaning: "what it counts, which may take more than one line to say".to_owned(),
        trouble,
    };
    Report {
        language: tcptrace::language::Language::English,
        checks: vec![
            check("kernel", Status::Ok, Some("6.18.44")),
            check("inet_sock_set_state", Status::Ok, None),
            check(
                "timer_start",
                Status::Degraded,
                Some(
                    "not there: TIME_WAIT and SYN_RECV can't be seen; a kernel from 5.12 on helps",
                ),
            ),
            check("tcp_send_reset", Status::Unknown, None),
        ],
        settings: vec![
            setting("tcp_fin_timeout", Some("s"), &[30], &[60]),
            setting("tcp_syncookies", None, &[1], &[1]),
            setting(
                "ip_local_port_range",
                None,
                &[50_000, 50_099],
                &[32_768, 60_999],
            ),
            setting("tcp_tw_reuse_delay", Some("ms"), &[], &[1000]),
        ],
        counters: vec![
            counter("TW", Some(172), false),
            counter("ListenOverflows", Some(3), true),
            counter("TCPTimeWaitOverflow", Some(0), false),
            counter("PAWSTimewait", None, false),
        ],
        warnings: vec![Warning {
            setting: "ip_local_port_range",
            text: "only 100 ports: connect() fails beyond about 1 connections a second to one \
                   destination"
                .to_owned(),
        }],
    }
}
