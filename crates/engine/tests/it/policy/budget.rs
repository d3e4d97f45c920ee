//! How often a policy may give its verdict, and what happens then.

use countersign_engine::{
    decide::{Decision, Moment, decide},
    environment::Environment,
    evaluation::Verdict,
    history::History,
    id::{ChallengeId, DeviceId, EvaluationId, UserId},
    policy::{Budget, Policy, analyse::analyse, check},
    retrace,
    time::{DAY, HOUR, MINUTE, SECOND, Timestamp},
    window::Activity,
};
use serde_json::{Value, json};

use super::{id, names};
use crate::{check::nothing, retrace::project_of};

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

fn policies(all: &Value) -> Vec<Policy> {
    all.as_array().unwrap().iter().map(|one| serde_json::from_value(one.clone()).unwrap()).collect()
}

/// A line of evaluations, each of which knows what the one before it left.
struct Line {
    project: countersign_engine::config::Project,
    spendings: Vec<Activity>,
}

impl Line {
    fn of(all: &Value) -> Self {
        let project = project_of(policies(all));
        let count = project.production.budgets("login").count();
        Self { project, spendings: vec![Activity::default(); count] }
    }

    fn decide(&mut self, at: i64) -> Decision {
        let now = NOW.plus(at);
        let ms = now.millis();
        let moment = Moment {
            now,
            evaluation_id: EvaluationId::new(ms, [1; 10]),
            challenge_id: ChallengeId::new(ms, [2; 10]),
            user_id: UserId::new(ms, [3; 10]),
            device_id: DeviceId::new(ms, [4; 10]),
        };
        let history = History { spendings: self.spendings.clone(), ..History::default() };
        let decision = decide(&self.project, Environment::Production, &nothing(), history, &moment);
        let ids: Vec<_> = self.project.production.budgets("login").map(|(id, _)| id).collect();
        for (policy, after) in &decision.spendings {
            let place = ids.iter().position(|id| id == policy).unwrap();
            *self.spendings.get_mut(place).unwrap() = after.clone();
        }
        decision
    }

    fn verdicts(&mut self, times: usize, at: i64) -> Vec<Verdict> {
        (0..times).map(|_| self.decide(at).evaluation.verdict).collect()
    }
}

fn denials(verdicts: &[Verdict]) -> usize {
    verdicts.iter().filter(|verdict| **verdict == Verdict::Deny).count()
}

#[test]
fn a_policy_gives_its_verdict_as_often_as_it_may_and_then_watches_until_its_window_has_room() {
    let deny =
        json!([{"name": "D", "environment": "production", "then": "deny", "budget": {"at_most": 3, "window": "1h"}}]);
    let mut line = Line::of(&deny);
    assert_eq!(line.verdicts(2, 0), [Verdict::Deny; 2]);
    assert_eq!(line.verdicts(3, 30 * MINUTE), [Verdict::Deny, Verdict::Allow, Verdict::Allow]);
    assert_eq!(denials(&line.verdicts(1, HOUR - SECOND)), 0, "the first two are still within the hour");
    // The first two have left; the third has not. What only watched was not counted.
    assert_eq!(denials(&line.verdicts(5, HOUR + MINUTE)), 2);
    assert_eq!(denials(&line.verdicts(5, 3 * HOUR)), 3);
}

#[test]
fn who_is_over_budget_lets_those_after_it_be_asked_and_is_told_once_a_window() {
    let mut line = Line::of(&json!([
        {"name": "Fuse", "environment": "production", "then": "deny", "priority": 2, "budget": {"at_most": 1, "window": "1d"}},
        {"name": "Rest", "environment": "production", "then": "restrict", "priority": 1},
    ]));
    let first = line.decide(0);
    assert_eq!((first.evaluation.verdict, first.alerts.len()), (Verdict::Deny, 0));
    let over = line.decide(SECOND);
    assert_eq!(over.evaluation.verdict, Verdict::Restrict);
    assert_eq!(over.alerts.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>(), ["Fuse"]);
    let seen: Vec<_> =
        over.evaluation.considered.iter().map(|one| (one.policy.name.as_str(), one.over_budget)).collect();
    assert_eq!(seen, [("Fuse", true), ("Rest", false)]);
    assert!(line.decide(2 * SECOND).alerts.is_empty(), "told already");
    assert_eq!(line.decide(DAY + HOUR).evaluation.verdict, Verdict::Deny);
    assert_eq!(line.decide(DAY + 2 * HOUR).alerts.len(), 1, "another window, another alert");
    // Whoever asks afterwards is shown the same.
    let trace = retrace::trace(&line.project.production, &over.evaluation);
    assert_eq!(trace.iter().map(|one| (one.name.as_str(), one.over_budget)).collect::<Vec<_>>(), seen);
}

#[test]
fn a_share_is_taken_of_what_the_policy_was_asked_about_and_of_a_hundred_at_least() {
    let mut line = Line::of(&json!([
        {"name": "D", "environment": "production", "then": "deny", "budget": {"percent": 5, "window": "1h"}}
    ]));
    assert_eq!(denials(&line.verdicts(100, 0)), 5);
    assert_eq!(denials(&line.verdicts(100, SECOND)), 5, "ten of two hundred");
    assert_eq!(denials(&line.verdicts(1_000, MINUTE)), 50);
    // Both limits: the smaller one counts.
    let mut both = Line::of(&json!([
        {"name": "D", "environment": "production", "then": "deny", "budget": {"percent": 50, "at_most": 7, "window": "1h"}}
    ]));
    assert_eq!(denials(&both.verdicts(100, 0)), 7);
}

#[test]
fn a_policy_that_does_not_hold_or_only_watches_spends_nothing() {
    let mut line = Line::of(&json!([
        {"name": "Shadow", "environment": "production", "mode": "shadow", "then": "deny", "budget": {"at_most": 1, "window": "1h"}},
        {"name": "False", "environment": "production", "when": "false", "then": "deny", "budget": {"at_most": 1, "window": "1h"}},
    ]));
    assert_eq!(line.spendings.len(), 1, "one that only watches has nothing to spend");
    let decision = line.decide(0);
    assert!(decision.spendings.is_empty() && decision.alerts.is_empty());
}

#[test]
fn a_budget_that_limits_nothing_or_the_wrong_thing_is_refused_where_it_stands() {
    for (budget, then, place) in [
        (json!({"window": "1h"}), json!("deny"), "/budget"),
        (json!({"at_most": 0, "window": "1h"}), json!("deny"), "/budget/at_most"),
        (json!({"percent": 0, "window": "1h"}), json!("deny"), "/budget/percent"),
        (json!({"percent": 100.5, "window": "1h"}), json!("deny"), "/budget/percent"),
        (json!({"at_most": 5, "window": "1h"}), json!("allow"), "/budget"),
        (json!({"at_most": 5, "window": "1h"}), json!({"effect": "tag", "tag": "x"}), "/budget"),
    ] {
        let policy = json!({"name": "A", "environment": "production", "then": then, "budget": budget});
        let problems = check(&serde_json::from_value(policy).unwrap(), &names());
        assert_eq!(problems.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), [place], "{budget}");
    }
    for window in ["30s", "8d", "1", "", "h"] {
        let read = serde_json::from_value::<Budget>(json!({"at_most": 5, "window": window}));
        assert!(read.unwrap_err().to_string().contains("from `1m` to `7d`"), "{window}");
    }
}

#[test]
fn a_policy_with_a_budget_never_hides_another_for_good() {
    let of = |budget: Value| {
        let mut first = json!({"name": "All", "environment": "production", "then": "restrict", "priority": 9});
        first["budget"] = budget;
        let second =
            json!({"name": "B", "environment": "production", "when": "ip_is_tor and is_new_ip", "then": "deny"});
        let all: Vec<_> = (1..).map(id).zip(policies(&json!([first, second]))).collect();
        analyse(&all, Environment::Production).len()
    };
    assert_eq!(of(Value::Null), 1);
    assert_eq!(of(json!({"at_most": 100, "window": "1h"})), 0);
}
