//! How the values of fields are written, and what they can be.
//!
//! A line of a transition has twenty of them. Through `serde_json`, each word is looked through
//! byte by byte for what must be escaped, and a cookie and each address take the way of `fmt`:
//! that was half of the time of a line.

use std::{
    io::Write as _,
    net::IpAddr,
    num::{NonZeroU16, NonZeroU32},
};

use serde_json::{Value, json};

use super::{
    row::{Cells, Field, list},
    short::{Short, hexadecimal, ipv4, nanoseconds},
};
use crate::{
    aggregate::stats::{By, Span},
    diagnose::Verdict,
    doctor::Status,
    host::TimerKind,
    model::{Closer, Comm, Cookie, Detail, Family, FlowEnd, Length, Reason, Runtime, Side, State},
};

/// Appends a text that has nothing to be escaped, in quotes.
fn quote(text: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    line.extend_from_slice(text);
    line.push(b'"');
}

/// Text that others choose.
impl Field for &str {
    fn json(&self, line: &mut Vec<u8>) {
        // Without a branch for each byte, several are looked at at once.
        let escaped = self.bytes().fold(false, |escaped, byte| {
            escaped | (byte < b' ') | (byte == b'"') | (byte == b'\\')
        });
        if escaped {
            // Writing to memory does not fail, and a string can be written.
            let _ = serde_json::to_writer(line, self);
        } else {
            quote(self.as_bytes(), line);
        }
    }

    fn text(&self, cell: &mut Vec<u8>) {
        cell.extend_from_slice(self.as_bytes());
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

impl Field for String {
    fn json(&self, line: &mut Vec<u8>) {
        self.as_str().json(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.as_str().text(cell);
    }

    fn schema() -> Value {
        <&str>::schema()
    }
}

/// The name of a task.
impl Field for Comm {
    fn json(&self, line: &mut Vec<u8>) {
        self.as_str().json(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.as_str().text(cell);
    }

    fn schema() -> Value {
        json!({ "type": "string", "maxLength": 15 })
    }
}

impl Field for &Comm {
    fn json(&self, line: &mut Vec<u8>) {
        (**self).json(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        (**self).text(cell);
    }

    fn schema() -> Value {
        Comm::schema()
    }
}

/// The path of a control group.
#[derive(Clone, Copy, Debug)]
pub struct CgroupPath<'a>(pub &'a str);

impl Field for CgroupPath<'_> {
    fn json(&self, line: &mut Vec<u8>) {
        self.0.json(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.0.text(cell);
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^/" })
    }
}

/// A wall-clock time: RFC 3339 with nanoseconds, UTC.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// What comes before the nanoseconds, behind a quote, as most of them go to JSON.
    second: [u8; 1 + Time::SECOND],
    /// 0 to 999,999,999.
    fraction_ns: u32,
    /// The same in ns since 1970.
    #[cfg_attr(
        not(any(feature = "parquet", feature = "ship")),
        expect(dead_code, reason = "the other forms have it as text")
    )]
    pub(super) wall_ns: i64,
}

impl Time {
    /// `2026-11-22T10:39:11.`
    const SECOND: usize = 20;

    /// The beginning of a text of RFC 3339, up to the dot of the fraction; the fraction; and all of
    /// it in ns since 1970.
    pub fn new(text: &str, fraction_ns: u32, wall_ns: i64) -> Self {
        let mut second = [b'"'; 1 + Self::SECOND];
        // Years have four digits: an i64 has not as many nanoseconds that they had more.
        if let Some(text) = text.as_bytes().first_chunk::<{ Self::SECOND }>() {
            second[1..].copy_from_slice(text);
        }
        Self {
            second,
            fraction_ns,
            wall_ns,
        }
    }

    /// Another time of the same second.
    #[inline]
    pub fn with_fraction(self, fraction_ns: u32, wall_ns: i64) -> Self {
        Self {
            fraction_ns,
            wall_ns,
            ..self
        }
    }
}

impl Field for Time {
    #[inline]
    fn json(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(&self.second);
        nanoseconds(self.fraction_ns, line);
        line.extend_from_slice(b"Z\"");
    }

    fn text(&self, cell: &mut Vec<u8>) {
        cell.extend_from_slice(&self.second[1..]);
        nanoseconds(self.fraction_ns, cell);
        cell.push(b'Z');
    }

    fn schema() -> Value {
        json!({
            "type": "string",
            "format": "date-time",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$",
        })
    }

    /// Ns since 1970, in quotes: so all servers take it.
    #[cfg(feature = "ship")]
    fn insert(&self, key: &str, line: &mut Vec<u8>) {
        line.extend_from_slice(key.as_bytes());
        quote(itoa::Buffer::new().format(self.wall_ns).as_bytes(), line);
    }
}

impl Field for bool {
    #[inline]
    fn json(&self, line: &mut Vec<u8>) {
        self.text(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        let word: &[u8] = if *self { b"true" } else { b"false" };
        cell.extend_from_slice(word);
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

/// What may be unknown.
impl<T: Field> Field for Option<T> {
    #[inline]
    fn json(&self, line: &mut Vec<u8>) {
        match self {
            Some(value) => value.json(line),
            None => line.extend_from_slice(b"null"),
        }
    }

    fn text(&self, cell: &mut Vec<u8>) {
        if let Some(value) = self {
            value.text(cell);
        }
    }

    fn schema() -> Value {
        or_null(T::schema())
    }

    fn names(name: &str, names: &mut Vec<String>) {
        T::names(name, names);
    }

    fn cells(&self, cells: &mut Cells) {
        if let Some(value) = self {
            return value.cells(cells);
        }
        let mut names = Vec::new();
        T::names("", &mut names);
        for _ in names {
            cells.next();
        }
    }

    #[cfg(feature = "ship")]
    #[inline]
    fn insert(&self, key: &str, line: &mut Vec<u8>) {
        if let Some(value) = self {
            value.insert(key, line);
        }
    }

    #[cfg(feature = "ship")]
    fn inserted(name: &str, names: &mut Vec<String>) {
        T::inserted(name, names);
    }
}

/// A schema, or null.
fn or_null(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else {
        return schema;
    };
    let kinds = match schema.get("type") {
        _ if schema.contains_key("enum") => None,
        Some(Value::Array(kinds)) => Some(kinds.clone()),
        Some(kind) => Some(vec![kind.clone()]),
        None => return json!({ "anyOf": [schema, { "type": "null" }] }),
    };
    if let Some(mut kinds) = kinds {
        kinds.push("null".into());
        schema.insert("type".to_owned(), kinds.into());
    } else if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    schema.into()
}

/// Several, with `;` between them in CSV.
impl<T: Field> Field for Vec<T> {
    fn json(&self, line: &mut Vec<u8>) {
        list(self, line, |it, line| it.json(line));
    }

    fn text(&self, cell: &mut Vec<u8>) {
        for (index, it) in self.iter().enumerate() {
            if index > 0 {
                cell.push(b';');
            }
            it.text(cell);
        }
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }

    #[cfg(feature = "ship")]
    fn insert(&self, key: &str, line: &mut Vec<u8>) {
        T::insert_all(self, key, line);
    }

    #[cfg(feature = "ship")]
    fn inserted(name: &str, names: &mut Vec<String>) {
        T::all_inserted(name, names);
    }
}

/// Not more than so many.
#[derive(Debug)]
pub struct AtMost<T, const MOST: usize>(pub Vec<T>);

impl<T: Field, const MOST: usize> Field for AtMost<T, MOST> {
    fn json(&self, line: &mut Vec<u8>) {
        self.0.json(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.0.text(cell);
    }

    fn schema() -> Value {
        let mut schema = <Vec<T>>::schema();
        schema["maxItems"] = MOST.into();
        schema
    }
}

impl Field for Cookie {
    #[inline]
    fn json(&self, line: &mut Vec<u8>) {
        let value = self.0.get();
        // Flush left, so that what is too much can be cut off.
        let unused = value.leading_zeros() / 4;
        let value = value << (4 * unused);
        line.push(b'"');
        line.extend_from_slice(&hexadecimal((value >> 32) as u32));
        line.extend_from_slice(&hexadecimal(value as u32));
        line.truncate(line.len() - unused as usize);
        line.push(b'"');
    }

    fn text(&self, cell: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = write!(cell, "{self}");
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[1-9a-f][0-9a-f]{0,15}$" })
    }

    /// As a number.
    #[cfg(feature = "ship")]
    fn insert(&self, key: &str, line: &mut Vec<u8>) {
        line.extend_from_slice(key.as_bytes());
        line.extend_from_slice(itoa::Buffer::new().format(self.0.get()).as_bytes());
    }
}

impl Field for IpAddr {
    fn json(&self, line: &mut Vec<u8>) {
        match self {
            Self::V4(addr) => ipv4(addr, line),
            Self::V6(addr) => {
                // Writing to memory does not fail.
                let _ = write!(line, "\"{addr}\"");
            }
        }
    }

    fn text(&self, cell: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = write!(cell, "{self}");
    }

    fn schema() -> Value {
        json!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] })
    }
}

impl Field for i64 {
    fn json(&self, line: &mut Vec<u8>) {
        self.text(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        cell.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
    }

    fn schema() -> Value {
        json!({ "type": "integer" })
    }
}

macro_rules! numbers {
    ($($number:ty: $least:literal, $most:expr, |$it:ident| $get:expr;)+) => {
        $(impl Field for $number {
            #[inline]
            fn json(&self, line: &mut Vec<u8>) {
                self.text(line);
            }

            #[inline]
            fn text(&self, cell: &mut Vec<u8>) {
                let $it = self;
                cell.extend_from_slice(itoa::Buffer::new().format($get).as_bytes());
            }

            fn schema() -> Value {
                let most: Option<u64> = $most;
                match most {
                    Some(most) => {
                        json!({ "type": "integer", "minimum": $least, "maximum": most })
                    }
                    None => json!({ "type": "integer", "minimum": $least }),
                }
            }
        })+
    };
}
numbers! {
    u8: 0, Some(255), |it| *it;
    u32: 0, Some(u32::MAX.into()), |it| *it;
    u64: 0, None, |it| *it;
    usize: 0, None, |it| *it;
    NonZeroU16: 1, Some(65_535), |it| it.get();
    NonZeroU32: 1, Some(u32::MAX.into()), |it| it.get();
}

impl Field for f64 {
    fn json(&self, line: &mut Vec<u8>) {
        // Writing to memory does not fail. What is no number is null.
        let _ = serde_json::to_writer(line, self);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.json(cell);
    }

    fn schema() -> Value {
        json!({ "type": "number" })
    }
}

macro_rules! words {
    ($($word:ty),+) => {
        $(impl Field for $word {
            #[inline]
            fn json(&self, line: &mut Vec<u8>) {
                /// In the order of the variants.
                const WORDS: [Short<24>; <$word>::ALL.len()] = {
                    let mut words = [Short::EMPTY; <$word>::ALL.len()];
                    let mut index = 0;
                    while index < words.len() {
                        let word = <$word>::ALL[index];
                        words[word as usize] = Short::quoted(word.name());
                        index += 1;
                    }
                    words
                };
                WORDS[*self as usize].append(line);
            }

            fn text(&self, cell: &mut Vec<u8>) {
                cell.extend_from_slice(self.name().as_bytes());
            }

            fn schema() -> Value {
                json!({ "enum": <$word>::ALL.map(<$word>::name) })
            }
        })+
    };
}
words!(
    By, Closer, Detail, Family, Length, Reason, Runtime, Side, Span, State, Status, TimerKind,
    Verdict
);

/// How a connection ended: `graceful`, or a reason.
impl Field for FlowEnd {
    fn json(&self, line: &mut Vec<u8>) {
        quote(self.name().as_bytes(), line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        cell.extend_from_slice(self.name().as_bytes());
    }

    fn schema() -> Value {
        let reasons = Reason::ALL.map(FlowEnd::Reason);
        let names: Vec<_> = [FlowEnd::Graceful]
            .iter()
            .chain(&reasons)
            .map(|it| it.name())
            .collect();
        json!({ "enum": names })
    }
}

/// A word of some that are not a type's.
pub trait OneOf {
    /// All of them.
    const WORDS: &'static [&'static str];
}

/// See [`OneOf`].
#[derive(Clone, Copy, Debug)]
pub struct Word<T> {
    pub(super) word: &'static str,
    of: std::marker::PhantomData<T>,
}

impl<T> From<&'static str> for Word<T> {
    fn from(word: &'static str) -> Self {
        Self {
            word,
            of: std::marker::PhantomData,
        }
    }
}

impl<T: OneOf> Field for Word<T> {
    fn json(&self, line: &mut Vec<u8>) {
        quote(self.word.as_bytes(), line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        cell.extend_from_slice(self.word.as_bytes());
    }

    fn schema() -> Value {
        json!({ "enum": T::WORDS })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde::Serialize;

    use super::*;

    fn written(value: &impl Field) -> String {
        let mut line = Vec::new();
        value.json(&mut line);
        String::from_utf8(line).expect("text")
    }

    #[track_caller]
    fn is_as_serde_writes(value: impl Field + Serialize) {
        let text = serde_json::to_string(&value).expect("it can be written");
        assert_eq!(written(&value), text);
    }

    #[test]
    fn numbers_and_text_are_written_as_json_has_them() {
        for value in [0, 1, 9, 10, 0xffff_ffff, u64::MAX] {
            is_as_serde_writes(value);
        }
        is_as_serde_writes(NonZeroU16::MAX);
        is_as_serde_writes(u32::MAX);
        is_as_serde_writes(0.1);
        is_as_serde_writes(f64::NAN);
        for text in ["", "nginx", "a\"b", "a\\b", "a\nb", "größe 数据库", "\u{1}"] {
            is_as_serde_writes(text);
        }
        is_as_serde_writes(vec![Some("a"), None]);
        is_as_serde_writes(Vec::<u32>::new());
    }

    #[test]
    fn cookies_are_written_as_ss_writes_them() {
        for bit in 0..64 {
            for value in [1_u64 << bit, u64::MAX >> bit] {
                let cookie = Cookie::new(value).expect("not 0");
                assert_eq!(written(&cookie), format!("\"{value:x}\""));
            }
        }
    }

    #[test]
    fn every_word_is_written_as_it_is_named() {
        for reason in Reason::ALL {
            assert_eq!(written(&reason), format!("\"{}\"", reason.name()));
        }
        for state in State::ALL {
            assert_eq!(written(&state), format!("\"{}\"", state.name()));
        }
        for verdict in Verdict::ALL {
            assert_eq!(written(&verdict), format!("\"{}\"", verdict.name()));
        }
    }

    #[test]
    fn addresses_are_written_as_they_are() {
        for octet in 0..=255 {
            let addr = Ipv4Addr::new(octet, 255 - octet, 0, octet / 2);
            is_as_serde_writes(IpAddr::V4(addr));
        }
        for addr in ["::", "::1", "2001:db8::1:0:0:1", "fe80::1"] {
            is_as_serde_writes(addr.parse::<IpAddr>().expect("an address"));
        }
    }

    #[test]
    fn what_may_be_unknown_may_be_null() {
        assert_eq!(written(&None::<u32>), "null");
        for (schema, expected) in [
            (
                <Option<bool>>::schema(),
                json!({ "type": ["boolean", "null"] }),
            ),
            (
                <Option<Side>>::schema(),
                json!({ "enum": ["local", "remote", null] }),
            ),
        ] {
            assert_eq!(schema, expected);
        }
    }
}
