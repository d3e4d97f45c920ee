//! From documents to what is run on the hot path.
//!
//! Every distinct operand of all policies gets a slot; whoever runs the set fills the slots once and each comparison
//! reads its slot by place. Truth has three values (Kleene's): a comparison with an unknown value is neither true nor
//! false, and neither is its negation, so that what isn't known never satisfies a policy in either direction (spec
//! section 4). `exists` is the one question about knowledge itself, and always has an answer.

use core::net::IpAddr;

use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};

use ipnet::IpNet;
use regex_lite::Regex;

use super::{
    document::{Mode, Policy, Then},
    tree::{Comparison, Condition, Literal, Op},
};
use crate::{
    environment::Environment,
    fact::{Fact, Severity},
    field::Field,
    id::PolicyId,
};

/// Something that policies read: filled in once a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
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

#[derive(Debug)]
enum Node {
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    Test {
        slot: usize,
        test: Test,
        name: String,
    },
    /// What can't be compared never holds; the type check keeps it out.
    Never,
}

#[derive(Debug)]
enum Test {
    IsTrue(bool),
    Exists(bool),
    Equals { value: Literal, negated: bool },
    OneOf { values: Vec<Literal>, negated: bool },
    Number { op: Op, than: f64 },
    Severity { op: Op, than: Severity },
    Text { op: Op, part: String },
    Matches(Regex),
    InNetworks(Vec<IpNet>),
}

#[derive(Debug)]
struct Compiled {
    id: PolicyId,
    name: String,
    shadow: bool,
    actions: Vec<String>,
    when: Node,
    then: Then,
}

/// A project's policies of one environment, ready to be run.
#[derive(Debug, Default)]
pub struct PolicySet {
    operands: Vec<Operand>,
    policies: Vec<Compiled>,
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
        wanted.sort_by_key(|(id, policy)| (core::cmp::Reverse(policy.priority), *id));
        let mut set = Self::default();
        for (id, policy) in wanted {
            let when = set.node(&policy.when);
            set.policies.push(Compiled {
                id: *id,
                name: policy.name.clone(),
                shadow: policy.mode == Mode::Shadow,
                actions: policy.actions.iter().map(ToString::to_string).collect(),
                when,
                then: policy.then.clone(),
            });
        }
        set
    }

    /// What must be known to run the set, slot by slot.
    pub fn operands(&self) -> &[Operand] {
        &self.operands
    }

    /// Runs the policies of `action` over the values of the operands.
    pub fn run(&self, action: &str, facts: &[Fact<'_>]) -> Outcome<'_> {
        let mut outcome = Outcome::default();
        for (place, policy) in self.policies.iter().enumerate() {
            let asked = policy.actions.is_empty() || policy.actions.iter().any(|wanted| wanted == action);
            if !asked || holds(&policy.when, facts) != Some(true) {
                continue;
            }
            let matched =
                Matched { id: policy.id, name: &policy.name, shadow: policy.shadow, then: &policy.then, place };
            outcome.matched.push(matched);
            if !policy.shadow && is_verdict(&policy.then) {
                break;
            }
        }
        outcome
    }

    /// The fields whose comparisons made `matched` hold, in the order in which they are written; one that had to be
    /// false is preceded by `not_`.
    pub fn reasons(&self, matched: Matched<'_>, facts: &[Fact<'_>]) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(policy) = self.policies.get(matched.place) {
            explain(&policy.when, facts, true, &mut found);
        }
        found
    }

    fn slot(&mut self, operand: Operand) -> usize {
        let known = self.operands.iter().position(|known| *known == operand);
        known.unwrap_or_else(|| {
            self.operands.push(operand);
            self.operands.len() - 1
        })
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
        let name = comparison.field.clone();
        if let (Op::InList | Op::NotInList, Literal::Text(list)) = (comparison.op, &comparison.value) {
            let slot = self.slot(Operand::Member { field, list: list.clone() });
            let name = alloc::format!("in_list_{list}");
            return Some(Node::Test { slot, test: Test::IsTrue(comparison.op == Op::InList), name });
        }
        let test = test_of(comparison, &field)?;
        Some(Node::Test { slot: self.slot(Operand::Field(field)), test, name })
    }
}

fn test_of(comparison: &Comparison, field: &Field) -> Option<Test> {
    let severity = field.kind() == crate::fact::Kind::Severity;
    match (comparison.op, &comparison.value) {
        (Op::Eq | Op::Ne, Literal::Bool(value)) if field.kind() == crate::fact::Kind::Bool => {
            Some(Test::IsTrue(*value == (comparison.op == Op::Eq)))
        }
        (op @ (Op::Gt | Op::Gte | Op::Lt | Op::Lte | Op::Eq | Op::Ne), Literal::Text(word)) if severity => {
            Severity::parse(word).map(|than| Test::Severity { op, than })
        }
        (op @ (Op::Eq | Op::Ne), value @ (Literal::Bool(_) | Literal::Number(_) | Literal::Text(_))) => {
            Some(Test::Equals { value: value.clone(), negated: op == Op::Ne })
        }
        (op @ (Op::Gt | Op::Gte | Op::Lt | Op::Lte), Literal::Number(than)) => Some(Test::Number { op, than: *than }),
        (op @ (Op::In | Op::NotIn), Literal::List(values)) => {
            Some(Test::OneOf { values: values.clone(), negated: op == Op::NotIn })
        }
        (op @ (Op::Contains | Op::StartsWith | Op::EndsWith), Literal::Text(part)) => {
            Some(Test::Text { op, part: part.clone() })
        }
        (Op::Matches, Literal::Text(pattern)) => regex(pattern).ok().map(Test::Matches),
        (Op::Exists, Literal::Bool(wanted)) => Some(Test::Exists(*wanted)),
        (Op::InCidr, Literal::Text(network)) => {
            super::type_check::network(network).map(|net| Test::InNetworks([net].into()))
        }
        (Op::InCidr, Literal::List(networks)) => {
            let networks = networks.iter().map(|network| match network {
                Literal::Text(text) => super::type_check::network(text),
                Literal::Bool(_) | Literal::Number(_) | Literal::List(_) => None,
            });
            networks.collect::<Option<Vec<_>>>().map(Test::InNetworks)
        }
        _ => None,
    }
}

/// Compiles a pattern. regex-lite runs in time linear in the text however the pattern is written, so nobody's policy can
/// hold a decision up.
pub(super) fn regex(pattern: &str) -> Result<Regex, regex_lite::Error> {
    regex_lite::RegexBuilder::new(pattern).size_limit(256 * 1024).nest_limit(32).build()
}

/// Whether a condition holds: `None` when that is unknown.
fn holds(node: &Node, facts: &[Fact<'_>]) -> Option<bool> {
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

fn explain(node: &Node, facts: &[Fact<'_>], wanted: bool, found: &mut Vec<String>) {
    match node {
        Node::All(parts) | Node::Any(parts) => {
            for part in parts.iter().filter(|part| holds(part, facts) == Some(wanted)) {
                explain(part, facts, wanted, found);
            }
        }
        Node::Not(inner) => explain(inner, facts, !wanted, found),
        Node::Test { test, name, .. } => {
            let wanted_true = match test {
                Test::IsTrue(value) => *value == wanted,
                Test::Exists(_)
                | Test::Equals { .. }
                | Test::OneOf { .. }
                | Test::Number { .. }
                | Test::Severity { .. }
                | Test::Text { .. }
                | Test::Matches(_)
                | Test::InNetworks(_) => wanted,
            };
            // That somebody is on no list of exceptions explains nothing.
            if !wanted_true && name.starts_with("in_list_") {
                return;
            }
            let name = name.strip_prefix("is_").unwrap_or(name);
            let reason = if wanted_true { name.to_string() } else { alloc::format!("not_{name}") };
            if !found.contains(&reason) {
                found.push(reason);
            }
        }
        Node::Never => {}
    }
}

impl Test {
    fn holds(&self, fact: Fact<'_>) -> Option<bool> {
        if let Self::Exists(wanted) = self {
            return Some((fact != Fact::Unknown) == *wanted);
        }
        match fact {
            Fact::Unknown => None,
            // Of several texts, one that fits is enough, and a negation means that none does.
            Fact::Texts(texts) => Some(match self {
                Self::Equals { negated: true, .. } | Self::OneOf { negated: true, .. } => {
                    texts.iter().all(|text| self.fits(Fact::Text(text)))
                }
                _ => texts.iter().any(|text| self.fits(Fact::Text(text))),
            }),
            fact => Some(self.fits(fact)),
        }
    }

    /// For a value that is known. One of another kind is simply not equal.
    fn fits(&self, fact: Fact<'_>) -> bool {
        match (self, fact) {
            (Self::IsTrue(wanted), Fact::Bool(value)) => value == *wanted,
            (Self::Equals { value, negated }, fact) => equals(value, fact) != *negated,
            (Self::OneOf { values, negated }, fact) => values.iter().any(|value| equals(value, fact)) != *negated,
            (Self::Number { op, than }, Fact::Number(value)) => compare(*op, value.partial_cmp(than)),
            (Self::Severity { op, than }, Fact::Severity(value)) => compare(*op, Some(value.cmp(than))),
            (Self::Text { op, part }, Fact::Text(text)) => match op {
                Op::StartsWith => text.starts_with(part.as_str()),
                Op::EndsWith => text.ends_with(part.as_str()),
                _ => text.contains(part.as_str()),
            },
            (Self::Matches(pattern), Fact::Text(text)) => pattern.is_match(text),
            (Self::InNetworks(networks), Fact::Address(address)) => contains(networks, address),
            _ => false,
        }
    }
}

fn equals(value: &Literal, fact: Fact<'_>) -> bool {
    match (value, fact) {
        (Literal::Bool(value), Fact::Bool(fact)) => *value == fact,
        #[expect(clippy::float_cmp, reason = "equality is what was asked for")]
        (Literal::Number(value), Fact::Number(fact)) => *value == fact,
        (Literal::Text(value), Fact::Text(fact)) => value == fact,
        (Literal::Text(value), Fact::Severity(fact)) => value == fact.as_str(),
        (Literal::Text(value), Fact::Address(fact)) => {
            value.parse().is_ok_and(|value: IpAddr| value.to_canonical() == fact.to_canonical())
        }
        _ => false,
    }
}

fn compare(op: Op, ordering: Option<core::cmp::Ordering>) -> bool {
    ordering.is_some_and(|ordering| match op {
        Op::Gt => ordering.is_gt(),
        Op::Gte => ordering.is_ge(),
        Op::Lt => ordering.is_lt(),
        Op::Lte => ordering.is_le(),
        Op::Eq => ordering.is_eq(),
        Op::Ne => ordering.is_ne(),
        _ => false,
    })
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}
