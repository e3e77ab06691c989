//! What threads that talk to others may not do: whoever takes one over must not get far.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, Scope,
};

use crate::privileges;

/// The newest rules that are asked for; a kernel takes those that it knows.
const RULES: ABI = ABI::V6;

/// Takes this thread everything: it has no capability, opens no file, and begins no connection.
/// What is open stays open.
pub fn server() {
    privileges::keep(privileges::CapabilitySet::empty());
    enforced(rules().and_then(RulesetCreated::restrict_self).map(|_| ()));
}

/// Takes this thread everything but what it takes to send to a collector: it reads files, for names
/// and certificates, and connects to that port, and that of name servers.
pub fn sender(port: u16) {
    privileges::keep(privileges::CapabilitySet::empty());
    let restricted = connecting(port).and_then(RulesetCreated::restrict_self);
    enforced(restricted.map(|_| ()));
}

/// Takes this thread, and those that it makes later, everything but what it takes to bring a recording
/// elsewhere: it reads files, writes below one folder, and connects to that port, and that of name
/// servers.
pub fn shipper(port: u16, state: &Path) {
    privileges::keep_callers();
    let write = AccessFs::from_all(RULES);
    enforced(connecting(port).and_then(|rules| {
        let rules = match PathFd::new(state) {
            Ok(folder) => rules.add_rule(PathBeneath::new(folder, write))?,
            Err(_) => rules,
        };
        rules.restrict_self().map(|_| ())
    }));
}

/// Files can be read, and that port be connected to, and that of name servers.
fn connecting(port: u16) -> Result<RulesetCreated, RulesetError> {
    const NAMES: u16 = 53;
    let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let rules = rules()?;
    let rules = match PathFd::new("/") {
        Ok(root) => rules.add_rule(PathBeneath::new(root, read))?,
        Err(_) => rules,
    };
    rules
        .add_rule(NetPort::new(port, AccessNet::ConnectTcp))?
        .add_rule(NetPort::new(NAMES, AccessNet::ConnectTcp))
}

fn rules() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        .handle_access(AccessNet::from_all(RULES))?
        .scope(Scope::from_all(RULES))?
        .create()
}

fn enforced(restricted: Result<(), RulesetError>) {
    if let Err(error) = restricted {
        log::info!("Landlock is not in use: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs, io,
        net::{TcpListener, TcpStream},
        thread,
    };

    use super::*;

    /// What a thread may do that is confined.
    fn confined<T: Send + 'static>(
        confine: impl FnOnce() + Send + 'static,
        attempt: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let thread = thread::spawn(|| {
            confine();
            attempt()
        });
        thread.join().expect("no panic")
    }

    fn is_refused<T>(tried: io::Result<T>) -> bool {
        tried.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn who_serves_opens_nothing_and_connects_nowhere() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let (file, folder, connection, socket) = confined(server, move || {
            (
                is_refused(fs::read("/etc/hostname")),
                is_refused(fs::read_dir("/")),
                is_refused(TcpStream::connect(at)),
                is_refused(TcpListener::bind("127.0.0.1:0")),
            )
        });
        assert!(file && folder, "it opened a file");
        assert!(connection && socket, "it may use the network");
        // Nobody else is confined.
        assert!(fs::read_dir("/").is_ok());
    }

    #[test]
    fn who_sends_reads_files_writes_none_and_connects_to_one_port() {
        let collector = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let (there, elsewhere) = (collector.local_addr().unwrap(), other.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("written");
        let port = there.port();
        let (read, written, sent, strayed) = confined(
            move || sender(port),
            move || {
                (
                    fs::read("/proc/self/comm").is_ok(),
                    is_refused(fs::write(path, "x")),
                    TcpStream::connect(there).is_ok(),
                    is_refused(TcpStream::connect(elsewhere)),
                )
            },
        );
        assert!(read && sent, "it can't do its work");
        assert!(written, "it wrote a file");
        assert!(strayed, "it connected elsewhere");
    }

    #[test]
    fn who_ships_writes_below_its_folder_alone() {
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let (there, elsewhere) = (target.local_addr().unwrap(), other.local_addr().unwrap());
        let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (own, others) = (state.path().join("a"), folder.path().join("a"));
        let (port, path) = (there.port(), state.path().to_owned());
        let (read, written, refused, sent, strayed) = confined(
            move || shipper(port, &path),
            move || {
                (
                    fs::read("/proc/self/comm").is_ok(),
                    fs::write(&own, "x").is_ok()
                        && fs::rename(&own, own.with_extension("b")).is_ok(),
                    is_refused(fs::write(others, "x")),
                    TcpStream::connect(there).is_ok(),
                    is_refused(TcpStream::connect(elsewhere)),
                )
            },
        );
        assert!(read && written && sent, "it can't do its work");
        assert!(refused, "it wrote elsewhere");
        assert!(strayed, "it connected elsewhere");
    }
}
