//! Whether a binary that others get traces real sockets, on the kernels of its architecture.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::{
    choice, folders,
    guest::{Machine, Run},
    initramfs::Initramfs,
    modules, unpacked_for, verdict,
};
use crate::{architecture::Architecture, packages, repository::Repository};

/// The oldest that tcptrace is for, and the newest that has what Arm's 6.1 lacks: a way for
/// programs to be called at the end of a function.
const SERIES: [&str; 2] = ["6.1", "6.12"];
/// How long a guest may take. It takes one minute on a machine that does nothing else.
const LIMIT: Duration = Duration::from_secs(10 * 60);
/// The ports of the servers in packaged.sh.
const PORTS: [u16; 2] = [9000, 9001];

/// Traces a few connections by that binary on each kernel.
///
/// # Errors
/// When a kernel can't be got or booted, or something isn't told, or told wrongly.
pub fn trace_by(repository: &Repository, architecture: Architecture, binary: &Path) -> Result<()> {
    packages::install(match architecture {
        Architecture::X86_64 => packages::OF_KERNELS,
        Architecture::Aarch64 => packages::OF_ARM_KERNELS,
    })?;
    let folders = folders(repository)?;
    for kernel in choice::chosen(&SERIES.map(str::to_owned))? {
        let (busybox, image) = unpacked_for(architecture, kernel, &folders.downloads)?;
        let mut initramfs = Initramfs::of_busybox(&busybox)?;
        initramfs.copy(binary, "tcptrace")?;
        initramfs.modules(modules::to_load(&image.modules, &[])?);
        initramfs.run(include_str!("packaged.sh"));
        let name = format!("{}-packaged-{}", kernel.series, architecture.debian());
        let archive = folders.logs.with_file_name(format!("initramfs-{name}"));
        initramfs.write(&archive)?;
        let console = folders.logs.join(format!("{name}.log"));
        eprintln!("{}: console in {}", image.release, console.display());
        let machine = Machine {
            architecture,
            vmlinuz: &image.vmlinuz,
            initramfs: &archive,
            cpus: 1,
            console: &console,
            disk: None,
        };
        let run = machine.run(LIMIT, || false)?;
        let told =
            judge(&run).with_context(|| format!("{}, see {}", image.release, console.display()))?;
        println!("{}: {told}", image.release);
    }
    Ok(())
}

/// What a guest told, in a line; an error is what it did not tell.
fn judge(run: &Run) -> Result<String> {
    ensure!(!run.timed_out, "its time was over");
    let programs = verdict::programs(&run.console);
    let of = |name: &str| {
        let ran = programs.iter().find(|ran| ran.name == name);
        let ran = ran.with_context(|| format!("it never came to `{name}`"))?;
        ensure!(
            ran.status == Some(0),
            "`{name}` ended with {:?}: {}",
            ran.status,
            ran.lines.join("\n")
        );
        Ok(&ran.lines)
    };
    let doctor = of("doctor")?;
    let answer = doctor.first().copied().unwrap_or_default();
    ensure!(
        answer.starts_with("Can this machine be traced? "),
        "doctor says `{answer}`"
    );
    let connection = of("connection")?;
    let client = pid(connection, "client ")?;
    let server = pid(connection, "server ")?;
    let [first, second] = PORTS;
    let closes_first = ["SYN_SENT", "ESTABLISHED", "FIN_WAIT1", "TIME_WAIT"];
    let lines = json(connection);
    let port = went(
        &lines,
        "remote_port",
        first,
        "CLOSED",
        &closes_first,
        Some(client),
    )?;
    let is_closed = [
        "SYN_RECV",
        "ESTABLISHED",
        "CLOSE_WAIT",
        "LAST_ACK",
        "CLOSED",
    ];
    went(
        &lines,
        "local_port",
        first,
        "LISTEN",
        &is_closed,
        Some(server),
    )?;
    let command = json(of("command")?);
    went(
        &command,
        "remote_port",
        second,
        "CLOSED",
        &closes_first,
        None,
    )?;
    for lines in [&lines, &command] {
        let end = lines.iter().find(|line| line["type"] == "end");
        let lost = end.map(|end| end["lost"].clone());
        ensure!(lost == Some(0.into()), "events were lost: {lost:?}");
    }
    Ok(format!(
        "{answer}; {client} (nc) 127.0.0.1:{port} -> {first}: CLOSED -> {}",
        closes_first.join(" -> ")
    ))
}

/// What the shell says that it is.
fn pid(lines: &[&str], who: &str) -> Result<u64> {
    lines
        .iter()
        .find_map(|line| line.strip_prefix(who)?.trim().parse().ok())
        .with_context(|| format!("no process is said to be the {who}"))
}

/// The lines that are JSON: what is written to a terminal may stand before.
fn json(lines: &[&str]) -> Vec<Value> {
    let object = |line: &&str| serde_json::from_str(&line[line.find('{')?..]).ok();
    lines.iter().filter_map(object).collect()
}

/// Whether a connection with that port on that side went through these states, and whether all of it
/// is told to be of that process; the port of the other side.
fn went(
    lines: &[Value],
    side: &str,
    port: u16,
    from: &str,
    states: &[&str],
    pid: Option<u64>,
) -> Result<u64> {
    let other = match side {
        "local_port" => "remote_port",
        _ => "local_port",
    };
    let steps: Vec<&Value> = lines
        .iter()
        .filter(|line| line["type"] == "transition" && line[side] == port)
        // The listener itself has no peer.
        .filter(|line| !line[other].is_null())
        .collect();
    let begin = steps
        .iter()
        .find(|step| step["from"] == from && step["to"] == states[0])
        .with_context(|| format!("no {from} -> {} with {side} {port}", states[0]))?;
    let ends = begin[other].as_u64().context("a port is a number")?;
    let mut left = states.iter().copied();
    let mut wanted = left.next();
    for step in steps.iter().filter(|step| step[other] == ends) {
        if pid.is_some_and(|pid| step["pid"] != pid) || step["comm"] != "nc" {
            bail!("not told to be of nc, {pid:?}: {step}");
        }
        if wanted.is_some_and(|wanted| step["to"] == wanted) {
            wanted = left.next();
        }
    }
    match wanted {
        None => Ok(ends),
        Some(missing) => bail!("the connection with {side} {port} never came to {missing}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Run, judge};

    fn step(local: u16, remote: u16, pid: u32, from: &str, to: &str) -> String {
        format!(
            "{{\"type\":\"transition\",\"local_port\":{local},\"remote_port\":{remote},\
             \"from\":\"{from}\",\"to\":\"{to}\",\"pid\":{pid},\"comm\":\"nc\"}}\n"
        )
    }

    fn lives(local: u16, remote: u16, pid: u32, states: &[&str]) -> String {
        states
            .windows(2)
            .map(|pair| step(local, remote, pid, pair[0], pair[1]))
            .collect()
    }

    fn console() -> String {
        let closes = [
            "CLOSED",
            "SYN_SENT",
            "ESTABLISHED",
            "FIN_WAIT1",
            "FIN_WAIT2",
            "TIME_WAIT",
        ];
        let is_closed = [
            "LISTEN",
            "SYN_RECV",
            "ESTABLISHED",
            "CLOSE_WAIT",
            "LAST_ACK",
            "CLOSED",
        ];
        let end = "{\"type\":\"end\",\"lost\":0}\nguest: status 0\n";
        format!(
            "guest: run doctor\nCan this machine be traced? yes\nguest: status 0\n\
             guest: run connection\nserver 7\nclient 8\n{}{}{end}\
             guest: run command\nwaiting (Ctrl-C ends)\r{}{end}guest: end\n",
            lives(40000, 9000, 8, &closes),
            lives(9000, 40000, 7, &is_closed),
            lives(40001, 9001, 9, &closes),
        )
    }

    fn judged(console: String) -> Result<String, String> {
        judge(&Run {
            console,
            timed_out: false,
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn a_connection_that_is_told_from_beginning_to_end_passes() {
        let told = judged(console()).unwrap();
        assert!(
            told.contains("yes; 8 (nc) 127.0.0.1:40000 -> 9000"),
            "{told}"
        );
    }

    #[test]
    fn what_is_missing_or_of_another_process_is_named() {
        for (from, to, why) in [
            (
                "\"to\":\"TIME_WAIT\"",
                "\"to\":\"CLOSED\"",
                "never came to TIME_WAIT",
            ),
            ("\"pid\":8,", "\"pid\":5,", "not told to be of nc, Some(8)"),
            ("\"pid\":7,", "\"pid\":5,", "not told to be of nc, Some(7)"),
            ("\"lost\":0", "\"lost\":3", "events were lost"),
            (
                "guest: run command",
                "guest: ran command",
                "it never came to `command`",
            ),
            (
                "guest: status 0",
                "guest: status 3",
                "`doctor` ended with Some(3)",
            ),
            ("client 8", "", "no process is said to be the client"),
        ] {
            let console = console().replace(from, to);
            let error = judged(console).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
