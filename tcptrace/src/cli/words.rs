//! Words that options take, each with what `--help` says of it.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
#[cfg(feature = "ship")]
use tcptrace::ship::schema::Dialect;
use tcptrace::{
    aggregate::stats::By,
    commands::{ExportedRows, Output, ReportFormat},
    output::{Colour, FileForm, schema::LineType},
    screen::ThemeName,
};

/// A word, what it means, and what is said of it.
type Word<T> = (&'static str, T, &'static str);

const OUTPUTS: &[Word<Output>] = &[
    ("table", Output::Table, "For people"),
    ("json", Output::Json, "One object a line"),
    ("csv", Output::Csv, "With a header line"),
];
const REPORT_FORMATS: &[Word<ReportFormat>] = &[
    ("table", ReportFormat::Table, "For people"),
    ("json", ReportFormat::Json, "One object"),
];
const FILE_FORMS: &[Word<FileForm>] = &[
    #[cfg(feature = "parquet")]
    ("parquet", FileForm::Parquet, "By columns, compressed"),
    ("json", FileForm::Json, "One object a line"),
    ("csv", FileForm::Csv, "With a header line"),
];
const EXPORTED_ROWS: &[Word<ExportedRows>] = &[
    ("flows", ExportedRows::Flows, "One a connection"),
    (
        "transitions",
        ExportedRows::Transitions,
        "One a change of state",
    ),
];
#[cfg(feature = "ship")]
const SHIPPED_SCHEMAS: &[Word<Dialect>] = &[
    ("clickhouse", Dialect::Today, "ClickHouse, 24.8 and later"),
    (
        "clickhouse-18",
        Dialect::Plain,
        "Older servers of ClickHouse, from 18.16 on",
    ),
];
const COLOURS: &[Word<Colour>] = &[
    (
        "auto",
        Colour::Auto,
        "On a terminal, unless NO_COLOR is set",
    ),
    ("always", Colour::Always, "Always"),
    ("never", Colour::Never, "Never"),
];
const THEMES: &[Word<ThemeName>] = &[
    ("default", ThemeName::Default, "The terminal's own colours"),
    ("light", ThemeName::Light, "For a light background"),
    (
        "colour-blind",
        ThemeName::ColourBlind,
        "Blue and orange instead of green and red",
    ),
    ("plain", ThemeName::Plain, "None"),
];
const GROUPS: &[Word<By>] = &[
    ("comm", By::Comm, "The name of the process"),
    ("pid", By::Pid, "The process"),
    ("remote", By::Remote, "The peer's address"),
    (
        "port",
        By::Port,
        "The port of the service: of the side that did not open the connection",
    ),
    ("cgroup", By::Cgroup, "The control group"),
    ("container", By::Container, "The container"),
    ("pod", By::Pod, "The pod"),
    ("unit", By::Unit, "The unit of systemd"),
    ("netns", By::Netns, "The network namespace"),
];
#[cfg(feature = "serve")]
const METRICS_GROUPS: &[Word<By>] = &[
    (
        "port",
        By::Port,
        "The port of the service: of the side that did not open the connection",
    ),
    ("comm", By::Comm, "The name of the process"),
    ("netns", By::Netns, "The network namespace"),
    ("remote", By::Remote, "The peer's address"),
    ("container", By::Container, "The container"),
    ("pod", By::Pod, "The pod"),
    ("unit", By::Unit, "The unit of systemd"),
];
const LINE_TYPES: &[Word<LineType>] = &[
    ("start", LineType::Start, "Tracing has begun"),
    ("transition", LineType::Transition, "A line of `watch`"),
    ("flow", LineType::Flow, "A line of `flows`"),
    ("stats", LineType::Stats, "A report of `stats`"),
    ("stuck", LineType::Stuck, "A line of `stuck`"),
    ("lost", LineType::Lost, "Events were lost"),
    ("end", LineType::End, "Tracing is over"),
    ("socket", LineType::Socket, "A line of `list`"),
    ("count", LineType::Count, "A line of `list -s`"),
    ("doctor", LineType::Doctor, "The report of `doctor`"),
    ("recording", LineType::Recording, "The report of `info`"),
];

/// Formats of the output.
pub fn output() -> impl TypedValueParser<Value = Output> {
    one_of(OUTPUTS)
}

/// Formats of a report.
pub fn report_format() -> impl TypedValueParser<Value = ReportFormat> {
    one_of(REPORT_FORMATS)
}

/// Forms of files.
pub fn file_form() -> impl TypedValueParser<Value = FileForm> {
    one_of(FILE_FORMS)
}

/// Rows that are exported.
pub fn exported_rows() -> impl TypedValueParser<Value = ExportedRows> {
    one_of(EXPORTED_ROWS)
}

/// When to colour.
pub fn colour() -> impl TypedValueParser<Value = Colour> {
    one_of(COLOURS)
}

/// Colours of the screen.
pub fn theme() -> impl TypedValueParser<Value = ThemeName> {
    one_of(THEMES)
}

/// What figures are broken down by.
pub fn by() -> impl TypedValueParser<Value = By> {
    one_of(GROUPS)
}

/// What counters of metrics are told by: what has few values that stay.
#[cfg(feature = "serve")]
pub fn metrics_by() -> impl TypedValueParser<Value = By> {
    one_of(METRICS_GROUPS)
}

/// Whose tables are printed.
#[cfg(feature = "ship")]
pub fn shipped_schema() -> impl TypedValueParser<Value = Dialect> {
    one_of(SHIPPED_SCHEMAS)
}

/// Types of lines.
pub fn line_type() -> impl TypedValueParser<Value = LineType> {
    one_of(LINE_TYPES)
}

fn one_of<T: Copy + Send + Sync + 'static>(
    words: &'static [Word<T>],
) -> impl TypedValueParser<Value = T> {
    let possible = words
        .iter()
        .map(|(word, _, said)| PossibleValue::new(*word).help(*said));
    PossibleValuesParser::new(possible).try_map(move |given| {
        let found = words.iter().find(|(word, ..)| *word == given);
        found
            .map(|(_, meant, _)| *meant)
            .ok_or("there is no such word")
    })
}
