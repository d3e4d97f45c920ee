//! Checks of pace and of habit: more than a person does, and at an hour at which this person does not.

use super::Inputs;
use crate::{fact::OwnedFact, window::Activity};

/// More than this many evaluations of one action within [`FAST_SECONDS`] are faster than a person who retries.
const FAST_COUNT: u32 = 10;
const FAST_SECONDS: u32 = 60;
/// And more than this many within [`LONG_SECONDS`] are more than a person keeps up.
const LONG_COUNT: u32 = 120;
const LONG_SECONDS: u32 = 3_600;

/// A habit is known after so many arrivals …
const KNOWN_ARRIVALS: u32 = 20;
/// … on so many days.
const KNOWN_DAYS: u32 = 7;
/// An hour is unusual when fewer than one in so many arrivals fell near it.
const RARE: u32 = 50;

pub(super) fn has_high_velocity(inputs: &Inputs<'_>) -> OwnedFact {
    let signals = inputs.signals;
    let user = inputs.history.user.as_ref().map(|user| &user.activity);
    let device = inputs.device.map(|device| &device.activity);
    if !signals.names_a_user() && signals.browser.is_none() {
        return OwnedFact::Unknown;
    }
    let action = Some(signals.action.as_str());
    // This one is counted too: it is not in what is remembered yet.
    let more = |activity: &Activity, than: u32, seconds: u32| activity.count(action, seconds, inputs.now) >= than;
    let fast = |activity| more(activity, FAST_COUNT, FAST_SECONDS) || more(activity, LONG_COUNT, LONG_SECONDS);
    user.into_iter().chain(device).any(fast).into()
}

pub(super) fn unusual_hour(inputs: &Inputs<'_>) -> OwnedFact {
    let user = inputs.history.user.as_ref().filter(|_| inputs.signals.names_a_user());
    let Some(habit) = user.map(|user| user.profile.habit()) else { return OwnedFact::Unknown };
    if habit.days() < KNOWN_DAYS || habit.arrivals() < KNOWN_ARRIVALS {
        return OwnedFact::Unknown;
    }
    (habit.arrivals_near(inputs.now).saturating_mul(RARE) < habit.arrivals()).into()
}
