//! Policies together: order, verdicts, effects, shadows, what is asked and what is told of it.

use countersign_engine::{
    environment::Environment,
    evaluation::Verdict,
    fact::Fact,
    id::PolicyId,
    policy::{Mode, Operand, Policy, PolicySet, Then},
    text::ActionName,
};
use serde_json::json;

use super::{compile, condition, id, policy, tag};

fn deny() -> Then {
    Then::Verdict(Verdict::Deny)
}

fn allow() -> Then {
    Then::Verdict(Verdict::Allow)
}

/// A policy that always holds.
fn always(then: Then, priority: i64) -> Policy {
    Policy { priority, ..policy(condition("true"), then) }
}

fn shadow(policy: Policy) -> Policy {
    Policy { mode: Mode::Shadow, ..policy }
}

fn with_ids(policies: Vec<Policy>) -> Vec<(PolicyId, Policy)> {
    policies.into_iter().zip(0..).map(|(policy, n)| (id(n), policy)).collect()
}

/// The places of the policies that held, and of the one that gave the verdict.
fn run(policies: Vec<Policy>, action: &str) -> (Vec<usize>, Option<usize>) {
    let place = |wanted: PolicyId| (0..=u8::MAX).position(|n| id(n) == wanted).unwrap();
    let set = compile(&with_ids(policies));
    let outcome = set.run(action, &[]);
    (outcome.matched.iter().map(|m| place(m.id)).collect(), outcome.winner().map(|m| place(m.id)))
}

#[test]
fn the_highest_priority_wins_and_ties_go_to_the_older() {
    assert_eq!(run(vec![always(allow(), 1), always(deny(), 2)], "login"), (vec![1], Some(1)));
    assert_eq!(run(vec![always(allow(), 1), always(deny(), 1)], "login"), (vec![0], Some(0)));
    assert_eq!(run(vec![always(allow(), i64::MIN), always(deny(), i64::MAX)], "login"), (vec![1], Some(1)));
    assert_eq!(run(vec![], "login"), (vec![], None));
}

#[test]
fn effects_are_applied_on_the_way_and_swallow_no_verdict() {
    let policies = vec![always(tag("first"), 9), always(deny(), 5), always(tag("second"), 7), always(tag("late"), 1)];
    assert_eq!(run(policies, "login"), (vec![0, 2, 1], Some(1)));
    assert_eq!(run(vec![always(tag("only"), 0)], "login"), (vec![0], None));
}

#[test]
fn a_shadow_is_seen_and_decides_nothing() {
    let policies = vec![shadow(always(deny(), 9)), always(allow(), 5), shadow(always(deny(), 1))];
    assert_eq!(run(policies, "login"), (vec![0, 1], Some(1)));
    assert_eq!(run(vec![shadow(always(deny(), 0))], "login"), (vec![0], None));
}

#[test]
fn only_enabled_policies_of_the_environment_and_the_action_are_asked() {
    let login = |policy: Policy| Policy { actions: vec![ActionName::parse("login").unwrap()], ..policy };
    let policies = || {
        vec![
            Policy { enabled: false, ..always(deny(), 9) },
            Policy { environment: Environment::Development, ..always(deny(), 8) },
            login(always(tag("login"), 7)),
            always(tag("any"), 6),
        ]
    };
    assert_eq!(run(policies(), "login"), (vec![2, 3], None));
    assert_eq!(run(policies(), "checkout"), (vec![3], None));
    let development = PolicySet::compile(&with_ids(policies()), Environment::Development);
    assert_eq!(development.run("login", &[]).winner().map(|winner| winner.id), Some(id(1)));
}

#[test]
fn each_operand_is_asked_for_once() {
    let when =
        "is_new_user and event_count.user.60m > 1 and event_count.user.1h < 9 and user_external_id in_list \"vip\"";
    let again = "not is_new_user or user_external_id not in_list \"vip\" or user_external_id in_list \"staff\"";
    let set = compile(&with_ids(vec![policy(condition(when), deny()), policy(condition(again), allow())]));
    let asked: Vec<_> = set
        .operands()
        .iter()
        .map(|operand| match operand {
            Operand::Field(field) => field.to_string(),
            Operand::Member { field, list } => format!("{field} in {list}"),
        })
        .collect();
    assert_eq!(asked, ["is_new_user", "event_count.user.1h", "user_external_id in vip", "user_external_id in staff"]);
}

#[test]
fn facts_that_were_not_handed_in_are_unknown() {
    let set = compile(&with_ids(vec![policy(condition("is_new_user or not is_new_ip"), deny())]));
    assert_eq!(set.run("login", &[]).matched, []);
    assert_eq!(set.run("login", &[Fact::Bool(true)]).matched.len(), 1);
}

#[test]
fn reasons_are_the_fields_that_made_it_hold() {
    let when =
        "(is_new_user or device_count > 3 or is_new_ip) and not is_suspended and not user_external_id in_list \"vip\"";
    let set = compile(&with_ids(vec![policy(condition(when), deny())]));
    let facts = [Fact::Bool(false), Fact::Number(4.0), Fact::Bool(true), Fact::Bool(false), Fact::Bool(false)];
    let winner = set.run("login", &facts).winner().unwrap();
    // That a user is on no list of exceptions explains nothing.
    assert_eq!(set.reasons(winner, &facts), ["device_count", "new_ip", "not_suspended"]);
}

#[test]
fn a_list_that_the_value_is_on_is_a_reason() {
    let set = compile(&with_ids(vec![policy(condition("ip in_list \"office\" or is_new_ip = false"), deny())]));
    let facts = [Fact::Bool(true), Fact::Bool(false)];
    let winner = set.run("login", &facts).winner().unwrap();
    assert_eq!(set.reasons(winner, &facts), ["in_list_office", "not_new_ip"]);
}

#[test]
fn the_trace_shows_what_every_part_saw() {
    let when =
        "not is_new_user and (device_count > 3 or group = \"beta\") and ip exists and user_external_id in_list \"vip\"";
    let last = always(tag("never asked"), -1);
    let set = compile(&with_ids(vec![shadow(policy(condition(when), deny())), always(deny(), 0), last]));
    let groups = ["beta".to_owned()];
    let ip = "192.0.2.1".parse().unwrap();
    let facts = [Fact::Bool(false), Fact::Number(3.0), Fact::Texts(&groups), Fact::Address(ip), Fact::Unknown];
    let wanted = json!([
        {"id": id(0).to_string(), "name": "A policy", "shadow": true, "when": {"all": [
            {"not": {"field": "is_new_user", "op": "eq", "value": true, "saw": false, "truth": "fails"}, "truth": "holds"},
            {"any": [
                {"field": "device_count", "op": "gt", "value": 3, "saw": 3, "truth": "fails"},
                {"field": "group", "op": "eq", "value": "beta", "saw": ["beta"], "truth": "holds"},
            ], "truth": "holds"},
            {"field": "ip", "op": "exists", "value": true, "saw": "192.0.2.1", "truth": "holds"},
            {"field": "user_external_id", "op": "in_list", "value": "vip", "saw": null, "truth": "unknown"},
        ], "truth": "unknown"}},
        {"id": id(1).to_string(), "name": "A policy", "shadow": false, "when": {"all": [], "truth": "holds"}},
    ]);
    assert_eq!(serde_json::to_value(set.trace("login", &facts)).unwrap(), wanted);
}

#[test]
fn what_the_check_would_refuse_is_never_known_if_it_is_run_all_the_same() {
    for text in
        ["no_such_field", "not no_such_field", "action > 3", "action matches \"(\"", "ip = \"x\"", "ip in_cidr \"x\""]
    {
        let set = compile(&with_ids(vec![policy(condition(text), deny())]));
        assert_eq!(set.run("login", &[Fact::Text("x")]).matched, [], "{text}");
        assert_eq!(set.trace("login", &[Fact::Text("x")]).len(), 1);
    }
}
