//! Checks of the phone number.

use super::{Inputs, seen};
use crate::{fact::OwnedFact, seen::Thing};

pub(super) fn phone_is_invalid(inputs: &Inputs<'_>) -> OwnedFact {
    let Some(phone) = &inputs.signals.phone else { return OwnedFact::Unknown };
    // What is no number at all needs no numbering plan to be wrong.
    if phone.valid().is_none() {
        return true.into();
    }
    inputs.signals.background.phone_is_possible.map(|possible| !possible).into()
}

pub(super) fn phone_country(inputs: &Inputs<'_>) -> OwnedFact {
    let country = inputs.signals.valid_phone().and(inputs.signals.background.phone_country.as_ref());
    country.map_or(OwnedFact::Unknown, |country| OwnedFact::Text(country.clone()))
}

pub(super) fn is_phone_verified(inputs: &Inputs<'_>) -> OwnedFact {
    let user = inputs.history.user.as_ref();
    // What the browser claims must itself be the verified number; without a claim the one on file is meant.
    let number = match &inputs.signals.phone {
        Some(claimed) => claimed.valid(),
        None => user.and_then(|user| user.phone.as_ref()),
    };
    if number.is_none() && inputs.signals.phone.is_none() {
        return OwnedFact::Unknown;
    }
    let verified = user.and_then(|user| user.verified_phone.as_ref());
    (verified.is_some() && verified == number).into()
}

pub(super) fn phone_user_count(inputs: &Inputs<'_>) -> OwnedFact {
    let here = inputs.signals.valid_phone().map(|_| &inputs.history.seen.phone);
    here.map(|here| seen::count(inputs, here, Thing::User, seen::EVER)).into()
}
