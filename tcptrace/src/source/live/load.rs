//! Loads and attaches the kernel half.

use std::{num::NonZero, os::fd::AsFd as _};

use aya::{
    Btf, Ebpf, EbpfLoader, Endianness, VerifierLogLevel,
    maps::{Array, HashMap, MapData, PerCpuArray, RingBuf},
    programs::{BtfTracePoint, FExit, ProgramError},
    util::KernelVersion,
};
use aya_log::EbpfLogger;
use tcptrace_ebpf::settings::{ANY_PID_NAMESPACE, Settings};
use zerocopy::IntoBytes as _;

use super::{Reader, Symbols, error, misses::Misses, offsets, pushdown};
use crate::{
    filter::Filter,
    model::{Cgroup, Coverage, Degraded, KernelError, PidNamespace, Why},
};

/// The types of the running kernel.
const BTF: &str = "/sys/kernel/btf/vmlinux";
/// Names of the kernel's functions, and where they are.
const KALLSYMS: &str = "/proc/kallsyms";

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
    /// When to tell what a connection did.
    pub metrics: Metrics,
    /// That of this process: the kernel half tells pids as it has them.
    pub pid_namespace: PidNamespace,
    /// The control group that no process can be in; see [`silent_cgroup`](crate::host::silent_cgroup).
    pub silent_cgroup: Option<Cgroup>,
    /// Let the kernel half log.
    pub log: bool,
}

/// When the kernel half tells what a connection did, which takes records twice as large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metrics {
    /// When it leaves ESTABLISHED, and when it closes.
    Always,
    /// Only where that tells why it closed.
    ForReasons,
}

/// The kernel half, attached. Dropping it detaches it.
pub struct Kernel {
    /// What can't be seen, and why.
    pub degraded: Vec<Degraded>,
    /// What could not be attached to tell who accepts: something else stands in for it.
    pub accept_refused: Option<Degraded>,
    /// What can be seen, for whoever concludes from it.
    pub coverage: Coverage,
    /// For telling why minisocks and requests end early.
    pub symbols: Symbols,
    holding: Option<HashMap<MapData, u64, u8>>,
    ebpf: Ebpf,
}

impl Kernel {
    /// Loads and attaches the kernel half; events are in the ring buffer from then on.
    ///
    /// # Errors
    /// Whatever of [`KernelError`] keeps this machine from being traced at all. What only takes
    /// something away is in [`Kernel::degraded`].
    pub fn load(options: &Options<'_>) -> Result<(Self, Reader), KernelError> {
        // Files of megabytes: the kernel makes one up while it is read, the other is parsed.
        let no_btf = |error: String| KernelError::NoBtf(error);
        let types = std::fs::read(BTF).map_err(|error| KernelError::from_types(&error))?;
        let (symbols, offsets, parsed) = std::thread::scope(|scope| {
            let symbols = scope.spawn(Symbols::read);
            let parsed = scope.spawn(|| {
                // A loader parses all types as it is made. They are for relocations, of which
                // there are none: they go before they are parsed for the tracepoints.
                let mut loader = EbpfLoader::new();
                loader.btf(None);
                Btf::parse(&types, Endianness::default()).map(|btf| (loader, btf))
            });
            let offsets = offsets::look_up(&types);
            (symbols.join().unwrap_or_default(), offsets, parsed.join())
        });
        drop(types);
        let (mut loader, btf) = parsed
            .map_err(|_| no_btf("it can't be parsed".to_owned()))?
            .map_err(|error| KernelError::from_types(&error))?;
        let offsets = offsets?;
        let mut settings = Settings {
            tw_timer_handler: symbols.tw_timer_handler,
            reqsk_timer_handler: symbols.reqsk_timer_handler,
            tcp_write_timer: match offsets.tcp_write_timer {
                0 => 0,
                _ => symbols.tcp_write_timer,
            },
            wake_at: u64::from(options.buffer_bytes) / 4,
            offsets,
            follow: if options.follow {
                std::process::id()
            } else {
                0
            },
            dccp: has_dccp().into(),
            stacks: symbols.knows_causes().into(),
            silent_cgroup: options.silent_cgroup.map_or(0, NonZero::get),
            metrics: match options.metrics {
                Metrics::Always => 1,
                Metrics::ForReasons => 0,
            },
            ..Settings::default()
        };
        pushdown::settings(options.filter, &mut settings);
        settings.pid_namespace = match options.pid_namespace {
            PidNamespace::Initial => ANY_PID_NAMESPACE,
            PidNamespace::Within(inode) => inode,
            // There is none of that number.
            PidNamespace::Unknown => u32::MAX,
        };

        let mut ebpf = loader
            .verifier_log_level(VerifierLogLevel::DEBUG)
            .override_global("SETTINGS", settings.as_bytes(), true)
            .override_global(
                aya_log::LEVEL,
                &u8::from(options.log).wrapping_mul(5),
                false,
            )
            .map_max_entries("EVENTS", options.buffer_bytes)
            // Task storage, which only the kernel half uses.
            .allow_unsupported_maps()
            .load(PROGRAMS)
            .map_err(|error| KernelError::from_load(&error, options.buffer_bytes))?;
        pushdown::fill(options.filter, &settings, &mut ebpf)
            .map_err(|error| KernelError::from_any(&error))?;

        let missing = || KernelError::Load("the binary holds no such map".to_owned());
        let events = ebpf.take_map("EVENTS").ok_or_else(missing)?;
        let lost = ebpf.take_map("LOST").ok_or_else(missing)?;
        let sleeping = ebpf.take_map("SLEEPING").ok_or_else(missing)?;
        let not_followed = ebpf.take_map("NOT_FOLLOWED").ok_or_else(missing)?;
        let mut reader = Reader::new(
            RingBuf::try_from(events)
                .map_err(|error| KernelError::from_buffer(&error, options.buffer_bytes))?,
            PerCpuArray::try_from(lost).map_err(|error| KernelError::from_any(&error))?,
            PerCpuArray::try_from(not_followed).map_err(|error| KernelError::from_any(&error))?,
            Array::try_from(sleeping).map_err(|error| KernelError::from_any(&error))?,
        );

        let mut kernel = Self {
            degraded: confined(options.pid_namespace).into_iter().collect(),
            accept_refused: None,
            coverage: Coverage::FULL,
            symbols,
            holding: ebpf
                .take_map("HOLDING")
                .and_then(|map| HashMap::try_from(map).ok()),
            ebpf,
        };
        kernel.attach_holders(options.follow, &btf)?;
        kernel.attach_cgroups(&btf, settings.offsets.cgroup_kn != 0);
        // Timers first: a connection that is seen to begin must not lose its TIME_WAIT.
        kernel.coverage.syns = settings.tcp_write_timer != 0;
        kernel.attach_timers(&btf);
        kernel.attach("inet_sock_set_state", &btf)?;
        if tracepoints_are_preempted() {
            kernel.attach_to("preempted_sock_set_state", "inet_sock_set_state", &btf)?;
        }
        kernel.attach_to("nested_sock_set_state", "inet_sock_set_state", &btf)?;
        reader.watch_misses(kernel.misses());
        Ok((kernel, reader))
    }

    /// The messages of the kernel half, for the `log` crate.
    ///
    /// # Errors
    /// When the programs have no log.
    pub fn logger(&mut self) -> Result<EbpfLogger<&'static dyn log::Log>, aya_log::Error> {
        EbpfLogger::init(&mut self.ebpf)
    }

    /// Counts the transitions of full sockets that no program was run for. What the others were
    /// left out of is a timer or a segment of anybody, most likely.
    fn misses(&mut self) -> Option<Misses> {
        let stood_in = PerCpuArray::try_from(self.ebpf.take_map("STOOD_IN")?).ok()?;
        let program = self.ebpf.program("inet_sock_set_state")?;
        Some(Misses::of(program.fd().ok()?.as_fd(), stood_in))
    }

    /// Without `fields`, the kernel has no control groups, or is built in a way of its own.
    fn attach_cgroups(&mut self, btf: &Btf, fields: bool) {
        let why = match fields {
            true => self.attach("cgroup_mkdir", btf).err().map(Why::Cgroups),
            false => Some(Why::NoCgroups),
        };
        if let Some(why) = why {
            self.lacks("cgroup_mkdir", why);
        }
    }

    /// Notes what can't be seen.
    fn lacks(&mut self, what: &'static str, why: Why) {
        let what = what.into();
        self.degraded.push(Degraded { what, why });
    }

    fn attach_timers(&mut self, btf: &Btf) {
        if let Some(why) = self.symbols.incomplete() {
            self.coverage.minisocks = false;
            self.coverage.syns = false;
            self.lacks(KALLSYMS, Why::Addresses(why));
            return;
        }
        for hook in TIMERS {
            if let Err(error) = self.attach(hook, btf) {
                self.coverage.minisocks = false;
                self.coverage.syns = false;
                self.lacks(hook, Why::Timers(error));
            }
        }
        if self.symbols.tcp_write_timer == 0 {
            self.lacks(KALLSYMS, Why::NoWriteTimer);
        }
        // Since 6.11 it tells the minisock that a segment was for; before, only the segment.
        self.coverage.fins = self.attach("kfree_skb", btf).is_ok();
        if !self.coverage.fins
            && let Err(error) = self.attach_to("kfree_skb_alone", "kfree_skb", btf)
        {
            self.lacks("kfree_skb", Why::Fins(error));
        }
        for hook in ["tcp_receive_reset", "tcp_send_reset"] {
            if let Err(error) = self.attach(hook, btf) {
                self.lacks(hook, Why::Resets(error));
                self.coverage.resets = false;
            }
        }
        if !self.symbols.knows_causes() {
            self.lacks(KALLSYMS, Why::NoCauses);
        }
    }

    /// Attaches what tells who has what a listener accepted, and follows a command.
    fn attach_holders(&mut self, follow: bool, btf: &Btf) -> Result<(), KernelError> {
        if let Err(error) = self.attach("sched_process_fork", btf) {
            if follow {
                return Err(error);
            }
            self.lacks("sched_process_fork", Why::Forks(error));
        }
        // Not everywhere; then one looks for who has it.
        let attached = self
            .attach_accept("inet_csk_accept", btf)
            .or_else(|_| self.attach_accept("inet_csk_accept_of_four", btf));
        self.coverage.accepts = attached.is_ok();
        self.accept_refused = attached.err().map(|error| Degraded {
            what: "inet_csk_accept".into(),
            why: error::no_accepts(&error),
        });
        Ok(())
    }

    fn attach_accept(&mut self, program: &str, btf: &Btf) -> Result<(), ProgramError> {
        if let Some(program) = self.ebpf.program_mut(program) {
            let program: &mut FExit = program.try_into()?;
            program.load("inet_csk_accept", btf)?;
            program.attach()?;
        }
        Ok(())
    }

    /// Says that a process has a listener, so that it is told when it makes another one.
    pub fn note_holder(&mut self, pid: u32) {
        if let Some(holding) = &mut self.holding {
            // Where the map can't be written any more, less is known.
            let _ = holding.insert(u64::from(pid), 1, 0);
        }
    }

    /// Attaches the program that is named after its hook.
    fn attach(&mut self, hook: &'static str, btf: &Btf) -> Result<(), KernelError> {
        self.attach_to(hook, hook, btf)
    }

    fn attach_to(
        &mut self,
        program: &'static str,
        hook: &'static str,
        btf: &Btf,
    ) -> Result<(), KernelError> {
        let refused = |error| KernelError::from_program(hook, &error);
        let program: &mut BtfTracePoint = self
            .ebpf
            .program_mut(program)
            .ok_or_else(|| KernelError::Load(format!("the binary holds no program {program}")))?
            .try_into()
            .map_err(refused)?;
        program.load(hook, btf).map_err(refused)?;
        program.attach().map_err(refused)?;
        Ok(())
    }
}

/// What a pid namespace keeps from who is in it.
fn confined(namespace: PidNamespace) -> Option<Degraded> {
    let why = match namespace {
        PidNamespace::Initial => return None,
        PidNamespace::Within(_) => Why::PidNamespace,
        PidNamespace::Unknown => Why::Proc,
    };
    Some(Degraded {
        what: "/proc/self/ns/pid".into(),
        why,
    })
}

/// Whether DCCP may be there, or come as a module: it was removed in 6.16.
fn has_dccp() -> bool {
    KernelVersion::current().is_ok_and(|version| version < KernelVersion::new(6, 16, 0))
}

/// Whether a task may lose the CPU in a program at a tracepoint: nothing else than the version
/// tells (`__do_trace_##name()`, include/linux/tracepoint.h, SRCU instead of `preempt_disable()`).
fn tracepoints_are_preempted() -> bool {
    KernelVersion::current().is_ok_and(|version| version >= KernelVersion::new(7, 0, 0))
}
