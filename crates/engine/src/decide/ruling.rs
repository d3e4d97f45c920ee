//! What the policies come to: who wins, what else they do, and who gave their verdict too often to be heard.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::{Inputs, listed, value_of};
use crate::{
    challenge::NewChallenge,
    config::Project,
    evaluation::{Considered, Effect, PolicyRef, Verdict},
    fact::Fact,
    field::Field,
    id::PolicyId,
    list::{ListKind, canonical},
    policy::{Matched, PolicySet, Spent, Then},
    text::{Email, Phone},
    window::Activity,
};

/// What the policies come to.
pub(super) struct Ruling {
    pub(super) verdict: Verdict,
    pub(super) reasons: Vec<String>,
    pub(super) policy: Option<PolicyRef>,
    pub(super) considered: Vec<Considered>,
    pub(super) effects: Vec<Effect>,
    pub(super) challenge: Option<NewChallenge>,
    /// What policies with budgets did lately, this evaluation included, where that has changed.
    pub(super) spendings: Vec<(PolicyId, Activity)>,
    /// The policies of which it is to be told now that they are over their budgets.
    pub(super) alerts: Vec<PolicyRef>,
}

impl Ruling {
    /// A suspended user's: no policy is asked.
    pub(super) fn suspended() -> Self {
        Self {
            verdict: Verdict::Suspend,
            reasons: ["suspended".to_owned()].into(),
            policy: None,
            considered: Vec::new(),
            effects: Vec::new(),
            challenge: None,
            spendings: Vec::new(),
            alerts: Vec::new(),
        }
    }

    pub(super) fn of(project: &Project, set: &PolicySet, facts: &[Fact<'_>], inputs: &Inputs<'_>) -> Self {
        let over_budget = over_budget(set, inputs);
        let outcome = set.run_within(inputs.signals.action.as_str(), facts, &over_budget);
        let effects = outcome.matched.iter().filter(|matched| !matched.shadow);
        let mut ruling = Self {
            verdict: Verdict::Allow,
            reasons: Vec::new(),
            policy: None,
            considered: outcome.matched.iter().map(considered).collect(),
            effects: effects.filter_map(|matched| effect(project, matched.then, inputs)).collect(),
            challenge: None,
            spendings: Vec::new(),
            alerts: Vec::new(),
        };
        let winner = outcome.winner();
        ruling.spend(set, inputs, winner.map(|winner| winner.id));
        let Some(winner) = winner else { return ruling };
        ruling.reasons = set.reasons(winner, facts);
        ruling.policy = Some(PolicyRef { id: winner.id, name: winner.name.to_owned() });
        match winner.then {
            Then::Verdict(verdict) => ruling.verdict = *verdict,
            Then::Challenge { verdict, config, kind } => {
                if let Some(config) = project.challenge_configs.get(config) {
                    let (email, phone) = destinations(inputs);
                    ruling.verdict = *verdict;
                    let reasons = ruling.reasons.clone();
                    ruling.challenge =
                        Some(NewChallenge { config: config.clone(), kind: kind.clone(), email, phone, reasons });
                } else {
                    // It was there when the policy was saved. Without it nobody can prove anything: the safe side.
                    ruling.verdict = Verdict::Deny;
                    ruling.reasons.push("challenge_config_missing".to_owned());
                }
            }
            Then::AddToList { .. } | Then::RemoveFromList { .. } | Then::Tag { .. } => {}
        }
        ruling
    }

    /// Counts this evaluation into what policies with budgets did lately.
    fn spend(&mut self, set: &PolicySet, inputs: &Inputs<'_>, winner: Option<PolicyId>) {
        let lately = inputs.history.spendings.iter();
        for ((id, budget), before) in set.budgets(inputs.signals.action.as_str()).zip(lately) {
            let held = self.considered.iter().find(|considered| considered.policy.id == id);
            let spent = match held {
                _ if winner == Some(id) => Spent::Verdict,
                Some(held) if held.over_budget => Spent::Over,
                _ => Spent::Nothing,
            };
            let mut after = before.clone();
            if budget.record(&mut after, spent, inputs.now) {
                self.alerts.extend(held.map(|held| held.policy.clone()));
            }
            if after != *before {
                self.spendings.push((id, after));
            }
        }
    }
}

/// The policies that gave their verdict as often as they may.
fn over_budget(set: &PolicySet, inputs: &Inputs<'_>) -> Vec<PolicyId> {
    let budgets = set.budgets(inputs.signals.action.as_str()).zip(&inputs.history.spendings);
    budgets.filter(|((_, budget), lately)| budget.is_spent(lately, inputs.now)).map(|((id, _), _)| id).collect()
}

fn considered(matched: &Matched<'_>) -> Considered {
    let policy = PolicyRef { id: matched.id, name: matched.name.to_owned() };
    Considered { policy, matched: true, shadow: matched.shadow, over_budget: matched.over_budget }
}

/// What an effect comes to; nothing where the value that its list holds is not known.
fn effect(project: &Project, then: &Then, inputs: &Inputs<'_>) -> Option<Effect> {
    let value = |list: &str| {
        let (_, kind) = project.lists.get(list)?;
        let field = match kind {
            ListKind::User => Field::UserExternalId,
            ListKind::Ip => Field::Ip,
            ListKind::Email => Field::UserEmail,
            ListKind::EmailDomain => Field::EmailDomain,
            ListKind::Fingerprint => Field::FingerprintId,
            ListKind::Phone => Field::UserPhone,
            ListKind::Device => Field::DeviceId,
            ListKind::Country => Field::parse("ip_country").ok()?,
            ListKind::Asn => Field::parse("ip_asn").ok()?,
        };
        canonical(*kind, &listed(value_of(&field, inputs))?).ok()
    };
    match then {
        Then::AddToList { list } => Some(Effect::AddToList { list: list.clone(), value: value(list)? }),
        Then::RemoveFromList { list } => Some(Effect::RemoveFromList { list: list.clone(), value: value(list)? }),
        Then::Tag { tag } => Some(Effect::Tag { tag: tag.clone() }),
        Then::Verdict(_) | Then::Challenge { .. } => None,
    }
}

/// Where a challenge's codes go: the address that the site's server put on file, else the one that came with this
/// evaluation. An address that a browser claimed once is never remembered for this: whoever claims it could plant it.
fn destinations(inputs: &Inputs<'_>) -> (Option<Email>, Option<Phone>) {
    let user = inputs.history.user.as_ref();
    let email = user.and_then(|user| user.email.clone()).or_else(|| inputs.signals.valid_email().cloned());
    let phone = user.and_then(|user| user.phone.clone()).or_else(|| inputs.signals.valid_phone().cloned());
    (email, phone)
}
