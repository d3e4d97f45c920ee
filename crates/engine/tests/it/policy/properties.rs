//! What holds of every condition, every set of policies and everything that may be known.

use countersign_engine::{
    environment::Environment,
    fact::Fact,
    id::PolicyId,
    policy::{Condition, Mode, Policy, Then, Truth, check, syntax},
};
use proptest::prelude::*;

use super::{
    arbitrary::{policies, typed, whole_world, world, written},
    compile, id,
    naive::{self, FALSE, TRUE, UNKNOWN, World},
    names, policy, tag,
};

/// What the compiled form makes of one condition.
fn compiled(condition: &Condition, world: &World) -> u8 {
    let set = compile(&[(id(0), policy(condition.clone(), tag("held")))]);
    let facts = naive::facts(world, set.operands());
    let truth = set.trace("login", &facts).first().unwrap().when.truth;
    assert_eq!(set.run("login", &facts).matched.len() == 1, truth == Truth::Holds);
    match truth {
        Truth::Holds => TRUE,
        Truth::Fails => FALSE,
        Truth::Unknown => UNKNOWN,
    }
}

/// What running policies comes to, written as plainly as possible: the ids of those that hold, up to the verdict.
fn matched(policies: &[(PolicyId, Policy)], action: &str, world: &World) -> Vec<PolicyId> {
    let mut asked: Vec<_> = policies
        .iter()
        .filter(|(_, policy)| policy.enabled && policy.environment == Environment::Production)
        .filter(|(_, policy)| policy.actions.is_empty() || policy.actions.iter().any(|name| name.as_str() == action))
        .collect();
    asked.sort_by(|(a, x), (b, y)| y.priority.cmp(&x.priority).then(a.cmp(b)));
    let mut held = Vec::new();
    for (id, policy) in asked {
        if naive::truth(&policy.when, world) == TRUE {
            held.push(*id);
            let verdict = matches!(policy.then, Then::Verdict(_) | Then::Challenge { .. });
            if verdict && policy.mode == Mode::Enforce {
                break;
            }
        }
    }
    held
}

fn with_ids(policies: Vec<Policy>) -> Vec<(PolicyId, Policy)> {
    policies.into_iter().zip(0..).map(|(policy, n)| (id(n), policy)).collect()
}

fn asks_what_is_known(condition: &Condition) -> bool {
    condition.comparisons().iter().any(|comparison| comparison.op == countersign_engine::policy::Op::Exists)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_compiled_form_means_what_the_tree_says(condition in typed(), world in world()) {
        prop_assert_eq!(compiled(&condition, &world), naive::truth(&condition, &world), "{}", syntax::print(&condition));
    }

    #[test]
    fn what_passed_the_check_has_an_answer_when_everything_is_known(condition in typed(), world in whole_world()) {
        prop_assert_eq!(check(&policy(condition.clone(), tag("held")), &names()), vec![]);
        prop_assert_ne!(compiled(&condition, &world), UNKNOWN);
    }

    #[test]
    fn learning_more_never_turns_an_answer_around(condition in typed(), less in world(), more in whole_world()) {
        prop_assume!(!asks_what_is_known(&condition));
        let before = compiled(&condition, &less);
        let mut world = more;
        world.extend(less);
        prop_assert!(before == UNKNOWN || compiled(&condition, &world) == before);
    }

    #[test]
    fn negation_never_satisfies_what_is_unknown(condition in typed(), world in world()) {
        let negated = Condition::Not(Box::new(condition.clone()));
        prop_assert_eq!(compiled(&negated, &world), TRUE - compiled(&condition, &world));
    }

    #[test]
    fn a_text_is_its_tree(condition in written()) {
        let text = syntax::print(&condition);
        let parsed = syntax::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(&parsed.condition, &condition, "{}", &text);
        prop_assert_eq!(syntax::print(&parsed.condition), text);
    }

    #[test]
    fn json_is_the_tree(condition in written()) {
        let json = serde_json::to_string(&condition).unwrap();
        let read: Condition = serde_json::from_str(&json).map_err(|error| TestCaseError::fail(format!("{json}: {error}")))?;
        prop_assert_eq!(read, condition);
    }

    #[test]
    fn every_comparison_stands_where_its_span_says(condition in written()) {
        let text = syntax::print(&condition);
        let parsed = syntax::parse(&text).unwrap();
        for (comparison, span) in parsed.condition.comparisons().into_iter().zip(&parsed.spans) {
            let alone = syntax::print(&Condition::Compare(comparison.clone()));
            prop_assert_eq!(&text[span.start..span.end], alone);
        }
    }

    #[test]
    fn nothing_that_can_be_written_breaks_the_check_or_the_run(condition in written(), world in world()) {
        let policy = policy(condition, tag("held"));
        let fine = check(&policy, &names()).is_empty();
        let set = compile(&[(id(0), policy)]);
        let facts = naive::facts(&world, set.operands());
        let once = set.run("login", &facts);
        prop_assert_eq!(&once, &set.run("login", &facts));
        // Neither facts of the wrong kind nor too few of them.
        let wrong = vec![Fact::Text("x"); set.operands().len()];
        set.run("login", &wrong);
        prop_assert!(fine || set.run("login", &[]).matched.len() <= 1);
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_within_it(text in "\\PC{0,40}") {
        if let Err(error) = syntax::parse(&text) {
            prop_assert!(error.at <= error.end && error.end <= text.len());
            prop_assert!(text.is_char_boundary(error.at) && text.is_char_boundary(error.end));
        }
    }

    #[test]
    fn any_words_are_read_or_refused(words in proptest::collection::vec(proptest::sample::select(vec![
        "and", "or", "not", "(", ")", "ip", "=", "!=", "in", "in_list", "exists", "\"a\"", "[", "]", ",", "1", "true", "#c\n", "`x`",
    ]), 0..16)) {
        let text = words.join(" ");
        match syntax::parse(&text) {
            Ok(parsed) => prop_assert_eq!(syntax::parse(&syntax::print(&parsed.condition)).unwrap().condition, parsed.condition),
            Err(error) => prop_assert!(error.what.starts_with("expected") || error.what.starts_with("nested"), "{text}: {error}"),
        }
    }

    #[test]
    fn a_set_runs_as_its_policies_say_in_whatever_order_they_come(
        policies in policies(),
        action in proptest::sample::select(vec!["login", "signup", "access", "checkout"]),
        world in world(),
    ) {
        let mut policies = with_ids(policies);
        let set = compile(&policies);
        let facts = naive::facts(&world, set.operands());
        let held: Vec<_> = set.run(action, &facts).matched.iter().map(|matched| matched.id).collect();
        prop_assert_eq!(&held, &matched(&policies, action, &world));
        policies.reverse();
        let set = compile(&policies);
        let facts = naive::facts(&world, set.operands());
        let again: Vec<_> = set.run(action, &facts).matched.iter().map(|matched| matched.id).collect();
        prop_assert_eq!(&again, &held);
    }

    #[test]
    fn the_trace_tells_what_was_run(policies in policies(), world in world()) {
        let set = compile(&with_ids(policies));
        let facts = naive::facts(&world, set.operands());
        let held: Vec<_> = set.run("login", &facts).matched.iter().map(|matched| matched.id).collect();
        let traces = set.trace("login", &facts);
        let told: Vec<_> = traces.iter().filter(|trace| trace.when.truth == Truth::Holds).map(|trace| trace.id).collect();
        prop_assert_eq!(told, held);
    }
}
