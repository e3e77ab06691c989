//! Values, appended to a line of JSON as `serde_json` would write them.
//!
//! A line of a transition has twenty of them. Through `serde_json`, each word is looked through
//! byte by byte for what must be escaped, and a cookie and each address take the way of `fmt`:
//! that was half of the time of a line.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
};

use crate::model::{Closer, Cookie, Detail, Reason, Side, State};

/// What can be appended.
pub(super) trait Append {
    /// Appends it.
    fn append(&self, line: &mut Vec<u8>);
}

/// Appends fields to a line of JSON, each with a comma and its name before it.
macro_rules! fields {
    ($line:ident, $($field:ident = $value:expr;)+) => {
        $(
            $line.extend_from_slice(concat!(",\"", stringify!($field), "\":").as_bytes());
            $value.append($line);
        )+
    };
}
pub(super) use fields;

/// A word that has nothing to be escaped.
pub(super) struct Word<'a>(pub &'a str);

impl Append for Word<'_> {
    fn append(&self, line: &mut Vec<u8>) {
        line.push(b'"');
        line.extend_from_slice(self.0.as_bytes());
        line.push(b'"');
    }
}

/// Few bytes, and room behind them: copying a number of bytes that is known beforehand takes two
/// instructions, any other a call.
#[derive(Clone, Copy)]
struct Short<const ROOM: usize> {
    bytes: [u8; ROOM],
    length: usize,
}

impl<const ROOM: usize> Short<ROOM> {
    const EMPTY: Self = Self {
        bytes: [0; ROOM],
        length: 0,
    };

    const fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// A word in quotes.
    const fn quoted(word: &str) -> Self {
        let mut all = Self::EMPTY;
        all.push(b'"');
        let mut index = 0;
        while index < word.len() {
            all.push(word.as_bytes()[index]);
            index += 1;
        }
        all.push(b'"');
        all
    }

    #[inline]
    fn append(&self, line: &mut Vec<u8>) {
        let end = line.len() + self.length;
        line.extend_from_slice(&self.bytes);
        line.truncate(end);
    }
}

impl Append for &str {
    fn append(&self, line: &mut Vec<u8>) {
        // Without a branch for each byte, several are looked at at once.
        let escaped = self.bytes().fold(false, |escaped, byte| {
            escaped | (byte < b' ') | (byte == b'"') | (byte == b'\\')
        });
        if escaped {
            // Writing to memory does not fail, and a string can be written.
            let _ = serde_json::to_writer(line, self);
        } else {
            Word(self).append(line);
        }
    }
}

impl<T: Append> Append for Option<T> {
    fn append(&self, line: &mut Vec<u8>) {
        match self {
            Some(value) => value.append(line),
            None => line.extend_from_slice(b"null"),
        }
    }
}

impl Append for Cookie {
    fn append(&self, line: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let value = self.0.get();
        line.push(b'"');
        for place in (0..16 - value.leading_zeros() / 4).rev() {
            line.push(DIGITS[(value >> (4 * place)) as usize & 15]);
        }
        line.push(b'"');
    }
}

impl Append for IpAddr {
    fn append(&self, line: &mut Vec<u8>) {
        match self {
            Self::V4(addr) => ipv4(addr).append(line),
            Self::V6(addr) => {
                // Writing to memory does not fail.
                let _ = write!(line, "\"{addr}\"");
            }
        }
    }
}

/// Each number of an IPv4 address, with the dot behind it.
const OCTETS: [Short<4>; 256] = {
    let mut octets = [Short::EMPTY; 256];
    let mut octet = 0;
    while octet < octets.len() {
        let text = &mut octets[octet];
        if octet >= 100 {
            text.push(b'0' + (octet / 100) as u8);
        }
        if octet >= 10 {
            text.push(b'0' + (octet / 10 % 10) as u8);
        }
        text.push(b'0' + (octet % 10) as u8);
        text.push(b'.');
        octet += 1;
    }
    octets
};

/// In quotes.
fn ipv4(addr: &Ipv4Addr) -> Short<32> {
    let mut text = Short::EMPTY;
    text.push(b'"');
    for octet in addr.octets() {
        let octet = &OCTETS[usize::from(octet)];
        // All four bytes, as their number is known beforehand; what is too much is overwritten.
        text.bytes[text.length..text.length + 4].copy_from_slice(&octet.bytes);
        text.length += octet.length;
    }
    text.bytes[text.length - 1] = b'"';
    text
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl Append for $number {
            fn append(&self, line: &mut Vec<u8>) {
                line.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
            }
        })+
    };
}
numbers!(u16, u32, u64);

macro_rules! words {
    ($($word:ty),+) => {
        $(impl Append for $word {
            fn append(&self, line: &mut Vec<u8>) {
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
        })+
    };
}
words!(State, Reason, Detail, Side, Closer);

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[track_caller]
    fn is_as_serde_writes(value: impl Append + Serialize) {
        let mut line = Vec::new();
        value.append(&mut line);
        let line = String::from_utf8(line).expect("text");
        assert_eq!(
            line,
            serde_json::to_string(&value).expect("it can be written")
        );
    }

    #[test]
    fn numbers_and_cookies_are_written_as_they_are() {
        for value in [0, 1, 9, 10, 0xffff_ffff, u64::MAX] {
            is_as_serde_writes(value);
            is_as_serde_writes(Cookie::new(value));
        }
        for bit in 0..64 {
            is_as_serde_writes(Cookie::new(1 << bit));
            is_as_serde_writes(Cookie::new(u64::MAX >> bit));
        }
        is_as_serde_writes(u16::MAX);
        is_as_serde_writes(u32::MAX);
    }

    #[test]
    fn what_is_not_known_is_null() {
        is_as_serde_writes(None::<u16>);
        is_as_serde_writes(None::<&str>);
    }

    #[test]
    fn addresses_are_text() {
        for addr in ["255.255.255.255", "::", "fe80::1:ff"] {
            is_as_serde_writes(addr.parse::<IpAddr>().expect("an address"));
        }
        for octet in 0..=255 {
            is_as_serde_writes(IpAddr::from([octet, 0, octet, octet]));
        }
    }

    #[test]
    fn names_cannot_break_a_line() {
        for name in [
            "",
            "nginx",
            "a\"b",
            "a\\b",
            "tab\t",
            "\u{1}",
            "\u{7f}é",
            "/system.slice/one.service",
        ] {
            is_as_serde_writes(name);
        }
    }

    #[test]
    fn words_are_those_of_the_interface() {
        State::ALL.into_iter().for_each(is_as_serde_writes);
        Reason::ALL.into_iter().for_each(is_as_serde_writes);
        Detail::ALL.into_iter().for_each(is_as_serde_writes);
        Side::ALL.into_iter().for_each(is_as_serde_writes);
        Closer::ALL.into_iter().for_each(is_as_serde_writes);
    }
}
