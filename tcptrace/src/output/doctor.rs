//! What was found, written.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use crate::{
    doctor::{Report, Setting, Status, Value},
    language::{Chapter, Words},
    output::{Look, json::JsonLines, rows::DoctorRow},
};

impl Report {
    /// Writes one JSON object, on a line.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let mut lines = JsonLines::new(out);
        lines.row(&DoctorRow::from(self))?;
        lines.flush()
    }

    /// Writes it for people.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn table(&self, out: &mut impl Write, look: Look) -> io::Result<()> {
        let (bold, bad) = (look.palette.header(), look.palette.trouble());
        let words = Words::kept(Chapter::Doctor, self.language);
        let named = |name: &str, text: &str| {
            words.say("named", [("name", name.into()), ("text", text.into())])
        };
        let partly = self
            .checks
            .iter()
            .any(|check| check.status == Status::Degraded);
        let verdict = match (self.can_trace(), partly) {
            (true, false) => words.word("yes"),
            (true, true) => words.word("in-part"),
            (false, _) => words.word("no"),
        };
        let verdict = words.say("can-be-traced", [("verdict", verdict.into())]);
        heading(out, &verdict, look)?;
        for check in &self.checks {
            let style = match check.status {
                Status::Degraded | Status::Failed => bad,
                Status::Ok | Status::Unknown => anstyle::Style::new(),
            };
            let text = match &check.detail {
                Some(detail) => named(&check.name, detail),
                None => check.name.clone(),
            };
            let status = words.word(check.status.short());
            let blank = " ".repeat(7_usize.saturating_sub(status.width()));
            let mark = format!("  {style}{status}{style:#}{blank} ");
            hang(out, &mark, 10, &text, look)?;
        }

        writeln!(out)?;
        heading(out, &words.word("set-up"), look)?;
        for setting in &self.settings {
            let (mark, line) = setting_line(setting, words);
            hang(out, &format!("  {mark} "), 4, &line, look)?;
            if let Some(meaning) = &setting.meaning {
                hang(out, "      ", 6, meaning, look)?;
            }
        }
        let marks = [words.word("mark-changed"), words.word("mark-not-here")];
        legend(out, &marks, look)?;

        writeln!(out)?;
        heading(out, &words.word("happened"), look)?;
        for counter in &self.counters {
            let (mark, style) = match (counter.trouble, counter.value) {
                (true, _) => ('!', bad),
                (false, Some(1..)) => ('*', bold),
                _ => (' ', anstyle::Style::new()),
            };
            let value = counter
                .value
                .map_or_else(|| "-".to_owned(), |value| value.to_string());
            let begin = format!("  {style}{mark} {:21} {value:>9}{style:#}  ", counter.name);
            hang(out, &begin, 37, &counter.meaning, look)?;
        }
        let marks = [
            words.word("mark-not-0"),
            words.word("mark-trouble"),
            words.word("mark-not-in-kernel"),
        ];
        legend(out, &marks, look)?;

        if !self.warnings.is_empty() {
            writeln!(out)?;
            heading(out, &words.word("to-know"), look)?;
        }
        for warning in &self.warnings {
            let begin = format!("  {bad}!{bad:#} ");
            let text = named(warning.setting, &warning.text);
            hang(out, &begin, 4, &text, look)?;
        }
        writeln!(out)?;
        hang(out, "", 0, &words.word("explain-tells-more"), look)
    }
}

/// Its mark, and name, value and default.
fn setting_line(setting: &Setting, words: &Words) -> (char, String) {
    let unit = |value: &Value| match &setting.unit {
        Some(unit) => format!("{value} {unit}"),
        None => value.to_string(),
    };
    let value = setting.value.as_ref().map_or_else(|| "-".to_owned(), unit);
    let default = setting
        .default
        .as_ref()
        .map_or_else(|| "-".to_owned(), unit);
    let changed =
        setting.value.is_some() && setting.default.is_some() && setting.value != setting.default;
    (
        if changed { '*' } else { ' ' },
        words.say(
            "usually",
            [
                ("setting", format!("{} = {value}", setting.name).into()),
                ("usual", default.into()),
            ],
        ),
    )
}

/// Writes the heading of a part.
fn heading(out: &mut impl Write, text: &str, look: Look) -> io::Result<()> {
    let style = look.palette.header();
    for line in textwrap::wrap(text, look.options()) {
        writeln!(out, "{style}{line}{style:#}")?;
    }
    Ok(())
}

/// Writes what marks mean: in a line, or in one for each where that is too long.
fn legend(out: &mut impl Write, marks: &[String], look: Look) -> io::Result<()> {
    let line = marks.join("    ");
    if line.width() + 2 <= look.width {
        return writeln!(out, "  {line}");
    }
    marks
        .iter()
        .try_for_each(|mark| hang(out, "  ", 2, mark, look))
}

/// Writes a text behind what its first line begins with, which is so many columns wide; below that,
/// where it leaves less than half of the line.
fn hang(
    out: &mut impl Write,
    begin: &str,
    columns: usize,
    text: &str,
    look: Look,
) -> io::Result<()> {
    let below = columns > look.width / 2;
    let indent = " ".repeat(if below { 6 } else { columns });
    let options = look
        .options()
        .initial_indent(&indent)
        .subsequent_indent(&indent);
    let filled = textwrap::fill(text, options);
    if below {
        return writeln!(out, "{}\n{filled}", begin.trim_end());
    }
    writeln!(
        out,
        "{begin}{}",
        filled.get(indent.len()..).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Check, Counter, Warning};
    use crate::language::Language;
    use crate::output::Palette;

    fn report() -> Report {
        Report {
            language: Language::English,
            checks: vec![
                Check::ok("inet_sock_set_state"),
                Check::new("timer_start", Status::Degraded, Some("why ".repeat(40))),
            ],
            settings: vec![Setting {
                name: "tcp_fin_timeout".to_owned(),
                file: "/proc/sys/net/ipv4/tcp_fin_timeout".to_owned(),
                unit: Some("s".to_owned()),
                value: Value::new(vec![30]),
                default: Value::new(vec![60]),
                meaning: Some("an orphan's FIN_WAIT2 ends after 30 s".to_owned()),
            }],
            counters: vec![Counter {
                name: "PAWSTimewait".to_owned(),
                value: None,
                meaning: "segments dropped".to_owned(),
                trouble: false,
            }],
            warnings: vec![Warning {
                setting: "tcp_syncookies",
                text: "is 0 ".repeat(30),
            }],
        }
    }

    fn table(report: &Report) -> String {
        let mut out = Vec::new();
        let look = Look::new(Some(80), false, Palette::plain());
        report.table(&mut out, look).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_tells_value_default_and_meaning_and_unknown_is_a_dash() {
        let table = table(&report());
        for line in [
            "Can this machine be traced? in part",
            "  ok      inet_sock_set_state",
            "  * tcp_fin_timeout = 30 s (default 60 s)",
            "      an orphan's FIN_WAIT2 ends after 30 s",
            "    PAWSTimewait                  -  segments dropped",
        ] {
            assert!(table.lines().any(|it| it == line), "{line}\n{table}");
        }
        for line in table.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn json_says_null_for_what_is_unknown() {
        let mut out = Vec::new();
        report().json(&mut out).unwrap();
        let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(object["type"], "doctor");
        assert_eq!(object["can_trace"], true);
        assert_eq!(object["checks"][1]["status"], "degraded");
        assert_eq!(object["settings"][0]["value"], 30);
        assert!(object["counters"][0]["value"].is_null());
        assert_eq!(object["warnings"][0]["setting"], "tcp_syncookies");
    }

    #[test]
    fn a_failed_check_means_no() {
        let mut report = report();
        report
            .checks
            .push(Check::new("load", Status::Failed, Some("no".to_owned())));
        assert!(!report.can_trace());
        assert!(table(&report).contains("traced? no\n"));
    }
}
