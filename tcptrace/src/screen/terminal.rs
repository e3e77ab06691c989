//! The terminal, with a thread of its own: whatever it does, nobody waits for it.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal as _, Write as _},
    os::{fd::AsFd as _, unix::fs::OpenOptionsExt as _},
    panic,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossterm::{
    cursor,
    event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    execute,
    terminal::{
        Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
        enable_raw_mode,
    },
};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use ratatui::{Terminal, backend::CrosstermBackend};
use rustix::termios::{QueueSelector, tcflush};

use super::{
    keys::Key,
    snapshot::{Lines, Snapshot, Wish},
    view::{Action, Screen, Settings},
    words::words,
    written::Written,
};
use crate::{
    language::Language,
    output::{hold_messages, release_messages, say},
    privileges, record,
};

/// How long keys are waited for before it is looked whether there is something new to be shown.
const TICK: Duration = Duration::from_millis(50);
/// How long the thread may take to leave the terminal as it was.
const LEAVE: Duration = Duration::from_secs(1);

/// Why there is no screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTerminal {
    /// Standard input or output is a file, or a pipe.
    #[error("top draws on a terminal, and this is none: tcptrace stats -i 1s writes lines")]
    None,
    /// It only prints one line after the other: TERM says so, or is not set.
    #[error("TERM says that this terminal can't be drawn on: tcptrace stats -i 1s writes lines")]
    Dumb,
}

/// What both threads see.
#[derive(Default)]
struct Shared {
    state: Mutex<Exchange>,
    /// There is something to be shown, or the end.
    news: Condvar,
}

#[derive(Default)]
struct Exchange {
    /// What the screen wants to have.
    wish: Wish,
    /// What was handed over, and not taken yet.
    snapshot: Option<Snapshot>,
    /// The screen is to be left.
    stop: bool,
    /// Why it was left.
    failure: Option<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Exchange> {
        // Whoever panicked has left it in good order: each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The screen, as the loop sees it.
pub struct Show {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    ended: Arc<AtomicBool>,
}

impl Show {
    /// Starts the thread, which draws nothing before there is something to be shown. It keeps no
    /// privilege, and writes files as who called sudo. To be called before privileges are given up.
    ///
    /// # Errors
    /// When there is no terminal to draw on, or no thread can be made.
    pub fn start(settings: Settings) -> anyhow::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(NoTerminal::None.into());
        }
        if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
            return Err(NoTerminal::Dumb.into());
        }
        let shared = Arc::<Shared>::default();
        let ended = Arc::new(AtomicBool::new(false));
        let (theirs, over) = (Arc::clone(&shared), Arc::clone(&ended));
        let thread = thread::Builder::new()
            .name("screen".to_owned())
            .spawn(move || {
                let _ended = Ended(over);
                // Signals that end it are the loop's.
                let others: SigSet = [Signal::SIGTSTP].into_iter().collect();
                let mut all = SigSet::all();
                all.remove(Signal::SIGTSTP);
                let _ = all.thread_block();
                let _ = others.thread_unblock();
                if let Some((uid, gid)) = record::caller() {
                    nix::unistd::setfsgid(gid.into());
                    nix::unistd::setfsuid(uid.into());
                }
                privileges::keep(privileges::CapabilitySet::empty());
                if let Err(error) = run(&theirs, settings) {
                    theirs.lock().failure = Some(error.to_string());
                }
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
            ended,
        })
    }

    /// What the screen wants to have; `None`: it was left, or something handed over was not taken yet.
    #[must_use]
    pub fn wish(&self) -> Option<Wish> {
        let mut state = self.shared.lock();
        if state.snapshot.is_some() {
            return None;
        }
        let wish = state.wish.clone();
        // Once is enough.
        state.wish.lines = false;
        state.wish.travel = None;
        Some(wish)
    }

    /// Whether the screen was left.
    #[must_use]
    pub fn is_left(&self) -> bool {
        self.ended.load(SeqCst) || self.shared.lock().wish.quit
    }

    /// Hands over what there is to be shown.
    pub fn show(&self, snapshot: Snapshot) {
        self.shared.lock().snapshot = Some(snapshot);
        self.shared.news.notify_one();
    }

    fn ends_within(&self, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        while !self.ended.load(SeqCst) && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        self.ended.load(SeqCst)
    }

    /// Leaves the screen, and has the terminal as it was; gives why it was left before that, if
    /// something went wrong.
    pub fn close(&mut self) -> Option<String> {
        let thread = self.thread.take()?;
        self.shared.lock().stop = true;
        self.shared.news.notify_one();
        if !self.ends_within(LEAVE) {
            // Nobody reads what it writes. What stands in the way is thrown away, so that there is
            // room for what leaves the screen.
            let _ = tcflush(io::stdout(), QueueSelector::OFlush);
        }
        if self.ends_within(LEAVE / 4) {
            if thread.join().is_err() {
                let failure = "of a mistake in tcptrace that is told above: please report it";
                self.shared.lock().failure = Some(failure.to_owned());
            }
        } else {
            let _ = disable_raw_mode();
        }
        for message in release_messages() {
            say(message);
        }
        self.shared.lock().failure.take()
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        self.close();
    }
}

/// Says that the thread is over, however it ends.
struct Ended(Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// SIGTSTP came.
static SUSPEND: AtomicBool = AtomicBool::new(false);
/// The terminal is ours.
static ENTERED: AtomicBool = AtomicBool::new(false);

extern "C" fn suspend_soon(_: i32) {
    SUSPEND.store(true, SeqCst);
}

/// The terminal while it is ours; as it was before when this goes.
struct Entered;

impl Entered {
    fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                // Whatever nobody reads would stand in the way.
                let _ = tcflush(io::stdout(), QueueSelector::OFlush);
                leave();
                before(info);
            }));
        });
        hold_messages();
        ENTERED.store(true, SeqCst);
        let entered = Self;
        enable_raw_mode()?;
        execute!(Written, EnterAlternateScreen, cursor::Hide)?;
        Ok(entered)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        leave();
    }
}

/// Has the terminal as it was, if it is not so already.
fn leave() {
    if ENTERED.swap(false, SeqCst) {
        if execute!(Written, LeaveAlternateScreen, cursor::Show).is_err() {
            // Keys come from the same terminal, which may be written to even so.
            let terminal = io::stdin().as_fd().try_clone_to_owned();
            if let Ok(mut terminal) = terminal.map(File::from) {
                let _ = execute!(terminal, LeaveAlternateScreen, cursor::Show);
            }
        }
        let _ = disable_raw_mode();
    }
}

/// Draws until it is over.
fn run(shared: &Shared, settings: Settings) -> io::Result<()> {
    let language = settings.language;
    let mut screen = Screen::new(settings);
    let first = {
        let mut state = shared.lock();
        while state.snapshot.is_none() && !state.stop {
            state = shared
                .news
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.stop {
            return Ok(());
        }
        state.snapshot.take()
    };
    let flags = SaFlags::SA_RESTART;
    let action = SigAction::new(SigHandler::Handler(suspend_soon), flags, SigSet::empty());
    // SAFETY: the handler does nothing but to store into an atomic.
    let _ = unsafe { sigaction(Signal::SIGTSTP, &action) };
    let mut entered = Some(Entered::enter()?);

    let mut terminal = anew()?;
    let mut changed = true;
    if let Some(first) = first {
        screen.take(first);
    }
    loop {
        if !ENTERED.load(SeqCst) {
            // Another thread panicked, and left it.
            return Ok(());
        }
        if changed {
            terminal.draw(|frame| screen.draw(frame.buffer_mut()))?;
        }
        changed = event::poll(TICK)?;
        let mut action = Action::None;
        // All that was typed meanwhile.
        while action == Action::None && event::poll(Duration::ZERO)? {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    if let Some(key) = known(key) {
                        action = screen.key(key);
                    }
                }
                _ => {}
            }
        }
        if SUSPEND.swap(false, SeqCst) {
            action = Action::Suspend;
        }
        let snapshot = {
            let mut state = shared.lock();
            if state.stop {
                return Ok(());
            }
            if action == Action::Quit {
                state.wish.quit = true;
                return Ok(());
            }
            let wish = screen.wish();
            // What was wanted once, and not taken note of yet, is wanted still.
            state.wish = Wish {
                lines: wish.lines || state.wish.lines,
                travel: wish.travel.or(state.wish.travel),
                ..wish
            };
            state.snapshot.take()
        };
        match action {
            Action::Suspend => {
                drop(entered.take());
                for message in release_messages() {
                    say(message);
                }
                let _ = raise(Signal::SIGSTOP);
                // It was told to go on.
                entered = Some(Entered::enter()?);
                terminal = anew()?;
                changed = true;
            }
            Action::Redraw => {
                terminal = anew()?;
                changed = true;
            }
            Action::None | Action::Quit => {}
        }
        if let Some(mut snapshot) = snapshot {
            if let Some(lines) = snapshot.lines.take() {
                screen.say(write(&lines, snapshot.wall_ns, language));
            }
            screen.take(snapshot);
            changed = true;
        }
    }
}

/// An empty terminal, on which all is to be drawn. Nothing is asked of it: a terminal that nobody
/// reads would not answer.
fn anew() -> io::Result<Terminal<CrosstermBackend<Written>>> {
    execute!(Written, Clear(ClearType::All))?;
    Terminal::new(CrosstermBackend::new(Written))
}

/// A key that something could be done for.
fn known(key: KeyEvent) -> Option<Key> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char(letter) if ctrl => Key::Ctrl(letter.to_ascii_lowercase()),
        KeyCode::Char(it) => Key::Char(it),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}

/// Writes lines to a file of their own in the present folder; what came of it, in words.
fn write(lines: &Lines, wall_ns: i64, language: Language) -> String {
    let time = jiff::Timestamp::from_nanosecond(wall_ns.into())
        .map(|it| it.strftime("%Y%m%dT%H%M%S").to_string())
        .unwrap_or_default();
    let name = format!("tcptrace-top-{time}.json");
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        // Whom a machine talks to is not for everybody.
        .mode(0o600)
        .open(&name)
        .and_then(|mut file| file.write_all(&lines.json));
    let (words, name) = (words(language), ("name", name.into()));
    match made {
        Ok(()) => words.say(
            "notice-written",
            [("count", lines.count.to_string().into()), name],
        ),
        Err(error) => words.say(
            "notice-not-written",
            [name, ("error", error.to_string().into())],
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        process::{Command, Stdio},
    };

    use nix::{
        fcntl::{FcntlArg, OFlag, fcntl},
        pty::openpty,
        sys::termios::tcgetattr,
    };

    use super::*;

    /// Runs a test of this file on a terminal of its own, and gives what it wrote there. Modes of the
    /// terminal are as they were.
    fn on_a_terminal(test: &str, non_blocking: bool) -> String {
        let pty = openpty(None, None).expect("a pseudo-terminal");
        if non_blocking {
            fcntl(&pty.slave, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("non-blocking");
        }
        let before = tcgetattr(&pty.slave).expect("its modes");
        let slave = || Stdio::from(pty.slave.as_fd().try_clone_to_owned().expect("one more"));
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "--ignored", "--nocapture"])
            .arg(format!("screen::terminal::tests::{test}"))
            .stdin(slave())
            .stdout(slave())
            .stderr(slave())
            .spawn()
            .expect("a test");
        let mut master = File::from(pty.master);
        let mut text = Vec::new();
        let mut bytes = [0; 4096];
        // The other side stays open until the modes were looked at: what is there is read meanwhile.
        let reader = thread::spawn(move || {
            while let Ok(read @ 1..) = master.read(&mut bytes) {
                text.extend(&bytes[..read]);
            }
            text
        });
        child.wait().expect("a status");
        let after = tcgetattr(&pty.slave).expect("its modes");
        assert_eq!(after.local_flags, before.local_flags);
        assert_eq!(after.input_flags, before.input_flags);
        assert_eq!(after.output_flags, before.output_flags);
        drop(pty.slave);
        let text = reader.join().expect("what was read");
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn a_panic_of_any_thread_gives_the_terminal_back_before_it_is_told() {
        let text = on_a_terminal("panics_beside_the_screen", false);
        // What was not read yet is thrown away.
        let left = text.rfind("\x1b[?1049l").expect("it was left");
        let told = text.find("a mistake").expect("it is told");
        let shown = text.rfind("\x1b[?25h").expect("the cursor is shown");
        assert!(left < shown && shown < told, "{text:?}");
        assert!(
            !text.contains("a frame"),
            "it is drawn on no more: {text:?}"
        );
    }

    #[test]
    #[ignore = "a panic, for a test that looks at what becomes of the terminal"]
    fn panics_beside_the_screen() {
        let _entered = Entered::enter().expect("a terminal");
        let _ = thread::spawn(|| panic!("a mistake")).join();
        if ENTERED.load(SeqCst) {
            let _ = execute!(Written, crossterm::style::Print("a frame"));
        }
    }

    #[test]
    fn where_drawing_fails_the_terminal_is_given_back() {
        let text = on_a_terminal("fails_to_draw", false);
        let entered = text.find("\x1b[?1049h").expect("it was entered");
        let left = text.rfind("\x1b[?1049l").expect("it was left");
        assert!(entered < left, "{text:?}");
        assert!(
            text[left..].contains("\x1b[?25h"),
            "the cursor is shown: {text:?}"
        );
    }

    #[test]
    #[ignore = "a failure, for a test that looks at what becomes of the terminal"]
    fn fails_to_draw() {
        let _entered = Entered::enter().expect("a terminal");
        let full = OpenOptions::new().write(true).open("/dev/full");
        nix::unistd::dup2_stdout(full.expect("a file that takes nothing")).expect("it is");
        let drawn = Written
            .write_all(&[b' '; 4096])
            .and_then(|()| Written.flush());
        assert!(drawn.is_err());
    }

    #[test]
    fn a_terminal_that_others_made_non_blocking_gets_whole_frames() {
        let text = on_a_terminal("writes_more_than_a_terminal_takes", true);
        assert_eq!(text.matches("0123456789").count(), 100_000);
        assert!(text.contains("\x1b[?1049l"), "it was left");
    }

    #[test]
    #[ignore = "for a test that makes the terminal non-blocking"]
    fn writes_more_than_a_terminal_takes() {
        let _entered = Entered::enter().expect("a terminal");
        for _ in 0..10_000 {
            Written
                .write_all("0123456789".repeat(10).as_bytes())
                .expect("written");
            Written.flush().expect("written");
        }
    }
}
