//! What the binary consists of, for programs that look for known holes: CycloneDX.
//!
//! It has no serial number, which is a new one each time: two builds of a source have the same.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{
    binary::Binary,
    crates::{Crate, Key, Linked},
    made::Made,
    names::Names,
    sums::sum,
};
use crate::repository::toml_of;

/// Writes it.
///
/// # Errors
/// When something can't be read, or the file can't be written.
pub fn write(made: &Made<'_>, names: &Names<'_>, linked: &Linked, binary: &Binary) -> Result<()> {
    let target = names.architecture.target();
    let checksums = checksums(&toml_of(&made.repository.root.join("Cargo.lock"))?);
    let own = ("tcptrace".to_owned(), made.version.clone());
    let kernel_half = ("tcptrace-ebpf".to_owned(), made.version.clone());
    let mut program = ours(&own, "application", "MIT OR Apache-2.0");
    program["hashes"] = hashes(&sum(&binary.program)?);
    let mut components = vec![ours(
        &kernel_half,
        "library",
        "MIT OR Apache-2.0 OR GPL-2.0-only",
    )];
    components.extend(
        linked
            .crates
            .iter()
            .map(|each| component(each, checksums.get(&each.key()).map(String::as_str))),
    );
    let dependencies: Vec<_> = linked
        .graph
        .iter()
        .map(|(key, below)| {
            let below: Vec<_> = below.iter().map(purl).collect();
            json!({"ref": purl(key), "dependsOn": below})
        })
        .collect();
    let bom = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": made.time.to_string(),
            "component": program,
            "properties": [{"name": "cdx:rustc:sbom:target:triple", "value": target}],
        },
        "components": components,
        "dependencies": dependencies,
    });
    let path = made.out.join(names.sbom());
    let text = serde_json::to_string_pretty(&bom)? + "\n";
    fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))
}

fn ours(key: &Key, kind: &str, license: &str) -> Value {
    json!({
        "type": kind,
        "bom-ref": purl(key),
        "name": key.0,
        "version": key.1,
        "licenses": [{"expression": license}],
        "purl": purl(key),
    })
}

fn component(each: &Crate, checksum: Option<&str>) -> Value {
    let purl = purl(&each.key());
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": each.name,
        "version": each.version,
        "purl": purl,
    });
    if let Some(license) = &each.license {
        // As it was written before there were expressions.
        component["licenses"] = json!([{"expression": license.replace('/', " OR ")}]);
    }
    if let Some(checksum) = checksum {
        component["hashes"] = hashes(checksum);
    }
    if let Some(repository) = &each.repository {
        component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    component
}

fn hashes(sum: &str) -> Value {
    json!([{"alg": "SHA-256", "content": sum}])
}

/// What scanners know a crate by.
fn purl((name, version): &Key) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// What crates.io says that the crates' files are.
fn checksums(lock: &toml::Table) -> BTreeMap<Key, String> {
    let packages = lock.get("package").and_then(toml::Value::as_array);
    packages
        .into_iter()
        .flatten()
        .filter_map(|package| {
            let text = |field| Some(package.get(field)?.as_str()?.to_owned());
            Some(((text("name")?, text("version")?), text("checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Crate, component, purl};

    #[test]
    fn scanners_know_the_crates() {
        let key = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(purl(&key("aya", "0.14.0")), "pkg:cargo/aya@0.14.0");
        let built = purl(&key("zstd-sys", "2.0.16+zstd.1.5.7"));
        assert_eq!(built, "pkg:cargo/zstd-sys@2.0.16%2Bzstd.1.5.7");
        let old = Crate {
            name: "old".to_owned(),
            version: "1.0.0".to_owned(),
            license: Some("MIT/Apache-2.0".to_owned()),
            repository: None,
            manifest_path: "Cargo.toml".into(),
            source: None,
        };
        let told = component(&old, Some("00ff"));
        assert_eq!(told["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(told["hashes"][0]["content"], "00ff");
        assert_eq!(told["externalReferences"], serde_json::Value::Null);
    }
}
