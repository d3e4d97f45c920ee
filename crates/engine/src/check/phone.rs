//! Checks of the phone number.

use super::Inputs;
use crate::fact::OwnedFact;

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
