//! Checks of newness: who is this, and did they come this way before?

use super::Inputs;
use crate::{
    fact::OwnedFact,
    history::{Link, RECENT_ADDRESS},
    time::DAY,
};

pub(super) fn is_new_user(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.names_a_user().then(|| inputs.history.user.is_none()).into()
}

pub(super) fn user_age_days(inputs: &Inputs<'_>) -> OwnedFact {
    if !inputs.signals.names_a_user() {
        return OwnedFact::Unknown;
    }
    let age = inputs.history.user.as_ref().map_or(0, |user| inputs.now.since(user.created_at).max(0) / DAY);
    u32::try_from(age).unwrap_or(u32::MAX).into()
}

pub(super) fn is_new_ip(inputs: &Inputs<'_>) -> OwnedFact {
    let known = inputs.signals.names_a_user() && inputs.signals.ip.is_some();
    let recent = |link: Link| link.trusted && inputs.now.since(link.last_seen_at) <= RECENT_ADDRESS;
    known.then(|| !inputs.history.user_ip.is_some_and(recent)).into()
}

pub(super) fn is_new_fingerprint(inputs: &Inputs<'_>) -> OwnedFact {
    let known = inputs.signals.names_a_user() && inputs.signals.fingerprint.is_some();
    known.then(|| !inputs.history.user_fingerprint.is_some_and(|link| link.trusted)).into()
}

pub(super) fn is_new_country(inputs: &Inputs<'_>) -> OwnedFact {
    let known = inputs.signals.names_a_user() && inputs.signals.country().is_some();
    known.then(|| !inputs.history.user_country.is_some_and(|link| link.trusted)).into()
}

pub(super) fn is_new_asn(inputs: &Inputs<'_>) -> OwnedFact {
    let known = inputs.signals.names_a_user() && inputs.signals.asn().is_some();
    known.then(|| !inputs.history.user_asn.is_some_and(|link| link.trusted)).into()
}

pub(super) fn fingerprint_user_count(inputs: &Inputs<'_>) -> OwnedFact {
    if inputs.signals.fingerprint.is_none() {
        return OwnedFact::Unknown;
    }
    let before = inputs.history.fingerprint.as_ref().map_or(0, |fingerprint| fingerprint.user_count);
    let joins = inputs.signals.names_a_user() && inputs.history.user_fingerprint.is_none();
    before.saturating_add(u32::from(joins)).into()
}

pub(super) fn is_new_device(inputs: &Inputs<'_>) -> OwnedFact {
    let known = inputs.signals.names_a_user() && inputs.signals.browser.is_some();
    known.then(|| !inputs.device.is_some_and(|device| device.attached)).into()
}
