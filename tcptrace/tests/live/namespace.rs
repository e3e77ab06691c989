//! A network namespace for one test.

use std::{
    fmt::Display,
    fs::{self, File},
    io,
    marker::PhantomData,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::fs::MetadataExt as _,
    },
    process::{Child, Command},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nix::sched::{CloneFlags, setns, unshare};

/// Held while sockets are among the descriptors that all tests share.
static SHARED: Mutex<()> = Mutex::new(());

/// The ports of listeners that the tests' helpers opened: their lines need no words of the test.
#[derive(Clone, Default)]
pub struct Listeners(Arc<Mutex<Vec<u16>>>);

impl Listeners {
    /// One more.
    pub fn add(&self, port: u16) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(port);
    }

    /// Whether one of them has that port.
    pub fn have(&self, port: u16) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&port)
    }
}

/// The network namespace that this thread, and the threads and processes that it starts, live in
/// for as long as this value does.
pub struct Namespace {
    inode: u32,
    outside: File,
    listeners: Listeners,
    _shared: Option<MutexGuard<'static, ()>>,
    /// It belongs to the thread that made it.
    _here: PhantomData<*const ()>,
}

impl Namespace {
    /// Makes one with nothing but its loopback device, which is up. It comes first in a test:
    /// whatever this thread has opened before is closed.
    pub fn new() -> Self {
        need_root();
        // With descriptors of its own, too: a process that another test starts just now would
        // hold the sockets of this one until its exec, and be the one that closes them.
        let_go_of_descriptors();
        Self::enter(None)
    }

    /// The same for a test whose sockets must be found in `/proc/PID/fd`: one at a time.
    pub fn of_process() -> Self {
        need_root();
        Self::enter(Some(SHARED.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn enter(shared: Option<MutexGuard<'static, ()>>) -> Self {
        let outside = File::open("/proc/thread-self/ns/net").expect("the namespace outside");
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        let inode = fs::metadata("/proc/thread-self/ns/net")
            .expect("the namespace inside")
            .ino();
        set_flags("lo", libc::IFF_UP).expect("loopback up");
        let inode = u32::try_from(inode).expect("inode numbers of namespaces have 32 bits");
        Self {
            inode,
            outside,
            listeners: Listeners::default(),
            _shared: shared,
            _here: PhantomData,
        }
    }

    /// Its inode number.
    pub fn inode(&self) -> u32 {
        self.inode
    }

    /// The listeners that the tests' helpers opened in it.
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// The namespace that the thread was in before.
    pub fn outside(&self) -> File {
        self.outside.try_clone().expect("another descriptor")
    }

    /// Sets `net.ipv4.NAME` in it; IPv6 uses the same where TCP is concerned.
    pub fn set(&self, name: &str, value: impl Display) {
        let path = format!("/proc/sys/net/ipv4/{name}");
        fs::write(&path, value.to_string()).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Starts a process that lives in it, as containers have: a way in for tcptrace.
    pub fn inhabitant(&self) -> Inhabitant {
        Inhabitant(Command::new("sleep").arg("600").spawn().expect("sleep"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        setns(&self.outside, CloneFlags::CLONE_NEWNET).expect("back to the namespace outside");
    }
}

/// Leaves this thread with descriptors of its own: none but the standard ones.
fn let_go_of_descriptors() {
    // SAFETY: the call takes integers; nobody but this thread knows the descriptors that it
    // closes for this thread alone, and this thread uses none of them.
    let unshared = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_UNSHARE,
        )
    };
    assert_eq!(
        unshared,
        0,
        "descriptors of its own: {}",
        io::Error::last_os_error()
    );
}

/// Does something in a thread that has none of the test's descriptors: what it starts has no copies
/// of them, and is nobody who could have a connection.
pub fn without_descriptors<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let_go_of_descriptors();
            run()
        });
        thread.join().expect("a result")
    })
}

pub fn need_root() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "root is needed: this test makes a network namespace and loads eBPF programs"
    );
}

/// A process that does nothing but live in a namespace.
pub struct Inhabitant(Child);

impl Drop for Inhabitant {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sets flags of a network device.
pub fn set_flags(device: &str, flags: i32) -> io::Result<()> {
    let mut request = request(device);
    // SAFETY: the kernel reads and writes no more than the struct.
    unsafe {
        ioctl(libc::AF_INET, libc::SIOCGIFFLAGS, (&raw mut request).cast())?;
        request.ifr_ifru.ifru_flags |= flags as libc::c_short;
        ioctl(libc::AF_INET, libc::SIOCSIFFLAGS, (&raw mut request).cast())
    }
}

/// An empty request about a network device.
pub fn request(device: &str) -> libc::ifreq {
    // SAFETY: integers throughout, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

/// Asks the kernel something about a network device.
///
/// # Safety
/// `argument` points to what the request takes.
pub unsafe fn ioctl(family: i32, request: u64, argument: *mut libc::c_void) -> io::Result<()> {
    // SAFETY: the call takes integers only, and what it returns is nobody else's.
    let socket = unsafe {
        let socket = libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(socket)
    };
    // SAFETY: the caller's.
    if unsafe { libc::ioctl(socket.as_raw_fd(), request as _, argument) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
