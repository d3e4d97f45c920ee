//! What a set of policies saw: for people who ask why. Nothing here decides anything.

use core::slice;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{
    compile::{Compiled, Matched, PolicySet},
    program::{Kind, LISTED, Program, Question},
    tree::{Comparison, Condition},
};
use crate::{
    fact::{Fact, OwnedFact},
    id::PolicyId,
};

/// What came of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// Something that it turns on is not known: neither it nor its negation holds.
    Unknown,
}

impl From<Option<bool>> for Truth {
    fn from(held: Option<bool>) -> Self {
        match held {
            Some(true) => Self::Holds,
            Some(false) => Self::Fails,
            None => Self::Unknown,
        }
    }
}

/// What one policy saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyTrace {
    /// Its id.
    pub id: PolicyId,
    /// Its name.
    pub name: String,
    /// Whether it only watches.
    pub shadow: bool,
    /// Whether it only watched then, because it had given its verdict too often.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub over_budget: bool,
    /// Its condition, part by part.
    pub when: ConditionTrace,
}

/// What one condition saw, in the shape of the tree: `{"all": […], "truth": …}`, a comparison with the value `saw`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionTrace {
    /// What came of it.
    pub truth: Truth,
    /// Its parts.
    pub parts: TraceParts,
}

/// What a traced condition is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum TraceParts {
    /// Every one had to hold.
    All(Vec<ConditionTrace>),
    /// One had to hold.
    Any(Vec<ConditionTrace>),
    /// It had to fail.
    Not(Vec<ConditionTrace>),
    /// A comparison, and the value that it saw: null when unknown, for lists whether the value was on it.
    Compare(Comparison, Value),
}

impl Serialize for ConditionTrace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        match &self.parts {
            TraceParts::All(parts) => map.serialize_entry("all", parts)?,
            TraceParts::Any(parts) => map.serialize_entry("any", parts)?,
            TraceParts::Not(inner) => map.serialize_entry("not", &inner.first())?,
            TraceParts::Compare(comparison, saw) => {
                map.serialize_entry("field", &comparison.field)?;
                map.serialize_entry("op", comparison.op.name())?;
                map.serialize_entry("value", &comparison.value)?;
                map.serialize_entry("saw", saw)?;
            }
        }
        map.serialize_entry("truth", &self.truth)?;
        map.end()
    }
}

impl PolicySet {
    /// What each policy that [`PolicySet::run`] asks saw, in the same order, every part of every condition included.
    pub fn trace(&self, action: &str, facts: &[Fact<'_>]) -> Vec<PolicyTrace> {
        self.trace_within(action, facts, &[])
    }

    /// The same for [`PolicySet::run_within`].
    pub fn trace_within(&self, action: &str, facts: &[Fact<'_>], over_budget: &[PolicyId]) -> Vec<PolicyTrace> {
        let mut traces = Vec::new();
        for policy in self.asked(action) {
            let when = trace(&policy.source, &self.program, policy.start, facts);
            let over_budget = over_budget.contains(&policy.id);
            let ends = when.truth == Truth::Holds && policy.ends() && !over_budget;
            let name = policy.name.clone();
            traces.push(PolicyTrace { id: policy.id, name, shadow: policy.shadow, over_budget, when });
            if ends {
                break;
            }
        }
        traces
    }

    /// The fields whose comparisons made `matched` hold, in the order in which they are written; one that had to be
    /// false is preceded by `not_`, and a list that the value is on by `in_list_`.
    pub fn reasons(&self, matched: Matched<'_>, facts: &[Fact<'_>]) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(Compiled { start, .. }) = self.policy(matched) {
            explain(&self.program, *start, facts, true, &mut found);
        }
        found
    }
}

/// The steps have the shape of their source, part by part.
fn trace(source: &Condition, program: &Program, at: usize, facts: &[Fact<'_>]) -> ConditionTrace {
    let several = |sources: &[Condition]| -> Vec<_> {
        sources.iter().zip(program.parts(at)).map(|(source, part)| trace(source, program, part, facts)).collect()
    };
    let parts = match source {
        Condition::All(sources) => TraceParts::All(several(sources)),
        Condition::Any(sources) => TraceParts::Any(several(sources)),
        Condition::Not(source) => TraceParts::Not(several(slice::from_ref(source))),
        Condition::Compare(comparison) => {
            let question = match program.kind(at) {
                Kind::Test(place) => program.question(place),
                Kind::All | Kind::Any | Kind::Not | Kind::Never => None,
            };
            let fact = question.and_then(|question| facts.get(question.slot));
            TraceParts::Compare(comparison.clone(), fact.map_or(Value::Null, |fact| shown(*fact)))
        }
    };
    ConditionTrace { truth: program.holds(at, facts).into(), parts }
}

/// A value as a trace shows it; null when unknown.
pub(crate) fn shown(fact: Fact<'_>) -> Value {
    match fact {
        Fact::Unknown => Value::Null,
        Fact::Bool(value) => value.into(),
        Fact::Number(value) => serde_json::to_value(OwnedFact::Number(value)).unwrap_or_default(),
        Fact::Text(text) => text.into(),
        Fact::Severity(severity) => severity.as_str().into(),
        Fact::Address(address) => address.to_string().into(),
        Fact::Texts(texts) => texts.into(),
    }
}

fn explain(program: &Program, at: usize, facts: &[Fact<'_>], wanted: bool, found: &mut Vec<String>) {
    match program.kind(at) {
        Kind::All | Kind::Any => {
            for part in program.parts(at).filter(|part| program.holds(*part, facts) == Some(wanted)) {
                explain(program, part, facts, wanted, found);
            }
        }
        Kind::Not => explain(program, at + 1, facts, !wanted, found),
        Kind::Test(place) => {
            if let Some(reason) = program.question(place).and_then(|question| reason(question, wanted))
                && !found.contains(&reason)
            {
                found.push(reason);
            }
        }
        Kind::Never => {}
    }
}

/// What a comparison that came out as it should says about why; `wanted` is whether it had to hold.
fn reason(Question { test, name, .. }: &Question, wanted: bool) -> Option<String> {
    let is_true = test.asks_for_truth() == wanted;
    // That somebody is on no list of exceptions explains nothing.
    if !is_true && name.starts_with(LISTED) {
        return None;
    }
    let name = name.strip_prefix("is_").unwrap_or(name);
    Some(if is_true { name.to_string() } else { format!("not_{name}") })
}
