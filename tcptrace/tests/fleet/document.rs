//! The queries of docs/fleet.md: what stands below each is what comes of it.

use std::{fs, path::Path};

use crate::{engine::Engine, namespace::Namespace, schema::recording};

/// A query of the page, and the table below it.
struct Asked<'a> {
    query: &'a str,
    table: &'a str,
}

fn asked(page: &str) -> Vec<Asked<'_>> {
    let blocks = page.split("\n```sql\n").skip(1);
    blocks
        .map(|block| {
            let (query, behind) = block.split_once("\n```\n").expect("an end of the query");
            let table = behind.trim_start_matches('\n');
            let end = table.find("\n\n").unwrap_or(table.len());
            let table = if table.starts_with('|') {
                &table[..end]
            } else {
                ""
            };
            Asked { query, table }
        })
        .collect()
}

/// With BLESS=1, the tables are written anew.
#[test]
fn each_query_of_the_document_tells_what_stands_below_it() {
    let net = Namespace::new();
    let engine = Engine::with_tables(&net);
    for host in ["shop-1", "edge-1", "api-1"] {
        engine.take(&recording(host));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fleet.md");
    let page = fs::read_to_string(&path).expect("the document");
    let asked = asked(&page);
    assert!(asked.len() >= 7, "{}", asked.len());
    let mut blessed = page.clone();
    for it in asked {
        let told = engine.told(&format!("{}\nFORMAT Markdown", it.query));
        let told = told.trim_end();
        assert!(told.lines().count() > 2, "nothing comes of\n{}", it.query);
        if std::env::var_os("BLESS").is_none() {
            assert_eq!(told, it.table, "{}", it.query);
        } else if it.table.is_empty() {
            let query = format!("\n{}\n```\n", it.query);
            blessed = blessed.replacen(&query, &format!("{query}\n{told}\n"), 1);
        } else {
            blessed = blessed.replacen(it.table, told, 1);
        }
    }
    if blessed != page {
        fs::write(path, blessed).expect("the document");
    }
}
