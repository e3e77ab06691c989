//! Few bytes, appended to a line: words, and the digits of addresses, cookies and times. Each is written
//! where it belongs; what is put together elsewhere byte by byte, and copied from there in one piece,
//! makes the processor wait.

use std::net::Ipv4Addr;

/// Few bytes, and room behind them: copying a number of bytes that is known beforehand takes two
/// instructions, any other a call.
#[derive(Clone, Copy)]
pub struct Short<const ROOM: usize> {
    bytes: [u8; ROOM],
    length: usize,
}

impl<const ROOM: usize> Short<ROOM> {
    pub const EMPTY: Self = Self {
        bytes: [0; ROOM],
        length: 0,
    };

    pub const fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// A word in quotes.
    pub const fn quoted(word: &str) -> Self {
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
    pub fn append(&self, line: &mut Vec<u8>) {
        let end = line.len() + self.length;
        line.extend_from_slice(&self.bytes);
        line.truncate(end);
    }
}

/// The eight digits of a number, made at once: none of them waits for the one before.
#[inline]
pub fn hexadecimal(value: u32) -> [u8; 8] {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    // A byte for each digit.
    let value = u64::from(value);
    let value = (value | value << 16) & 0x0000_ffff_0000_ffff;
    let value = (value | value << 8) & 0x00ff_00ff_00ff_00ff;
    let value = (value | value << 4) & (EACH * 0x0f);
    let letter = (value + EACH * 6) >> 4 & EACH;
    let beyond_digits = u64::from(b'a' - b'9' - 1);
    (value + EACH * u64::from(b'0') + letter * beyond_digits).to_be_bytes()
}

/// Appends all nine digits of a part of a second, three at a time.
#[inline]
pub fn nanoseconds(fraction_ns: u32, line: &mut Vec<u8>) {
    const THREE_DIGITS: [[u8; 3]; 1000] = {
        let mut all = [[b'0'; 3]; 1000];
        let mut number = 0;
        while number < all.len() {
            all[number] = [
                b'0' + (number / 100) as u8,
                b'0' + (number / 10 % 10) as u8,
                b'0' + (number % 10) as u8,
            ];
            number += 1;
        }
        all
    };
    for part in [fraction_ns / 1_000_000, fraction_ns / 1000, fraction_ns] {
        line.extend_from_slice(&THREE_DIGITS[part as usize % 1000]);
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

/// Appends an IPv4 address, in quotes. Each number is written where it belongs: to put them together elsewhere and copy them
/// takes twice as long.
#[inline]
pub fn ipv4(addr: &Ipv4Addr, line: &mut Vec<u8>) {
    line.push(b'"');
    for octet in addr.octets() {
        OCTETS[usize::from(octet)].append(line);
    }
    // In place of the last dot.
    line.pop();
    line.push(b'"');
}
