//! Where figures are asked for: addresses, and sockets that a service is handed.

use std::{
    fmt, fs, io,
    net::{self, SocketAddr},
    os::{
        fd::{FromRawFd as _, OwnedFd, RawFd},
        unix::{fs::FileTypeExt as _, net as unix},
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use rustix::net::{AddressFamily, SocketType, sockopt};

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// Nothing to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it takes an address and a port, as in 127.0.0.1:9465, [::]:9465 or :9465, or unix:PATH")]
pub struct AddressError;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(given: &str) -> Result<Self, AddressError> {
        if let Some(path) = given.strip_prefix("unix:") {
            return match path.is_empty() || path.len() > LONGEST {
                true => Err(AddressError),
                false => Ok(Self::Unix(path.into())),
            };
        }
        if let Some(port) = given.strip_prefix(':') {
            let port = port.parse().map_err(|_| AddressError)?;
            return Ok(Self::Tcp((net::Ipv6Addr::UNSPECIFIED, port).into()));
        }
        let given = given.strip_prefix("localhost:").map_or_else(
            || given.to_owned(),
            |port| format!("{}:{port}", net::Ipv4Addr::LOCALHOST),
        );
        given.parse().map(Self::Tcp).map_err(|_| AddressError)
    }
}

/// `sun_path`, with the 0 behind it.
const LONGEST: usize = 107;

impl Address {
    /// Where metrics are asked for there.
    fn metrics(&self) -> String {
        match self {
            Self::Tcp(at) => format!("http://{at}/metrics"),
            Self::Unix(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(at) => write!(f, "{at}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Why nothing can be asked for.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The kernel refused.
    #[error("cannot listen on {at}: {why}{remedy}")]
    Refused {
        /// Where.
        at: Address,
        /// What the kernel says.
        why: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// What the service was handed is of no use.
    #[error(
        "the socket that the service manager handed over is no listening stream socket: ListenStream= \
         in the .socket unit makes one"
    )]
    NotListening,
}

/// A listening socket.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(net::TcpListener),
    Unix(unix::UnixListener),
}

/// Sockets that are listened on.
#[derive(Debug, Default)]
pub struct Listeners {
    pub(super) sockets: Vec<Listener>,
    /// Where they are.
    pub(super) at: Vec<String>,
    /// Files to be removed in the end.
    paths: Vec<PathBuf>,
}

impl Listeners {
    /// Listens. Where the service manager hands sockets over (`LISTEN_FDS`), these come first, and
    /// `usual` is not listened on.
    ///
    /// # Errors
    /// When the kernel refuses, or a socket that was handed over is of no use.
    pub fn open(asked_for: &[Address], usual: &Address) -> Result<Self, ListenError> {
        let mut all = Self::default();
        for descriptor in sd_notify::listen_fds().into_iter().flatten() {
            all.take(descriptor)?;
        }
        let usual = match asked_for.is_empty() && all.sockets.is_empty() {
            true => std::slice::from_ref(usual),
            false => &[],
        };
        for address in asked_for.iter().chain(usual) {
            let listener = all.bind(address).map_err(|why| ListenError::Refused {
                remedy: remedy(&why),
                at: address.clone(),
                why,
            })?;
            all.sockets.push(listener);
        }
        Ok(all)
    }

    /// Takes a socket that was handed over.
    fn take(&mut self, descriptor: RawFd) -> Result<(), ListenError> {
        // SAFETY: the service manager opened it for this process, which takes it once.
        let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
        let listens = sockopt::socket_acceptconn(&socket) == Ok(true)
            && sockopt::socket_type(&socket) == Ok(SocketType::STREAM);
        let family = sockopt::socket_domain(&socket);
        let listener = match family {
            Ok(AddressFamily::INET | AddressFamily::INET6) if listens => {
                let it = net::TcpListener::from(socket);
                if let Ok(at) = it.local_addr() {
                    self.at.push(Address::Tcp(at).metrics());
                }
                Listener::Tcp(it)
            }
            Ok(AddressFamily::UNIX) if listens => {
                let it = unix::UnixListener::from(socket);
                let path = it.local_addr().ok();
                let path = path.and_then(|it| it.as_pathname().map(Path::to_owned));
                self.at
                    .extend(path.map(|path| Address::Unix(path).to_string()));
                Listener::Unix(it)
            }
            _ => return Err(ListenError::NotListening),
        };
        self.sockets.push(listener);
        Ok(())
    }

    fn bind(&mut self, address: &Address) -> io::Result<Listener> {
        match address {
            Address::Tcp(at) => {
                let listener = net::TcpListener::bind(at)?;
                // The port may have been left to the kernel.
                self.at
                    .push(Address::Tcp(listener.local_addr()?).to_string());
                Ok(Listener::Tcp(listener))
            }
            Address::Unix(path) => {
                remove_stale(path)?;
                let listener = unix::UnixListener::bind(path)?;
                self.at.push(address.to_string());
                self.paths.push(path.clone());
                Ok(Listener::Unix(listener))
            }
        }
    }

    /// The files of sockets, to be removed in the end.
    pub(super) fn take_paths(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.paths)
    }
}

/// Removes a socket that nobody listens on any more, as who was killed leaves one behind.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(it) if it.file_type().is_socket() => {}
        _ => return Ok(()),
    }
    match unix::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Ok(()),
    }
}

fn remedy(why: &io::Error) -> &'static str {
    match why.kind() {
        io::ErrorKind::AddrInUse => {
            "; another tcptrace serve, perhaps: --listen takes another port"
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 take CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "; it is no address of this machine",
        io::ErrorKind::NotFound => "; the folder must be there",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(given: &str) -> Option<String> {
        given.parse().ok().map(|it: Address| it.metrics())
    }

    #[test]
    fn addresses_are_taken_as_they_are_typed() {
        let told = |given: &str| parsed(given).unwrap();
        assert_eq!(told("127.0.0.1:9465"), "http://127.0.0.1:9465/metrics");
        assert_eq!(told("localhost:1"), "http://127.0.0.1:1/metrics");
        assert_eq!(told("[::1]:9465"), "http://[::1]:9465/metrics");
        assert_eq!(told(":9465"), "http://[::]:9465/metrics");
        assert_eq!(told("unix:/run/a.sock"), "unix:/run/a.sock");
        for wrong in [
            "",
            "9465",
            "host:9465",
            "1.2.3.4",
            "unix:",
            "[::1]",
            "1.2.3.4:99999",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_socket_that_a_killed_one_left_is_taken_over_and_no_other_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let address = Address::Unix(path.clone());
        drop(unix::UnixListener::bind(&path).unwrap());
        let open = || Listeners::open(std::slice::from_ref(&address), &address);
        let first = open().unwrap();
        assert_eq!(first.at, [address.to_string()]);
        let error = open().unwrap_err().to_string();
        assert!(
            error.contains("in use") && error.contains("--listen"),
            "{error}"
        );
        drop(first);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(open().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}
