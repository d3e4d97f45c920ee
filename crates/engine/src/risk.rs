//! Risks: weighted readings of the checks (spec section 6). They decide nothing: policies may.
//!
//! A definition is data: indicators, which are conditions over checks and counts, each with a weight and the reason for it; and
//! from which scores on it is how severe. The score is the sum of the weights whose conditions hold, at most 100: whoever
//! reads it can add it up again. What isn't known adds nothing, and where nothing is
//! known there is no score. A condition may ask several checks at once, so that what
//! comes together weighs more. Ours ship with the product ([`shipped`]); a project's document with the same id goes in the
//! place of one.
//!
//! Indicators are run by the very machine that runs policies: each is a policy without a verdict.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use crate::{
    environment::Environment,
    evaluation::{Indication, RiskReading},
    fact::{Fact, Severity},
    field::Field,
    id::PolicyId,
    policy::{self, Condition, DistinctPairs, Mode, Names, Operand, Policy, PolicySet, Problem, Then, syntax},
    text::ActionName,
};

/// The highest score.
pub const MOST: u32 = 100;

/// Indicators of one risk at most.
const MOST_INDICATORS: usize = 64;

/// From which scores on a risk is how severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cutoffs {
    /// Below this it is none.
    pub low: u32,
    /// From here on medium.
    pub medium: u32,
    /// From here on high.
    pub high: u32,
    /// From here on as sure as we get.
    pub maximum: u32,
}

impl Cutoffs {
    /// How severe a score is; `None` when it is no risk.
    pub const fn severity(&self, score: u32) -> Option<Severity> {
        match score {
            score if score >= self.maximum => Some(Severity::Maximum),
            score if score >= self.high => Some(Severity::High),
            score if score >= self.medium => Some(Severity::Medium),
            score if score >= self.low => Some(Severity::Low),
            _ => None,
        }
    }
}

/// What speaks for a risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    /// When it does: a condition over checks and counts, as JSON or as text.
    pub when: Condition,
    /// How much: 1 to 100.
    pub weight: u32,
    /// Why so much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A risk, as it is defined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// What policies call it: lower-case letters, digits and underscores.
    pub id: ActionName,
    /// What people call it.
    pub name: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Actions that it is scored on; every one when empty.
    #[serde(default)]
    pub actions: Vec<ActionName>,
    /// Whether it is scored at all.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub enabled: bool,
    /// What speaks for it.
    pub indicators: Vec<Indicator>,
    /// How severe which score is.
    pub cutoffs: Cutoffs,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_true(value: &bool) -> bool {
    *value
}

impl Risk {
    /// Everything that is wrong with it.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut say = |path: String, what: &str, help: &str| {
            problems.push(Problem { path, comparison: None, what: what.into(), help: help.into() });
        };
        if self.name.trim().is_empty() || self.name.len() > 100 || self.name.chars().any(char::is_control) {
            say("/name".into(), "the name is empty or too long", "write 1 to 100 bytes on one line");
        }
        if self.indicators.is_empty() || self.indicators.len() > MOST_INDICATORS {
            say("/indicators".into(), "nothing can be scored", "write 1 to 64 indicators");
        }
        let Cutoffs { low, medium, high, maximum } = self.cutoffs;
        if !(1 <= low && low < medium && medium < high && high < maximum && maximum <= MOST) {
            say(
                "/cutoffs".into(),
                "severities don't rise",
                "write four numbers from 1 to 100, each above the one before",
            );
        }
        for (place, indicator) in self.indicators.iter().enumerate() {
            if !(1..=MOST).contains(&indicator.weight) {
                let path = format!("/indicators/{place}/weight");
                say(path, "the weight is out of range", "write a number from 1 to 100");
            }
        }
        for (place, indicator) in self.indicators.iter().enumerate() {
            problems_of(indicator, &format!("/indicators/{place}"), &mut problems);
        }
        problems
    }

    /// The indicators as policies that give no verdict; their ids say which they are.
    fn policies(&self, place: usize) -> impl Iterator<Item = (PolicyId, Policy)> {
        self.indicators.iter().enumerate().map(move |(indicator, Indicator { when, .. })| {
            (id_of(place, indicator), policy_of(when.clone(), self.actions.clone()))
        })
    }
}

fn problems_of(indicator: &Indicator, path: &str, problems: &mut Vec<Problem>) {
    let found = policy::check(&policy_of(indicator.when.clone(), Vec::new()), &Names::default());
    problems.extend(found.into_iter().map(|problem| Problem { path: format!("{path}{}", problem.path), ..problem }));
    for (comparison, asked) in indicator.when.comparisons().iter().enumerate() {
        let is_plain = match Field::parse(&asked.field) {
            Ok(field) => matches!(field, Field::Check(_) | Field::EventCount(_) | Field::DistinctCount(_)),
            // Told above.
            Err(_) => true,
        };
        if !is_plain {
            problems.push(Problem {
                path: format!("{path}/when"),
                comparison: Some(comparison),
                what: format!("a risk can't ask `{}`", asked.field),
                help: "ask checks, `event_count.…` and `distinct_count.…`; all else is for policies".to_string(),
            });
        }
    }
}

fn policy_of(when: Condition, actions: Vec<ActionName>) -> Policy {
    Policy {
        name: "indicator".to_string(),
        description: None,
        environment: Environment::Production,
        enabled: true,
        mode: Mode::Enforce,
        actions,
        when,
        then: Then::Tag { tag: "indicator".to_string() },
        priority: 0,
        budget: None,
    }
}

/// Which risk and which of its indicators, as an id; ids sort as both do.
fn id_of(risk: usize, indicator: usize) -> PolicyId {
    let number = |place: usize| u64::try_from(place).unwrap_or(u64::MAX).to_be_bytes();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(number(risk).into_iter().chain(number(indicator))).for_each(|(to, from)| *to = from);
    PolicyId::from_bytes(bytes)
}

/// What [`id_of`] said.
fn place_of(id: PolicyId) -> (usize, usize) {
    let both = u128::from_be_bytes(id.to_bytes());
    let place = |number: u128| usize::try_from(number & u128::from(u64::MAX)).unwrap_or(usize::MAX);
    (place(both >> 64), place(both))
}

/// The risks that ship with the product.
pub fn shipped() -> Vec<Risk> {
    // A test reads them, so nothing is lost here.
    serde_json::from_str(include_str!("../risks/shipped.json")).unwrap_or_default()
}

/// The shipped risks and a project's own, which go in the place of those with the same id.
pub fn merged(own: Vec<Risk>) -> Vec<Risk> {
    let mut risks = shipped();
    risks.retain(|risk| own.iter().all(|other| other.id != risk.id));
    risks.extend(own);
    risks
}

/// A project's risks, ready to be scored.
#[derive(Debug)]
pub struct RiskSet {
    risks: Vec<Compiled>,
    indicators: PolicySet,
}

#[derive(Debug)]
struct Compiled {
    id: String,
    name: String,
    actions: Vec<ActionName>,
    cutoffs: Cutoffs,
    /// Of each indicator: its condition as text, and its weight.
    indicators: Vec<(String, u32)>,
}

impl Default for RiskSet {
    /// The shipped risks.
    fn default() -> Self {
        Self::compile(&shipped())
    }
}

/// What one evaluation scores: of each risk in its place, `None` where it is not scored on the action, or nothing that
/// it asks is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scores {
    scores: Vec<Option<u32>>,
    /// Of those that hold: which risk, which of its indicators.
    held: Vec<(usize, usize)>,
}

impl RiskSet {
    /// Compiles risks that have no problems; those that are switched off are as good as not there.
    pub fn compile(risks: &[Risk]) -> Self {
        let risks: Vec<&Risk> = risks.iter().filter(|risk| risk.enabled).collect();
        let policies: Vec<_> = risks.iter().enumerate().flat_map(|(place, risk)| risk.policies(place)).collect();
        let compiled = |risk: &&Risk| Compiled {
            id: risk.id.to_string(),
            name: risk.name.clone(),
            actions: risk.actions.clone(),
            cutoffs: risk.cutoffs,
            indicators: risk.indicators.iter().map(|of| (syntax::print(&of.when), of.weight)).collect(),
        };
        Self {
            risks: risks.iter().map(compiled).collect(),
            indicators: PolicySet::compile(&policies, Environment::Production),
        }
    }

    /// What must be known to score them, slot by slot.
    pub fn operands(&self) -> &[Operand] {
        self.indicators.operands()
    }

    /// Which distinct things must be remembered for them.
    pub const fn distinct(&self) -> &DistinctPairs {
        self.indicators.distinct()
    }

    /// The ids that policies may name.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.risks.iter().map(|risk| risk.id.as_str())
    }

    /// Scores an action over the values of the operands.
    pub fn score(&self, action: &str, facts: &[Fact<'_>]) -> Scores {
        let is_scored =
            |risk: &Compiled| risk.actions.is_empty() || risk.actions.iter().any(|of| of.as_str() == action);
        let mut scores: Vec<Option<u32>> = self.risks.iter().map(|risk| is_scored(risk).then_some(0)).collect();
        let held: Vec<(usize, usize)> =
            self.indicators.run(action, facts).matched.iter().map(|matched| place_of(matched.id)).collect();
        for (place, indicator) in &held {
            let weight =
                self.risks.get(*place).and_then(|risk| risk.indicators.get(*indicator)).map(|(_, weight)| weight);
            if let (Some(Some(score)), Some(weight)) = (scores.get_mut(*place), weight) {
                *score = score.saturating_add(*weight).min(MOST);
            }
        }
        // Of what nothing is known the score isn't either: nought would be below every limit that a policy names.
        for (place, score) in scores.iter_mut().enumerate().filter(|(_, score)| **score == Some(0)) {
            if !self.indicators.is_any_known(|id| place_of(id).0 == place, facts) {
                *score = None;
            }
        }
        Scores { scores, held }
    }

    /// The score of a risk; `None` when it is not scored on this action, nothing is known of it, or there is none.
    pub fn score_of(&self, id: &str, scores: &Scores) -> Option<u32> {
        let place = self.risks.iter().position(|risk| risk.id == id)?;
        scores.scores.get(place).copied().flatten()
    }

    /// How severe a risk is; `None` when it is none.
    pub fn severity_of(&self, id: &str, scores: &Scores) -> Option<Severity> {
        let risk = self.risks.iter().find(|risk| risk.id == id)?;
        risk.cutoffs.severity(self.score_of(id, scores)?)
    }

    /// Those that are severe at all, the most severe first, with what speaks for them.
    pub fn readings(&self, scores: &Scores) -> Vec<RiskReading> {
        let reading = |(place, (risk, score)): (usize, (&Compiled, &Option<u32>))| {
            let score = (*score)?;
            let held = scores.held.iter().filter(|(of, _)| *of == place);
            let indication = |(_, indicator): &(usize, usize)| {
                let (when, weight) = risk.indicators.get(*indicator)?;
                Some(Indication { when: when.clone(), weight: *weight })
            };
            Some(RiskReading {
                definition: risk.id.clone(),
                name: risk.name.clone(),
                severity: risk.cutoffs.severity(score)?,
                score,
                indicators: held.filter_map(indication).collect(),
            })
        };
        let mut readings: Vec<_> = self.risks.iter().zip(&scores.scores).enumerate().filter_map(reading).collect();
        readings.sort_by(|a, b| (b.severity, b.score, &a.definition).cmp(&(a.severity, a.score, &b.definition)));
        readings
    }
}
