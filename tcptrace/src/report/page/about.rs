//! What made the page, and whose work is in it.

use maud::html;

use super::{Section, writing::Writing};

/// The licence of uPlot, which asks to be given along.
const UPLOT_LICENCE: &str = include_str!("../../../data/uplot/LICENSE");

pub(super) fn section(writing: &Writing<'_>) -> Section {
    Section {
        id: "about",
        heading: writing.word("about"),
        body: html! {
            (writing.note("about-note", [("version", env!("CARGO_PKG_VERSION").into())]))
            details.list lang="en" {
                summary { "uPlot 1.6.32, MIT" }
                pre { (UPLOT_LICENCE) }
            }
        },
    }
}
