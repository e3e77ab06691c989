//! The traced command, where something is wrong around it: signals of a terminal, a pipe that
//! nobody reads any more.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    libc,
    pty::openpty,
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction},
    unistd::{Pid, setsid},
};

use crate::{
    namespace::Namespace,
    patience::patient,
    trace::{binary, wait},
};

nix::ioctl_write_int_bad!(set_controlling_terminal, libc::TIOCSCTTY);

/// Writes which signal came, and who sent it.
extern "C" fn tell(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel hands a valid struct over; write(2) and _exit(2) may be called in a handler.
    unsafe {
        let line: &[u8] = match (signal, (*info).si_code) {
            (libc::SIGINT, libc::SI_KERNEL) => b"SIGINT by terminal\n",
            (libc::SIGINT, _) => b"SIGINT by process\n",
            (libc::SIGQUIT, libc::SI_KERNEL) => b"SIGQUIT by terminal\n",
            (libc::SIGQUIT, _) => b"SIGQUIT by process\n",
            _ => b"SIGTERM by process\n",
        };
        libc::write(1, line.as_ptr().cast(), line.len());
        if signal == libc::SIGTERM {
            libc::_exit(5);
        }
    }
}

/// Tells of each signal that it gets; SIGTERM ends it with a status of its own.
#[test]
#[ignore = "no test, but a command for one"]
fn helper_that_tells_of_its_signals() {
    if std::env::var_os("TCPTRACE_TEST_SIGNALS").is_none() {
        return;
    }
    let action = SigAction::new(
        SigHandler::SigAction(tell),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM] {
        // SAFETY: the handler does nothing that a handler may not.
        unsafe { sigaction(signal, &action) }.expect("a handler");
    }
    println!("ready {}", std::process::id());
    std::thread::sleep(patient(Duration::from_secs(30)));
}

/// A terminal with tcptrace in its foreground, and a command that tells of its signals.
struct Foreground {
    tcptrace: Child,
    keyboard: File,
    screen: BufReader<File>,
}

impl Foreground {
    fn start(before: &str) -> Self {
        let pty = openpty(None, None).expect("a pseudo terminal");
        let slave = || pty.slave.try_clone().expect("another descriptor");
        let helper = std::env::current_exe().unwrap();
        let script = format!(
            "exec {before} {} --ignored --exact --nocapture \
             command::helper_that_tells_of_its_signals",
            helper.display()
        );
        let mut command = Command::new(binary());
        command
            .args(["--netns", "self", "-o", "json", "--", "sh", "-c", &script])
            .env("TCPTRACE_TEST_SIGNALS", "1")
            .stdin(slave())
            .stdout(slave())
            .stderr(slave());
        // SAFETY: system calls alone.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                set_controlling_terminal(0, 0)?;
                Ok(())
            });
        }
        let tcptrace = command.spawn().expect("tcptrace starts");
        let file = |it: &OwnedFd| File::from(it.try_clone().expect("another descriptor"));
        let mut started = Self {
            tcptrace,
            keyboard: file(&pty.master),
            screen: BufReader::new(file(&pty.master)),
        };
        started.until("ready ");
        started
    }

    /// Reads up to a line that contains that.
    fn until(&mut self, wanted: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            match self.screen.read_line(&mut line) {
                Ok(1..) => all.push_str(&line),
                _ => panic!("{wanted:?} did not come: {all}"),
            }
            if line.contains(wanted) {
                return all;
            }
        }
    }

    /// Ends the command through tcptrace; returns what was written up to then.
    fn terminate(&mut self) -> String {
        kill(Pid::from_raw(self.tcptrace.id() as i32), Signal::SIGTERM).expect("a signal");
        let said = self.until("SIGTERM");
        let status = wait(
            &mut self.tcptrace,
            Instant::now() + patient(Duration::from_secs(20)),
        );
        assert_eq!(status.and_then(|it| it.code()), Some(5), "its own status");
        said
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.tcptrace.kill();
        let _ = self.tcptrace.wait();
    }
}

#[test]
fn ctrl_c_reaches_the_command_once() {
    let _net = Namespace::new();
    let mut foreground = Foreground::start("");
    for _ in 0..3 {
        foreground.keyboard.write_all(b"\x03").unwrap();
        assert!(foreground.until("SIGINT").contains("by terminal"));
        // Whatever tcptrace would send has time to come.
        std::thread::sleep(Duration::from_millis(200));
    }
    let said = foreground.terminate();
    assert!(!said.contains("SIGINT"), "{said}");
    assert_eq!(said.matches("SIGTERM").count(), 1, "{said}");
    assert!(said.contains("SIGTERM by process"), "{said}");
}

#[test]
fn ctrl_backslash_is_the_commands_business() {
    let _net = Namespace::new();
    let mut foreground = Foreground::start("");
    foreground.keyboard.write_all(b"\x1c").unwrap();
    assert!(foreground.until("SIGQUIT").contains("by terminal"));
    std::thread::sleep(Duration::from_millis(200));
    let said = foreground.terminate();
    assert!(!said.contains("SIGQUIT"), "{said}");
}

#[test]
fn ctrl_c_is_passed_on_to_a_command_in_another_session() {
    let _net = Namespace::new();
    let mut foreground = Foreground::start("setsid -w");
    foreground.keyboard.write_all(b"\x03").unwrap();
    assert!(foreground.until("SIGINT").contains("by process"));
}

/// Makes lines for as long as it lasts, and ends with a status of its own.
const BUSY: &str =
    "for i in $(seq 30); do (exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null; sleep 0.05; done; exit 9";

#[test]
fn a_command_is_not_left_alone_when_nobody_reads_any_more() {
    let _net = Namespace::new();
    for output in ["json", "table", "csv"] {
        let mut child = Command::new(binary())
            .args(["--netns", "self", "-o", output, "--", "bash", "-c", BUSY])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tcptrace starts");
        let began = Instant::now();
        let mut first = String::new();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_line(&mut first).expect("a line");
        drop(reader);
        let mut said = String::new();
        let mut stderr = child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).expect("UTF-8");
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(9), "the command's own status: {said}");
        assert!(
            began.elapsed() > Duration::from_secs(1),
            "it ran to its end"
        );
        assert!(said.is_empty(), "{said}");
    }
}

/// A tcptrace whose output is read by nobody, and which has more to say than fits into the pipe.
fn unread(arguments: &[&str]) -> Child {
    let child = Command::new(binary())
        .args(["--netns", "self", "-o", "json"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tcptrace starts");
    // It attaches.
    std::thread::sleep(patient(Duration::from_secs(5)));
    let nobody = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    for _ in 0..500 {
        let _ = std::net::TcpStream::connect(nobody);
    }
    std::thread::sleep(Duration::from_millis(500));
    child
}

fn ends_within(limit: Duration, child: &mut Child) {
    let status = wait(child, Instant::now() + patient(limit));
    let _ = child.kill();
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).expect("UTF-8");
    assert_eq!(status.and_then(|it| it.code()), Some(1), "{said}");
    assert!(said.contains("nobody reads"), "{said}");
}

#[test]
fn a_reader_that_does_not_read_does_not_keep_it_from_ending() {
    let _net = Namespace::new();
    let mut child = unread(&[]);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("a signal");
    ends_within(Duration::from_secs(10), &mut child);
}

#[test]
fn who_is_impatient_signals_twice() {
    let _net = Namespace::new();
    let mut child = unread(&[]);
    for _ in 0..2 {
        kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("a signal");
        std::thread::sleep(Duration::from_millis(500));
    }
    ends_within(Duration::from_secs(2), &mut child);
}

#[test]
fn two_signals_at_once_leave_a_reader_the_time_to_read() {
    let _net = Namespace::new();
    let mut child = unread(&[]);
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        kill(Pid::from_raw(child.id() as i32), signal).expect("a signal");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut told = String::new();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_to_string(&mut told).expect("UTF-8");
    let status = wait(&mut child, Instant::now() + patient(Duration::from_secs(2)));
    assert_eq!(status.and_then(|it| it.code()), Some(0));
    let last = told.lines().last().unwrap_or_default();
    assert!(last.starts_with("{\"type\":\"end\""), "{last}");
}

#[test]
fn a_duration_ends_it_even_if_nobody_reads() {
    let _net = Namespace::new();
    let mut child = unread(&["-d", "8s"]);
    ends_within(Duration::from_secs(20), &mut child);
}
