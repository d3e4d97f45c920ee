//! How many distinct things something was seen with, the thing of this request included.

use super::Inputs;
use crate::{
    fact::OwnedFact,
    field::{DistinctCount, Subject},
    seen::{Seen, Thing},
};

/// As long as anything is remembered at all.
pub(super) const EVER: u32 = u32::MAX;

/// The distinct things that `here` was seen with in the last `seconds`.
pub(super) fn count(inputs: &Inputs<'_>, here: &Seen, thing: Thing, seconds: u32) -> u32 {
    let newcomer = thing == Thing::User && inputs.signals.names_a_user() && inputs.history.user.is_none();
    let user = inputs.history.user.as_ref().map(|user| user.id);
    let with = inputs.signals.mark(thing, user, inputs.browser());
    let count = here.count(thing, with, seconds, inputs.now);
    // A user without an id yet is one that was seen nowhere before.
    count.saturating_add(u32::from(newcomer))
}

/// The answer to `distinct_count.<thing>.<subject>.<window>`.
pub(crate) fn distinct(inputs: &Inputs<'_>, wanted: &DistinctCount) -> OwnedFact {
    let signals = inputs.signals;
    let seen = &inputs.history.seen;
    let user = inputs.history.user.as_ref();
    let nothing = Seen::default();
    let here = match wanted.subject {
        Subject::User => signals.names_a_user().then(|| user.map_or(&nothing, |user| &user.profile.seen)),
        Subject::Ip => signals.ip.map(|_| &seen.ip),
        Subject::Device => signals.browser.map(|_| inputs.device.map_or(&nothing, |device| &device.seen)),
        Subject::Fingerprint => signals.fingerprint.map(|_| &seen.fingerprint),
        Subject::EmailDomain => signals.valid_email().map(|_| &seen.email_domain),
    };
    here.map(|here| count(inputs, here, wanted.thing, wanted.seconds)).into()
}
