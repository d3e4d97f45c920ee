//! The smallest change that would have led to another verdict.

use countersign_engine::{
    evaluation::Verdict,
    policy::{Policy, PolicySet, Then},
};
use proptest::prelude::*;
use serde_json::json;

use super::{
    arbitrary::{policies, world},
    compile, condition, id,
    naive::{self, Value, World},
    policy, tag,
};

fn set(policies: &[(&str, Then)]) -> PolicySet {
    let policies: Vec<(_, Policy)> =
        policies.iter().zip(0..).map(|((when, then), n)| (id(n), policy(condition(when), then.clone()))).collect();
    compile(&policies)
}

fn world_of(known: &[(&str, Value)]) -> World {
    known.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn the_fewest_and_nearest_values_are_told() {
    let deny = || Then::Verdict(Verdict::Deny);
    let (yes, no) = (Value::Bool(true), Value::Bool(false));
    for (policies, known, flip) in [
        (
            vec![("device_count > 3", deny())],
            vec![("device_count", Value::Number(1.0))],
            json!({"verdict": "deny", "changes": [{"field": "device_count", "saw": 1, "needs": 4}]}),
        ),
        (
            vec![("device_count > 3", deny())],
            vec![("device_count", Value::Number(9.0))],
            json!({"verdict": "allow", "changes": [{"field": "device_count", "saw": 9, "needs": 3}]}),
        ),
        // One change is less than two, whichever policy it is of.
        (
            vec![("is_new_ip and is_new_user", deny()), ("is_suspended", deny())],
            vec![("is_new_ip", no.clone()), ("is_new_user", no.clone()), ("is_suspended", no.clone())],
            json!({"verdict": "deny", "changes": [{"field": "is_suspended", "saw": false, "needs": true}]}),
        ),
        (
            vec![("is_new_ip and is_new_user", deny())],
            vec![("is_new_ip", no.clone())],
            json!({"verdict": "deny", "changes": [
                {"field": "is_new_ip", "saw": false, "needs": true}, {"field": "is_new_user", "saw": null, "needs": true},
            ]}),
        ),
        // An effect is no verdict, and another way to the same verdict no other one.
        (
            vec![("is_new_ip", tag("t")), ("is_new_user", Then::Verdict(Verdict::Allow))],
            vec![("is_new_ip", yes.clone()), ("is_new_user", yes)],
            json!(null),
        ),
        (
            vec![("user_external_id in_list \"vip\"", deny())],
            vec![("user_external_id in_list vip", no)],
            json!({"verdict": "deny", "changes": [{"field": "user_external_id in_list vip", "saw": false, "needs": true}]}),
        ),
        (
            vec![("email_domain ends_with \".example\" and ip in_cidr \"10.0.0.0/8\"", deny())],
            vec![("email_domain", Value::Text("a.test".into()))],
            json!({"verdict": "deny", "changes": [
                {"field": "email_domain", "saw": "a.test", "needs": ".example"}, {"field": "ip", "saw": null, "needs": "10.0.0.0"},
            ]}),
        ),
        // The action is what was evaluated, and not what was seen of it.
        (vec![("action = \"signup\"", deny())], vec![("action", Value::Text("login".into()))], json!(null)),
    ] {
        let set = set(&policies);
        let found = set.flip("login", &naive::facts(&world_of(&known), set.operands()));
        assert_eq!(serde_json::to_value(&found).unwrap(), flip, "{policies:?} {known:?}");
    }
}

#[test]
fn a_search_ends() {
    let when: Vec<String> = (1..300).map(|n| format!("event_count.user.{n}m > 3")).collect();
    let set = set(&[(&when.join(" and "), Then::Verdict(Verdict::Deny))]);
    assert_eq!(set.flip("login", &naive::facts(&World::default(), set.operands())), None);
}

fn verdict(set: &PolicySet, action: &str, world: &World) -> Verdict {
    match set.run(action, &naive::facts(world, set.operands())).winner().map(|winner| winner.then) {
        Some(Then::Verdict(verdict) | Then::Challenge { verdict, .. }) => *verdict,
        _ => Verdict::Allow,
    }
}

proptest! {
    #[test]
    fn what_is_told_does_it_and_less_does_not(policies in policies(), world in world()) {
        let policies: Vec<_> = policies.into_iter().zip(0..).map(|(policy, n)| (id(n), policy)).collect();
        let set = compile(&policies);
        let facts = naive::facts(&world, set.operands());
        let before = verdict(&set, "login", &world);
        let Some(flip) = set.flip("login", &facts) else { return Ok(()) };
        prop_assert_ne!(flip.verdict, before);
        let with = |changes: &[countersign_engine::policy::Change]| {
            let mut changed = world.clone();
            for change in changes {
                let value = match &change.needs {
                    serde_json::Value::Bool(value) => Value::Bool(*value),
                    serde_json::Value::Number(value) => Value::Number(value.as_f64().unwrap()),
                    serde_json::Value::String(text) => match (change.field.as_str(), text.parse()) {
                        ("ip", Ok(address)) => Value::Address(address),
                        ("risk.ato.severity", _) => Value::Severity(countersign_engine::fact::Severity::parse(text).unwrap()),
                        _ => Value::Text(text.clone()),
                    },
                    other => panic!("{other} was told"),
                };
                changed.insert(change.field.clone(), value);
            }
            verdict(&set, "login", &changed)
        };
        prop_assert_eq!(with(&flip.changes), flip.verdict);
        for leave in 0..flip.changes.len() {
            let mut fewer = flip.changes.clone();
            fewer.remove(leave);
            prop_assert_eq!(with(&fewer), before, "{:?} is enough", fewer);
        }
    }
}
