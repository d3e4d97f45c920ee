//! Checks of what the site, a policy or a person said about the user.

use super::Inputs;
use crate::{
    fact::OwnedFact,
    time::{DAY, Timestamp},
};

/// Failed challenges are counted over a week.
const FAILED_SECONDS: u32 = 604_800;

/// Days for which an origin that nobody comes from is remembered (spec section 5).
const ORIGIN_DAYS: i64 = 90;

pub(super) fn is_suspended(inputs: &Inputs<'_>) -> OwnedFact {
    let suspended = || inputs.history.user.as_ref().is_some_and(|user| user.suspended_at.is_some());
    inputs.signals.names_a_user().then(suspended).into()
}

pub(super) fn device_is_trusted(inputs: &Inputs<'_>) -> OwnedFact {
    if !inputs.signals.names_a_user() || inputs.signals.browser.is_none() {
        return OwnedFact::Unknown;
    }
    // Detached takes the trust along: a device that was logged out, or that a fraud came from, begins anew.
    let passed_at = inputs.device.filter(|device| device.attached).and_then(|device| device.passed_at);
    passed_at.is_some_and(|at| inputs.now.since(at) <= i64::from(inputs.trust_days) * DAY).into()
}

pub(super) fn days_since_challenge_passed(inputs: &Inputs<'_>) -> OwnedFact {
    let passed_at = inputs.history.user.as_ref().and_then(|user| user.profile.passed_at);
    let days = |at: Timestamp| u32::try_from(inputs.now.since(at).max(0) / DAY).unwrap_or(u32::MAX);
    passed_at.filter(|_| inputs.signals.names_a_user()).map(days).into()
}

pub(super) fn failed_challenge_count(inputs: &Inputs<'_>) -> OwnedFact {
    let user = inputs.history.user.as_ref();
    let failed = || user.map_or(0, |user| user.profile.failed(FAILED_SECONDS, inputs.now));
    inputs.signals.names_a_user().then(failed).into()
}

pub(super) fn origin_is_new(inputs: &Inputs<'_>) -> OwnedFact {
    let recent = |at: Timestamp| inputs.now.since(at) <= ORIGIN_DAYS * DAY;
    inputs.signals.origin().map(|_| !inputs.history.origin_seen_at.is_some_and(recent)).into()
}
