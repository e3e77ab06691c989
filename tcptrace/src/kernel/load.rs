//! Loads and attaches the kernel half.

use std::io;

use aya::{
    Btf, Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{HashMap, PerCpuArray, RingBuf},
    programs::BtfTracePoint,
};
use aya_log::EbpfLogger;
use serde::Serialize;
use tcptrace_ebpf::settings::Settings;
use zerocopy::IntoBytes as _;

use super::{KernelError, Reader, Symbols, offsets, pushdown};
use crate::filter::Filter;

/// Aligned, as the ELF parser wants it.
static PROGRAMS: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tcptrace-ebpf"));

/// The hooks without which nothing can be traced, and those without which less can.
const TIMERS: [&str; 3] = ["timer_start", "timer_cancel", "timer_expire_entry"];

/// How to load the kernel half.
pub struct Options<'a> {
    /// What is asked for; the kernel half drops the rest as far as it can tell.
    pub filter: &'a Filter,
    /// Size of the ring buffer in bytes; the kernel wants a power of two of pages, and gets the
    /// next one.
    pub buffer_bytes: u32,
    /// Mark what this process's children do.
    pub follow: bool,
    /// Let the kernel half log.
    pub log: bool,
}

/// Something that can't be traced on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Degraded {
    /// The hook, or the file.
    pub what: &'static str,
    /// Why, what is missing because of it, and what helps.
    pub why: String,
}

/// The kernel half, attached. Dropping it detaches it.
pub struct Kernel {
    /// What can't be seen, and why.
    pub degraded: Vec<Degraded>,
    /// Whether minisocks and requests are traced.
    pub minisocks: bool,
    /// For telling why minisocks and requests end early.
    pub symbols: Symbols,
    ebpf: Ebpf,
}

impl Kernel {
    /// Loads and attaches the kernel half; events are in the ring buffer from then on.
    ///
    /// # Errors
    /// Whatever of [`KernelError`] keeps this machine from being traced at all. What only takes
    /// something away is in [`Kernel::degraded`].
    pub fn load(options: &Options<'_>) -> Result<(Self, Reader), KernelError> {
        // Both are files of megabytes that the kernel makes up while they are read.
        let (offsets, symbols) = std::thread::scope(|scope| {
            let symbols = scope.spawn(Symbols::read);
            (offsets::look_up(), symbols.join().unwrap_or_default())
        });
        let mut settings = Settings {
            tw_timer_handler: symbols.tw_timer_handler,
            reqsk_timer_handler: symbols.reqsk_timer_handler,
            wake_at: u64::from(options.buffer_bytes) / 4,
            offsets: offsets?,
            follow: options.follow.into(),
            stacks: symbols.knows_causes().into(),
            ..Settings::default()
        };
        pushdown::settings(options.filter, &mut settings);

        let btf = Btf::from_sys_fs().map_err(|error| KernelError::NoBtf(error.to_string()))?;
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .verifier_log_level(VerifierLogLevel::DISABLE)
            .override_global("SETTINGS", settings.as_bytes(), true)
            .override_global(
                aya_log::LEVEL,
                &u8::from(options.log).wrapping_mul(5),
                false,
            )
            .map_max_entries("EVENTS", options.buffer_bytes)
            .load(PROGRAMS)
            .map_err(|error| KernelError::from_load(&error, options.buffer_bytes))?;
        pushdown::fill(options.filter, &settings, &mut ebpf)
            .map_err(|error| KernelError::Load(error.to_string()))?;

        let missing = || KernelError::Load("the binary holds no such map".to_owned());
        let events = ebpf.take_map("EVENTS").ok_or_else(missing)?;
        let lost = ebpf.take_map("LOST").ok_or_else(missing)?;
        let reader = Reader::new(
            RingBuf::try_from(events).map_err(|error| KernelError::Load(error.to_string()))?,
            PerCpuArray::try_from(lost).map_err(|error| KernelError::Load(error.to_string()))?,
        );

        let mut kernel = Self {
            degraded: Vec::new(),
            minisocks: true,
            symbols,
            ebpf,
        };
        if options.follow {
            kernel
                .follow_children()
                .map_err(|error| KernelError::Load(error.to_string()))?;
            kernel.attach("sched_process_fork", &btf)?;
        }
        // Timers first: a connection that is seen to begin must not lose its TIME_WAIT.
        kernel.attach_timers(&btf);
        kernel.attach("inet_sock_set_state", &btf)?;
        Ok((kernel, reader))
    }

    /// The messages of the kernel half, for the `log` crate.
    ///
    /// # Errors
    /// When the programs have no log.
    pub fn logger(&mut self) -> Result<EbpfLogger<&'static dyn log::Log>, aya_log::Error> {
        EbpfLogger::init(&mut self.ebpf)
    }

    fn attach_timers(&mut self, btf: &Btf) {
        let consequence = "TIME_WAIT, orphaned FIN_WAIT2 and half-open SYN_RECV can't be seen";
        if self.symbols.tw_timer_handler == 0 || self.symbols.reqsk_timer_handler == 0 {
            self.minisocks = false;
            self.degraded.push(Degraded {
                what: "/proc/kallsyms",
                why: format!(
                    "no kernel addresses in it, so {consequence}: set kernel.kptr_restrict to 0 \
                     or 1, and run as root or with CAP_SYSLOG"
                ),
            });
            return;
        }
        for hook in TIMERS {
            if let Err(error) = self.attach(hook, btf) {
                self.minisocks = false;
                self.degraded.push(Degraded {
                    what: hook,
                    why: format!("{error}, so {consequence}"),
                });
            }
        }
        if let Err(error) = self.attach("kfree_skb", btf) {
            self.degraded.push(Degraded {
                what: "kfree_skb",
                why: format!(
                    "{error}, so FIN_WAIT2 -> TIME_WAIT of a closed socket is often seen only at \
                     its end"
                ),
            });
        }
        if !self.symbols.knows_causes() {
            self.degraded.push(Degraded {
                what: "/proc/kallsyms",
                why: "names of TCP functions are missing in it, so the reason of an early end of \
                      TIME_WAIT or SYN_RECV is unknown"
                    .to_owned(),
            });
        }
    }

    fn attach(&mut self, hook: &'static str, btf: &Btf) -> Result<(), KernelError> {
        let refused = |error| KernelError::from_program(hook, &error);
        let program: &mut BtfTracePoint = self
            .ebpf
            .program_mut(hook)
            .ok_or_else(|| KernelError::Load(format!("the binary holds no program {hook}")))?
            .try_into()
            .map_err(refused)?;
        program.load(hook, btf).map_err(refused)?;
        program.attach().map_err(refused)?;
        Ok(())
    }

    /// The mark that children inherit is on this process; it has no TCP sockets of its own.
    fn follow_children(&mut self) -> Result<(), aya::maps::MapError> {
        let map = self
            .ebpf
            .map_mut("FOLLOWED")
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        HashMap::<_, u32, u8>::try_from(map)?.insert(std::process::id(), 1, 0)
    }
}
