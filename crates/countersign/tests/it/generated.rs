//! Pages that are made from tables in the code: each must be what its table says.
//!
//! `UPDATE_DOCS=1 cargo test -p countersign --test it generated` writes them anew.

use std::{fmt::Write, fs};

use countersign_engine::{
    check::{CHECKS, Group},
    fact::Kind,
};
use countersign_server::api::problem;

use crate::tidy::root;

fn holds(page: &str, wanted: &str) {
    let path = root().join("docs").join(page);
    if std::env::vars_os().any(|(name, value)| name == "UPDATE_DOCS" && !value.is_empty()) {
        fs::write(&path, wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/{page} is not what the code says: run this test with UPDATE_DOCS=1");
}

#[test]
fn the_page_of_problems_is_the_table() {
    holds("problems.md", &problem::documentation());
}

#[test]
fn the_page_of_checks_is_the_table() {
    let mut page = String::from(
        "# Checks\n\nA check is one narrow fact about an evaluation. Policies compare checks by name; an evaluation shows every one that is known, \
         under `checks`. A check whose needs aren't met is unknown: it satisfies no comparison, in either direction. This page is made from \
         the engine's own table.\n",
    );
    let mut groups: Vec<Group> = CHECKS.iter().map(|check| check.group).collect();
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        write!(page, "\n## {}\n\n| check | kind | needs | meaning |\n| --- | --- | --- | --- |\n", group.as_str())
            .unwrap();
        for check in CHECKS.iter().filter(|check| check.group == group) {
            let kind = word(check.kind);
            writeln!(page, "| `{}` | {kind} | {} | {} |", check.name, check.needs, check.doc).unwrap();
        }
    }
    holds("checks.md", &page);
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Number => "number",
        _ => "text",
    }
}
