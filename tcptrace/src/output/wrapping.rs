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
    let wide = |it: char| it.width() == Some(2);
    // Unicode's rules, beside Chinese; they would break names at a slash, and not before one.
    let mut beside_wide = linebreaks(line)
        .map(|(at, _)| at)
        .filter(move |at| line[..*at].ends_with(wide) || line[*at..].starts_with(wide));
    let mut next_wide = beside_wide.next();
    let mut start = 0;
    let mut ends = line
        .char_indices()
        .skip(1)
        .map(|(at, _)| at)
        .chain([line.len()]);
    Box::new(std::iter::from_fn(move || {
        let end = ends.find(|at| {
            while next_wide.is_some_and(|it| it < *at) {
                next_wide = beside_wide.next();
            }
            let behind_blank = line[..*at].ends_with(' ') && !line[*at..].starts_with(' ');
            *at == line.len() || behind_blank || next_wide == Some(*at)
        })?;
        let piece = &line[start..end];
        start = end;
        (!piece.is_empty()).then(|| Word::from(piece))
    }))
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
        assert_eq!(pieces("用root运行"), ["用", "root", "运", "行"]);
        assert_eq!(pieces("two  blanks"), ["two  ", "blanks"]);
        assert!(pieces("").is_empty());
    }

    #[test]
    fn lines_break_between_pieces_alone() {
        let fill = |line: &str, columns| textwrap::fill(line, wrapping(columns));
        assert_eq!(fill("see long-short", 12), "see\nlong-short");
        assert_eq!(fill("收到FIN，结束。", 6), "收到\nFIN，\n结束。");
    }
}
