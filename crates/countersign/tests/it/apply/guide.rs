//! The guides' samples are applied as a reader would: that to configuration files, one after the other, and that to
//! shared accounts.

use super::{Operator, texts};

fn page(name: &str) -> String {
    std::fs::read_to_string(crate::tidy::root().join("docs").join(name)).unwrap()
}

fn guide() -> String {
    page("configuration.md")
}

/// The samples: the language of each, and its text.
fn samples(guide: &str) -> Vec<(&str, &str)> {
    let blocks = guide.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    blocks.filter(|(language, _)| ["yaml", "toml"].contains(language)).collect()
}

#[test]
fn every_sample_can_be_applied_in_turn() {
    let (operator, guide) = (Operator::new(), guide());
    let samples = samples(&guide);
    assert!(samples.len() >= 5, "the guide has samples");
    for (number, (language, sample)) in samples.iter().enumerate() {
        let file = operator.write(&format!("{number}.{language}"), sample);
        let output = operator.run(&["apply", &file]);
        assert!(output.status.success(), "{}\nfor {sample}", texts(&output).1);
        let said = texts(&output).0;
        // The second says in TOML what the first says in YAML; the others bring something new.
        let changes_nothing = said.contains("nothing to change");
        assert_eq!(changes_nothing, number == 1, "{said}\nfor {sample}");
    }
}

#[test]
fn what_is_to_be_applied_against_shared_accounts_can_be_and_is_not_odd() {
    let (operator, page) = (Operator::new(), page("access.md"));
    let [(_, sample)] = samples(&page)[..] else { panic!("one file is to be applied") };
    let said = operator.apply(sample, &[]);
    for wanted in ["+ challenge config \"sharing\"", "+ policy \"Verify the owner\"", "+ policy \"Cap devices\""] {
        assert!(said.contains(wanted), "{said}");
    }
    assert!(!said.contains("  ! "), "{said}");
}

#[test]
fn what_is_pruned_and_said_twice_is_as_the_guide_says() {
    let (operator, guide) = (Operator::new(), guide());
    let whole = samples(&guide)[0].1;
    operator.apply(whole, &[]);
    operator.apply("project: shop\nlists:\n  - { name: old, kind: asn, entries: [AS64496] }\n", &[]);
    assert!(operator.apply(whole, &["--prune"]).contains("- list \"old\""));
    assert!(operator.apply(whole, &["--prune"]).contains("nothing to change"));
}

#[test]
fn every_setting_stands_in_the_guide_with_its_default() {
    let guide = guide();
    let settings = serde_json::to_value(countersign_engine::config::Settings::default()).unwrap();
    for (name, value) in settings.as_object().unwrap() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let row = guide.lines().find(|line| line.starts_with(&format!("| `{name}` |")) && line.contains(&value));
        assert!(row.is_some(), "`{name}` with its default {value}");
    }
}

#[test]
fn every_kind_of_list_stands_in_the_guide() {
    let guide = guide();
    let kinds = ["user", "ip", "email", "email_domain", "phone", "fingerprint", "device", "country", "asn"];
    for kind in kinds {
        assert!(guide.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{kind}`"))), "{kind}");
    }
    // A kind that is not known is told with all that are.
    let told = Operator::new().refused("project: shop\nlists: [{ name: l, kind: x }]\n", &[]);
    assert!(told.matches('`').count() / 2 == kinds.len() + 1, "the guide lacks a kind: {told}");
}
