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
    string::{String, ToString},
    vec::Vec,
};

use super::{
    budget::Budget,
    code::Codes,
    document::{Mode, Policy, Then},
    program::{Layout, Program},
    tree::Condition,
};
use crate::{
    environment::Environment,
    fact::Fact,
    field::{Field, Subject},
    id::PolicyId,
    seen::Thing,
    text::ActionName,
};

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

impl core::fmt::Display for Operand {
    /// As records and traces name it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Field(field) => write!(f, "{field}"),
            Self::Member { field, list } => write!(f, "{field} in_list {list}"),
        }
    }
}

/// Which distinct things policies count, for which subjects.
pub type DistinctPairs = BTreeSet<(Subject, Thing)>;

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) id: PolicyId,
    pub(super) name: String,
    pub(super) shadow: bool,
    pub(super) source: Condition,
    /// Where its condition begins in the program.
    pub(super) start: usize,
    then: Then,
    /// How often it may give its verdict.
    pub(super) budget: Option<Budget>,
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
    distinct: DistinctPairs,
    pub(super) program: Program,
    /// From the highest priority to the lowest.
    policies: Vec<Compiled>,
    /// For each action that a policy names, the policies that it asks.
    named: BTreeMap<String, Asked>,
    /// The policies that every other action asks.
    unnamed: Asked,
}

/// The policies that an action asks.
#[derive(Debug, Default)]
struct Asked {
    /// Their places, in order.
    places: Box<[usize]>,
    /// Their conditions, in the same order.
    codes: Codes,
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
    /// Whether it only watches now, because it gave its verdict too often.
    pub over_budget: bool,
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
        self.matched.iter().copied().find(|matched| !matched.shadow && !matched.over_budget && is_verdict(matched.then))
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
        let mut layout = Layout::default();
        let compile = |(id, policy): &&(PolicyId, Policy)| Compiled {
            id: *id,
            name: policy.name.clone(),
            shadow: policy.mode == Mode::Shadow,
            start: layout.add(&policy.when),
            source: policy.when.clone(),
            then: policy.then.clone(),
            budget: policy.budget.clone(),
        };
        let compiled: Vec<_> = wanted.iter().map(compile).collect();
        let starts: Vec<_> = wanted.iter().zip(&compiled).map(|((_, policy), c)| (policy, c.start)).collect();
        let actions: BTreeSet<&ActionName> = wanted.iter().flat_map(|(_, policy)| &policy.actions).collect();
        let Layout { program, operands, .. } = layout;
        let ask = |action: &ActionName| (action.to_string(), asked(&program, &starts, Some(action)));
        let named = actions.into_iter().map(ask).collect();
        let unnamed = asked(&program, &starts, None);
        let pair = |operand: &Operand| match operand {
            Operand::Field(Field::DistinctCount(wanted)) => Some((wanted.subject, wanted.thing)),
            Operand::Field(_) | Operand::Member { .. } => None,
        };
        let distinct = operands.iter().filter_map(pair).collect();
        Self { operands, distinct, program, policies: compiled, named, unnamed }
    }

    /// All of them, in the order in which they are asked.
    pub(super) fn policies(&self) -> &[Compiled] {
        &self.policies
    }

    /// What must be known to run the set, slot by slot.
    pub fn operands(&self) -> &[Operand] {
        &self.operands
    }

    /// Which distinct things must be remembered, for which subjects, so that they can be counted.
    pub const fn distinct(&self) -> &DistinctPairs {
        &self.distinct
    }

    /// The policies that an action asks, in order.
    pub(super) fn asked(&self, action: &str) -> impl Iterator<Item = &Compiled> {
        self.asked_by(action).places.iter().filter_map(|place| self.policies.get(*place))
    }

    fn asked_by(&self, action: &str) -> &Asked {
        self.named.get(action).unwrap_or(&self.unnamed)
    }

    pub(super) fn policy(&self, matched: Matched<'_>) -> Option<&Compiled> {
        self.policies.get(matched.place)
    }

    /// The policies that an action asks and that may give their verdict only so often, with their budgets.
    pub fn budgets(&self, action: &str) -> impl Iterator<Item = (PolicyId, &Budget)> {
        self.asked(action)
            .filter(|policy| policy.ends())
            .filter_map(|policy| Some((policy.id, policy.budget.as_ref()?)))
    }

    /// Whether anything is known about the condition of any of the policies that `of` names.
    pub fn is_any_known(&self, of: impl Fn(PolicyId) -> bool, facts: &[Fact<'_>]) -> bool {
        let mut theirs = self.policies.iter().filter(|policy| of(policy.id));
        theirs.any(|policy| self.program.holds(policy.start, facts).is_some())
    }

    /// Runs the policies of `action` over the values of the operands.
    pub fn run(&self, action: &str, facts: &[Fact<'_>]) -> Outcome<'_> {
        self.run_within(action, facts, &[])
    }

    /// The same, where those `over_budget` only watch.
    pub fn run_within(&self, action: &str, facts: &[Fact<'_>], over_budget: &[PolicyId]) -> Outcome<'_> {
        let mut outcome = Outcome::default();
        let Asked { places, codes } = self.asked_by(action);
        for held in codes.holding(&self.program, facts) {
            let Some((place, policy)) = places.get(held).and_then(|place| Some((*place, self.policies.get(*place)?)))
            else {
                continue;
            };
            let Compiled { id, name, shadow, then, .. } = policy;
            let over_budget = over_budget.contains(id);
            outcome.matched.push(Matched { id: *id, name, shadow: *shadow, over_budget, then, place });
            if policy.ends() && !over_budget {
                break;
            }
        }
        outcome
    }
}

/// The policies that an action asks; `None` is an action that no policy names.
fn asked(program: &Program, policies: &[(&Policy, usize)], action: Option<&ActionName>) -> Asked {
    let is_asked =
        |policy: &Policy| policy.actions.is_empty() || action.is_some_and(|action| policy.actions.contains(action));
    let asked = || policies.iter().enumerate().filter(|(_, (policy, _))| is_asked(policy));
    let starts: Vec<_> = asked().map(|(_, (_, start))| *start).collect();
    Asked { places: asked().map(|(place, _)| place).collect(), codes: Codes::of(program, &starts) }
}
