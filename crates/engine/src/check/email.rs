//! Checks of the e-mail address.

use super::{Inputs, seen};
use crate::{
    fact::OwnedFact,
    seen::Thing,
    signal::MailDomain,
    text::{Contact, Email},
};

pub(super) fn email_is_invalid(inputs: &Inputs<'_>) -> OwnedFact {
    match (&inputs.signals.email, inputs.signals.background.mail_domain) {
        (Some(Contact::Invalid(_)), _) | (Some(Contact::Valid(_)), MailDomain::TakesNone) => true.into(),
        (Some(Contact::Valid(_)), MailDomain::NotAsked | MailDomain::TakesMail) => false.into(),
        (Some(Contact::Valid(_)), MailDomain::Unknown) | (None, _) => OwnedFact::Unknown,
    }
}

pub(super) fn email_is_webmail(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.valid_email().and(inputs.signals.email_is_webmail).into()
}

pub(super) fn email_is_disposable(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.valid_email().and(inputs.signals.background.email_is_disposable).into()
}

pub(super) fn email_is_accept_all(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.valid_email().and(inputs.signals.background.email_is_accept_all).into()
}

pub(super) fn email_is_gibberish(inputs: &Inputs<'_>) -> OwnedFact {
    inputs.signals.valid_email().map(Email::is_gibberish).into()
}

pub(super) fn email_normalized_user_count(inputs: &Inputs<'_>) -> OwnedFact {
    let here = inputs.signals.valid_email().map(|_| &inputs.history.seen.email);
    here.map(|here| seen::count(inputs, here, Thing::User, seen::EVER)).into()
}

pub(super) fn is_email_verified(inputs: &Inputs<'_>) -> OwnedFact {
    let user = inputs.history.user.as_ref();
    // What the browser claims must itself be the verified address; without a claim the one on file is meant.
    let address = match &inputs.signals.email {
        Some(claimed) => claimed.valid(),
        None => user.and_then(|user| user.email.as_ref()),
    };
    if address.is_none() && inputs.signals.email.is_none() {
        return OwnedFact::Unknown;
    }
    let verified = user.and_then(|user| user.verified_email.as_ref()).map(Email::key);
    (verified.is_some() && verified == address.map(Email::key)).into()
}
