//! The line of `doctor`.

use crate::{
    doctor::{Check, Counter, Report, Setting, Status, Value, Warning},
    output::row::{Field, line, object, row, stored_as_text},
};

row! {
    /// The report.
    pub struct DoctorRow<'a> {
        /// Whether this machine can be traced, if only in part.
        can_trace: bool,
        /// What tracing needs.
        checks: Vec<CheckRow<'a>>,
        /// How TCP is set up in this network namespace.
        settings: Vec<SettingRow<'a>>,
        /// What happened in this network namespace.
        counters: Vec<CounterRow<'a>>,
        /// What to know about these: known traps.
        warnings: Vec<WarningRow<'a>>,
    }
}
line!(DoctorRow<'_> = "doctor", "Whether this machine can be traced, and how TCP is set up on it", "The one line of doctor.");

row! {
    /// Something that tracing needs.
    pub struct CheckRow<'a> {
        /// What was tried.
        name: &'a str,
        /// ok: it is there; degraded: it is missing, and takes a part away; failed: it is missing,
        /// and nothing can be traced; unknown: it was not tried, or can't be told.
        status: Status,
        /// What is missing because of it, and what helps; what was found, if it is there; null when
        /// there is nothing to say.
        detail: Option<&'a str>,
    }
}
object!(CheckRow<'_>);

row! {
    /// A sysctl.
    pub struct SettingRow<'a> {
        /// Its name: tcptrace explain NAME tells more.
        name: &'a str,
        /// Its file.
        file: &'a str,
        /// The unit of its value; null when it has none.
        unit: Option<&'a str>,
        /// Its value, in its unit: a number, or several; null where this kernel or namespace has not
        /// got it.
        value: Option<&'a Value>,
        /// The value on a machine on which nobody changed it, in its unit; null if that can't be
        /// told.
        default: Option<&'a Value>,
        /// What it means on this machine; null when there is nothing to say.
        meaning: Option<&'a str>,
    }
}
object!(SettingRow<'_>);

row! {
    /// A counter.
    pub struct CounterRow<'a> {
        /// Its name in /proc/net/netstat: tcptrace explain NAME tells more.
        name: &'a str,
        /// How often since the namespace was made; null where this kernel has not got it.
        value: Option<u64>,
        /// What it counts.
        meaning: &'a str,
        /// Whether it is not 0, and that is worth a look.
        trouble: bool,
    }
}
object!(CounterRow<'_>);

row! {
    /// Something to know.
    pub struct WarningRow<'a> {
        /// The setting that it is about.
        setting: &'a str,
        /// What is wrong, and what would be better.
        text: &'a str,
    }
}
object!(WarningRow<'_>);

/// One number is a number, several are an array.
impl Field for &Value {
    fn json(&self, line: &mut Vec<u8>) {
        let numbers: Vec<String> = self.numbers().iter().map(i64::to_string).collect();
        let text = numbers.join(",");
        match numbers.len() {
            1 => line.extend_from_slice(text.as_bytes()),
            _ => line.extend_from_slice(format!("[{text}]").as_bytes()),
        }
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.json(cell);
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({
            "type": ["integer", "array"],
            "items": { "type": "integer" },
            "minItems": 2,
        })
    }
}

stored_as_text!(&Value);

impl<'a> From<&'a Report> for DoctorRow<'a> {
    fn from(it: &'a Report) -> Self {
        let check = |it: &'a Check| CheckRow {
            name: &it.name,
            status: it.status,
            detail: it.detail.as_deref(),
        };
        let setting = |it: &'a Setting| SettingRow {
            name: &it.name,
            file: &it.file,
            unit: it.unit.as_deref(),
            value: it.value.as_ref(),
            default: it.default.as_ref(),
            meaning: it.meaning.as_deref(),
        };
        let counter = |it: &'a Counter| CounterRow {
            name: &it.name,
            value: it.value,
            meaning: &it.meaning,
            trouble: it.trouble,
        };
        let warning = |it: &'a Warning| WarningRow {
            setting: it.setting,
            text: &it.text,
        };
        Self {
            can_trace: it.can_trace(),
            checks: it.checks.iter().map(check).collect(),
            settings: it.settings.iter().map(setting).collect(),
            counters: it.counters.iter().map(counter).collect(),
            warnings: it.warnings.iter().map(warning).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_a_number_and_several_are_an_array() {
        for (numbers, text) in [(vec![60], "60"), (vec![1024, 65_535], "[1024,65535]")] {
            let mut line = Vec::new();
            (&Value::new(numbers).unwrap()).json(&mut line);
            assert_eq!(String::from_utf8(line).unwrap(), text);
        }
    }
}
