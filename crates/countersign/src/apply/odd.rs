//! What is odd about the policies that a project will have: said beside what changes, and never a reason to refuse.

use countersign_engine::{
    environment::Environment,
    id::PolicyId,
    policy::{Policy, analyse},
};
use countersign_store::op::{DocumentKind, DocumentRow};

use super::{file::Wanted, plan::Plan, problem::Found, source::Source};

/// A line for each oddity: where the policy stands, its name, what is odd and what to do.
pub fn of(plan: &Plan, there: &[DocumentRow], wanted: &Wanted, sources: &[Source]) -> Vec<String> {
    let policies = as_they_will_be(plan, there);
    let environments = [Environment::Development, Environment::Production];
    let findings = environments.into_iter().flat_map(|environment| analyse::analyse(&policies, environment));
    let place = |name: &str| {
        let placed = wanted.policies.iter().find(|placed| placed.document.policy.name == name);
        placed.map(|placed| format!("{}: ", Found::new(sources).name(&placed.place()))).unwrap_or_default()
    };
    findings
        .filter_map(|finding| {
            let (_, policy) = policies.iter().find(|(id, _)| *id == finding.policy)?;
            Some(format!("{}policy `{}`: {finding}", place(&policy.name), policy.name))
        })
        .collect()
}

fn as_they_will_be(plan: &Plan, there: &[DocumentRow]) -> Vec<(PolicyId, Policy)> {
    let changed = |row: &&DocumentRow| plan.changes.iter().all(|change| (change.kind, change.id) != (row.kind, row.id));
    let kept = there.iter().filter(|row| row.kind == DocumentKind::Policy).filter(changed);
    let kept = kept.map(|row| (row.id, Some(row.body.as_str())));
    let new = plan.changes.iter().filter(|change| change.kind == DocumentKind::Policy);
    let new = new.map(|change| (change.id, change.body.as_deref()));
    kept.chain(new)
        .filter_map(|(id, body)| Some((PolicyId::from_bytes(id), serde_json::from_str(body?).ok()?)))
        .collect()
}
