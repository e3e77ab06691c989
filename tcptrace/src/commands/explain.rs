//! `tcptrace explain`: what a state, a reason or a setting means.

use std::io::Write as _;

use anyhow::Result;

use crate::{
    explain::Book,
    language::{Chapter, Language, Words},
    output::{Colour, Look, Palette, Stdout, contents, page, terminal},
    privileges::{self, CapabilitySet},
};

/// What `explain` is told.
#[derive(Clone, Debug)]
pub struct ExplainOptions {
    /// What to explain; the list of everything without.
    pub what: Option<String>,
    /// In which language.
    pub language: Language,
    /// When to colour.
    pub colour: Colour,
}

/// Explains a word, or lists what can be explained.
///
/// # Errors
/// [`UnknownWord`](crate::explain::UnknownWord) when nothing is known of it, or when the output
/// can't be written.
pub fn explain(options: &ExplainOptions) -> Result<()> {
    privileges::keep(CapabilitySet::empty());
    let look = Look::new(
        terminal::columns(),
        !terminal::speaks_unicode(),
        Palette::stdout(options.colour),
    );
    let book = Book::read(options.language)?;
    let words = Words::of(Chapter::Explain, options.language)?;
    let text = match &options.what {
        None => contents(&book, look, &words),
        Some(word) => {
            let pages: Vec<String> = book
                .find(word)?
                .into_iter()
                .map(|entry| page(entry, look, &words))
                .collect();
            pages.join("\n")
        }
    };
    let mut out = Stdout::lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
