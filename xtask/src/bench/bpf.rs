//! The few operations of bpf(2) that the bench needs: programs for comparison, one that returns at
//! once among them, and how long programs ran.

use std::{
    ffi::{CStr, CString},
    fs, io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    path::Path,
};

use anyhow::{Context as _, Result};
use nix::libc;

// enum bpf_cmd, include/uapi/linux/bpf.h.
const BPF_MAP_CREATE: libc::c_long = 0;
const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_GET_FD_BY_ID: libc::c_long = 13;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_long = 15;
const BPF_RAW_TRACEPOINT_OPEN: libc::c_long = 17;
const BPF_ENABLE_STATS: libc::c_long = 32;
/// enum bpf_map_type.
const BPF_MAP_TYPE_RINGBUF: u32 = 27;
/// enum bpf_prog_type.
const BPF_PROG_TYPE_RAW_TRACEPOINT: u32 = 17;
/// enum bpf_stats_type.
const BPF_STATS_RUN_TIME: u32 = 0;

/// `r0 = 0; exit`: struct bpf_insn, two of them.
const RETURN_AT_ONCE: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];

/// Has the kernel count runs and run time of all programs, as long as it lives (Linux 5.8). No
/// sysctl is changed, and nothing is left behind whatever ends this process.
pub struct RunTimes(#[expect(dead_code, reason = "it works by being open")] OwnedFd);

impl RunTimes {
    /// From now on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn count() -> Result<Self> {
        let mut attributes = EnableStats {
            kind: BPF_STATS_RUN_TIME,
        };
        bpf_descriptor(BPF_ENABLE_STATS, &mut attributes)
            .map(Self)
            .context("the kernel does not count run times of BPF programs")
    }
}

/// A program attached to a tracepoint. It runs as a BTF tracepoint's does: by `__bpf_trace_run()`,
/// kernel/trace/bpf_trace.c.
pub struct Program {
    program: OwnedFd,
    #[expect(dead_code, reason = "it is attached as long as this is open")]
    link: OwnedFd,
}

impl Program {
    /// Loads and attaches one that returns at once.
    ///
    /// # Errors
    /// As [`attach`](Self::attach).
    pub fn empty(tracepoint: &str) -> Result<Self> {
        Self::attach(tracepoint, &RETURN_AT_ONCE)
    }

    /// Loads and attaches the instructions (struct bpf_insn).
    ///
    /// # Errors
    /// When there is no such tracepoint, or the kernel refuses.
    pub fn attach(tracepoint: &str, code: &[[u8; 8]]) -> Result<Self> {
        let mut load = ProgramLoad {
            kind: BPF_PROG_TYPE_RAW_TRACEPOINT,
            instructions: code.len() as u32,
            code: code.as_ptr() as u64,
            licence: c"GPL".as_ptr() as u64,
        };
        let program = bpf_descriptor(BPF_PROG_LOAD, &mut load)
            .context("a BPF program of the bench can't be loaded")?;
        let name = CString::new(tracepoint)?;
        let mut open = TracepointOpen {
            name: name.as_ptr() as u64,
            program: program.as_raw_fd() as u32,
            reserved: 0,
        };
        let link = bpf_descriptor(BPF_RAW_TRACEPOINT_OPEN, &mut open)
            .with_context(|| format!("nothing can be attached to {tracepoint}"))?;
        Ok(Self { program, link })
    }

    /// How often and how long it ran so far.
    ///
    /// # Errors
    /// When /proc is not mounted.
    pub fn ran(&self) -> Result<Ran> {
        let path = format!("/proc/self/fdinfo/{}", self.program.as_raw_fd());
        let told = fs::read_to_string(path)?;
        program_in(&told)
            .map(|(_, ran)| ran)
            .context("/proc/self/fdinfo tells no run time")
    }
}

/// Makes a ring buffer of so many bytes, a power of two.
///
/// # Errors
/// When the kernel refuses.
pub fn ring_buffer(bytes: u32) -> io::Result<OwnedFd> {
    let mut create = MapCreate {
        kind: BPF_MAP_TYPE_RINGBUF,
        key_bytes: 0,
        value_bytes: 0,
        entries: bytes,
    };
    bpf_descriptor(BPF_MAP_CREATE, &mut create)
}

/// How often and how long a program ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// How often.
    pub count: u64,
    /// How long in all, ns.
    pub ns: u64,
}

/// The programs that a process has: name (15 bytes of it), and how they ran so far.
///
/// # Errors
/// When the process is gone, or the kernel does not know a program of it.
pub fn programs_of(fdinfo: &Path) -> Result<Vec<(String, Ran)>> {
    let mut programs: Vec<(u32, Ran)> = Vec::new();
    for entry in fs::read_dir(fdinfo).context("its descriptors can't be read")? {
        // One that is gone by now is no program.
        if let Ok(told) = fs::read_to_string(entry?.path())
            && let Some(program) = program_in(&told)
        {
            programs.push(program);
        }
    }
    programs.sort_unstable_by_key(|(id, _)| *id);
    programs.dedup_by_key(|(id, _)| *id);
    programs
        .into_iter()
        .map(|(id, ran)| Ok((name_of(id)?, ran)))
        .collect()
}

/// Reads a file of fdinfo: `bpf_prog_show_fdinfo()`, kernel/bpf/syscall.c. Links have a `prog_id`,
/// too, but no run time.
fn program_in(told: &str) -> Option<(u32, Ran)> {
    let field = |name: &str| {
        told.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key == name).then(|| value.trim())
        })
    };
    Some((
        field("prog_id")?.parse().ok()?,
        Ran {
            count: field("run_cnt")?.parse().ok()?,
            ns: field("run_time_ns")?.parse().ok()?,
        },
    ))
}

fn name_of(id: u32) -> Result<String> {
    let mut by_id = ById { id };
    let program = bpf_descriptor(BPF_PROG_GET_FD_BY_ID, &mut by_id)
        .with_context(|| format!("BPF program {id} can't be looked at"))?;
    let mut info = ProgramInfo {
        before: [0; 64],
        name: [0; 16],
    };
    let mut ask = InfoByDescriptor {
        program: program.as_raw_fd() as u32,
        length: size_of::<ProgramInfo>() as u32,
        info: (&raw mut info) as u64,
    };
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut ask)
        .with_context(|| format!("BPF program {id} can't be looked at"))?;
    let name = CStr::from_bytes_until_nul(&info.name).context("a BPF program's name has no end")?;
    Ok(name.to_string_lossy().into_owned())
}

// The parts of union bpf_attr that are used, as the kernel has them; what is behind them is zero
// to it.

#[repr(C)]
struct MapCreate {
    kind: u32,
    key_bytes: u32,
    value_bytes: u32,
    entries: u32,
}

#[repr(C)]
struct ProgramLoad {
    kind: u32,
    instructions: u32,
    code: u64,
    licence: u64,
}

#[repr(C)]
struct TracepointOpen {
    name: u64,
    program: u32,
    reserved: u32,
}

#[repr(C)]
struct EnableStats {
    kind: u32,
}

#[repr(C)]
struct ById {
    id: u32,
}

#[repr(C)]
struct InfoByDescriptor {
    program: u32,
    length: u32,
    info: u64,
}

/// The beginning of struct bpf_prog_info.
#[repr(C)]
struct ProgramInfo {
    before: [u8; 64],
    name: [u8; 16],
}

/// One of the parts above.
trait Attributes {}
impl Attributes for MapCreate {}
impl Attributes for ProgramLoad {}
impl Attributes for TracepointOpen {}
impl Attributes for EnableStats {}
impl Attributes for ById {}
impl Attributes for InfoByDescriptor {}

fn bpf_descriptor(command: libc::c_long, attributes: &mut impl Attributes) -> io::Result<OwnedFd> {
    let descriptor = bpf(command, attributes)?;
    // SAFETY: these commands return a new descriptor, which nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn bpf<Part: Attributes>(command: libc::c_long, attributes: &mut Part) -> io::Result<i32> {
    // SAFETY: the attributes are of that command's part of union bpf_attr, of that size, and each
    // pointer in them is to memory that outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<Part>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result as i32)
}

#[cfg(test)]
mod tests {
    use super::{Ran, program_in};

    #[test]
    fn programs_are_told_from_links_and_files() {
        let program = "pos:\t0\nprog_type:\t26\nprog_id:\t42\nrun_time_ns:\t900\nrun_cnt:\t9\n";
        assert_eq!(program_in(program), Some((42, Ran { count: 9, ns: 900 })));
        assert_eq!(
            program_in("link_type:\traw_tracepoint\nprog_id:\t42\n"),
            None
        );
        assert_eq!(program_in("pos:\t0\nflags:\t02\n"), None);
    }
}
