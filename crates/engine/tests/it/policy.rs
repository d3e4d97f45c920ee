//! The policy language: what it reads, refuses, means and remembers.

pub mod arbitrary;
mod analyse;
mod budget;
mod corpus;
mod document;
mod flip;
mod guide;
mod many;
mod naive;
mod properties;
mod set;
mod syntax;
mod type_check;

use countersign_engine::{
    environment::Environment,
    id::PolicyId,
    list::ListKind,
    policy::{Condition, Mode, Names, Policy, PolicySet, Then, syntax::parse},
};

/// A policy of production that holds when `when` does.
pub fn policy(when: Condition, then: Then) -> Policy {
    Policy {
        name: "A policy".into(),
        description: None,
        environment: Environment::Production,
        enabled: true,
        mode: Mode::Enforce,
        actions: Vec::new(),
        when,
        then,
        priority: 0,
        budget: None,
    }
}

pub fn tag(tag: &str) -> Then {
    Then::Tag { tag: tag.into() }
}

pub fn condition(text: &str) -> Condition {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).condition
}

/// The id of the `n`th policy created.
fn id(n: u8) -> PolicyId {
    PolicyId::new(1_764_000_000_000 + i64::from(n), [0; 10])
}

fn compile(policies: &[(PolicyId, Policy)]) -> PolicySet {
    PolicySet::compile(policies, Environment::Production)
}

/// The lists and challenge configs that policies may name here: a list of each kind.
fn names() -> Names {
    let lists = [
        ("vip", ListKind::User),
        ("office", ListKind::Ip),
        ("staff", ListKind::Email),
        ("domains", ListKind::EmailDomain),
        ("prints", ListKind::Fingerprint),
        ("phones", ListKind::Phone),
        ("machines", ListKind::Device),
        ("countries", ListKind::Country),
        ("networks", ListKind::Asn),
    ];
    Names {
        lists: lists.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect(),
        challenge_configs: vec!["login".into(), "signup".into()],
        risks: vec!["ato".into(), "bot".into()],
    }
}
