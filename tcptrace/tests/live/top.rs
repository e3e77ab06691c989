//! `top` on a real pseudo-terminal: what one sees there, and how it is left.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, sleep},
    time::{Duration, Instant},
};

use nix::{
    libc,
    pty::{Winsize, openpty},
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, Termios, tcgetattr},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, setsid},
};
use vt100::Parser;

use crate::{
    Family, namespace::Namespace, recording::Recording, schema, sockets::close_in_turn,
    trace::binary,
};

nix::ioctl_write_ptr_bad!(set_size, libc::TIOCSWINSZ, Winsize);
nix::ioctl_write_int_bad!(set_controlling, libc::TIOCSCTTY);

/// How long something may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal with `top` in it.
struct Terminal {
    master: OwnedFd,
    slave: OwnedFd,
    before: Termios,
    child: Option<Child>,
    screen: Arc<Mutex<Parser>>,
    /// Nobody reads what is written to it.
    stalled: Arc<AtomicBool>,
}

impl Terminal {
    fn start(net: &Namespace, arguments: &[&str], folder: &Path) -> Self {
        let netns = net.inode().to_string();
        let all = [&["--netns", &netns], arguments].concat();
        Self::start_with(&all, folder)
    }

    fn start_with(arguments: &[&str], folder: &Path) -> Self {
        let pty = openpty(Some(&size(80, 24)), None).expect("a pseudo-terminal");
        let before = tcgetattr(&pty.slave).expect("its modes");
        let slave = || pty.slave.try_clone().expect("another descriptor");
        let mut command = Command::new(binary());
        command
            .arg("top")
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", folder)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("NO_COLOR")
            .current_dir(folder)
            .stdin(slave())
            .stdout(slave())
            .stderr(slave());
        // SAFETY: both calls may be made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                set_controlling(0, 0)?;
                Ok(())
            });
        }
        let child = command.spawn().expect("tcptrace");
        let screen = Arc::new(Mutex::new(Parser::new(24, 80, 0)));
        let stalled = Arc::new(AtomicBool::new(false));
        let mut reader = File::from(pty.master.try_clone().expect("another descriptor"));
        let (seen, waits) = (Arc::clone(&screen), Arc::clone(&stalled));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                while waits.load(Ordering::Relaxed) {
                    sleep(Duration::from_millis(5));
                }
                // Fails once nobody has the other side.
                let Ok(read @ 1..) = reader.read(&mut bytes) else {
                    return;
                };
                seen.lock().expect("whole").process(&bytes[..read]);
            }
        });
        Self {
            master: pty.master,
            slave: pty.slave,
            before,
            child: Some(child),
            screen,
            stalled,
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.as_ref().expect("it runs").id() as i32)
    }

    fn text(&self) -> String {
        self.screen.lock().expect("whole").screen().contents()
    }

    fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let text = self.text();
            if is_so(&text) {
                return text;
            }
            assert!(began.elapsed() < PATIENCE, "{what}:\n{text}");
            sleep(Duration::from_millis(20));
        }
    }

    fn shows(&self, words: &str) -> String {
        self.until(words, |text| text.contains(words))
    }

    fn type_in(&self, keys: &str) {
        let mut master = File::from(self.master.try_clone().expect("another descriptor"));
        master.write_all(keys.as_bytes()).expect("room");
    }

    fn resize(&self, columns: u16, lines: u16) {
        self.screen
            .lock()
            .expect("whole")
            .screen_mut()
            .set_size(lines, columns);
        let size = size(columns, lines);
        // SAFETY: the kernel reads the struct that it is given.
        let told = unsafe { set_size(self.master.as_raw_fd(), &raw const size) };
        told.expect("a size");
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it is there");
    }

    fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("a status") {
                return status;
            }
            if began.elapsed() > PATIENCE {
                let _ = child.kill();
                panic!("it does not end:\n{}", self.text());
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// Whether the terminal is as it was before, and the cursor shown.
    fn assert_as_before(&self, what: &str) {
        let modes = tcgetattr(&self.slave).expect("its modes");
        assert_eq!(modes.local_flags, self.before.local_flags, "{what}");
        assert_eq!(modes.input_flags, self.before.input_flags, "{what}");
        assert_eq!(modes.output_flags, self.before.output_flags, "{what}");
        self.until_screen(what, |screen| {
            !screen.alternate_screen() && !screen.hide_cursor()
        });
    }

    fn until_screen(&self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let began = Instant::now();
        while !is_so(self.screen.lock().expect("whole").screen()) {
            assert!(began.elapsed() < PATIENCE, "{what}");
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.stalled.store(false, Ordering::Relaxed);
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn size(columns: u16, lines: u16) -> Winsize {
    Winsize {
        ws_row: lines,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::TempDir::new().expect("a folder")
}

/// How many are in a state, as the machine shows it.
fn now_in(text: &str, state: &str) -> Option<u64> {
    let line = text.lines().find(|it| it.starts_with(state))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn a_connection_is_seen_in_the_machine_the_tables_and_its_life() {
    let net = Namespace::new();
    let folder = folder();
    let terminal = Terminal::start(&net, &[], folder.path());
    terminal.shows("1Machine");
    let listener = net.listen(Family::V4);
    let (client, server) = net.connect_to(&listener);
    let port = client.local_addr().expect("a port").port();
    terminal.until("it is established", |text| {
        now_in(text, "ESTABLISHED") == Some(2)
    });
    terminal.type_in("2");
    terminal.shows(&format!("127.0.0.1:{port}"));
    terminal.type_in("/");
    terminal.type_in(&format!("local-port:{port}\r"));
    terminal.until("the client's end alone", |text| {
        text.matches("ESTABLISHED").count() == 1
    });
    terminal.type_in("\r");
    let life = terminal.shows("A connection's life");
    assert!(
        life.contains('…') || life.contains("handshake_complete"),
        "{life}"
    );
    terminal.shows("handshake_complete");
    terminal.shows("opened by this side");
    close_in_turn(client, server);
    terminal.shows("fin_received");
    terminal.type_in("w");
    terminal.shows("lines written to");
    let mut files = std::fs::read_dir(folder.path()).expect("a folder");
    let file = files.find_map(|it| {
        let path = it.expect("a file").path();
        (path.extension()? == "json").then_some(path)
    });
    let text = std::fs::read_to_string(file.expect("it was written")).expect("text");
    let lines: Vec<_> = text
        .lines()
        .map(|it| schema::read(it).expect("JSON"))
        .collect();
    assert!(lines.len() >= 5, "{text}");
    assert!(lines.iter().all(|it| it["type"] == "transition"));
    terminal.type_in("\x1b");
    terminal.type_in("x");
    terminal.shows("tcptrace explain");
}

#[test]
fn every_tab_and_every_table_is_drawn_at_any_size() {
    let net = Namespace::new();
    let folder = folder();
    let terminal = Terminal::start(&net, &[], folder.path());
    terminal.shows("1Machine");
    let listener = net.listen(Family::V6);
    let (_client, _server) = net.connect_to(&listener);
    for (columns, lines) in [(80, 24), (40, 10), (200, 60), (20, 3), (120, 40)] {
        terminal.resize(columns, lines);
        for (key, heading) in [
            ("1", "STATE"),
            ("2", "STATE"),
            ("3", "WHOSE"),
            ("4", "WHOSE"),
            ("5", "LISTENS"),
            ("6", "STATE"),
            ("7", "TIME"),
        ] {
            // One that is typed while the size changes is taken with the next one.
            for again in 0.. {
                terminal.type_in(key);
                sleep(Duration::from_millis(300));
                let text = terminal.text();
                let third = text.lines().nth(2).unwrap_or_default();
                if lines == 3
                    || (columns, key) == (200, "1")
                    || third.trim_start().starts_with(heading)
                {
                    break;
                }
                assert!(again < 60, "{key} at {columns}x{lines}:\n{text}");
            }
        }
    }
    terminal.resize(200, 60);
    for again in 0.. {
        terminal.type_in("1");
        sleep(Duration::from_millis(300));
        let text = terminal.text();
        if text.contains("└──────") {
            break;
        }
        assert!(again < 60, "the state machine at 200x60:\n{text}");
    }
}

#[test]
fn however_it_ends_the_terminal_is_as_it_was() {
    let net = Namespace::new();
    let folder = folder();
    let by = [
        ("q", None),
        ("\x03", None),
        ("", Some(Signal::SIGINT)),
        ("", Some(Signal::SIGTERM)),
        ("", Some(Signal::SIGHUP)),
    ];
    for (keys, signal) in by {
        let mut terminal = Terminal::start(&net, &[], folder.path());
        terminal.shows("1Machine");
        let modes = tcgetattr(&terminal.slave).expect("its modes");
        assert!(!modes.local_flags.contains(LocalFlags::ICANON), "it is raw");
        terminal.type_in(keys);
        if let Some(signal) = signal {
            terminal.signal(signal);
        }
        let status = terminal.wait();
        let what = format!("{keys:?} {signal:?}");
        assert_eq!(status.code(), Some(0), "{what}: {status}");
        terminal.assert_as_before(&what);
    }
}

#[test]
fn put_into_the_background_it_gives_the_terminal_back_and_takes_it_again() {
    let net = Namespace::new();
    let folder = folder();
    for by_key in [true, false] {
        let mut terminal = Terminal::start(&net, &[], folder.path());
        terminal.shows("1Machine");
        if by_key {
            terminal.type_in("\x1a");
        } else {
            terminal.signal(Signal::SIGTSTP);
        }
        let began = Instant::now();
        loop {
            let flags = WaitPidFlag::WUNTRACED | WaitPidFlag::WNOHANG;
            match waitpid(terminal.pid(), Some(flags)).expect("a status") {
                WaitStatus::Stopped(..) => break,
                _ => assert!(began.elapsed() < PATIENCE, "it does not stop"),
            }
            sleep(Duration::from_millis(10));
        }
        terminal.assert_as_before("stopped");
        terminal.signal(Signal::SIGCONT);
        terminal.until_screen("it is drawn again", vt100::Screen::alternate_screen);
        terminal.shows("1Machine");
        terminal.type_in("2");
        terminal.shows("LOCAL");
        terminal.type_in("q");
        assert_eq!(terminal.wait().code(), Some(0));
        terminal.assert_as_before("left");
    }
}

#[test]
fn a_terminal_that_nobody_reads_costs_no_event() {
    let net = Namespace::new();
    let folder = folder();
    let mut terminal = Terminal::start(&net, &["--strict"], folder.path());
    terminal.shows("1Machine");
    let listener = net.listen(Family::V4);
    terminal.stalled.store(true, Ordering::Relaxed);
    // So much is drawn that it does not fit into the terminal's buffer.
    terminal.type_in("\x0c\x0c2\x0c3\x0c4\x0c");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        let (client, server) = net.connect_to(&listener);
        drop((client, server));
        if began.elapsed().as_millis().is_multiple_of(50) {
            terminal.type_in("\x0c");
        }
    }
    terminal.signal(Signal::SIGTERM);
    let ended = Instant::now();
    let status = terminal.wait();
    assert_eq!(status.code(), Some(0), "{status} {:?}", status.signal());
    assert!(
        ended.elapsed() < Duration::from_secs(4),
        "{:?}",
        ended.elapsed()
    );
}

#[test]
fn without_a_terminal_it_says_so_and_does_nothing() {
    let pipe = Command::new(binary())
        .arg("top")
        .stdin(Stdio::null())
        .env("TERM", "xterm")
        .output();
    let pipe = pipe.expect("tcptrace");
    assert_eq!(pipe.status.code(), Some(2), "{pipe:?}");
    let said = String::from_utf8_lossy(&pipe.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("stats -i 1s"), "{said}");
    for term in ["dumb", ""] {
        let pty = openpty(Some(&size(80, 24)), None).expect("a pseudo-terminal");
        let slave = || pty.slave.try_clone().expect("another descriptor");
        let output = Command::new(binary())
            .arg("top")
            .env("TERM", term)
            .stdin(slave())
            .stdout(slave())
            .stderr(Stdio::piped())
            .output()
            .expect("tcptrace");
        assert_eq!(output.status.code(), Some(2), "{term}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("TERM") && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn a_wrong_file_of_settings_is_refused_with_what_would_be_right() {
    let net = Namespace::new();
    let folder = folder();
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, "[keys]\nquit = [\"hyper-q\"]\n").expect("a file");
    let path = file.to_str().expect("text");
    let mut terminal = Terminal::start(&net, &["--config", path], folder.path());
    terminal.shows("hyper-q is no key");
    assert_eq!(terminal.wait().code(), Some(2));
    let good = folder.path().join("good.toml");
    std::fs::write(&good, "ascii = true\n[keys]\nquit = [\"Q\"]\n").expect("a file");
    let path = good.to_str().expect("text");
    let mut terminal = Terminal::start(&net, &["--config", path], folder.path());
    let text = terminal.shows("1Machine");
    assert!(text.is_ascii(), "{text}");
    terminal.type_in("Q");
    assert_eq!(terminal.wait().code(), Some(0));
}

#[test]
fn a_recording_is_looked_at_forwards_and_backwards() {
    let net = Namespace::new();
    let folder = folder();
    let path = folder.path().join("rec2");
    let recording = Recording::start(&net, &path, &[]);
    let listener = net.listen(Family::V4);
    let (client, server) = net.connect_to(&listener);
    close_in_turn(client, server);
    let output = recording.stop();
    assert!(output.status.success(), "{output:?}");
    let path = path.to_str().expect("text");
    let mut terminal = Terminal::start_with(&["-r", path, "--from", "-1m"], folder.path());
    terminal.shows("0 % stands");
    let mut events = Vec::new();
    for _ in 0..4 {
        let before = terminal.text().lines().last().map(str::to_owned);
        terminal.type_in("]");
        let text = terminal.until("the next event", |text| {
            let last = text.lines().last().map(str::to_owned);
            last != before && text.contains(" → ")
        });
        events.push(text.lines().last().expect("a line").to_owned());
    }
    terminal.type_in("[");
    let third = events[2].clone();
    terminal.until("the event before", |text| {
        text.lines().last() == Some(&*third)
    });
    terminal.type_in("q");
    assert_eq!(terminal.wait().code(), Some(0));
}
