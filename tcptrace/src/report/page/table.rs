//! A table with a caption, whose rows have a heading each.

use maud::{Markup, html};

use super::writing::Writing;

/// A column.
pub(super) struct Column {
    heading: String,
    /// What stands in it are numbers.
    numbers: bool,
    /// By what stands in it, rows can be sorted.
    sorts: bool,
}

/// A column of names or sentences.
pub(super) fn text(heading: String) -> Column {
    Column {
        heading,
        numbers: false,
        sorts: true,
    }
}

/// A column of drawings.
pub(super) fn drawing(heading: String) -> Column {
    Column {
        heading,
        numbers: false,
        sorts: false,
    }
}

/// A column of numbers.
pub(super) fn number(heading: String) -> Column {
    Column {
        heading,
        numbers: true,
        sorts: true,
    }
}

/// A table. The first cell of a row is its heading. `beside`: so many rows are left out.
pub(super) fn table(
    writing: &Writing<'_>,
    caption: Markup,
    columns: &[Column],
    rows: &[Vec<Markup>],
    beside: usize,
) -> Markup {
    html! {
        div.wide tabindex="0" role="group" aria-label=(writing.word("table")) {
            table.sortable[rows.len() > 2] {
                caption { (caption) }
                thead {
                    tr {
                        @for column in columns {
                            th.n[column.numbers].fixed[!column.sorts] scope="col" { (column.heading) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (cell, column) in row.iter().zip(columns).take(1) {
                                th.n[column.numbers] scope="row" { (cell) }
                            }
                            @for (cell, column) in row.iter().zip(columns).skip(1) {
                                td.n[column.numbers] { (cell) }
                            }
                        }
                    }
                }
            }
        }
        @if beside > 0 {
            p.more { (writing.say("more-rows", [("count", beside.into())])) }
        }
    }
}

/// A cell of plain text.
pub(super) fn cell(text: impl Into<String>) -> Markup {
    let text: String = text.into();
    html! { (text) }
}
