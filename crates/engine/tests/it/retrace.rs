//! The trace that is made from a record is the one that the decision saw.

use std::collections::BTreeMap;

use countersign_engine::{
    config::{Project, Settings},
    decide::{Moment, decide},
    environment::Environment,
    evaluation::{Evaluation, Verdict},
    history::{History, User},
    id::{ChallengeId, DeviceId, EvaluationId, PolicyId, ProjectId, UserId},
    policy::{Condition, Operand, Policy, PolicySet, Then, Truth},
    retrace,
    risk::RiskSet,
    signal::Signals,
    text::{Contact, Email, Metadata},
    time::Timestamp,
};
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};

use crate::{
    check::{browser, complete, device, nothing, user},
    policy::{arbitrary::typed, condition, policy, tag},
};

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

fn project(conditions: &[Condition], then: &Then) -> Project {
    project_of(conditions.iter().map(|when| policy(when.clone(), then.clone())).collect())
}

/// A project with those policies.
pub fn project_of(policies: Vec<Policy>) -> Project {
    let ids = (0..).map(|n| PolicyId::new(n, [0; 10]));
    let policies: Vec<_> = ids.zip(policies).collect();
    Project {
        id: ProjectId::new(1, [0; 10]),
        slug: "shop".into(),
        revision: 3,
        settings: Settings::default(),
        keys: Vec::new(),
        challenge_configs: BTreeMap::new(),
        lists: BTreeMap::new(),
        development: PolicySet::default(),
        production: PolicySet::compile(&policies, Environment::Production),
        webhooks: Vec::new(),
        risks: RiskSet::default(),
        policies: policies.into_iter().collect(),
    }
}

/// What is stored of the decision, read back.
fn record(project: &Project, signals: &Signals, mut history: History, on_lists: bool) -> Evaluation {
    let ms = NOW.millis();
    let moment = Moment {
        now: NOW,
        evaluation_id: EvaluationId::new(ms, [1; 10]),
        challenge_id: ChallengeId::new(ms, [2; 10]),
        user_id: UserId::new(ms, [3; 10]),
        device_id: DeviceId::new(ms, [4; 10]),
    };
    let asked = project.production.operands().iter().filter(|operand| matches!(operand, Operand::Member { .. }));
    history.memberships = asked.map(|_| Some(on_lists)).collect();
    let done = decide(project, Environment::Production, signals, history, &moment).evaluation;
    serde_json::from_str(&serde_json::to_string(&done).unwrap()).unwrap()
}

fn metadata(value: Value) -> Metadata {
    serde_json::from_value(value).unwrap()
}

/// Users on file, as different as can be from what a browser claims.
fn on_file() -> impl Strategy<Value = Option<User>> {
    let groups = option::of(Just(vec!["a".to_owned(), "free".to_owned()]));
    let plan = option::of(prop_oneof![Just(json!("ab")), Just(json!(2)), Just(json!([1])), Just(json!(true))]);
    let email = option::of(Just(Email::parse("eve@a.example").unwrap()));
    option::of((groups, plan, email).prop_map(|(groups, plan, email)| User {
        groups: groups.unwrap_or_default(),
        metadata: plan.map(|plan| metadata(json!({"plan": plan}))).unwrap_or_default(),
        email,
        ..user(NOW)
    }))
}

fn measured() -> impl Strategy<Value = Signals> {
    let plan = option::of(prop_oneof![Just(json!("free")), Just(json!(1)), Just(json!({"x": 1}))]);
    let email = option::of(prop_oneof![Just("ada@A.example"), Just("no address")]);
    (any::<bool>(), plan, email, any::<bool>()).prop_map(|(known, plan, email, group)| Signals {
        metadata: plan.map(|plan| metadata(json!({"plan": plan}))),
        email: email.map(Contact::email),
        groups: if group { vec!["b".to_owned()] } else { Vec::new() },
        ip: Some("10.0.0.1".parse().unwrap()),
        ..if known { complete() } else { nothing() }
    })
}

proptest! {
    #[test]
    fn what_held_in_the_decision_holds_in_the_trace_and_nothing_else(
        conditions in vec(typed(), 1..6),
        signals in measured(),
        on_file in on_file(),
        (has_device, on_lists) in any::<(bool, bool)>(),
    ) {
        let project = project(&conditions, &tag("t"));
        let devices = if has_device { vec![device(1, None, true)] } else { Vec::new() };
        let record = record(&project, &signals, History { user: on_file, devices, ..History::default() }, on_lists);
        let trace = retrace::trace(&project.production, &record);
        prop_assert_eq!(trace.len(), conditions.len());
        let held: Vec<_> = trace.iter().filter(|policy| policy.when.truth == Truth::Holds).map(|policy| policy.id).collect();
        let considered: Vec<_> = record.considered.iter().map(|seen| seen.policy.id).collect();
        prop_assert_eq!(held, considered);
    }
}

#[test]
fn each_value_is_the_one_that_was_seen() {
    let conditions: Vec<_> = [
        "device_id exists",
        "metadata.plan = \"pro\"",
        "group = \"staff\"",
        "ip in_cidr \"192.0.2.0/24\"",
        "user_email exists",
        "event_count.ip.1h > 3",
        "user_external_id in_list \"vip\"",
        "risk.ato.score > 1",
    ]
    .map(condition)
    .into();
    let on_file = User { groups: vec!["staff".into()], metadata: metadata(json!({"plan": "pro"})), ..user(NOW) };
    // The browser is new, and claims another plan and group.
    let claimed = Some(metadata(json!({"plan": "free", "cart": 7})));
    let signals = Signals { browser: Some(browser(9)), metadata: claimed, groups: vec!["root".into()], ..complete() };
    let project = project(&conditions, &tag("t"));
    let record = record(&project, &signals, History { user: Some(on_file), ..History::default() }, true);
    assert!(record.device.is_some());
    let trace = serde_json::to_value(retrace::trace(&project.production, &record)).unwrap();
    let saw: Vec<_> = trace.as_array().unwrap().iter().map(|policy| &policy["when"]["saw"]).collect();
    assert_eq!(json!(saw), json!([null, "pro", ["staff"], "192.0.2.1", "ada@example.com", 1, true, 20]));
    let truth: Vec<_> = trace.as_array().unwrap().iter().map(|policy| &policy["when"]["truth"]).collect();
    assert_eq!(json!(truth), json!(["fails", "holds", "holds", "holds", "holds", "fails", "holds", "holds"]));
    // What the record says anyway is not kept twice.
    let facts: Vec<_> = record.facts.keys().map(String::as_str).collect();
    assert_eq!(facts, ["event_count.ip.1h", "group", "metadata.plan", "user_external_id in_list vip"]);
}

#[test]
fn the_verdict_ends_the_trace_and_a_suspended_user_has_none() {
    let conditions = [condition("is_suspended"), condition("true"), condition("true")];
    let project = project(&conditions, &Then::Verdict(Verdict::Deny));
    let lives = record(&project, &complete(), History::default(), false);
    assert_eq!(retrace::trace(&project.production, &lives).len(), 2);
    let suspended = User { suspended_at: Some(NOW), ..user(NOW) };
    let ended = record(&project, &complete(), History { user: Some(suspended), ..History::default() }, false);
    assert_eq!((ended.verdict, retrace::trace(&project.production, &ended)), (Verdict::Suspend, Vec::new()));
}
