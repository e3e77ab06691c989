//! Draws what is on the screen.

use ratatui::buffer::Buffer;

use super::{
    canvas::{Canvas, Tone, beginning, columns, ending, padded},
    columns::{Column, Row},
    keys::COMMANDS,
    life::{self, TextLine},
    machine,
    rows::{EndRow, GroupRow, ListenerRow, Rows},
    snapshot::{Ports, Snapshot},
    tab::Tab,
    view::{Above, Screen},
    words::{Around, address, age, count, rate},
};
use crate::{
    language::{Words, heading},
    model::Connection,
    output::ShownStuck,
};

/// A macro for what is the same for the rows of each table.
macro_rules! of_tab {
    ($tab:expr, $rows:ident => $what:expr, $none:expr) => {
        match $tab {
            Tab::Machine => $none,
            Tab::Connections => {
                type $rows = Connection;
                $what
            }
            Tab::Processes | Tab::Remotes => {
                type $rows = GroupRow;
                $what
            }
            Tab::Listeners => {
                type $rows = ListenerRow;
                $what
            }
            Tab::Stuck => {
                type $rows = ShownStuck;
                $what
            }
            Tab::Ends => {
                type $rows = EndRow;
                $what
            }
        }
    };
}

/// How many columns the table of a tab has; 0: it is none.
pub(super) fn columns_of(tab: Tab) -> usize {
    of_tab!(tab, R => R::COLUMNS.len(), 0)
}

/// The column that it is sorted by in the beginning.
pub(super) fn sorted_by(tab: Tab) -> usize {
    of_tab!(tab, R => R::SORTED_BY, 0)
}

/// Whether the largest ones are looked for in a column.
pub(super) fn is_descending(tab: Tab, column: usize) -> bool {
    of_tab!(tab, R => R::COLUMNS.get(column).is_some_and(|it| it.descending) || tab == Tab::Ends && column == 0, false)
}

impl Screen {
    /// Draws it: all of a buffer.
    pub fn draw(&mut self, buffer: &mut Buffer) {
        let (theme, ascii) = (self.settings.theme, self.settings.ascii);
        let mut canvas = Canvas::new(buffer, &theme, ascii);
        let (width, height) = (canvas.width(), canvas.height());
        self.columns = usize::from(width);
        // Above the rest two lines, below it one; and the heading of a table.
        self.page = usize::from(height.saturating_sub(4)).max(1);
        self.scroll();
        let around = self.around();
        let words = self.words();
        self.head(&mut canvas, &around);
        self.tabs(&mut canvas.part(0, 1, width, 1));
        let body = height.saturating_sub(3);
        let mut middle = canvas.part(0, 2, width, body);
        match &self.above {
            Above::Nothing if self.tab == Tab::Machine => {
                machine::draw(&mut middle, &self.shown, self.state, &around);
            }
            Above::Nothing => self.rows(&mut middle, &around),
            Above::Help { first } => {
                let lines = self.help();
                self.above = Above::Help {
                    first: text(&mut middle, &words.word("help-title"), &lines, *first),
                };
            }
            Above::Page { lines, first } => {
                let lines: Vec<TextLine> = lines
                    .iter()
                    .map(|it| vec![(it.clone(), Tone::Plain)])
                    .collect();
                text(&mut middle, "tcptrace explain", &lines, *first);
            }
            Above::Life { first } => {
                let lines = match &self.shown.life {
                    Some(life) => life::lines(life, self.wall_ns(0), usize::from(width), &around),
                    None => vec![vec![("…".to_owned(), Tone::Faint)]],
                };
                self.above = Above::Life {
                    first: text(&mut middle, &words.word("life-title"), &lines, *first),
                };
            }
        }
        if height > 2 {
            self.foot(&mut canvas.part(0, height - 1, width, 1));
        }
    }

    /// When something of CLOCK_MONOTONIC was: ns since 1970.
    fn wall_ns(&self, mono_ns: u64) -> i64 {
        let now = i64::try_from(self.shown.now_ns).unwrap_or(i64::MAX);
        let ahead = self.shown.wall_ns.saturating_sub(now);
        ahead.saturating_add_unsigned(mono_ns)
    }

    /// What it is, and what is out of the ordinary.
    fn head(&self, canvas: &mut Canvas<'_>, around: &Around) {
        let shown = &self.shown;
        let words = around.words();
        let mut x = canvas.put(0, 0, "TCP", Tone::Heading) + 1;
        if shown.now_ns == 0 {
            canvas.put(x, 0, "…", Tone::Faint);
            return;
        }
        let time = match shown.replay {
            None => {
                let ran = shown.now_ns.saturating_sub(shown.began_ns);
                format!(
                    "{} {}",
                    &around.date(shown.wall_ns)[11..],
                    age(Some(ran), around)
                )
            }
            Some(replay) => {
                let long = (replay.to_ns - replay.from_ns).max(1);
                let at = (shown.wall_ns - replay.from_ns).clamp(0, long);
                let percent = i128::from(at) * 100 / i128::from(long);
                let speed = match replay.speed {
                    0 => words.word("replay-stands"),
                    speed => words.say("replay-speed", [("speed", speed.to_string().into())]),
                };
                format!("{} {percent} % {speed}", around.date(shown.wall_ns))
            }
        };
        x = canvas.put(x, 0, &time, Tone::Plain) + 1;
        if self.held.is_some() {
            let missed = count(self.missed());
            let missed = words.say("screen-held", [("count", missed.into())]);
            x = canvas.put(x, 0, &missed, Tone::Selected) + 1;
        }
        for alarm in alarms(shown, words) {
            x = canvas.put(x + 1, 0, &alarm, Tone::Trouble);
        }
    }

    fn tabs(&self, canvas: &mut Canvas<'_>) {
        let mut x = 0;
        let narrow = canvas.width() < 78;
        for (number, tab) in (1..).zip(Tab::ALL) {
            let tone = if tab == self.tab {
                Tone::Selected
            } else {
                Tone::Plain
            };
            let name = tab.name(self.settings.language);
            let name = match narrow {
                true => beginning(&name, 4),
                false => name.as_str(),
            };
            x = canvas.put(x, 0, &format!("{number}"), Tone::Faint);
            x = canvas.put(x, 0, name, tone) + 1;
        }
        if !self.search().is_empty() {
            canvas.put(x, 0, &format!("/{}", self.search().text()), Tone::Chosen);
        }
    }

    fn foot(&self, canvas: &mut Canvas<'_>) {
        if let Some(typed) = &self.typed {
            let room = usize::from(canvas.width().saturating_sub(2));
            // The end of what is typed is seen.
            let seen = ending(typed, room);
            let x = canvas.put(0, 0, &format!("/{seen}"), Tone::Plain);
            canvas.put(x, 0, " ", Tone::Selected);
            if let Some(notice) = &self.notice {
                canvas.put(x + 2, 0, notice, Tone::Trouble);
            }
            return;
        }
        if let Some(notice) = &self.notice {
            canvas.put(0, 0, notice, Tone::Chosen);
            return;
        }
        if let (Some(replay), Some(event)) = (self.shown.replay, &self.shown.event)
            && replay.speed == 0
            && self.above == Above::Nothing
        {
            let around = self.around();
            let text = format!(
                "{} {} → {} {}  {} {}",
                around.time_of_day(self.wall_ns(event.time_ns)),
                event.from,
                event.to,
                event.reason,
                address(event.tuple.local, &around),
                address(event.tuple.remote, &around),
            );
            canvas.put(0, 0, &text, Tone::Plain);
            return;
        }
        let words = self.words();
        let keys = words.word(match (&self.above, self.shown.replay.is_some()) {
            (Above::Nothing, false) => "keys-rows",
            (Above::Nothing, true) => "keys-recording",
            _ => "keys-page",
        });
        let rows = &self.shown.rows;
        let end = canvas.put(0, 0, &keys, Tone::Faint);
        if self.above == Above::Nothing && self.tab != Tab::Machine {
            let place = match self.shown.matching > rows.len() as u64 {
                true => words.say(
                    "rows-first",
                    [
                        ("shown", rows.len().to_string().into()),
                        ("all", count(self.shown.matching).into()),
                    ],
                ),
                false => format!("{}", rows.len()),
            };
            if usize::from(end) + columns(&place) < usize::from(canvas.width()) {
                canvas.put_before(canvas.width(), 0, &place, Tone::Faint);
            }
        }
    }

    fn rows(&self, canvas: &mut Canvas<'_>, around: &Around) {
        match &self.shown.rows {
            Rows::None => {}
            Rows::Connections(rows) => self.table_of(rows, canvas, around),
            Rows::Groups(rows) => self.table_of(rows, canvas, around),
            Rows::Listeners(rows) => self.table_of(rows, canvas, around),
            Rows::Stuck(rows) => self.table_of(rows, canvas, around),
            Rows::Ends(rows) => self.table_of(rows, canvas, around),
        }
        if self.shown.rows.is_empty() {
            let why = match (self.shown.of == Some(self.tab), self.search().is_empty()) {
                (false, _) => "…".to_owned(),
                (true, false) => around.words().word("nothing-found"),
                (true, true) => around.words().word("nothing-yet"),
            };
            canvas.put(0, 1, &why, Tone::Faint);
        }
    }

    fn table_of<R: Row>(&self, rows: &[R], canvas: &mut Canvas<'_>, around: &Around) {
        let table = self.table();
        let placed = place(R::COLUMNS, canvas.width());
        for (index, x, width) in &placed {
            let column = &R::COLUMNS[*index];
            let sorted = *index == table.sort;
            let tone = if sorted { Tone::Chosen } else { Tone::Heading };
            let sign = match (sorted, table.descending) {
                (false, _) => "",
                (true, true) => "↓",
                (true, false) => "↑",
            };
            let name = format!("{}{sign}", heading(column.name, around.language));
            put_cell(canvas, (*x, 0, *width), column.right, &name, tone);
        }
        let lines = usize::from(canvas.height().saturating_sub(1));
        let shown = rows.iter().enumerate().skip(table.first).take(lines);
        for (y, (at, row)) in (1..).zip(shown) {
            let selected = at == table.at;
            if selected {
                canvas.mark_line(y, Tone::Selected);
            }
            for (index, x, width) in &placed {
                let column = &R::COLUMNS[*index];
                let tone = if selected {
                    Tone::Selected
                } else {
                    (column.tone)(row)
                };
                let mut text = (column.text)(row, around);
                if column.cut_within {
                    text = cut_within(text, usize::from(*width));
                }
                put_cell(canvas, (*x, y, *width), column.right, &text, tone);
            }
        }
    }

    fn help(&self) -> Vec<TextLine> {
        let words = self.words();
        let mut lines: Vec<TextLine> = COMMANDS
            .iter()
            .map(|(command, _, what, _)| {
                let keys: Vec<String> = self
                    .settings
                    .keymap
                    .keys(*command)
                    .map(super::keys::Key::name)
                    .collect();
                vec![
                    (padded(&keys.join("  "), 20), Tone::Heading),
                    (words.word(what), Tone::Plain),
                ]
            })
            .collect();
        lines.push(Vec::new());
        let known = super::search::WORDS.map(|it| format!("{it}:")).join(" ");
        let search = words.say("help-search", [("words", known.into())]);
        lines.push(vec![(search, Tone::Plain)]);
        lines
    }
}

/// Puts a cell of a table; what is too long is cut, and a number stands on the right.
fn put_cell(
    canvas: &mut Canvas<'_>,
    (x, y, width): (u16, u16, u16),
    right: bool,
    text: &str,
    tone: Tone,
) {
    let length = columns(text);
    let x = match right {
        true => x + width.saturating_sub(u16::try_from(length).unwrap_or(width)),
        false => x,
    };
    canvas.put_within(x, y, width, text, tone);
}

/// An address in so many columns: its middle is left out where it is too long, and not its port.
fn cut_within(text: String, width: usize) -> String {
    if columns(&text) <= width || width < 12 {
        return text;
    }
    let head = (width - 1) / 2;
    let tail = width - 1 - head;
    format!("{}…{}", beginning(&text, head), ending(&text, tail))
}

/// Which columns of a table have room in a line: the number of each, where it begins, and how wide
/// it is.
fn place<R>(all: &[Column<R>], width: u16) -> Vec<(usize, u16, u16)> {
    let mut ranks: Vec<u8> = all.iter().map(|it| it.rank).collect();
    ranks.sort_unstable();
    let needs = |rank: u8| -> u16 {
        let those = all.iter().filter(|it| it.rank <= rank);
        those.map(|it| it.width + 1).sum::<u16>().saturating_sub(1)
    };
    let rank = ranks
        .into_iter()
        .rev()
        .find(|rank| needs(*rank) <= width)
        .unwrap_or(0);
    let left = width.saturating_sub(needs(rank));
    let those = || all.iter().enumerate().filter(|(_, it)| it.rank <= rank);
    let parts: u16 = those().map(|(_, it)| it.grows).sum();
    let mut placed = Vec::new();
    let mut x = 0;
    for (index, column) in those() {
        let more = match parts {
            0 => 0,
            // No address is longer, and text on long lines is hard to read.
            _ => (left / parts * column.grows).min(if column.grows > 2 { 100 } else { 26 }),
        };
        let wide = column.width + more;
        placed.push((index, x, wide));
        x += wide + 1;
    }
    placed
}

/// Shows lines of text, from one on; gives the first that can be shown.
fn text(canvas: &mut Canvas<'_>, title: &str, lines: &[TextLine], first: usize) -> usize {
    canvas.frame(title);
    let (width, height) = (canvas.width(), canvas.height());
    let mut inside = canvas.part(2, 1, width.saturating_sub(4), height.saturating_sub(2));
    let room = usize::from(inside.height());
    let first = first.min(lines.len().saturating_sub(room));
    for (y, line) in (0..).zip(lines.iter().skip(first).take(room)) {
        let mut x = 0;
        for (text, tone) in line {
            x = inside.put(x, y, text, *tone);
        }
    }
    first
}

/// From this part of the ports on, it is told how full they are.
const FULL: f64 = 0.7;

/// What is out of the ordinary, in few words.
fn alarms(shown: &Snapshot, words: &Words) -> Vec<String> {
    let alarms = &shown.alarms;
    let counted = |id, number| words.say(id, [("count", count(number).into())]);
    let often = |id, per_second| words.say(id, [("rate", rate(Some(per_second)).into())]);
    let mut all = Vec::new();
    if alarms.lost > 0 {
        all.push(counted("alarm-lost", alarms.lost));
    }
    if alarms.forgotten > 0 {
        all.push(counted("alarm-forgotten", alarms.forgotten));
    }
    if let Some(ports) = alarms.ports.filter(|it| it.share() >= FULL) {
        all.push(words_of(&ports, words));
    }
    if let Some(per_second @ 0.01..) = alarms.overflows {
        all.push(often("alarm-overflow", per_second));
    }
    if alarms.stuck > 0 {
        all.push(counted("alarm-stuck", alarms.stuck));
    }
    if let Some(per_second @ 0.05..) = alarms.resets {
        all.push(often("alarm-resets", per_second));
    }
    if let Some(per_second @ 0.05..) = alarms.failures {
        all.push(often("alarm-failures", per_second));
    }
    all
}

fn words_of(ports: &Ports, words: &Words) -> String {
    let percent = format!("{:.0}", (ports.share() * 100.0).min(100.0));
    let percent = ("percent", percent.into());
    let destination = format!("{}:{}", ports.remote, ports.port);
    let destination = ("destination", destination.into());
    match ports.exhausted_in_s {
        None => words.say("alarm-ports", [percent, destination]),
        Some(seconds) => {
            let seconds = ("seconds", format!("{seconds:.0}").into());
            words.say("alarm-ports-soon", [percent, destination, seconds])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn check_headings<R: Row>() {
        for column in R::COLUMNS {
            let said = heading(column.name, Language::Chinese);
            assert!(!said.starts_with("heading-"), "{said} is not translated");
            // A sign stands behind it where it is sorted by.
            let fits = columns(&said) < usize::from(column.width);
            assert!(fits, "{said} in {} columns", column.width);
        }
    }

    #[test]
    fn chinese_headings_fit_their_columns() {
        for tab in Tab::ALL {
            of_tab!(tab, R => check_headings::<R>(), ());
        }
    }

    #[test]
    fn an_address_is_cut_in_its_middle() {
        let cut = |text: &str, width| cut_within(text.to_owned(), width);
        assert_eq!(cut("[2001:db8::1]:65535", 19), "[2001:db8::1]:65535");
        assert_eq!(cut("[2001:db8::1]:65535", 15), "[2001:d…]:65535");
        let wide = cut("一二三四五六七八", 13);
        assert_eq!(wide, "一二三…六七八");
        assert!(columns(&wide) <= 13);
    }
}
