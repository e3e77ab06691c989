//! How the output of a command is chosen.

use std::io::BufWriter;

use crate::{
    language::Language,
    output::{Colour, Csv, Json, Palette, Shown, Stdout, Table, TableLook, Tabled, View, terminal},
};

/// Formats of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// One object a line.
    Json,
    /// With a header line.
    Csv,
}

/// Standard output, buffered.
pub(super) fn stdout() -> BufWriter<Stdout> {
    BufWriter::with_capacity(1 << 16, Stdout::lock())
}

/// How a table looks on standard output.
pub(super) fn table_look(colour: Colour, language: Language, utc: bool) -> TableLook {
    TableLook {
        palette: Palette::stdout(colour),
        ascii: !terminal::speaks_unicode(),
        language,
        utc,
    }
}

/// Writes a line for each of what is shown to standard output.
pub(super) fn lines_of<T: Shown + Tabled>(
    output: Output,
    colour: Colour,
    language: Language,
    utc: bool,
) -> Box<dyn View<T>> {
    let out = stdout();
    match output {
        Output::Json => Box::new(Json::new(out)),
        Output::Csv => Box::new(Csv::new(out)),
        Output::Table => Box::new(Table::new(
            out,
            table_look(colour, language, utc),
            terminal::columns,
        )),
    }
}
