//! Where lines may break.

use textwrap::{Options, WordSeparator, WordSplitter, core::Word};
use unicode_linebreak::linebreaks;
use unicode_width::UnicodeWidthChar as _;

/// For lines of so many columns. Names with a dash or a slash in them stay in one piece; Chinese breaks
/// between characters, but not in front of a mark that ends a sentence.
pub fn wrapping(columns: usize) -> Options<'static> {
    Options::new(columns)
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::Custom(words))
}

/// The pieces of a line that stay together, each with the blanks behind it.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut start = 0;
    let breaks = linebreaks(line).map(|(at, _)| at).filter(|at| {
        let wide = |it: char| it.width() == Some(2);
        let before = line[..*at].chars().next_back();
        let behind = line[*at..].chars().next();
        *at == line.len()
            || before.is_some_and(|it| it == ' ' || wide(it))
            || behind.is_some_and(wide)
    });
    Box::new(breaks.map(move |at| Word::from(&line[std::mem::replace(&mut start, at)..at])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(line: &str) -> Vec<String> {
        let words = words(line);
        words
            .map(|it| format!("{}{}", it.word, it.whitespace))
            .collect()
    }

    #[test]
    fn names_stay_in_one_piece_and_chinese_breaks_between_characters() {
        assert_eq!(
            pieces("see long-short, /proc/sys/net"),
            ["see ", "long-short, ", "/proc/sys/net"]
        );
        assert_eq!(
            pieces("收到 FIN，结束（完）。"),
            ["收", "到 ", "FIN，", "结", "束", "（完）。"]
        );
        assert!(pieces("").is_empty());
    }
}
