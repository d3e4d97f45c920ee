//! Pages that are made from tables in the code: each must be what its table says.
//!
//! `UPDATE_DOCS=1 cargo test -p countersign --test it generated` writes them anew.

use std::{fmt::Write, fs};

use countersign_engine::{
    check::{CHECKS, Group},
    event::EventKind,
    fact::Kind,
    policy::syntax::print,
    risk::shipped,
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

/// The same for one part of a page, between two comments.
fn holds_within(page: &str, name: &str, wanted: &str) {
    let text = fs::read_to_string(root().join("docs").join(page)).unwrap();
    let (begins, ends) = (format!("<!-- {name}: made by a test -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begins).unwrap();
    let (_, after) = rest.split_once(&ends).unwrap();
    holds(page, &format!("{before}{begins}{wanted}{ends}{after}"));
}

#[test]
fn the_table_of_events_is_the_code_s() {
    let mut table = String::from("| event | when |\n| --- | --- |\n");
    for kind in EventKind::ALL {
        writeln!(table, "| `{}` | {} |", kind.as_str(), kind.doc()).unwrap();
    }
    holds_within("webhooks.md", "events", &table);
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

#[test]
fn the_page_of_risks_is_what_ships() {
    let mut page = String::from(
        "# Risks\n\nA risk is a weighted reading of the checks: what speaks for it is added up, to 100 at most. From the low cutoff on an evaluation shows it under \
         `risks`, with every condition that held and what that added. What isn't known adds nothing, and where nothing that a risk asks is known, it has no score. A risk decides nothing by itself: policies may ask for \
         `risk.<id>.score` and `risk.<id>.severity`. A risk that is not scored on an action has neither there; below the low cutoff it has a score and no severity.\n\n\
         A project has those below without doing anything. `countersign apply` puts one of your own in the place of one with the same `id`, or adds it:\n\n\
         ```yaml\nproject: shop\nrisks:\n  - id: account_sharing\n    name: Account sharing\n    actions: [access]\n    indicators:\n      \
         - { when: device_count > 5, weight: 40, reason: our plans allow five }\n      - { when: impossible_travel, weight: 30 }\n    \
         cutoffs: { low: 20, medium: 40, high: 60, maximum: 90 }\n  - { id: linked_accounts, enabled: false }\n```\n\n\
         `enabled: false` switches one off; of ours nothing else need be said. A policy that names it is refused then.\n\n\
         An indicator's `when` is a condition over checks, `event_count.…` and `distinct_count.…`, as in [policies](policies.md); a condition over several checks lets \
         what comes together weigh more. Weights and cutoffs are whole numbers from 1 to 100. Weights of ours are judgements, not measurements: each has its reason \
         beside it; try yours with a policy in `shadow`. This page is made from what ships.\n",
    );
    for risk in shipped() {
        let actions: Vec<String> = risk.actions.iter().map(|action| format!("`{action}`")).collect();
        let actions = if actions.is_empty() { "every action".to_owned() } else { actions.join(", ") };
        let cutoffs = risk.cutoffs;
        write!(
            page,
            "\n## {}: `{}`\n\n{} Scored on {actions}. Low from {}, medium from {}, high from {}, maximum from {}.\n\n\
             | when | adds | why |\n| --- | --- | --- |\n",
            risk.name,
            risk.id,
            risk.description.unwrap_or_default(),
            cutoffs.low,
            cutoffs.medium,
            cutoffs.high,
            cutoffs.maximum,
        )
        .unwrap();
        for indicator in risk.indicators {
            let reason = indicator.reason.unwrap_or_default();
            writeln!(page, "| `{}` | {} | {reason} |", print(&indicator.when), indicator.weight).unwrap();
        }
    }
    holds("risks.md", &page);
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Number => "number",
        _ => "text",
    }
}
