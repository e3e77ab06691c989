//! The page: one file of HTML, in one language.

mod about;
mod chart;
mod connections;
mod ends;
mod explained;
mod handshakes;
mod idle;
mod machine;
mod overview;
mod policy;
mod ports;
mod rates;
mod states;
mod stuck;
mod svg;
mod table;
mod time_waits;
mod traced;
mod values;
mod writing;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::{policy::Policy, writing::Writing};
use super::Gathered;
use crate::{
    explain::{Book, BookError},
    language::{Chapter, Language, Words, WordsError},
    output::RecordingReport,
};

/// The look, and what a script adds to it.
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");
/// uPlot, as it is given away: see data/uplot.
const UPLOT_STYLE: &str = include_str!("../../../data/uplot/uPlot.min.css");
const UPLOT: &str = include_str!("../../../data/uplot/uPlot.iife.min.js");

/// Why no page can be made: a mistake in the program.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Its words are not of the form.
    #[error(transparent)]
    Words(#[from] WordsError),
    /// The explanations are not of the form.
    #[error(transparent)]
    Book(#[from] BookError),
}

/// All that a page tells.
pub struct Page<'a> {
    /// What the recording says of itself.
    pub recording: &'a RecordingReport,
    /// What was gathered of it.
    pub gathered: &'a Gathered,
    /// What was asked for when it was read: options, each with its value.
    pub asked: &'a [(String, String)],
    /// All of the recording was asked for, and not some of its time alone.
    pub whole: bool,
    /// Something could not be read.
    pub damaged: bool,
}

impl Page<'_> {
    /// Writes it.
    ///
    /// # Errors
    /// See [`PageError`].
    pub fn write(&self, language: Language) -> Result<String, PageError> {
        let words = Words::of(Chapter::Report, language)?;
        let explaining = Words::of(Chapter::Explain, language)?;
        let book = Book::read(language)?;
        let writing = Writing::new(&words, &explaining, &book);
        Ok(self.html(&writing).into_string())
    }

    fn html(&self, writing: &Writing<'_>) -> Markup {
        let sections = [
            overview::section(self, writing),
            traced::section(self, writing),
            machine::section(self, writing),
            states::section(self, writing),
            rates::section(self, writing),
            time_waits::section(self, writing),
            ends::section(self, writing),
            idle::section(self, writing),
            stuck::section(self, writing),
            ports::section(self, writing),
            handshakes::section(self, writing),
            connections::section(self, writing),
        ];
        // These know which words the others named.
        let explained = explained::section(writing);
        let about = about::section(writing);
        let sections: Vec<&Section> = sections.iter().chain([&explained, &about]).collect();
        let styles = [UPLOT_STYLE, STYLE];
        let scripts = [UPLOT, SCRIPT];
        let policy = Policy {
            styles: &styles,
            scripts: &scripts,
        };
        let title = writing.say("title", [("host", self.hosts().into())]);
        html! {
            (DOCTYPE)
            html lang=(writing.language().tag()) {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    meta name="generator" content=(concat!("tcptrace ", env!("CARGO_PKG_VERSION")));
                    title { (title) }
                    @for style in styles {
                        style { (PreEscaped(style)) }
                    }
                }
                body {
                    a.skip href="#overview" { (writing.word("skip")) }
                    header.top {
                        h1 { (title) }
                        (overview::span(self, writing))
                    }
                    div.columns {
                        nav aria-label=(writing.word("contents")) {
                            ol {
                                @for section in &sections {
                                    li { a href={ "#" (section.id) } { (section.heading) } }
                                }
                            }
                        }
                        main {
                            @for section in &sections {
                                section id=(section.id) aria-labelledby={ "h-" (section.id) } {
                                    h2 id={ "h-" (section.id) } { (section.heading) }
                                    (section.body)
                                }
                            }
                        }
                    }
                    (writing.labels())
                    @for script in scripts {
                        script { (PreEscaped(script)) }
                    }
                }
            }
        }
    }

    /// The machines that it is of.
    fn hosts(&self) -> String {
        let mut hosts: Vec<String> = Vec::new();
        for part in self.recording.pieces() {
            if let Some(beginning) = part.piece.beginning() {
                let host = values::name(&beginning.host);
                if !hosts.contains(&host) {
                    hosts.push(host);
                }
            }
        }
        hosts.join(", ")
    }
}

/// A part of the page with a heading.
struct Section {
    /// What a link to it names.
    id: &'static str,
    heading: String,
    body: Markup,
}
