//! A terminal that is resized while tcptrace writes to it.

use std::{
    fs::File,
    io::Read as _,
    os::fd::{AsRawFd as _, OwnedFd},
    process::{Child, Command},
    sync::mpsc::{Receiver, channel},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use nix::pty::{Winsize, openpty};
use unicode_width::UnicodeWidthStr as _;

use crate::{Family, namespace::Namespace, trace::binary};

nix::ioctl_write_ptr_bad!(set_size, libc::TIOCSWINSZ, Winsize);

/// A pseudo terminal with tcptrace in it.
struct Terminal {
    master: OwnedFd,
    child: Child,
    output: Receiver<Vec<u8>>,
    text: String,
}

impl Terminal {
    fn start(columns: u16, arguments: &[&str]) -> Self {
        let pty = openpty(Some(&size(columns)), None).expect("a pseudo terminal");
        let slave = || pty.slave.try_clone().expect("another descriptor");
        let child = Command::new(binary())
            .args(arguments)
            .args(["--color", "always"])
            .env("LC_ALL", "C.UTF-8")
            .stdin(slave())
            .stdout(slave())
            .stderr(slave())
            .spawn()
            .expect("tcptrace starts");
        let mut reader = File::from(pty.master.try_clone().expect("another descriptor"));
        drop(pty.slave);
        let (send, output) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Fails once nobody has the other side.
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                if send.send(bytes[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            master: pty.master,
            child,
            output,
            text: String::new(),
        }
    }

    /// Waits for some text; returns all that was written since the last time.
    fn until(&mut self, wanted: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.text.contains(wanted) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{wanted:?} did not come: {}", self.text),
            }
        }
        sleep(Duration::from_millis(200));
        while let Ok(bytes) = self.output.try_recv() {
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
        std::mem::take(&mut self.text)
    }

    fn resize(&self, columns: u16) {
        let size = size(columns);
        // SAFETY: the kernel reads the struct that it is given.
        let told = unsafe { set_size(self.master.as_raw_fd(), &raw const size) };
        told.expect("a size");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16) -> Winsize {
    Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// The lines as one sees them: without colours, and without what was taken back.
fn lines(text: &str) -> Vec<String> {
    text.split('\n')
        .map(|line| {
            let line = line.trim_end_matches('\r');
            let line = line.rsplit('\r').next().unwrap_or_default();
            let mut shown = String::new();
            let mut rest = line;
            while let Some((before, sequence)) = rest.split_once("\x1b[") {
                shown.push_str(before);
                let end = sequence.find(|it: char| it.is_ascii_alphabetic());
                rest = end.map_or("", |end| &sequence[end + 1..]);
            }
            shown + rest
        })
        .collect()
}

fn assert_fits(columns: usize, text: &str) {
    for line in lines(text) {
        assert!(
            line.width() <= columns,
            "{columns} columns: {line:?} in\n{text}"
        );
    }
}

/// Opens and closes a connection.
fn connection(net: &Namespace) {
    let (client, server) = net.connect(Family::V4);
    drop(client);
    sleep(Duration::from_millis(20));
    drop(server);
}

#[test]
fn after_a_resize_no_line_is_wider_than_the_terminal_and_the_header_comes_again() {
    let net = Namespace::new();
    for (arguments, header) in [
        (&["watch", "--netns", "self"][..], "TIME"),
        (&["flows", "--netns", "self"], "PROCESS"),
    ] {
        let mut terminal = Terminal::start(120, arguments);
        terminal.until("waiting");
        connection(&net);
        let wide = terminal.until(header);
        assert_fits(120, &wide);
        assert!(lines(&wide).iter().any(|line| line.width() > 80), "{wide}");
        terminal.resize(20);
        connection(&net);
        let narrow = terminal.until("\n");
        assert_fits(20, &narrow);
        let first = &lines(&narrow)[0];
        assert!(
            first.contains("LOCAL") || first.contains("TIME") || first.contains("PROCESS"),
            "no header: {narrow}"
        );
    }
}

#[test]
fn a_terminal_of_20_columns_is_enough_from_the_start() {
    let net = Namespace::new();
    for (arguments, last) in [
        (&["watch", "--netns", "self", "-n", "8"][..], "\n"),
        (&["flows", "--netns", "self", "-n", "2"], "\n"),
        (&["stats", "--netns", "self", "-d", "1s"], "\n"),
        (
            &["stats", "--netns", "self", "-d", "1s", "--by", "comm"],
            "\n",
        ),
    ] {
        let mut terminal = Terminal::start(20, arguments);
        // What it waits for is cut, as it could not be taken back otherwise.
        let waiting = terminal.until("tcptrace: waiting");
        assert_fits(19, &waiting);
        connection(&net);
        assert_fits(20, &terminal.until(last));
    }
    let mut terminal = Terminal::start(20, &["list"]);
    assert_fits(20, &terminal.until("\n"));
}
