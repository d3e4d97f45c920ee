//! Checks of what the site, a policy or a person said about the user.

use super::Inputs;
use crate::fact::OwnedFact;

pub(super) fn is_suspended(inputs: &Inputs<'_>) -> OwnedFact {
    let suspended = || inputs.history.user.as_ref().is_some_and(|user| user.suspended_at.is_some());
    inputs.signals.names_a_user().then(suspended).into()
}
