//! The records of a command, for `benches/per_event.rs`: in their order, each behind its length
//! (u32, little-endian).

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use tcptrace::{
    filter::{self, Filter},
    host,
    source::live::{Drained, Kernel, Metrics, Options},
};

/// Room for all of it: nothing is read before the command ends.
const BUFFER: u32 = 16 << 20;

/// Takes FILE, NETWORK and the command.
pub fn capture(arguments: &[String]) -> Result<()> {
    let [path, network, command, arguments @ ..] = arguments else {
        anyhow::bail!("it takes FILE NETWORK COMMAND [ARGUMENT…]");
    };
    let network = filter::network(network).context("NETWORK")?;
    let filter = Filter {
        addrs: vec![network.into()],
        ..Filter::default()
    };
    let (_attached, mut reader) = Kernel::load(&Options {
        filter: &filter,
        buffer_bytes: BUFFER,
        follow: false,
        metrics: Metrics::Always,
        pid_namespace: host::pid_namespace(),
        silent_cgroup: host::silent_cgroup(),
        log: false,
    })?;
    let status = Command::new(command)
        .args(arguments)
        .status()
        .with_context(|| format!("{command} can't be started"))?;
    ensure!(status.success(), "{command} failed: {status}");

    let mut lost = 0;
    let mut bytes = Vec::new();
    let records = reader.drain(usize::MAX, |drained| match drained {
        Drained::Lost(events) => lost += events,
        Drained::Record(record) => {
            // No record is longer than 200 bytes.
            bytes.extend_from_slice(&(record.len() as u32).to_le_bytes());
            bytes.extend_from_slice(record);
        }
    });
    ensure!(
        lost + reader.newly_lost(0) == 0,
        "events were lost: let the command do less"
    );
    let mut file =
        BufWriter::new(File::create(path).with_context(|| format!("{path} can't be made"))?);
    file.write_all(&bytes)?;
    file.flush()?;
    eprintln!("capture: {records} records in {path}");
    Ok(())
}
