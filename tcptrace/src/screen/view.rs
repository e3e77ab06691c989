//! What is on the screen: keys and snapshots in, what to draw out. It neither reads nor writes.

use jiff::tz::TimeZone;

use super::{
    keys::{Command, Key, Keymap},
    rows::{RowId, Rows},
    search::Search,
    snapshot::{Snapshot, Travel, Wish},
    tab::Tab,
    theme::Theme,
    words::{Around, words},
};
use crate::{
    language::{Language, Words},
    model::State,
};

/// How the screen looks, and what its keys do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Colours.
    pub theme: Theme,
    /// Only characters of ASCII.
    pub ascii: bool,
    /// Keys.
    pub keymap: Keymap,
    /// Of times of the day.
    pub zone: TimeZone,
    /// Of words. In ASCII alone, there is but English.
    pub language: Language,
}

/// What is to be done besides drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// The screen is left.
    Quit,
    /// tcptrace goes into the background.
    Suspend,
    /// All is drawn anew.
    Redraw,
}

/// How a table is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub sort: usize,
    pub descending: bool,
    /// The row that is selected, and where it is.
    pub selected: Option<RowId>,
    pub at: usize,
    /// The first row that is shown.
    pub first: usize,
}

/// What is shown above the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Above {
    Nothing,
    Help {
        first: usize,
    },
    /// A page of `explain`: its lines.
    Page {
        lines: Vec<String>,
        first: usize,
    },
    Life {
        first: usize,
    },
}

/// What is on the screen.
#[derive(Debug)]
pub struct Screen {
    pub(super) settings: Settings,
    pub(super) shown: Snapshot,
    /// What came since the screen was held.
    pub(super) held: Option<Box<Snapshot>>,
    pub(super) tab: Tab,
    tables: [Table; Tab::ALL.len()],
    pub(super) above: Above,
    /// The state that is selected in the machine.
    pub(super) state: State,
    search: Search,
    /// What is typed at the moment.
    pub(super) typed: Option<String>,
    /// What is to be said, until the next key.
    pub(super) notice: Option<String>,
    opened: Option<crate::model::Cookie>,
    wants_lines: bool,
    travel: Option<Travel>,
    speed: u32,
    /// Lines of a table that are shown, as they were drawn last.
    pub(super) page: usize,
    /// Columns, as they were drawn last.
    pub(super) columns: usize,
}

impl Screen {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            shown: Snapshot::default(),
            held: None,
            tab: Tab::default(),
            tables: Tab::ALL.map(|tab| {
                let (sort, descending) = first_sort(tab);
                Table {
                    sort,
                    descending,
                    selected: None,
                    at: 0,
                    first: 0,
                }
            }),
            above: Above::Nothing,
            state: State::Established,
            search: Search::default(),
            typed: None,
            notice: None,
            opened: None,
            wants_lines: false,
            travel: None,
            speed: 1,
            page: 1,
            columns: 80,
        }
    }

    /// What texts depend on.
    #[must_use]
    pub fn around(&self) -> Around {
        Around {
            now_ns: self.shown.now_ns,
            ascii: self.settings.ascii,
            zone: self.settings.zone.clone(),
            language: self.settings.language,
        }
    }

    /// The words of the screen.
    pub(super) fn words(&self) -> &'static Words {
        words(self.settings.language)
    }

    /// What is to be handed over next. What is wanted once is not wanted again.
    pub fn wish(&mut self) -> Wish {
        let table = self.table();
        Wish {
            tab: self.tab,
            sort: table.sort,
            descending: table.descending,
            search: self.search.clone(),
            opened: self.opened,
            lines: std::mem::take(&mut self.wants_lines),
            frozen: self.held.is_some(),
            travel: self.travel.take(),
            quit: false,
        }
    }

    /// Says something, until the next key.
    pub fn say(&mut self, notice: String) {
        self.notice = Some(notice);
    }

    pub(super) fn search(&self) -> &Search {
        &self.search
    }

    pub(super) fn table(&self) -> Table {
        self.tables[self.tab as usize]
    }

    fn table_mut(&mut self) -> &mut Table {
        &mut self.tables[self.tab as usize]
    }

    /// Takes what there is to be shown.
    pub fn take(&mut self, mut snapshot: Snapshot) {
        if let Some(last) = snapshot.messages.last() {
            self.notice = Some(last.clone());
        }
        // A page that is open does not close for want of news.
        if snapshot.life.is_none() && self.opened.is_some() {
            snapshot.life = self.shown.life.take();
        }
        // As long as no others are handed over, the rows are those of before.
        if snapshot.of.is_none() {
            let before = self.held.as_deref_mut().unwrap_or(&mut self.shown);
            snapshot.of = before.of;
            snapshot.rows = std::mem::take(&mut before.rows);
            snapshot.matching = before.matching;
        }
        match &mut self.held {
            Some(held) => **held = snapshot,
            None => {
                self.shown = snapshot;
                self.arrange();
            }
        }
    }

    /// What happened while the screen is held: transitions.
    pub(super) fn missed(&self) -> u64 {
        self.held.as_ref().map_or(0, |it| {
            it.transitions.saturating_sub(self.shown.transitions)
        })
    }

    /// Sorts the rows, and finds the selected one again.
    fn arrange(&mut self) {
        let around = self.around();
        let table = self.table();
        // They are of the table before.
        if self.shown.of != Some(self.tab) {
            self.shown.rows = Rows::None;
            self.shown.matching = 0;
        }
        self.shown.rows.sort(table.sort, table.descending, &around);
        let rows = &self.shown.rows;
        let found = table
            .selected
            .and_then(|id| (0..rows.len()).find(|at| rows.id(*at) == Some(id)));
        let last = rows.len().saturating_sub(1);
        let at = found.unwrap_or(table.at).min(last);
        let id = rows.id(at);
        let shown = table.at.saturating_sub(table.first);
        let table = self.table_mut();
        // It stays in its line of the screen, and the others move around it.
        if found.is_some() {
            table.first = at.saturating_sub(shown);
        }
        table.at = at;
        if id.is_some() {
            // Who has not chosen yet sees the first ones, whichever they are.
            table.selected = table.selected.and(id);
        }
        self.scroll();
    }

    /// Has the selected row on the screen.
    pub(super) fn scroll(&mut self) {
        let page = self.page.max(1);
        let rows = self.shown.rows.len();
        let table = self.table_mut();
        table.first = table
            .first
            .clamp((table.at + 1).saturating_sub(page), table.at)
            .min(rows.saturating_sub(1));
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) -> Action {
        self.notice = None;
        if self.typed.is_some() {
            self.typing(key);
            return Action::None;
        }
        if let Key::Char(digit @ '1'..='7') = key
            && let Some(tab) = Tab::ALL.get(digit as usize - '1' as usize)
        {
            self.go_to(*tab);
            return Action::None;
        }
        match self.settings.keymap.of(key) {
            Some(command) => self.command(command),
            None => Action::None,
        }
    }

    fn typing(&mut self, key: Key) {
        let Some(typed) = &mut self.typed else {
            return;
        };
        match key {
            Key::Char(it) => typed.push(it),
            Key::Backspace => {
                typed.pop();
            }
            Key::Ctrl('u') => typed.clear(),
            Key::Enter => match Search::parse(typed) {
                Ok(search) => {
                    self.search = search;
                    self.typed = None;
                    let table = self.table_mut();
                    (table.at, table.first) = (0, 0);
                }
                Err(error) => self.notice = Some(error.text(self.settings.language)),
            },
            Key::Escape | Key::Ctrl('c') => self.typed = None,
            _ => {}
        }
    }

    fn go_to(&mut self, tab: Tab) {
        self.close();
        if tab != self.tab {
            self.tab = tab;
            self.arrange();
        }
    }

    fn close(&mut self) {
        self.above = Above::Nothing;
        self.opened = None;
    }

    fn command(&mut self, command: Command) -> Action {
        match command {
            Command::Quit => return Action::Quit,
            Command::Suspend => return Action::Suspend,
            Command::Redraw => return Action::Redraw,
            Command::Help => self.above = Above::Help { first: 0 },
            Command::NextTab => self.go_to(self.tab.beside(true)),
            Command::TabBefore => self.go_to(self.tab.beside(false)),
            Command::Up => self.move_by(-1),
            Command::Down => self.move_by(1),
            Command::PageUp => self.move_by(-isize::try_from(self.page).unwrap_or(1)),
            Command::PageDown => self.move_by(isize::try_from(self.page).unwrap_or(1)),
            Command::First => self.move_by(isize::MIN),
            Command::Last => self.move_by(isize::MAX),
            Command::SortRight => self.sort_beside(true),
            Command::SortLeft => self.sort_beside(false),
            Command::Reverse => {
                let table = self.table_mut();
                table.descending = !table.descending;
                self.arrange();
            }
            Command::Search => self.typed = Some(self.search.text().to_owned()),
            Command::Open => self.open(),
            Command::Explain => self.explain(),
            Command::Back => {
                if self.above == Above::Nothing {
                    self.search = Search::default();
                } else {
                    self.close();
                }
            }
            Command::Freeze => match self.held.take() {
                Some(held) => {
                    self.shown = *held;
                    self.arrange();
                }
                None => self.held = Some(Box::new(self.shown.clone())),
            },
            Command::Write => self.wants_lines = true,
            Command::Earlier | Command::Later | Command::EventBefore | Command::NextEvent => {
                self.travel(match command {
                    Command::Earlier => Travel::By(-STEP_NS),
                    Command::Later => Travel::By(STEP_NS),
                    Command::EventBefore => Travel::EventBefore,
                    _ => Travel::NextEvent,
                });
            }
            Command::Play | Command::Faster | Command::Slower => {
                let playing = self.shown.replay.is_some_and(|it| it.speed > 0);
                let at = SPEEDS.iter().position(|it| *it == self.speed).unwrap_or(0);
                let speed = match command {
                    Command::Play if playing => 0,
                    Command::Play => self.speed,
                    Command::Faster => SPEEDS[(at + 1).min(SPEEDS.len() - 1)],
                    _ => SPEEDS[at.saturating_sub(1)],
                };
                if speed > 0 {
                    self.speed = speed;
                }
                self.travel(Travel::Play(speed));
            }
        }
        Action::None
    }

    fn travel(&mut self, travel: Travel) {
        if self.shown.replay.is_some() {
            self.travel = Some(travel);
        } else {
            self.notice = Some(self.words().word("notice-no-past"));
        }
    }

    fn move_by(&mut self, lines: isize) {
        let page = self.page.max(1);
        let step = |at: usize, most: usize| at.saturating_add_signed(lines).min(most);
        match &mut self.above {
            Above::Page { lines, first } => {
                *first = step(*first, lines.len().saturating_sub(page));
            }
            // How long they are is known where they are drawn.
            Above::Help { first } | Above::Life { first } => *first = step(*first, usize::MAX),
            Above::Nothing if self.tab == Tab::Machine => {
                let last = State::ALL.len() - 1;
                self.state = State::ALL[step(self.state as usize, last)];
            }
            Above::Nothing => {
                let last = self.shown.rows.len().saturating_sub(1);
                let at = step(self.table().at, last);
                let id = self.shown.rows.id(at);
                let table = self.table_mut();
                table.at = at;
                table.selected = id;
                self.scroll();
            }
        }
    }

    fn sort_beside(&mut self, right: bool) {
        let names = super::draw::columns_of(self.tab);
        if names == 0 {
            return;
        }
        let sort = self.table().sort;
        let sort = if right { sort + 1 } else { sort + names - 1 } % names;
        let descending = super::draw::is_descending(self.tab, sort);
        let table = self.table_mut();
        table.sort = sort;
        table.descending = descending;
        self.arrange();
    }

    fn open(&mut self) {
        if self.tab == Tab::Machine {
            // The connections that are in it.
            if let Ok(search) = Search::parse(&format!("state:{}", self.state)) {
                self.search = search;
                self.go_to(Tab::Connections);
            }
            return;
        }
        match self.shown.rows.cookie(self.table().at) {
            Some(cookie) => {
                self.opened = Some(cookie);
                self.shown.life = None;
                self.above = Above::Life { first: 0 };
            }
            None if self.shown.rows.is_empty() => {}
            None => {
                self.notice = Some(self.words().word("notice-no-connection"));
            }
        }
    }

    fn explain(&mut self) {
        let word = match (&self.above, self.tab) {
            (Above::Life { .. }, _) => self.shown.life.as_ref().and_then(|life| {
                let stuck = life.stuck.as_ref().map(|it| it.diagnosis.verdict.name());
                stuck.or_else(|| life.steps.last().map(|it| it.reason.name()))
            }),
            (_, Tab::Machine) => Some(self.state.name()),
            _ => self.shown.rows.word(self.table().at),
        };
        let Some(word) = word else {
            return;
        };
        let (ascii, language) = (self.settings.ascii, self.settings.language);
        match super::page::of(word, self.columns.saturating_sub(4), ascii, language) {
            Some(lines) => {
                self.opened = None;
                self.above = Above::Page { lines, first: 0 };
            }
            None => {
                let word = ("word", word.into());
                self.notice = Some(self.words().say("notice-not-explained", [word]));
            }
        }
    }
}

/// How far a step through a recording goes, ns.
const STEP_NS: i64 = 10_000_000_000;
/// How fast a recording is played.
const SPEEDS: [u32; 7] = [1, 2, 5, 10, 20, 50, 100];

fn first_sort(tab: Tab) -> (usize, bool) {
    let sort = super::draw::sorted_by(tab);
    (sort, super::draw::is_descending(tab, sort))
}
