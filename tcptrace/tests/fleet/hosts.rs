//! Three hosts with a tracer each: whose process talked to whose.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::{engine::Engine, fleet::Fleet, namespace::Namespace, recordings};

const HOSTS: [&str; 3] = ["shop-1", "edge-1", "api-1"];
/// All that there is.
pub const EVER: &str = "from = '1970-01-02 00:00:00', to = '2200-01-01 00:00:00'";

/// Recordings of three hosts, of the same kind as those that the document is about.
fn recorded(requests: u32) -> TempDir {
    let fleet = Fleet::start();
    fleet.requests(requests);
    fleet.recordings()
}

#[test]
fn both_ends_of_each_connection_between_three_hosts_are_one_row_with_their_programs() {
    const REQUESTS: u32 = 20;
    let recordings = recorded(REQUESTS);
    let net = Namespace::new();
    let engine = Engine::with_tables(&net);
    let mut flows = 0;
    for host in HOSTS {
        let recording = recordings.path().join(host);
        flows += recordings::flows(&recording).len();
        engine.take(&recording);
    }
    assert_eq!(
        engine.told("SELECT count() FROM flows"),
        format!("{flows}\n")
    );
    let answer = engine.told(&format!(
        "SELECT client_host, client_comm, server_host, server_comm, server_port, count() AS connections, \
             max(abs(opened_later_ns)) < 1000000000 AS near \
         FROM flows_both_ends({EVER}) GROUP BY ALL ORDER BY server_port FORMAT JSONEachRow"
    ));
    let rows: Vec<Value> = answer
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let told: Vec<_> = rows
        .iter()
        .map(|it| {
            let names = ["client_host", "client_comm", "server_host", "server_comm"];
            (
                names.map(|name| it[name].as_str().unwrap_or("?")),
                it["connections"].as_u64(),
                it["near"].as_u64(),
            )
        })
        .collect();
    let all = Some(REQUESTS.into());
    assert_eq!(
        told,
        [
            (["shop-1", "curl", "edge-1", "haproxy"], all, Some(1)),
            (["edge-1", "haproxy", "api-1", "nginx"], all, Some(1)),
        ],
        "{answer}"
    );
}

/// The recordings that the document is about: made anew with BLESS=1.
#[test]
#[ignore = "it writes tests/fleet/recordings anew: BLESS=1, and those of the document's results behind it"]
fn recordings_of_the_document_are_made() {
    if std::env::var_os("BLESS").is_none() {
        return;
    }
    let fleet = Fleet::start();
    fleet.requests(100);
    fleet.troubles();
    let recordings = fleet.recordings();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleet/recordings");
    for host in HOSTS {
        let to = kept.join(host);
        let _ = fs::remove_dir_all(&to);
        fs::create_dir_all(&to).expect("a folder");
        for file in fs::read_dir(recordings.path().join(host)).expect("a recording") {
            let file = file.expect("a file");
            if file.file_name().to_string_lossy().ends_with(".tcptrace") {
                fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
            }
        }
    }
}
