//! How many people use the account, this use included: see [`crate::usage`].

use super::Inputs;
use crate::{
    fact::OwnedFact,
    profile::{Conveyance, Whereabouts},
    usage::People,
};

pub(super) fn low(inputs: &Inputs<'_>) -> OwnedFact {
    people(inputs).map_or(OwnedFact::Unknown, |people| people.low.into())
}

pub(super) fn high(inputs: &Inputs<'_>) -> OwnedFact {
    people(inputs).map_or(OwnedFact::Unknown, |people| people.high.into())
}

fn people(inputs: &Inputs<'_>) -> Option<People> {
    let signals = inputs.signals;
    if !signals.names_a_user() {
        return None;
    }
    let place = signals.place.as_ref();
    let mut usage = inputs.history.user.as_ref().map(|user| user.profile.usage.clone()).unwrap_or_default();
    let here = signals.ip.map(|ip| Whereabouts::of(ip, place, inputs.browser(), inputs.now));
    if let Some(used) = here.and_then(|here| here.as_use(Conveyance::of(signals.agent.device_type, place))) {
        usage.record(used);
    }
    usage.people(inputs.now)
}
