//! What the policies saw in a recorded evaluation, made again from the record and the policies of its revision.
//!
//! A trace of all policies would be many times as long as the record. So the record keeps what can't be made again: the
//! revision, the checks, who and what was evaluated, and in `facts` what policies saw beyond that. `facts` is written by
//! the very rule by which it is read here: only what the rest of the record doesn't say. Decides nothing.

use core::net::IpAddr;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Map, Value};

use crate::{
    check::CHECKS,
    evaluation::{Evaluation, RiskReading, Verdict},
    fact::{Fact, Severity},
    field::Field,
    id::PolicyId,
    policy::{Flip, Operand, PolicySet, PolicyTrace, shown},
    text::Email,
};

/// What each policy that was asked saw, in order; nothing for a suspended user, whose policies aren't asked. `set` is that
/// of the evaluation's revision and environment.
pub fn trace(set: &PolicySet, evaluation: &Evaluation) -> Vec<PolicyTrace> {
    if !was_asked(evaluation) {
        return Vec::new();
    }
    let seen = seen(set, evaluation);
    let facts: Vec<Fact<'_>> = seen.iter().map(Seen::as_fact).collect();
    set.trace_within(evaluation.action.as_str(), &facts, &over_budget(evaluation))
}

/// The smallest change of what the policies saw that would have led to another verdict; nothing for a suspended user.
pub fn flip(set: &PolicySet, evaluation: &Evaluation) -> Option<Flip> {
    if !was_asked(evaluation) {
        return None;
    }
    let seen = seen(set, evaluation);
    let facts: Vec<Fact<'_>> = seen.iter().map(Seen::as_fact).collect();
    set.flip_within(evaluation.action.as_str(), &facts, &over_budget(evaluation))
}

/// The policies that held and only watched, because they had given their verdicts too often. One that was over its budget
/// and did not hold is not known any more.
fn over_budget(evaluation: &Evaluation) -> Vec<PolicyId> {
    evaluation.considered.iter().filter(|considered| considered.over_budget).map(|seen| seen.policy.id).collect()
}

fn was_asked(evaluation: &Evaluation) -> bool {
    evaluation.verdict != Verdict::Suspend || evaluation.policy.is_some()
}

fn seen(set: &PolicySet, evaluation: &Evaluation) -> Vec<Seen> {
    set.operands().iter().map(|operand| Seen::of(operand, evaluation)).collect()
}

/// What goes into the record's `facts`, by name: what `set` saw and the rest of the record doesn't say.
pub(crate) fn beyond<'a>(
    set: &PolicySet,
    seen: impl Iterator<Item = Fact<'a>>,
    evaluation: &Evaluation,
) -> Map<String, Value> {
    let policy_only = |(operand, _): &(&Operand, Fact<'a>)| !matches!(operand, Operand::Field(Field::Check(_)));
    set.operands()
        .iter()
        .zip(seen)
        .filter(policy_only)
        .map(|(operand, fact)| (operand, shown(fact)))
        .filter(|(operand, value)| said(operand, evaluation) != *value)
        .map(|(operand, value)| (operand.to_string(), value))
        .collect()
}

/// What the record says of an operand without its `facts`; null where it says nothing.
fn said(operand: &Operand, evaluation: &Evaluation) -> Value {
    let user = evaluation.user.as_ref();
    let email = || user.and_then(|user| user.email.as_deref());
    match operand {
        Operand::Field(Field::Check(index)) => {
            CHECKS.get(*index).and_then(|check| evaluation.checks.get(check.name)).cloned().unwrap_or_default()
        }
        Operand::Field(Field::Action) => evaluation.action.as_str().into(),
        // One that was not recognised has an id in the record, which it had not when the policies were asked.
        Operand::Field(Field::DeviceId) => {
            evaluation.device.filter(|_| evaluation.device_confidence.is_some()).map(|id| id.to_string()).into()
        }
        Operand::Field(Field::UserExternalId) => user.and_then(|user| user.external_id.as_deref()).into(),
        Operand::Field(Field::UserEmail) => email().into(),
        Operand::Field(Field::EmailDomain) => {
            email().and_then(|email| Email::parse(email).ok()).map(|email| email.domain().to_string()).into()
        }
        Operand::Field(Field::UserPhone) => user.and_then(|user| user.phone.as_deref()).into(),
        Operand::Field(Field::FingerprintId) => evaluation.fingerprint.map(|reading| reading.id.to_string()).into(),
        Operand::Field(Field::Ip) => evaluation.ip.map(|ip| ip.to_string()).into(),
        Operand::Field(Field::Metadata(key)) => {
            let entry = evaluation.user_metadata().and_then(|metadata| metadata.get(key));
            entry.filter(|value| !value.is_array() && !value.is_object()).cloned().unwrap_or_default()
        }
        Operand::Field(Field::RiskScore(id)) => risk(evaluation, id).map(|reading| reading.score).into(),
        Operand::Field(Field::RiskSeverity(id)) => risk(evaluation, id).map(|reading| reading.severity.as_str()).into(),
        Operand::Field(Field::Group | Field::EventCount(_) | Field::DistinctCount(_)) | Operand::Member { .. } => {
            Value::Null
        }
    }
}

/// The reading of a risk that was severe at all.
fn risk<'a>(evaluation: &'a Evaluation, id: &str) -> Option<&'a RiskReading> {
    evaluation.risks.iter().find(|reading| reading.definition == id)
}

/// What an operand was, owned.
enum Seen {
    Plain(Value),
    Address(IpAddr),
    Severity(Severity),
    Texts(Vec<String>),
}

impl Seen {
    fn of(operand: &Operand, evaluation: &Evaluation) -> Self {
        let value = evaluation.facts.get(&operand.to_string()).cloned().unwrap_or_else(|| said(operand, evaluation));
        match (operand, &value) {
            (Operand::Field(Field::Ip), _) => evaluation.ip.map_or(Self::Plain(Value::Null), Self::Address),
            (Operand::Field(Field::RiskSeverity(_)), Value::String(word)) => {
                Severity::parse(word).map_or(Self::Plain(Value::Null), Self::Severity)
            }
            (_, Value::Array(texts)) => {
                Self::Texts(texts.iter().filter_map(Value::as_str).map(ToString::to_string).collect())
            }
            _ => Self::Plain(value),
        }
    }

    fn as_fact(&self) -> Fact<'_> {
        match self {
            Self::Address(address) => Fact::Address(*address),
            Self::Severity(severity) => Fact::Severity(*severity),
            Self::Texts(texts) => Fact::Texts(texts),
            Self::Plain(Value::Bool(value)) => Fact::Bool(*value),
            Self::Plain(Value::Number(value)) => value.as_f64().map_or(Fact::Unknown, Fact::Number),
            Self::Plain(Value::String(text)) => Fact::Text(text),
            Self::Plain(Value::Null | Value::Array(_) | Value::Object(_)) => Fact::Unknown,
        }
    }
}
