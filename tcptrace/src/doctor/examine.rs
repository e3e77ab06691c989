//! Asks the machine.

use std::{fs, net::SocketAddr, num::NonZero};

use super::{
    Check, Report, Status, capabilities,
    counters::counters,
    hooks::{self, Loaded},
    proc,
    settings::{Values, settings},
    traps::{ListenerState, Present, warnings},
};
use crate::{
    aggregate::flows::IdleTable,
    explain::Book,
    filter::Filter,
    host::{
        NoSockDiag, Scope, Socket, Unable, is_split, kernel_release, pid_namespace, silent_cgroup,
        snapshot,
    },
    language::{Chapter, Language, Words, kernel_error, no_addresses},
    model::{Endpoint, KernelError, State},
    privileges,
    source::live::{Kernel, Metrics, Options, Symbols},
};

/// Enough to load with: nothing is read.
const BUFFER_BYTES: u32 = 1 << 16;
/// What /sys/kernel/btf/vmlinux begins with, in the machine's byte order (include/uapi/linux/btf.h).
const BTF_MAGIC: u16 = 0xeb9f;

/// Looks at this machine and this network namespace. The kernel half is loaded and attached for
/// a moment. What is said of it is in that language.
///
/// # Errors
/// When a text or table of the binary is not of the form: a mistake in the program.
pub fn examine(language: Language) -> anyhow::Result<Report> {
    let words = Words::kept(Chapter::Doctor, language);
    let mut checks = vec![
        Check::new("kernel", Status::Ok, Some(kernel_release())),
        btf(words),
        kallsyms(language),
    ];
    let hidden = snapshot::are_descriptors_hidden();
    let held = privileges::effective();
    checks.extend(capabilities::checks(held, hidden, language));
    checks.extend(hooks::checks(&load(), words));
    let mut listeners = Vec::new();
    let listed = snapshot::list(Scope::Own, &[State::Listen], |piece| {
        listeners.extend(piece.sockets.iter().filter_map(listener));
        Ok(())
    });
    checks.push(sock_diag(&listed, words));

    let (book, products) = (Book::read(language)?, IdleTable::load(None)?);
    Ok(judge(&book, words, &products, checks, listeners, |file| {
        fs::read_to_string(file).ok()
    }))
}

/// Judges what files of /proc say, which `read` gives, and puts it beside what was found out
/// already, in the language of the book and the words. Pure, and of any texts.
pub fn judge(
    book: &Book,
    words: &Words,
    products: &IdleTable,
    checks: Vec<Check>,
    listeners: Vec<ListenerState>,
    read: impl Fn(&str) -> Option<String>,
) -> Report {
    let values = Values::read(book, &read);
    let netstat = read("/proc/net/netstat").unwrap_or_default();
    let sockstat = read("/proc/net/sockstat").unwrap_or_default();
    let present = Present {
        time_waits: proc::sockstat(&sockstat, "tw"),
        listeners,
        cgroup_v1: read("/proc/self/cgroup").is_some_and(|it| is_split(&it)),
        products: products.rows(),
    };
    Report {
        language: words.language(),
        settings: settings(book, &values, words),
        counters: counters(book, &proc::netstat(&netstat)),
        warnings: warnings(&values, &present, words),
        checks,
    }
}

fn btf(words: &Words) -> Check {
    const NAME: &str = "/sys/kernel/btf/vmlinux";
    let failed = |why: String| Check::new(NAME, Status::Failed, Some(why));
    match fs::read(NAME) {
        Ok(types) if types.starts_with(&BTF_MAGIC.to_ne_bytes()) => Check::ok(NAME),
        Ok(_) => failed(words.word("check-no-types")),
        Err(error) => {
            let error = KernelError::NoBtf(error.to_string());
            failed(kernel_error(&error, words.language()))
        }
    }
}

fn kallsyms(language: Language) -> Check {
    const NAME: &str = "/proc/kallsyms";
    match Symbols::read().incomplete() {
        None => Check::ok(NAME),
        Some(why) => {
            let why = no_addresses(&why, language);
            Check::new(NAME, Status::Degraded, Some(why))
        }
    }
}

/// Attaches everything; without what only following a command needs, if that is what fails.
fn load() -> Result<Loaded, KernelError> {
    let filter = Filter::default();
    let attach = |follow| {
        Kernel::load(&Options {
            filter: &filter,
            buffer_bytes: BUFFER_BYTES,
            follow,
            metrics: Metrics::Always,
            pid_namespace: pid_namespace(),
            silent_cgroup: silent_cgroup(),
            log: false,
        })
    };
    let (kernel, fork) = match attach(true) {
        Ok((kernel, _)) => (kernel, None),
        Err(error) => (attach(false)?.0, Some(error)),
    };
    let symbols = &kernel.symbols;
    Ok(Loaded {
        addresses: symbols.incomplete().is_none(),
        degraded: kernel.degraded,
        fork,
        accept: kernel.accept_refused,
    })
}

fn sock_diag(listed: &anyhow::Result<()>, words: &Words) -> Check {
    const NAME: &str = "sock_diag";
    let Err(error) = listed else {
        return Check::ok(NAME);
    };
    let missing = match error.downcast_ref() {
        Some(Unable::NoSockDiag(error)) => error.get_ref().and_then(|it| it.downcast_ref()),
        _ => None,
    };
    let detail = match missing {
        Some(NoSockDiag(error)) => {
            words.say("check-no-sock-diag", [("error", error.to_string().into())])
        }
        None => words.say("check-no-sockets", [("error", format!("{error:#}").into())]),
    };
    Check::new(NAME, Status::Degraded, Some(detail))
}

fn listener(socket: &Socket) -> Option<ListenerState> {
    let Endpoint { addr, port } = socket.tuple.local;
    let port = port.map_or(0, NonZero::get);
    Some(ListenerState {
        name: SocketAddr::new(addr, port).to_string(),
        waiting: socket.recv_queue?,
        backlog: socket.send_queue?,
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_kernel_that_tells_of_no_sockets_is_told_in_each_language() {
        let missing = NoSockDiag(io::Error::from_raw_os_error(2));
        let missing = io::Error::new(io::ErrorKind::Unsupported, missing);
        let listed = Err(Unable::NoSockDiag(missing).into());
        for (language, text) in [
            (
                Language::English,
                "this kernel does not tell of TCP sockets",
            ),
            (Language::Chinese, "此内核不提供 TCP 套接字的信息"),
        ] {
            let check = sock_diag(&listed, Words::kept(Chapter::Doctor, language));
            let detail = check.detail.expect("it says why");
            assert!(detail.starts_with(text), "{detail}");
            assert!(detail.contains("modprobe tcp_diag"), "{detail}");
            assert!(detail.contains("os error 2"), "{detail}");
        }
    }
}
