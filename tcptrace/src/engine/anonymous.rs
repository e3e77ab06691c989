//! What becomes another machine's where a recording is made with other addresses and names.

use anyhow::{Result, bail};

use crate::{
    host::CgroupFilter,
    record::{Anonymizer, format::Beginning},
};

/// Whether a filter means the same of other names: the beginning of an id does not.
///
/// # Errors
/// When it does not.
pub(super) fn whole_names(filter: &CgroupFilter) -> Result<()> {
    match filter {
        CgroupFilter::Container(name)
            if name.len() < 64 && name.bytes().all(|it| it.is_ascii_hexdigit()) =>
        {
            bail!("with --anonymize, --container takes a name, or all of an id, not {name}")
        }
        _ => Ok(()),
    }
}

/// A beginning that tells of no machine.
pub(super) fn anonymous(mut it: Beginning, other: &mut Anonymizer) -> Beginning {
    it.anonymized = true;
    it.host = other.name(&it.host);
    it.boot = other.name(&it.boot);
    for (_, path) in &mut it.cgroups {
        *path = other.path(path);
    }
    for (_, workload) in &mut it.workloads {
        *workload = other.workload(workload);
    }
    for (_, _, name) in &mut it.links {
        *name = other.name(name);
    }
    // They still let the same through.
    for (option, value) in &mut it.filter {
        *value = match &**option {
            "addr" | "local-addr" | "remote-addr" => network(value, other),
            "comm" => other.name(value),
            "cgroup" | "pod" => other.path(value),
            "container" => other.name(value),
            "unit" => other.unit(value),
            "uid" => match value.parse() {
                Ok(uid) => other.uid(uid).to_string(),
                Err(_) => continue,
            },
            _ => continue,
        };
    }
    it
}

/// Another network, of as many addresses: they keep what they have in common.
fn network(text: &str, other: &mut Anonymizer) -> String {
    let Some((addr, rest)) = text.split_once('/') else {
        return text.to_owned();
    };
    match addr.parse() {
        Ok(addr) => format!("{}/{rest}", other.addr(addr)),
        Err(_) => text.to_owned(),
    }
}
