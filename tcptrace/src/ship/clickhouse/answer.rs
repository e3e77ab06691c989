//! What an answer of ClickHouse means: whether it went well, may go well later, or never will.

use std::{fmt::Display, io::ErrorKind, time::Duration};

use ureq::{Error, Timeout};

use crate::ship::{address::ClickHouseAddress, target::Failure};

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// How long it asks to wait.
    pub after: Option<Duration>,
    pub text: String,
}

impl Answer {
    /// Whether it went well. An error that came late is told behind a good status.
    pub fn is_good(&self) -> bool {
        self.status == 200 && self.code().is_none()
    }

    /// The number of the error (src/Common/ErrorCodes.cpp); `None`: there is none.
    fn code(&self) -> Option<u32> {
        let (_, rest) = self.text.split_once("Code: ")?;
        if !rest.contains("DB::") {
            return None;
        }
        let digits = rest.split(|it: char| !it.is_ascii_digit()).next()?;
        digits.parse().ok()
    }

    /// The error, in a line that is not too long.
    fn said(&self) -> String {
        let line = self.text.lines().find(|it| !it.trim().is_empty());
        let line = line.unwrap_or("no word").trim();
        let line = line.split(", Stack trace").next().unwrap_or(line);
        let mut said: String = line.chars().take(400).collect();
        if said.len() < line.len() {
            said.push('…');
        }
        said
    }
}

/// Nobody may do that, with this user and password.
const DENIED: [u32; 5] = [192, 193, 194, 497, 516];
/// No such table, or database.
const ABSENT: [u32; 3] = [60, 81, 1001];
/// The table has other columns, or no such setting.
const OTHER_SCHEMA: [u32; 6] = [8, 10, 16, 20, 47, 115];
/// Rows that can't be read, or do not fit.
const BAD_ROWS: [u32; 12] = [6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 349];
/// Nothing was done, as there was too much to do, or no room: too many queries or parts, memory, a
/// table that is read-only for a while, no ZooKeeper.
const TOO_MUCH: [u32; 9] = [202, 225, 241, 242, 243, 252, 285, 410, 667];
/// It is being inserted just now.
const UNDER_WAY: u32 = 216;

/// What went wrong.
pub(super) fn failure_of(answer: &Answer, at: &ClickHouseAddress) -> Failure {
    let said = answer.said();
    let later = |in_doubt| Failure::Later {
        why: format!("{at}: {said}"),
        in_doubt,
        after: answer.after,
    };
    let user = &at.user;
    match (answer.code(), answer.status) {
        (Some(code), _) if DENIED.contains(&code) => Failure::never(format!(
            "{at} does not let {user} in, or not do that: {said} (the user stands in --to, the password in \
             --password-file or TCPTRACE_SHIP_PASSWORD)"
        )),
        (Some(81), _) => Failure::never(format!(
            "{at}: there is no database {}: CREATE DATABASE makes it, or --to names another: {said}",
            at.database
        )),
        (Some(code), _) if ABSENT.contains(&code) => Failure::never(format!(
            "{at}: a table is missing: --create makes it: {said}"
        )),
        (Some(code), _) if OTHER_SCHEMA.contains(&code) => Failure::never(format!(
            "{at}: the table is not as this tcptrace writes it (tcptrace ship --print-schema clickhouse prints \
             what it should be): {said}"
        )),
        (Some(code), _) if BAD_ROWS.contains(&code) => Failure::Never {
            why: format!(
                "{at} refuses the rows; nothing is lost, and the same command goes on from there: {said}"
            ),
            rows_refused: true,
        },
        (Some(code), _) if TOO_MUCH.contains(&code) => later(false),
        (Some(UNDER_WAY), _) => super::under_way(at),
        (Some(_), _) => later(true),
        (None, 401 | 403) => Failure::never(format!(
            "{at} does not let {user} in ({}): the user stands in --to, the password in --password-file or \
             TCPTRACE_SHIP_PASSWORD",
            answer.status
        )),
        (None, 429 | 502 | 503 | 504) => later(answer.status != 429),
        (None, 500..) => later(true),
        (None, status) => Failure::never(format!(
            "{at} answers {status}, as ClickHouse does not: is it ClickHouse's HTTP port? ({said})"
        )),
    }
}

/// What it means that there is no answer.
pub(super) fn failure_of_transport(error: &Error, at: &ClickHouseAddress) -> Failure {
    let later = |in_doubt| Failure::Later {
        why: format!("{at}: {error}"),
        in_doubt,
        after: None,
    };
    let no_tls = |why: &dyn Display| {
        Failure::never(format!(
            "{at}: no connection by TLS: {why} (--ca FILE names what its certificate is checked with)"
        ))
    };
    match error {
        Error::HostNotFound | Error::Timeout(Timeout::Resolve | Timeout::Connect) => later(false),
        Error::Io(error)
            if matches!(
                error.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::AddrNotAvailable
            ) =>
        {
            later(false)
        }
        Error::Tls(_) | Error::Rustls(_) => no_tls(error),
        // What the handshake found is within what reading failed with: nothing was sent.
        Error::Io(error)
            if let Some(why) = error.get_ref().and_then(|it| it.downcast_ref())
                && matches!(
                    why,
                    rustls::Error::InvalidCertificate(_)
                        | rustls::Error::InvalidMessage(_)
                        | rustls::Error::PeerIncompatible(_)
                ) =>
        {
            no_tls(why)
        }
        Error::BadUri(_) | Error::Http(_) => Failure::never(format!("{at}: {error}")),
        // What became of what was sent is not known.
        _ => later(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> ClickHouseAddress {
        ClickHouseAddress {
            tls: false,
            user: "me".to_owned(),
            host: "there".to_owned(),
            port: 1,
            database: "flows".to_owned(),
        }
    }

    fn answer(status: u16, text: &str) -> Answer {
        Answer {
            status,
            after: None,
            text: text.to_owned(),
        }
    }

    fn of(status: u16, text: &str) -> Failure {
        failure_of(&answer(status, text), &at())
    }

    #[test]
    fn an_error_behind_a_good_status_is_one() {
        assert!(answer(200, "").is_good());
        assert!(answer(200, "7\n").is_good());
        let late = "7\nCode: 241. DB::Exception: Memory limit exceeded";
        assert!(!answer(200, late).is_good());
        assert!(!answer(204, "").is_good());
        assert!(!answer(500, "").is_good());
    }

    #[test]
    fn what_heals_is_told_from_what_does_not() {
        let old = |code: u32| {
            format!("Code: {code}, e.displayText() = DB::Exception: No, e.what() = DB::Exception")
        };
        let new = |code: u32| format!("Code: {code}. DB::Exception: No. (NAME) (version 26.9)");
        for text in [&old as &dyn Fn(u32) -> String, &new] {
            for (code, in_doubt) in [
                (252, false),
                (202, false),
                (242, false),
                (216, true),
                (319, true),
                (999, true),
            ] {
                let failure = of(500, &text(code));
                let Failure::Later {
                    in_doubt: told,
                    why,
                    ..
                } = &failure
                else {
                    panic!("{failure:?}");
                };
                assert_eq!(*told, in_doubt, "{why}");
            }
            for (code, words, rows) in [
                (193, "--password-file", false),
                (516, "does not let me in", false),
                (60, "--create", false),
                (81, "no database flows", false),
                (16, "--print-schema", false),
                (117, "refuses the rows", true),
            ] {
                let failure = of(500, &text(code));
                let Failure::Never { why, rows_refused } = &failure else {
                    panic!("{failure:?}");
                };
                assert!(why.contains(words), "{why}");
                assert_eq!(*rows_refused, rows, "{why}");
            }
        }
        assert!(matches!(
            of(503, "busy"),
            Failure::Later { in_doubt: true, .. }
        ));
        assert!(matches!(of(404, "nginx"), Failure::Never { .. }));
    }

    #[test]
    fn what_was_not_sent_is_not_in_doubt() {
        let kind = |kind: ErrorKind| Error::Io(kind.into());
        for (error, expected) in [
            (kind(ErrorKind::ConnectionRefused), false),
            (Error::HostNotFound, false),
            (Error::Timeout(Timeout::Connect), false),
            (Error::Timeout(Timeout::Global), true),
            (kind(ErrorKind::ConnectionReset), true),
            (kind(ErrorKind::UnexpectedEof), true),
        ] {
            match failure_of_transport(&error, &at()) {
                Failure::Later { in_doubt, .. } => assert_eq!(in_doubt, expected, "{error}"),
                failure @ Failure::Never { .. } => panic!("{error}: {failure:?}"),
            }
        }
    }
}
