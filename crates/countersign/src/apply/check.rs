//! What no file can say alone: whether the project, as it will be, fits together. What is in the database and stays is
//! checked with what the files say, and what is pruned is no longer there to refer to.

use std::collections::BTreeMap;

use countersign_engine::{
    challenge::ChallengeConfig,
    environment::Environment,
    list::List,
    policy::{self, Names, Op, Policy, Problem, Then},
    risk::{self, Risk},
};
use countersign_store::op::{DocumentKind, DocumentRow};
use serde::de::DeserializeOwned;

use super::{
    file::{Placed, Wanted, WantedPolicy},
    plan::{Named, find, label},
    problem::{Found, Place},
    source::Source,
    tree::{Node, Value},
};

/// Documents of the database that no file names and that stay.
struct Staying {
    policies: Vec<(Policy, Place)>,
    configs: Vec<(ChallengeConfig, Place)>,
    lists: Vec<(List, Place)>,
    risks: Vec<(Risk, Place)>,
}

impl Staying {
    fn of(wanted: &Wanted, there: &[DocumentRow], prune: bool) -> Self {
        let named = Named::of(wanted);
        let rows: Vec<&DocumentRow> = there.iter().filter(|row| !prune && !named.holds(row)).collect();
        Self {
            policies: read(&rows, DocumentKind::Policy),
            configs: read(&rows, DocumentKind::ChallengeConfig),
            lists: read(&rows, DocumentKind::List),
            risks: read(&rows, DocumentKind::Risk),
        }
    }
}

fn read<T: DeserializeOwned>(rows: &[&DocumentRow], kind: DocumentKind) -> Vec<(T, Place)> {
    let rows = rows.iter().filter(|row| row.kind == kind);
    rows.filter_map(|row| Some((serde_json::from_str(&row.body).ok()?, Place::Stored(label(kind, &row.name)))))
        .collect()
}

/// Checks the project as it will be; what is wrong is said to `found`. If the files could not be read as a whole, or what is
/// `there` is not known, nobody knows what there will be to refer to: then only what each document says by itself is checked.
pub fn check(wanted: &Wanted, there: Option<&[DocumentRow]>, prune: bool, sources: &[Source], found: &mut Found<'_>) {
    let is_whole = found.is_empty() && there.is_some();
    let there = there.unwrap_or_default();
    let staying = Staying::of(wanted, there, prune);
    let names = names(wanted, &staying);
    for placed in &wanted.policies {
        let policy = &placed.document.policy;
        let problems = policy::check(policy, &names).into_iter();
        for problem in problems.filter(|problem| is_whole || !is_of_names(policy, problem)) {
            let place = sources.get(placed.file).map_or(placed.place(), |source| in_policy(placed, source, &problem));
            found.say(place, format!("policy `{}`: {}: {}", policy.name, problem.what, problem.help));
        }
    }
    for (policy, place) in staying.policies.iter().filter(|_| is_whole) {
        for problem in policy::check(policy, &names) {
            found.say(place.clone(), problem.to_string());
        }
    }
    configs(wanted, &staying, found);
    risk_problems(wanted, &staying, found);
    kinds(wanted, there, found);
}

/// Whether a problem is that something is not there to refer to.
fn is_of_names(policy: &Policy, problem: &Problem) -> bool {
    let comparison = problem.comparison.and_then(|index| policy.when.comparisons().get(index).copied());
    comparison.map_or_else(
        || matches!(problem.path.as_str(), "/then/list" | "/then/challenge_config"),
        |comparison| matches!(comparison.op, Op::InList | Op::NotInList) || comparison.field.starts_with("risk."),
    )
}

/// What there will be to refer to.
fn names(wanted: &Wanted, staying: &Staying) -> Names {
    let lists = wanted.lists.iter().map(|placed| &placed.document.list);
    let lists = lists.chain(staying.lists.iter().map(|(list, _)| list));
    let configs = wanted.challenge_configs.iter().map(|placed| &placed.document.name);
    Names {
        lists: lists.map(|list| (list.name.clone(), list.kind)).collect(),
        challenge_configs: configs.chain(staying.configs.iter().map(|(config, _)| &config.name)).cloned().collect(),
        risks: risks(wanted, staying),
    }
}

/// The ids of those that ship, that files name, and that stay; but for those that are switched off.
fn risks(wanted: &Wanted, staying: &Staying) -> Vec<String> {
    let shipped = risk::shipped();
    let own = || wanted.risks.iter().map(|placed| &placed.document).chain(staying.risks.iter().map(|(risk, _)| risk));
    let is_on = |risk: &&Risk| own().all(|other| other.id != risk.id || other.enabled);
    let mut ids: Vec<String> = shipped.iter().chain(own()).filter(is_on).map(|risk| risk.id.to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// What is wrong with risks, each where it stands.
fn risk_problems(wanted: &Wanted, staying: &Staying, found: &mut Found<'_>) {
    for placed in &wanted.risks {
        for problem in placed.document.problems() {
            let what = format!("risk `{}`: {}: {}", placed.document.id, problem.what, problem.help);
            found.say(placed.part(problem.path.split('/')), what);
        }
    }
    for (risk, place) in &staying.risks {
        for problem in risk.problems() {
            found.say(place.clone(), problem.to_string());
        }
    }
}

/// Challenge configs, each as strictly as those who may meet it demand: the files' and the database's.
fn configs(wanted: &Wanted, staying: &Staying, found: &mut Found<'_>) {
    let policies = wanted.policies.iter().map(|placed| &placed.document.policy);
    let policies = policies.chain(staying.policies.iter().map(|(policy, _)| policy));
    // Which production policy leads to it first.
    let mut production: BTreeMap<&str, &str> = BTreeMap::new();
    for policy in policies.filter(|policy| policy.environment == Environment::Production) {
        if let Then::Challenge { config, .. } = &policy.then {
            production.entry(config).or_insert(&policy.name);
        }
    }
    let mut say = |config: &ChallengeConfig, place: &dyn Fn(&str) -> Place| {
        let user = production.get(config.name.as_str());
        let reason = user.map_or_else(String::new, |policy| format!(" (the production policy `{policy}` uses it)"));
        for problem in config.problems(user.is_some()) {
            found.say(place(problem.field), format!("challenge config `{}`: {problem}{reason}", config.name));
        }
    };
    for placed in &wanted.challenge_configs {
        say(&placed.document, &|field| placed.part(field.split('.')));
    }
    for (config, place) in &staying.configs {
        say(config, &|_| place.clone());
    }
}

/// A list keeps its kind: what stands on it is spelt by it.
fn kinds(wanted: &Wanted, there: &[DocumentRow], found: &mut Found<'_>) {
    for placed in &wanted.lists {
        let List { name, kind, .. } = &placed.document.list;
        let known = find(there, DocumentKind::List, name).and_then(|row| serde_json::from_str::<List>(&row.body).ok());
        if known.is_some_and(|known| known.kind != *kind) {
            let what = format!("list `{name}`: its entries are of another kind: give the new list another name");
            found.say(placed.part(["kind"]), what);
        }
    }
}

/// Where in its file a problem of a policy stands: the very word, if the condition is text that can be followed.
fn in_policy(placed: &Placed<WantedPolicy>, source: &Source, problem: &Problem) -> Place {
    let Some(comparison) = problem.comparison else { return placed.part(problem.path.split('/')) };
    let Some(when) = placed.node.get("when") else { return placed.place() };
    let at = if let (Value::Text(text), Some(parsed)) = (&when.value, &placed.document.when) {
        parsed.span_of(problem).map_or(when.at, |span| source.inside(when.at, text, span.start))
    } else {
        let mut left = comparison;
        let part = problem.path.rsplit('/').next().unwrap_or_default();
        nth_comparison(when, &mut left).map_or(when.at, |node| node.deepest([part]).at)
    };
    Place::File(placed.file, at)
}

/// The comparison of that number in a condition written as a tree.
fn nth_comparison<'a>(node: &'a Node, left: &mut usize) -> Option<&'a Node> {
    if node.get("field").is_some() {
        let is_it = *left == 0;
        *left = left.saturating_sub(1);
        return is_it.then_some(node);
    }
    match &node.value {
        Value::Table(entries) => entries.iter().find_map(|(_, inner)| nth_comparison(inner, left)),
        Value::List(items) => items.iter().find_map(|item| nth_comparison(item, left)),
        _ => None,
    }
}
