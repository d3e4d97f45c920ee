//! The document that a policy is: how it is written, and what is refused.

use countersign_engine::{
    environment::Environment,
    evaluation::Verdict,
    policy::{Condition, Mode, Policy, Then},
};
use serde_json::{Value, json};

use super::condition;

fn read(json: Value) -> Result<Policy, String> {
    serde_json::from_value(json).map_err(|error| error.to_string())
}

fn then(then: &Value) -> Result<Then, String> {
    read(json!({"name": "A", "environment": "production", "then": then})).map(|policy| policy.then)
}

#[test]
fn what_is_left_out_has_its_usual_value() {
    let policy = read(json!({"name": "A", "environment": "development", "then": "deny"})).unwrap();
    let usual = Policy {
        name: "A".into(),
        description: None,
        environment: Environment::Development,
        enabled: true,
        mode: Mode::Enforce,
        actions: vec![],
        when: Condition::always(),
        then: Then::Verdict(Verdict::Deny),
        priority: 0,
        budget: None,
    };
    assert_eq!(policy, usual);
}

#[test]
fn a_whole_policy_reads_back_as_it_was_written() {
    let written = json!({
        "name": "Unfamiliar log-in", "description": "Ask who it is.", "environment": "production", "enabled": false,
        "mode": "shadow", "actions": ["login", "check_out"], "when": "is_new_ip and not is_new_user",
        "then": {"verdict": "challenge_and_restrict", "challenge_config": "login", "type": "our_own"}, "priority": -5,
        "budget": {"at_most": 200, "percent": 2.5, "window": "6h"},
    });
    let policy = read(written.clone()).unwrap();
    assert_eq!(policy.when, condition("is_new_ip and not is_new_user"));
    let json = serde_json::to_value(&policy).unwrap();
    // The text is kept as the tree that it is; all else as it was written.
    let mut wanted = written;
    wanted["when"] = serde_json::to_value(&policy.when).unwrap();
    assert_eq!(json, wanted);
    assert_eq!(read(json).unwrap(), policy);
}

#[test]
fn verdicts_and_effects_have_their_forms() {
    let challenge = |verdict, kind: &str| Then::Challenge { verdict, config: "c".into(), kind: kind.into() };
    for (written, wanted) in [
        (json!("allow"), Then::Verdict(Verdict::Allow)),
        (json!({"verdict": "restrict"}), Then::Verdict(Verdict::Restrict)),
        (json!({"verdict": "suspend"}), Then::Verdict(Verdict::Suspend)),
        (
            json!({"verdict": "challenge", "challenge_config": "c", "type": "fake_account"}),
            challenge(Verdict::Challenge, "fake_account"),
        ),
        (json!({"verdict": "challenge", "challenge_config": "c"}), challenge(Verdict::Challenge, "account_takeover")),
        (json!({"effect": "add_to_list", "list": "l"}), Then::AddToList { list: "l".into() }),
        (json!({"effect": "remove_from_list", "list": "l"}), Then::RemoveFromList { list: "l".into() }),
        (json!({"effect": "tag", "tag": "t"}), Then::Tag { tag: "t".into() }),
    ] {
        assert_eq!(then(&written), Ok(wanted.clone()), "{written}");
        assert_eq!(then(&serde_json::to_value(&wanted).unwrap()), Ok(wanted));
    }
}

#[test]
fn what_is_no_verdict_and_no_effect_is_refused_with_what_to_write() {
    for (written, said) in [
        (json!("alow"), "write one of `allow`"),
        (json!(3), "write one of `allow`"),
        (json!({}), "write either `verdict` or `effect`"),
        (json!({"verdict": "deny", "effect": "tag", "tag": "t"}), "write either `verdict` or `effect`"),
        (json!({"verdict": "alow"}), "unknown variant `alow`"),
        (json!("challenge"), "a challenge needs `challenge_config`"),
        (json!({"verdict": "challenge"}), "a challenge needs `challenge_config`"),
        (json!({"verdict": "deny", "challenge_config": "c"}), "`challenge_config` does not belong here"),
        (json!({"verdict": "challenge", "challenge_config": "c", "list": "l"}), "`list` does not belong here"),
        (json!({"verdict": "challenge", "challenge_config": "c", "type": "Odd"}), "`Odd` is no challenge type"),
        (json!({"verdict": "challenge", "challenge_config": "c", "type": ""}), "`` is no challenge type"),
        (json!({"effect": "tag"}), "an effect is `add_to_list`"),
        (json!({"effect": "add_to_list", "tag": "t"}), "an effect is `add_to_list`"),
        (json!({"effect": "shout"}), "an effect is `add_to_list`"),
        (json!({"effect": "tag", "tag": "t", "type": "fake_account"}), "`type` does not belong here"),
        (json!({"effect": "tag", "tag": "t", "colour": "red"}), "unknown field `colour`"),
    ] {
        let refused = then(&written).unwrap_err();
        assert!(refused.contains(said), "{written}: {refused}");
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    let with = |key: &str, value: Value| {
        let mut policy = json!({"name": "A", "environment": "production", "then": "deny"});
        policy[key] = value;
        read(policy)
    };
    for (key, value, said) in [
        ("prioritty", json!(1), "unknown field `prioritty`"),
        ("environment", json!("staging"), "unknown variant `staging`"),
        ("mode", json!("off"), "unknown variant `off`"),
        ("actions", json!(["Log in"]), "an action is `login`"),
        ("actions", json!("login"), "expected a sequence"),
        ("priority", json!(1.5), "expected i64"),
        ("when", json!("is_new_ip and"), "line 1, column 14: expected a field"),
        ("when", json!({"all": [{"nought": 1}]}), "/all/0/nought: `nought` is not known here"),
        ("then", Value::Null, "write one of `allow`"),
    ] {
        let refused = with(key, value).unwrap_err();
        assert!(refused.contains(said), "{key}: {refused}");
    }
    assert!(read(json!({"environment": "production", "then": "deny"})).unwrap_err().contains("missing field `name`"));
}
