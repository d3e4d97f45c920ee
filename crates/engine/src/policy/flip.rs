//! What would have had to be seen for another verdict: the smallest change, for people who ask how close it was.
//!
//! Values around what the policies compare with are put in the place of what was seen, one at a time, then two, then three, and
//! the set is run again. The first change that leads to another verdict is told; numbers nearest to what was seen are tried
//! first. Nothing here decides anything, and it is bounded: where [`BUDGET`] runs find nothing, nothing is told.

use core::net::IpAddr;

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use ipnet::IpNet;
use serde::Serialize;
use serde_json::Value;

use super::{
    compile::{Operand, PolicySet},
    document::Then,
    program::Question,
    test::{Constant, Test},
    trace::shown,
    tree::Op,
};
use crate::{
    evaluation::Verdict,
    fact::{Fact, Kind, Severity},
    field::Field,
    id::PolicyId,
};

/// Values changed at once at most.
const MOST: usize = 3;

/// Runs of the set at most.
const BUDGET: usize = 20_000;

/// A change that leads to another verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flip {
    /// The verdict that would have followed.
    pub verdict: Verdict,
    /// What would have had to be seen otherwise; all of it.
    pub changes: Vec<Change>,
}

/// One value that would have had to be seen otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The field, or `<field> in_list <list>`.
    pub field: String,
    /// What was seen; null when it was unknown.
    pub saw: Value,
    /// A value that would have done.
    pub needs: Value,
}

impl PolicySet {
    /// The smallest change of what was seen that leads to another verdict; `None` when none was found.
    pub fn flip(&self, action: &str, facts: &[Fact<'_>]) -> Option<Flip> {
        self.flip_within(action, facts, &[])
    }

    /// The same where policies `over_budget` only watched.
    pub fn flip_within(&self, action: &str, facts: &[Fact<'_>], over_budget: &[PolicyId]) -> Option<Flip> {
        let before = self.verdict(action, facts, over_budget);
        let candidates: Vec<Vec<Candidate>> =
            (0..self.operands().len()).map(|slot| self.candidates(slot, facts)).collect();
        let mut search =
            Search { set: self, action, facts, over_budget, before, candidates: &candidates, left: BUDGET };
        (1..=MOST).find_map(|size| search.among(0, size, &mut Vec::new()))
    }

    fn verdict(&self, action: &str, facts: &[Fact<'_>], over_budget: &[PolicyId]) -> Verdict {
        match self.run_within(action, facts, over_budget).winner().map(|winner| winner.then) {
            Some(Then::Verdict(verdict) | Then::Challenge { verdict, .. }) => *verdict,
            _ => Verdict::Allow,
        }
    }

    /// What might have been seen instead, the nearest first.
    fn candidates(&self, slot: usize, facts: &[Fact<'_>]) -> Vec<Candidate> {
        let saw = facts.get(slot).copied().unwrap_or(Fact::Unknown);
        let kind = match self.operands().get(slot) {
            // Another action is another matter.
            Some(Operand::Field(Field::Action)) | None => return Vec::new(),
            Some(Operand::Member { .. }) => Kind::Bool,
            Some(Operand::Field(field)) => field.kind(),
        };
        let asked = self.program.questions().filter(|question| question.slot == slot);
        let mut found: Vec<Candidate> = match kind {
            Kind::Bool => vec![Candidate::Bool(true), Candidate::Bool(false)],
            Kind::Severity => {
                [Severity::Low, Severity::Medium, Severity::High, Severity::Maximum].map(Candidate::Severity).into()
            }
            _ => asked.flat_map(of_question).collect(),
        };
        if let Fact::Number(saw) = saw {
            found.sort_by(|a, b| a.distance(saw).total_cmp(&b.distance(saw)));
        }
        found.retain(|candidate| candidate.as_fact() != saw);
        found
    }
}

/// A value that might have been seen.
#[derive(Clone, Debug, PartialEq)]
enum Candidate {
    Bool(bool),
    Number(f64),
    Text(String),
    Severity(Severity),
    Address(IpAddr),
}

impl Candidate {
    fn as_fact(&self) -> Fact<'_> {
        match self {
            Self::Bool(value) => Fact::Bool(*value),
            Self::Number(value) => Fact::Number(*value),
            Self::Text(text) => Fact::Text(text),
            Self::Severity(severity) => Fact::Severity(*severity),
            Self::Address(address) => Fact::Address(*address),
        }
    }

    fn distance(&self, from: f64) -> f64 {
        if let Self::Number(number) = self { libm::fabs(number - from) } else { f64::INFINITY }
    }
}

/// Values at and around what a question compares with.
fn of_question(question: &Question) -> Vec<Candidate> {
    let number = |than: f64| {
        let around = [-1.0, 0.0, 1.0].map(|step| libm::floor(than) + step);
        around.into_iter().filter(|number| *number >= 0.0).map(Candidate::Number).collect::<Vec<_>>()
    };
    match &question.test {
        Test::Number { than, .. } => number(*than),
        Test::OneOf { values, .. } => values
            .iter()
            .flat_map(|value| match value {
                Constant::Number(than) => number(*than),
                Constant::Bool(value) => vec![Candidate::Bool(*value), Candidate::Bool(!value)],
                Constant::Text(text) => vec![Candidate::Text(text.clone())],
                Constant::Severity(severity) => vec![Candidate::Severity(*severity)],
                Constant::Address(address) => vec![Candidate::Address(*address)],
            })
            .collect(),
        Test::Text { op: Op::Contains | Op::StartsWith | Op::EndsWith, part } => vec![Candidate::Text(part.clone())],
        Test::InNetworks(networks) => networks.iter().map(IpNet::addr).map(Candidate::Address).collect(),
        Test::IsTrue(value) => vec![Candidate::Bool(*value), Candidate::Bool(!value)],
        Test::Severity { .. } | Test::Text { .. } | Test::Matches(_) | Test::Exists(_) => Vec::new(),
    }
}

struct Search<'a> {
    set: &'a PolicySet,
    action: &'a str,
    facts: &'a [Fact<'a>],
    over_budget: &'a [PolicyId],
    before: Verdict,
    candidates: &'a [Vec<Candidate>],
    left: usize,
}

impl Search<'_> {
    /// The first change of exactly `size` more operands, from `from` on, that does it.
    fn among(&mut self, from: usize, size: usize, chosen: &mut Vec<(usize, usize)>) -> Option<Flip> {
        if size == 0 {
            return self.attempt(chosen);
        }
        for slot in from..self.candidates.len() {
            let count = self.candidates.get(slot).map_or(0, Vec::len);
            for place in 0..count {
                if self.left == 0 {
                    return None;
                }
                chosen.push((slot, place));
                let found = self.among(slot + 1, size - 1, chosen);
                chosen.pop();
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    fn attempt(&mut self, chosen: &[(usize, usize)]) -> Option<Flip> {
        self.left = self.left.saturating_sub(1);
        let mut facts = self.facts.to_vec();
        let candidates = self.candidates;
        for (slot, place) in chosen {
            let candidate = candidates.get(*slot)?.get(*place)?;
            *facts.get_mut(*slot)? = candidate.as_fact();
        }
        let verdict = self.set.verdict(self.action, &facts, self.over_budget);
        if verdict == self.before {
            return None;
        }
        let change = |(slot, _): &(usize, usize)| {
            let operand = self.set.operands().get(*slot)?;
            let shown_at = |facts: &[Fact<'_>]| facts.get(*slot).map_or(Value::Null, |fact| shown(*fact));
            Some(Change { field: operand.to_string(), saw: shown_at(self.facts), needs: shown_at(&facts) })
        };
        Some(Flip { verdict, changes: chosen.iter().filter_map(change).collect() })
    }
}
