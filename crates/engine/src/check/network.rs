//! Checks of the network that the request came over, and whether it fits the browser.

use super::{Inputs, seen};
use crate::{fact::OwnedFact, seen::Thing, signal::Place};

/// Users of an address are counted over 30 days: as long as an address stays among a user's.
const RECENT_SECONDS: u32 = 30 * 86_400;

pub(super) fn ip_country(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.country().map_or(OwnedFact::Unknown, |code| OwnedFact::Text(code.into()))
}

pub(super) fn ip_asn(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.asn().into()
}

pub(super) fn ip_is_hosting(inputs: &Inputs<'_>) -> OwnedFact {
    place(inputs).and_then(|place| place.network.hosting).into()
}

pub(super) fn ip_is_vpn(inputs: &Inputs<'_>) -> OwnedFact {
    place(inputs).and_then(|place| place.network.vpn).into()
}

pub(super) fn ip_is_proxy(inputs: &Inputs<'_>) -> OwnedFact {
    place(inputs).and_then(|place| place.network.proxy).into()
}

pub(super) fn ip_is_tor(inputs: &Inputs<'_>) -> OwnedFact {
    place(inputs).and_then(|place| place.network.tor).into()
}

pub(super) fn ip_user_count(inputs: &Inputs<'_>) -> OwnedFact {
    let here = inputs.signals.ip.map(|_| &inputs.history.seen.ip);
    here.map(|here| seen::count(inputs, here, Thing::User, RECENT_SECONDS)).into()
}

pub(super) fn timezone_mismatch(inputs: &Inputs<'_>) -> OwnedFact {
    let kept_in = inputs.signals.background.time_zone_countries.as_ref();
    let compared = kept_in.zip(inputs.signals.country());
    compared.map(|(countries, country)| !countries.iter().any(|kept| kept == country)).into()
}

fn place<'a>(inputs: &Inputs<'a>) -> Option<&'a Place> {
    inputs.signals.ip.and(inputs.signals.place.as_ref())
}
