//! From documents to what is run on the hot path.
//!
//! Every distinct operand of all policies gets a slot; whoever runs the set fills the slots once and each comparison
//! reads its slot by place. Which policies an action asks, and in which order, is settled here once: the others cost
//! nothing. Truth has three values (Kleene's): a comparison with an unknown value is neither true nor false, and neither
//! is its negation, so that what isn't known never satisfies a policy in either direction (spec section 4). `exists` is
//! the one question about knowledge itself, and always has an answer.

use core::cmp::Reverse;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    document::{Mode, Policy, Then},
    test::Test,
    tree::{Comparison, Condition, Literal, Op},
};
use crate::{environment::Environment, fact::Fact, field::Field, id::PolicyId, text::ActionName};

/// Something that policies read: filled in once a decision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operand {
    /// A field's value.
    Field(Field),
    /// Whether a field's value is on a list: unknown if the value is.
    Member {
        /// The field.
        field: Field,
        /// The list's name.
        list: String,
    },
}

/// What the name of a question to a list begins with; the list's name follows.
pub(super) const LISTED: &str = "in_list_";

#[derive(Debug)]
pub(super) enum Node {
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    Test {
        slot: usize,
        test: Test,
        name: String,
    },
    /// What can't be compared is never known; the type check keeps it out.
    Never,
}

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) id: PolicyId,
    pub(super) name: String,
    pub(super) shadow: bool,
    pub(super) source: Condition,
    pub(super) when: Node,
    then: Then,
}

impl Compiled {
    /// Whether nobody is asked after it once it has held.
    pub(super) const fn ends(&self) -> bool {
        !self.shadow && is_verdict(&self.then)
    }
}

/// A project's policies of one environment, ready to be run.
#[derive(Debug, Default)]
pub struct PolicySet {
    operands: Vec<Operand>,
    /// From the highest priority to the lowest.
    policies: Vec<Compiled>,
    /// For each action that a policy names, the places of the policies that it asks.
    named: BTreeMap<String, Box<[usize]>>,
    /// The places of the policies that every other action asks.
    unnamed: Box<[usize]>,
}

/// A policy that held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched<'a> {
    /// Its id.
    pub id: PolicyId,
    /// Its name.
    pub name: &'a str,
    /// Whether it only watches.
    pub shadow: bool,
    /// What it does.
    pub then: &'a Then,
    place: usize,
}

/// What came of running the set: the policies that held, in the order in which they were asked. The last one gives the
/// verdict if it is one of the enforced verdicts; nobody after it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The policies that held.
    pub matched: Vec<Matched<'a>>,
}

impl<'a> Outcome<'a> {
    /// The policy that gives the verdict; `None` means `allow`.
    pub fn winner(&self) -> Option<Matched<'a>> {
        self.matched.iter().copied().find(|matched| !matched.shadow && is_verdict(matched.then))
    }
}

const fn is_verdict(then: &Then) -> bool {
    matches!(then, Then::Verdict(_) | Then::Challenge { .. })
}

impl PolicySet {
    /// Compiles the enabled policies of an environment, highest priority first, ties by creation (ids sort by time).
    pub fn compile(policies: &[(PolicyId, Policy)], environment: Environment) -> Self {
        let mut wanted: Vec<_> = policies.iter().filter(|(_, p)| p.enabled && p.environment == environment).collect();
        wanted.sort_by_key(|(id, policy)| (Reverse(policy.priority), *id));
        let mut slots = Slots::default();
        let compile = |(id, policy): &&(PolicyId, Policy)| Compiled {
            id: *id,
            name: policy.name.clone(),
            shadow: policy.mode == Mode::Shadow,
            when: slots.node(&policy.when),
            source: policy.when.clone(),
            then: policy.then.clone(),
        };
        let compiled = wanted.iter().map(compile).collect();
        let actions: BTreeSet<&ActionName> = wanted.iter().flat_map(|(_, policy)| &policy.actions).collect();
        let ask = |action: &ActionName| (action.to_string(), asked(&wanted, Some(action)));
        let named = actions.into_iter().map(ask).collect();
        Self { operands: slots.operands, policies: compiled, named, unnamed: asked(&wanted, None) }
    }

    /// What must be known to run the set, slot by slot.
    pub fn operands(&self) -> &[Operand] {
        &self.operands
    }

    /// The policies that an action asks, in order, with their places.
    pub(super) fn asked(&self, action: &str) -> impl Iterator<Item = (usize, &Compiled)> {
        let places = self.named.get(action).unwrap_or(&self.unnamed);
        places.iter().filter_map(|place| self.policies.get(*place).map(|policy| (*place, policy)))
    }

    pub(super) fn policy(&self, matched: Matched<'_>) -> Option<&Compiled> {
        self.policies.get(matched.place)
    }

    /// Runs the policies of `action` over the values of the operands. Nothing is allocated until one holds.
    pub fn run(&self, action: &str, facts: &[Fact<'_>]) -> Outcome<'_> {
        let mut outcome = Outcome::default();
        for (place, policy) in self.asked(action) {
            if holds(&policy.when, facts) != Some(true) {
                continue;
            }
            let Compiled { id, name, shadow, then, .. } = policy;
            outcome.matched.push(Matched { id: *id, name, shadow: *shadow, then, place });
            if policy.ends() {
                break;
            }
        }
        outcome
    }
}

/// The places of the policies that an action asks; `None` is an action that no policy names.
fn asked(policies: &[&(PolicyId, Policy)], action: Option<&ActionName>) -> Box<[usize]> {
    let is_asked =
        |policy: &Policy| policy.actions.is_empty() || action.is_some_and(|action| policy.actions.contains(action));
    policies.iter().enumerate().filter(|(_, (_, policy))| is_asked(policy)).map(|(place, _)| place).collect()
}

/// The operands met so far, each with its slot.
#[derive(Default)]
struct Slots {
    operands: Vec<Operand>,
    known: BTreeMap<Operand, usize>,
}

impl Slots {
    fn slot(&mut self, operand: Operand) -> usize {
        if let Some(slot) = self.known.get(&operand) {
            return *slot;
        }
        let slot = self.operands.len();
        self.operands.push(operand.clone());
        self.known.insert(operand, slot);
        slot
    }

    fn node(&mut self, condition: &Condition) -> Node {
        match condition {
            Condition::All(parts) => Node::All(parts.iter().map(|part| self.node(part)).collect()),
            Condition::Any(parts) => Node::Any(parts.iter().map(|part| self.node(part)).collect()),
            Condition::Not(inner) => Node::Not(Box::new(self.node(inner))),
            Condition::Compare(comparison) => self.test(comparison).unwrap_or(Node::Never),
        }
    }

    fn test(&mut self, comparison: &Comparison) -> Option<Node> {
        let field = Field::parse(&comparison.field).ok()?;
        if let (Op::InList | Op::NotInList, Literal::Text(list)) = (comparison.op, &comparison.value) {
            let slot = self.slot(Operand::Member { field, list: list.clone() });
            let name = format!("{LISTED}{list}");
            return Some(Node::Test { slot, test: Test::IsTrue(comparison.op == Op::InList), name });
        }
        let test = Test::of(comparison, &field)?;
        let name = comparison.field.clone();
        Some(Node::Test { slot: self.slot(Operand::Field(field)), test, name })
    }
}

/// Whether a condition holds: `None` when that is unknown.
pub(super) fn holds(node: &Node, facts: &[Fact<'_>]) -> Option<bool> {
    match node {
        Node::All(parts) => fold(parts, facts, false),
        Node::Any(parts) => fold(parts, facts, true),
        Node::Not(inner) => holds(inner, facts).map(|holds| !holds),
        Node::Test { slot, test, .. } => test.holds(facts.get(*slot).copied().unwrap_or(Fact::Unknown)),
        Node::Never => None,
    }
}

/// `and` (`decisive` false) or `or` (true): the decisive value decides; otherwise one unknown makes the whole unknown.
fn fold(parts: &[Node], facts: &[Fact<'_>], decisive: bool) -> Option<bool> {
    let mut all_known = true;
    for part in parts {
        match holds(part, facts) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decisive)
}
