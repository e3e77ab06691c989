//! Text that others choose: names of programs and control groups, arguments, paths.

use std::fmt::Write as _;

/// Whether a character only shows, and does nothing to a terminal or to the lines around it:
/// neither a control character, nor a line separator, nor one that turns the direction of what
/// follows.
pub(crate) fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Makes text harmless: what is not UTF-8, and each character that does more than show, is
/// written as its code (`\x1b`). Of a text of more than `most` characters, the rest is left out
/// (`…`).
#[must_use]
pub fn printable(text: &[u8], most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    let mut room = most;
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if room == 0 {
                shown.push('…');
                return shown;
            }
            room -= 1;
            // Writing to a string does not fail.
            let _ = match u32::from(character) {
                _ if is_harmless(character) => shown.write_char(character),
                code @ ..0x80 => write!(shown, "\\x{code:02x}"),
                code => write!(shown, "\\u{{{code:x}}}"),
            };
        }
        for byte in chunk.invalid() {
            if room == 0 {
                shown.push('…');
                return shown;
            }
            room -= 1;
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_only_shows_stays_as_it_is() {
        for text in [
            "",
            "nginx",
            "größe 数据库 →",
            "dev-disk-by\\x2duuid",
            "a\"b,c'd",
        ] {
            assert_eq!(printable(text.as_bytes(), 100), text);
        }
    }

    #[test]
    fn what_does_more_than_show_becomes_its_code() {
        assert_eq!(
            printable(b"\x1b[31m\n\r\x7f", 100),
            "\\x1b[31m\\x0a\\x0d\\x7f"
        );
        assert_eq!(printable("a\u{9b}31m".as_bytes(), 100), "a\\u{9b}31m");
        assert_eq!(printable("a\u{202e}b".as_bytes(), 100), "a\\u{202e}b");
        assert_eq!(printable(b"a\xffb\xc3", 100), "a\\xffb\\xc3");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(printable("größe".as_bytes(), 5), "größe");
        assert_eq!(printable("größen".as_bytes(), 5), "größe…");
        assert_eq!(printable(&[0xff; 3], 2), "\\xff\\xff…");
        assert_eq!(printable(b"a", 0), "…");
        assert_eq!(printable(&vec![b'x'; 1 << 20], 10).chars().count(), 11);
    }
}
