//! The tracers: how each is started, and what it tells of a connection.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::peers;
use crate::load::Made;

/// What a tracer's kernel half hooks.
const TRACEPOINT: &str = "sock:inet_sock_set_state";
/// What tcpstates does, as one line: the time in each state included.
const BPFTRACE_SCRIPT: &str = r#"tracepoint:sock:inet_sock_set_state /args->protocol == 6/ { $now = nsecs; printf("%p %d %s %s:%d %s:%d %d -> %d %d\n", args->skaddr, pid, comm, ntop(args->saddr), args->sport, ntop(args->daddr), args->dport, args->oldstate, args->newstate, @last[args->skaddr] ? ($now - @last[args->skaddr]) / 1000 : 0); if (args->newstate == 7) { delete(@last[args->skaddr]); } else { @last[args->skaddr] = $now; } } END { clear(@last); }"#;

/// A tracer.
#[derive(Clone, Debug)]
pub struct Tracer {
    /// By which it is asked for, and shown.
    pub name: &'static str,
    /// The project that it belongs to.
    pub of: &'static str,
    program: Program,
    arguments: Vec<OsString>,
    /// What it writes.
    pub output: Output,
}

#[derive(Clone, Debug)]
enum Program {
    Built(PathBuf),
    Packaged {
        program: &'static str,
        package: &'static str,
    },
}

/// What a tracer writes to its standard output, by which one sees that it traces, and counts what
/// it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// tcptrace's JSON: a line of `start` once it traces, lines of this type for the rest.
    Json(Lines),
    /// Text, in blocks: so many lines a connection, with its addresses in them.
    Text {
        /// Lines for each connection.
        per_connection: u64,
    },
    /// perf.data.
    Perf,
    /// A folder, named by its last argument.
    Recording,
    /// Metrics, asked for every second at the socket that its last argument names.
    Served,
    /// A screen, on a terminal that nobody reads.
    Screen,
}

/// Lines of tcptrace's JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// One for each transition.
    Transitions,
    /// One for each end of a connection.
    Flows,
    /// A few in all.
    Summary,
}

/// State transitions of the two sockets of a connection that is closed by RST: CLOSED -> SYN_SENT
/// -> ESTABLISHED -> CLOSED and LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSED. `kernel_half` counts
/// them in the kernel.
pub const TRANSITIONS: u64 = 6;
/// Those of a listener: to LISTEN and back.
pub const LISTENERS_TRANSITIONS: u64 = 2;

/// All of them, tcptrace first.
#[must_use]
pub fn all(tcptrace: &Path) -> Vec<Tracer> {
    let own = |name: &'static str, lines| Tracer {
        name,
        of: "tcptrace",
        program: Program::Built(tcptrace.to_owned()),
        arguments: words(&[name, "-o", "json"]),
        output: Output::Json(lines),
    };
    let peer = |name, package, arguments: &[&str], output| Tracer {
        name,
        of: name,
        program: Program::Packaged {
            program: name,
            package,
        },
        arguments: words(arguments),
        output,
    };
    let text = |per_connection| Output::Text { per_connection };
    vec![
        own("watch", Lines::Transitions),
        own("flows", Lines::Flows),
        own("stats", Lines::Summary),
        Tracer {
            arguments: words(&["record", "-o"]),
            output: Output::Recording,
            ..own("record", Lines::Transitions)
        },
        Tracer {
            arguments: words(&["serve", "--listen"]),
            output: Output::Served,
            ..own("serve", Lines::Summary)
        },
        Tracer {
            arguments: words(&["top"]),
            output: Output::Screen,
            ..own("top", Lines::Summary)
        },
        peer(
            "perf",
            "linux-perf",
            // The file is not read again at the end, which is in perf's favour.
            &[
                "record",
                "--all-cpus",
                "--no-buildid",
                "--event",
                TRACEPOINT,
            ],
            Output::Perf,
        ),
        peer("tcpstates", "libbpf-tools", &[], text(TRANSITIONS)),
        peer("tcplife", "libbpf-tools", &[], text(2)),
        peer(
            "bpftrace",
            "bpftrace",
            &["-e", BPFTRACE_SCRIPT],
            text(TRANSITIONS),
        ),
    ]
}

impl Tracer {
    /// The program, installed if need be, and its arguments.
    ///
    /// # Errors
    /// When it can't be had.
    pub fn command(&self) -> Result<(PathBuf, &[OsString])> {
        let program = match &self.program {
            Program::Built(path) => path.clone(),
            Program::Packaged { program, package } => peers::obtain(program, package)?,
        };
        Ok((program, &self.arguments))
    }

    /// The command as in a table.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut shown = vec![self.of.into()];
        match self.name {
            "bpftrace" => shown.push("-e SCRIPT".into()),
            _ => shown.extend(self.arguments.iter().map(|word| word.to_string_lossy())),
        }
        // What its last argument needs is made for each run.
        match self.output {
            Output::Recording => shown.push("FOLDER".into()),
            Output::Served => shown.push("unix:SOCKET".into()),
            _ => {}
        }
        shown.join(" ")
    }

    /// Whether it is another's.
    #[must_use]
    pub fn is_peer(&self) -> bool {
        matches!(self.program, Program::Packaged { .. })
    }

    /// The version of its package.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        match self.program {
            Program::Built(_) => None,
            Program::Packaged { package, .. } => peers::version(package),
        }
    }

    /// Whether it looks tracepoints up in tracefs.
    #[must_use]
    pub fn needs_tracefs(&self) -> bool {
        self.is_peer()
    }

    /// How many lines it should have about those connections; 0 where lines are not of connections.
    #[must_use]
    pub fn expected(&self, made: &Made) -> u64 {
        let connections = made.connections_in_all;
        match self.output {
            Output::Json(Lines::Transitions) | Output::Recording => TRANSITIONS * connections,
            Output::Json(Lines::Flows) => 2 * connections,
            Output::Json(Lines::Summary) | Output::Served | Output::Screen => 0,
            Output::Text { per_connection } => per_connection * connections,
            // It can't tell listeners from others.
            Output::Perf => {
                TRANSITIONS * connections + LISTENERS_TRANSITIONS * u64::from(made.threads)
            }
        }
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::all;
    use crate::load::Made;

    #[test]
    fn what_is_expected_goes_with_what_is_written() {
        let made = Made {
            threads: 2,
            connections: 8,
            connections_in_all: 10,
            ..Made::default()
        };
        let tracers = all(Path::new("tcptrace"));
        let expected: Vec<_> = tracers
            .iter()
            .map(|tracer| (tracer.name, tracer.expected(&made)))
            .collect();
        assert_eq!(
            expected,
            [
                ("watch", 60),
                ("flows", 20),
                ("stats", 0),
                ("record", 60),
                ("serve", 0),
                ("top", 0),
                ("perf", 64),
                ("tcpstates", 60),
                ("tcplife", 20),
                ("bpftrace", 60),
            ]
        );
    }

    #[test]
    fn commands_are_shown_in_short() {
        let tracers = all(Path::new("/x/tcptrace"));
        assert_eq!(tracers[0].shown(), "tcptrace watch -o json");
        assert_eq!(tracers[3].shown(), "tcptrace record -o FOLDER");
        assert_eq!(tracers[4].shown(), "tcptrace serve --listen unix:SOCKET");
        assert_eq!(tracers[9].shown(), "bpftrace -e SCRIPT");
    }
}
