//! The guide to policies says what is: its samples are read and checked, and it leaves nothing out.

use std::{fs, path::PathBuf};

use countersign_engine::{
    field::Field,
    policy::{Condition, Op, Policy, check, syntax},
};

use super::{condition, names, policy, tag};

fn guide() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/policies.md");
    fs::read_to_string(path).unwrap()
}

/// The fenced samples of a language.
fn samples(guide: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    guide.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_sample_is_read_and_passes_the_check() {
    let guide = guide();
    let mut seen = 0;
    for sample in samples(&guide, "policy") {
        // A block is one condition, or one on each line.
        let whole = syntax::parse(&sample).is_ok();
        let conditions: Vec<&str> =
            if whole { vec![sample.as_str()] } else { sample.lines().filter(|line| !line.trim().is_empty()).collect() };
        for text in conditions {
            assert_eq!(check(&policy(condition(text), tag("x")), &names()), [], "{text}");
            seen += 1;
        }
    }
    for sample in samples(&guide, "json") {
        let json: serde_json::Value = serde_json::from_str(&sample).unwrap_or_else(|error| panic!("{sample}: {error}"));
        let policy = match json.get("name") {
            Some(_) => serde_json::from_value::<Policy>(json).unwrap(),
            None => policy(serde_json::from_value::<Condition>(json).unwrap(), tag("x")),
        };
        assert_eq!(check(&policy, &names()), [], "{sample}");
        seen += 1;
    }
    assert!(seen >= 15, "samples were lost: {seen} are left");
}

#[test]
fn every_field_and_every_operator_is_in_the_guide() {
    let guide = guide();
    let checks = include_str!("../../../../../docs/checks.md");
    let named = |name: &&str| guide.contains(&format!("`{name}`")) || checks.contains(&format!("| `{name}` |"));
    let missing: Vec<_> = Field::names().filter(|name| !named(name)).collect();
    assert!(missing.is_empty(), "neither docs/policies.md nor docs/checks.md names the fields {missing:?}");
    for (_, name, sign) in Op::ALL {
        assert!(
            guide.contains(&format!("`{name}`")) && guide.contains(sign),
            "docs/policies.md does not show `{name}`"
        );
    }
}
