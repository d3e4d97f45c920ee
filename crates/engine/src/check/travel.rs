//! Checks of where the user is, beside where they just were.
//!
//! Where two addresses are of one line, one provider, or of one browser that went from IPv4 to IPv6, nobody has moved,
//! whatever the data sets say of them: [`Whereabouts::is_same_place`].

use super::Inputs;
use crate::{
    fact::OwnedFact,
    profile::{Profile, RECENT_PLACE, Whereabouts},
    time::DAY,
};

/// Below this nobody has travelled: data sets put addresses hundreds of kilometres off (spec section 5).
const FAR_KM: f64 = 500.0;
/// Faster than airliners fly (spec section 5).
const FAST_KM_H: f64 = 1_000.0;
/// The mean radius of the earth (IUGG).
const EARTH_KM: f64 = 6_371.008_8;
/// Milliseconds in an hour.
const HOUR_MS: f64 = 3_600_000.0;

pub(super) fn impossible_travel(inputs: &Inputs<'_>) -> OwnedFact {
    let Some((here, profile)) = here(inputs) else { return OwnedFact::Unknown };
    // Two that are evaluated at once may arrive in either order: time that passed, whichever way.
    let passed = |place: &Whereabouts| here.at.since(place.at).saturating_abs();
    let Some(before) = profile.and_then(|profile| profile.places().last()).filter(|p| passed(p) <= RECENT_PLACE) else {
        return false.into();
    };
    if here.is_same_place(before) {
        return false.into();
    }
    let (Some(from), Some(to)) = (before.coordinates, here.coordinates) else { return OwnedFact::Unknown };
    let distance = kilometres(from, to);
    #[expect(clippy::cast_precision_loss, reason = "at most 48 hours in milliseconds: exact")]
    let hours = passed(before) as f64 / HOUR_MS;
    (distance >= FAR_KM && distance >= FAST_KM_H * hours).into()
}

pub(super) fn country_changed_today(inputs: &Inputs<'_>) -> OwnedFact {
    let Some((here, profile)) = here(inputs) else { return OwnedFact::Unknown };
    let Some(country) = &here.country else { return OwnedFact::Unknown };
    let elsewhere = |place: &Whereabouts| {
        here.at.since(place.at) <= DAY
            && place.country.as_ref().is_some_and(|other| other != country)
            && !here.is_same_place(place)
    };
    profile.is_some_and(|profile| profile.places().iter().any(elsewhere)).into()
}

/// Where the user is, and what is remembered of them; `None` when nobody is named or no address is known.
fn here<'a>(inputs: &Inputs<'a>) -> Option<(Whereabouts, Option<&'a Profile>)> {
    let signals = inputs.signals;
    let ip = signals.ip.filter(|_| signals.names_a_user())?;
    let here = Whereabouts::of(ip, signals.place.as_ref(), inputs.browser(), inputs.now);
    Some((here, inputs.history.user.as_ref().map(|user| &user.profile)))
}

/// The way over ground between two points, in degrees north and east: the haversine formula, which knows nothing of an
/// antimeridian.
fn kilometres((north_a, east_a): (f64, f64), (north_b, east_b): (f64, f64)) -> f64 {
    let half = |degrees: f64| {
        let sine = libm::sin(degrees.to_radians() / 2.0);
        sine * sine
    };
    let across = libm::cos(north_a.to_radians()) * libm::cos(north_b.to_radians());
    let angle = half(north_b - north_a) + across * half(east_b - east_a);
    2.0 * EARTH_KM * libm::asin(libm::sqrt(angle.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_map() {
        let (paris, london) = ((48.8566, 2.3522), (51.5074, -0.1278));
        let (suva, apia) = ((-18.1416, 178.4419), (-13.8333, -171.7667));
        for (from, to, km) in [
            (paris, london, 343.6),
            (paris, paris, 0.0),
            // Over the antimeridian: some 1,150 km, and not most of the way round.
            (suva, apia, 1_151.0),
            ((0.0, 179.5), (0.0, -179.5), 111.2),
            ((90.0, 0.0), (-90.0, 0.0), 20_015.1),
            ((0.0, 0.0), (0.0, 180.0), 20_015.1),
        ] {
            assert!((kilometres(from, to) - km).abs() < 2.0, "{from:?} {to:?}: {}", kilometres(from, to));
            assert!((kilometres(from, to) - kilometres(to, from)).abs() < 1e-6);
        }
    }
}
