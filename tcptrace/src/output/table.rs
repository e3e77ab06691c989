//! Tables for people: a line for each of what is shown, by the columns of its type.

use std::{
    fmt,
    io::{self, Write},
};

use anstyle::Style;

use super::{
    Context, Palette, Start, TimeFormat, View,
    address::{Address, LONGEST, of_remote},
    columns::{Column, Laid, lay_out},
    duration::Human,
    line::{Line, columns as columns_of},
    or_dash::OrDash,
    process::{Process, Program},
};
use crate::{
    host::{Clock, Interface},
    language::{Language, heading},
    model::{Endpoint, Owner, Side, Tuple},
};

/// What has a line in a table.
pub trait Tabled {
    /// Names its columns.
    type Column: Copy + 'static;
    /// Its columns, from left to right.
    const COLUMNS: &'static [Column<Self::Column>];

    /// Writes a cell.
    fn cell(&self, of: Self::Column, cell: &mut Cell<'_, '_>);

    /// Writes what stands below the line.
    ///
    /// # Errors
    /// Whatever writing fails with.
    fn below(&self, _below: &mut Below<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// How tables look.
#[derive(Clone, Copy, Debug)]
pub struct TableLook {
    /// The colours.
    pub palette: Palette,
    /// Only characters of ASCII.
    pub ascii: bool,
    /// The language of its words.
    pub language: Language,
    /// UTC instead of this machine's time zone.
    pub utc: bool,
}

/// Writes a table.
pub struct Table<W: Write> {
    out: W,
    look: TableLook,
    line: Line,
    clock: TimeFormat,
    /// The width of the terminal, if it is one, and how to ask for it: it may be resized.
    width: Option<usize>,
    terminal: Box<dyn FnMut() -> Option<usize>>,
    laid: Vec<Laid>,
    /// Something was handed over since the width was asked for.
    stale: bool,
    /// It is one of several: its heading is faint.
    part: bool,
}

impl<W: Write> Table<W> {
    /// Writes to `out`, which should be buffered. `terminal` tells the width of the terminal, or
    /// `None` of a file, whenever asked.
    pub fn new(out: W, look: TableLook, terminal: impl FnMut() -> Option<usize> + 'static) -> Self {
        Self {
            out,
            look,
            line: Line::default(),
            clock: TimeFormat::clock(1, look.utc),
            width: None,
            terminal: Box::new(terminal),
            laid: Vec::new(),
            stale: true,
            part: false,
        }
    }

    /// One of several tables on a page, below a heading of its own.
    #[must_use]
    pub fn part(mut self) -> Self {
        self.part = true;
        self
    }

    /// Lays the columns out for all of these: in a file, they are as wide as what is in them takes.
    pub fn lay_out_for<T: Tabled>(&mut self, all: &[T], around: &mut Context<'_>) {
        self.width = (self.terminal)();
        let mut fits = vec![0; T::COLUMNS.len()];
        if self.width.is_none() {
            for it in all {
                for (index, column) in T::COLUMNS.iter().enumerate() {
                    self.line.clear(usize::MAX);
                    let laid = Laid {
                        index,
                        name: "",
                        width: 0,
                        narrow: false,
                        right: false,
                    };
                    it.cell(column.of, &mut self.cell(laid, around));
                    fits[index] = fits[index].max(columns_of(self.line.text()));
                }
            }
        }
        self.lay_out::<T>(|index| fits[index]);
    }

    /// Writes a line for each of several, with the heading before them.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn lines<T: Tabled>(&mut self, all: &[T], around: &mut Context<'_>) -> io::Result<()> {
        self.header()?;
        all.iter().try_for_each(|it| self.one(it, around))
    }

    /// Writes a line of its own.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn note(&mut self, text: impl fmt::Display) -> io::Result<()> {
        self.line.clear(self.width.unwrap_or(usize::MAX));
        self.line.column(self.look.palette.faint(), 0, text);
        self.line.write(&mut self.out)
    }

    /// Writes an empty line.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn gap(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    fn lay_out<T: Tabled>(&mut self, fitted: impl FnMut(usize) -> usize) {
        self.laid = lay_out(T::COLUMNS, self.width, self.look.ascii, fitted);
    }

    fn header(&mut self) -> io::Result<()> {
        let style = match self.part {
            true => self.look.palette.faint(),
            false => self.look.palette.header(),
        };
        self.line.clear(self.width.unwrap_or(usize::MAX));
        for it in &self.laid {
            let name = heading(it.name, self.look.language);
            match it.right {
                true => self.line.right(style, it.width, name),
                false => self.line.column(style, it.width, name),
            }
        }
        self.line.write(&mut self.out)
    }

    pub(super) fn one<T: Tabled>(&mut self, it: &T, around: &mut Context<'_>) -> io::Result<()> {
        self.line.clear(self.width.unwrap_or(usize::MAX));
        for index in 0..self.laid.len() {
            let laid = self.laid[index];
            it.cell(T::COLUMNS[laid.index].of, &mut self.cell(laid, around));
        }
        self.line.write(&mut self.out)?;
        it.below(&mut Below {
            out: &mut self.out,
            look: self.look,
            width: self.width.unwrap_or(usize::MAX),
        })
    }

    fn cell<'a, 'b>(&'a mut self, laid: Laid, around: &'a mut Context<'b>) -> Cell<'a, 'b> {
        Cell {
            line: &mut self.line,
            clock: &mut self.clock,
            look: self.look,
            in_a_file: self.width.is_none(),
            laid,
            around,
        }
    }
}

impl<W: Write, T: Tabled> View<T> for Table<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn show(&mut self, it: &T, around: &mut Context<'_>) -> io::Result<()> {
        if std::mem::take(&mut self.stale) {
            let width = (self.terminal)();
            if self.laid.is_empty() || width != self.width {
                self.width = width;
                let before = std::mem::take(&mut self.laid);
                self.lay_out::<T>(|_| 0);
                if self.laid != before {
                    self.header()?;
                }
            }
        }
        self.one(it, around)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stale = true;
        self.out.flush()
    }
}

/// A cell, to be written.
pub struct Cell<'a, 'b> {
    line: &'a mut Line,
    clock: &'a mut TimeFormat,
    look: TableLook,
    in_a_file: bool,
    laid: Laid,
    /// The outside world.
    pub around: &'a mut Context<'b>,
}

impl Cell<'_, '_> {
    /// Colours.
    pub fn palette(&self) -> Palette {
        self.look.palette
    }

    /// The language of words.
    pub fn language(&self) -> Language {
        self.look.language
    }

    /// Whether only characters of ASCII are shown.
    pub fn ascii(&self) -> bool {
        self.look.ascii
    }

    /// Whether there is room for a part of it alone.
    pub fn is_narrow(&self) -> bool {
        self.laid.narrow
    }

    /// Writes a value.
    pub fn put(&mut self, style: Style, value: impl fmt::Display) {
        match self.laid.right {
            true => self.line.right(style, self.laid.width, value),
            false => self.line.column(style, self.laid.width, value),
        }
    }

    /// Writes a part of it, of so many characters.
    pub fn part(&mut self, style: Style, width: usize, value: impl fmt::Display) {
        self.line.column(style, width, value);
    }

    /// Writes what may be unknown.
    pub fn known(&mut self, value: Option<impl fmt::Display>) {
        match value {
            Some(value) => self.put(Style::new(), value),
            None => self.put(self.look.palette.faint(), "-"),
        }
    }

    /// Writes a duration, ns.
    pub fn duration(&mut self, ns: Option<u64>) {
        let ascii = self.look.ascii;
        self.known(ns.map(|ns| Human { ns, ascii }));
    }

    /// Writes the time of the day, with as many digits of the second as there is room for.
    pub fn clock(&mut self, mono_ns: u64) {
        self.clock
            .set_digits(self.laid.width.saturating_sub("00:00:00.".len()));
        let (style, width) = (self.look.palette.faint(), self.laid.width);
        let wall = self.around.clock.wall(mono_ns);
        self.line.column(style, width, self.clock.write(wall));
    }

    /// Writes who has it, and how many others do.
    pub fn process(&mut self, owner: &Owner, others: usize) {
        let (ascii, width) = (self.look.ascii, self.longest());
        let process = Process {
            owner,
            others,
            width,
            ascii,
        };
        self.put(Style::new(), process);
    }

    /// Writes what runs in an owner's control group: a container, or else a unit.
    pub fn workload(&mut self, owner: &Owner) {
        let cgroups = &mut *self.around.cgroups;
        let workload = owner.cgroup.and_then(|id| cgroups.workload(id.get()));
        let label = workload.and_then(|it| it.label());
        let ascii = self.look.ascii;
        let shown = label.as_deref().map(|comm| Program { comm, ascii });
        self.put(Style::new(), OrDash(shown));
    }

    /// Writes this machine's end.
    pub fn local(&mut self, tuple: &Tuple) {
        let shown = (self.longest(), self.look.ascii);
        let on = self.around.links.of(tuple);
        write_address(self.line, self.laid.width, shown, tuple.local, on);
    }

    /// Writes the peer's end.
    pub fn remote(&mut self, tuple: &Tuple) {
        let shown = (self.longest(), self.look.ascii);
        let on = of_remote(tuple.remote, self.around.links.of(tuple));
        write_address(self.line, self.laid.width, shown, tuple.remote, on);
    }

    /// Writes an address, and the network interface that is a part of it.
    pub fn address(&mut self, end: Endpoint, on: Option<Interface<'_>>) {
        let shown = (self.longest(), self.look.ascii);
        write_address(self.line, self.laid.width, shown, end, on);
    }

    /// Writes an arrow from who opened the connection.
    pub fn direction(&mut self, opener: Option<Side>) {
        let arrow = match (opener, self.look.ascii) {
            (Some(Side::Local), false) => "→",
            (Some(Side::Remote), false) => "←",
            (Some(Side::Local), true) => ">",
            (Some(Side::Remote), true) => "<",
            (None, _) => " ",
        };
        self.put(self.look.palette.faint(), arrow);
    }

    /// How long a text may be: in a file, nothing is cut.
    fn longest(&self) -> usize {
        match self.in_a_file {
            true => LONGEST,
            false => self.laid.width,
        }
    }
}

fn write_address(
    line: &mut Line,
    column: usize,
    (width, ascii): (usize, bool),
    end: Endpoint,
    on: Option<Interface<'_>>,
) {
    let address = Address {
        end,
        on,
        width,
        ascii,
    };
    line.column(Style::new(), column, address);
}

/// What stands below a line.
pub struct Below<'a> {
    out: &'a mut dyn Write,
    /// How it looks.
    pub look: TableLook,
    /// Lines are cut there.
    pub width: usize,
}

impl Below<'_> {
    /// Writes a text in lines of so many characters, which begin with `first`, and then with `rest`.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn paragraph(
        &mut self,
        style: Style,
        text: &str,
        width: usize,
        first: &str,
        rest: &str,
    ) -> io::Result<()> {
        let options = super::wrapping::wrapping(width)
            .initial_indent(first)
            .subsequent_indent(rest);
        for line in textwrap::wrap(text, options) {
            writeln!(self.out, "{style}{line}{style:#}")?;
        }
        Ok(())
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn line(&mut self, line: &mut Line) -> io::Result<()> {
        line.write(&mut self.out)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell, rc::Rc};

    use super::*;
    use crate::{
        host::{Cgroups, Links},
        output::tests::Taken,
    };

    #[derive(Clone, Copy)]
    enum Of {
        Name,
        Count,
    }

    struct Named(&'static str);

    impl Tabled for Named {
        type Column = Of;
        const COLUMNS: &'static [Column<Of>] = &[
            Column::new(Of::Name, "NAME", 4).grows_first(8),
            Column::new(Of::Count, "COUNT", 5).right().goes(1),
        ];

        fn cell(&self, of: Of, cell: &mut Cell<'_, '_>) {
            match of {
                Of::Name => cell.put(Style::new(), self.0),
                Of::Count => cell.known(None::<u32>),
            }
        }
    }

    /// Shows one at each of these widths of the terminal, handing over after each.
    fn shown(widths: &[usize], flush: bool) -> String {
        let taken = Taken::default();
        let width = Rc::new(cell::Cell::new(0));
        let asked = Rc::clone(&width);
        let look = TableLook {
            language: Language::English,
            palette: Palette::plain(),
            ascii: false,
            utc: true,
        };
        let mut table = Table::new(taken.clone(), look, move || Some(asked.get()));
        let mut around = Context {
            clock: &Clock::ahead_by(0),
            cgroups: &mut Cgroups::default(),
            links: &mut Links::default(),
        };
        for columns in widths {
            width.set(*columns);
            table.show(&Named("curl"), &mut around).unwrap();
            if flush {
                View::<Named>::flush(&mut table).unwrap();
            }
        }
        taken.text()
    }

    #[test]
    fn the_heading_comes_again_where_a_resize_changes_the_columns() {
        let wide = "NAME     COUNT\n";
        let line = "curl         -\n";
        assert_eq!(shown(&[20, 20], true), format!("{wide}{line}{line}"));
        assert_eq!(
            shown(&[20, 6, 20], true),
            format!("{wide}{line}NAME\ncurl\n{wide}{line}")
        );
    }

    #[test]
    fn a_resize_that_changes_no_column_is_not_told() {
        let text = shown(&[20, 30], true);
        assert_eq!(text.matches("NAME").count(), 1, "{text}");
    }

    #[test]
    fn the_terminal_is_asked_once_for_what_is_handed_over_together() {
        let text = shown(&[20, 6], false);
        assert_eq!(text.matches("NAME").count(), 1, "{text}");
    }
}
