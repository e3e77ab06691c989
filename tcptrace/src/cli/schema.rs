//! The command line of `tcptrace schema`.

use clap::Args;
use tcptrace::output::schema::LineType;

use super::words;

/// Options of `tcptrace schema`.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// A type of line, as its field `type` says; without it, all of them.
    #[arg(value_parser = words::line_type())]
    what: Option<LineType>,
}

impl SchemaArgs {
    /// Which type is asked for; all, if none.
    pub fn into_what(self) -> Option<LineType> {
        self.what
    }
}
