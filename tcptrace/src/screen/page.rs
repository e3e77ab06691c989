//! A page of `explain`, in lines.

use crate::{
    explain::Book,
    language::{Chapter, Language, Words},
    output::{Look, Palette, page},
};

/// What is written about a word, in lines of so many columns; `None`: nothing is.
#[must_use]
pub fn of(word: &str, columns: usize, ascii: bool, language: Language) -> Option<Vec<String>> {
    let book = Book::read(language).ok()?;
    let words = Words::kept(Chapter::Explain, language);
    let look = Look::new(Some(columns), ascii, Palette::plain());
    let entries = book.find(word).ok()?;
    let pages: Vec<String> = entries
        .into_iter()
        .map(|it| page(it, look, words))
        .collect();
    Some(pages.join("\n").lines().map(str::to_owned).collect())
}
