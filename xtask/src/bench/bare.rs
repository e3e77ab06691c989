//! A program that does nothing but send a record of 64 bytes with the time in it: what a transition
//! costs in the kernel at the least, whoever tells of it through a ring buffer.

use std::{
    os::fd::{AsRawFd as _, OwnedFd},
    ptr::{self, NonNull},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::libc;

use super::bpf::{self, Program, Ran};

/// Room for what is sent between two looks of the reader.
const BYTES: u32 = 1 << 24;
/// Between two looks of the reader.
const PAUSE: Duration = Duration::from_millis(1);

/// The program, attached, and who reads its records.
pub struct Bare {
    program: Program,
    reader: Option<JoinHandle<()>>,
    over: Arc<AtomicBool>,
}

impl Bare {
    /// Loads and attaches it.
    ///
    /// # Errors
    /// When there is no such tracepoint, or the kernel refuses.
    pub fn attach(tracepoint: &str) -> Result<Self> {
        let ring = bpf::ring_buffer(BYTES).context("the kernel makes no ring buffer")?;
        let program = Program::attach(tracepoint, &code(&ring))?;
        let positions = Positions::of(ring)?;
        let over = Arc::new(AtomicBool::new(false));
        let asked = over.clone();
        let reader = thread::spawn(move || {
            while !asked.load(Ordering::Relaxed) {
                positions.skip_all();
                thread::sleep(PAUSE);
            }
        });
        Ok(Self {
            program,
            reader: Some(reader),
            over,
        })
    }

    /// How often and how long it ran so far.
    ///
    /// # Errors
    /// When /proc is not mounted.
    pub fn ran(&self) -> Result<Ran> {
        self.program.ran()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// struct bpf_insn, some of them.
fn code(ring: &OwnedFd) -> Vec<[u8; 8]> {
    // Helpers, by their numbers in include/uapi/linux/bpf.h.
    const KTIME_GET_NS: i32 = 5;
    const RINGBUF_RESERVE: i32 = 131;
    const RINGBUF_SUBMIT: i32 = 132;
    const NO_WAKEUP: i32 = 1;
    const WORDS: u8 = 8;
    let instruction = |code: u8, registers: u8, offset: u8, value: i32| {
        let [a, b, c, d] = value.to_ne_bytes();
        [code, registers, offset, 0, a, b, c, d]
    };
    let call = |helper| instruction(0x85, 0, 0, helper);
    let set = |register, value| instruction(0xb7, register, 0, value);
    // if r0 == 0, goto the last two, so many instructions further.
    let to_the_end = instruction(0x15, 0, 5 + WORDS, 0);
    let mut code = vec![
        // r1 = the map, in two instructions: BPF_PSEUDO_MAP_FD.
        instruction(0x18, 0x11, 0, ring.as_raw_fd()),
        instruction(0, 0, 0, 0),
        set(2, i32::from(WORDS) * 8),
        set(3, 0),
        call(RINGBUF_RESERVE),
        to_the_end,
        // r6 = r0
        instruction(0xbf, 0x06, 0, 0),
        call(KTIME_GET_NS),
        // *(u64 *)(r6 + 0) = r0
        instruction(0x7b, 0x06, 0, 0),
    ];
    code.extend((1..WORDS).map(|word| instruction(0x7a, 6, word * 8, 0)));
    code.extend([
        // r1 = r6
        instruction(0xbf, 0x61, 0, 0),
        set(2, NO_WAKEUP),
        call(RINGBUF_SUBMIT),
        set(0, 0),
        instruction(0x95, 0, 0, 0),
    ]);
    code
}

/// How far a ring buffer is written and read: its first two pages.
struct Positions {
    consumer: NonNull<AtomicU64>,
    producer: NonNull<AtomicU64>,
    _ring: OwnedFd,
}

// SAFETY: they are atomic, and stay where they are until this is dropped.
unsafe impl Send for Positions {}

impl Positions {
    const PAGE: usize = 4096;

    fn of(ring: OwnedFd) -> Result<Self> {
        let map = |rights, offset| {
            // SAFETY: a new mapping of the descriptor, wherever the kernel likes.
            let page = unsafe {
                libc::mmap(
                    ptr::null_mut(),
                    Self::PAGE,
                    rights,
                    libc::MAP_SHARED,
                    ring.as_raw_fd(),
                    offset,
                )
            };
            match page {
                libc::MAP_FAILED => Err(std::io::Error::last_os_error()),
                page => NonNull::new(page.cast())
                    .context("no page")
                    .map_err(std::io::Error::other),
            }
        };
        let consumer = map(libc::PROT_READ | libc::PROT_WRITE, 0)?;
        let producer = map(libc::PROT_READ, Self::PAGE as libc::off_t)?;
        Ok(Self {
            consumer,
            producer,
            _ring: ring,
        })
    }

    /// Has all that was sent be read.
    fn skip_all(&self) {
        // SAFETY: both are mapped as long as this lives, and aligned as pages are.
        let (consumer, producer) = unsafe { (self.consumer.as_ref(), self.producer.as_ref()) };
        consumer.store(producer.load(Ordering::Acquire), Ordering::Release);
    }
}

impl Drop for Positions {
    fn drop(&mut self) {
        for page in [self.consumer, self.producer] {
            // SAFETY: it was mapped by `of()`, and nobody has it any more.
            unsafe { libc::munmap(page.as_ptr().cast(), Self::PAGE) };
        }
    }
}
