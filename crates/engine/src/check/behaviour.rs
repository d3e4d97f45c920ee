//! Checks of how much happens, how fast.

use super::Inputs;
use crate::{
    fact::OwnedFact,
    field::{EventCount, Subject},
};

/// The window of the plain `event_count`: an hour.
const DEFAULT_SECONDS: u32 = 3_600;

pub(super) fn event_count(inputs: &Inputs<'_>) -> OwnedFact {
    let subject = if inputs.signals.names_a_user() { Subject::User } else { Subject::Ip };
    let action = Some(inputs.signals.action.as_str().into());
    count(inputs, &EventCount { subject, action, seconds: DEFAULT_SECONDS })
}

/// How many events of the wanted kind there were in the window, the one being evaluated included.
pub(crate) fn count(inputs: &Inputs<'_>, wanted: &EventCount) -> OwnedFact {
    let signals = inputs.signals;
    let present = match wanted.subject {
        Subject::User => signals.names_a_user(),
        Subject::Ip => signals.ip.is_some(),
        Subject::Device => signals.browser.is_some(),
        Subject::Fingerprint => signals.fingerprint.is_some(),
        Subject::EmailDomain => signals.valid_email().is_some(),
    };
    if !present {
        return OwnedFact::Unknown;
    }
    let action = wanted.action.as_deref();
    let before = inputs
        .history
        .activity(wanted.subject, inputs.device)
        .map_or(0, |a| a.count(action, wanted.seconds, inputs.now));
    let this = u32::from(action.is_none_or(|action| action == signals.action.as_str()));
    before.saturating_add(this).into()
}
