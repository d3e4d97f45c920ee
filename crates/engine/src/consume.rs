//! Who may claim a result, when, and what must match (spec section 3.2).
//!
//! The answer here is only a reading of the state; that the claim itself happens once is the store's guarded write in
//! the same transaction.

use core::fmt;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;

use crate::{
    challenge::Status,
    text::{Email, deep_equal},
    time::{MINUTE, Timestamp},
};

/// What the caller expects the evaluation to be; whatever is absent is not compared.
#[derive(Clone, Default)]
pub struct Expect {
    /// The action.
    pub action: Option<String>,
    /// The site's id of the user; `Some(None)` expects none.
    pub user_id: Option<Option<String>>,
    /// The user's e-mail address, compared without regard to case.
    pub user_email: Option<Option<String>>,
    /// The user's phone number.
    pub user_phone: Option<Option<String>>,
    /// The metadata, compared deeply.
    pub metadata: Option<Value>,
    /// The challenge's status; `Some(None)` expects that there is no challenge.
    pub challenge_status: Option<Option<Status>>,
}

/// The evaluation as it stands.
#[derive(Clone)]
pub struct Claim<'a> {
    /// The action.
    pub action: &'a str,
    /// The site's id of the user.
    pub user_id: Option<&'a str>,
    /// The user's e-mail address.
    pub user_email: Option<&'a str>,
    /// The user's phone number.
    pub user_phone: Option<&'a str>,
    /// The metadata; `null` when there is none.
    pub metadata: &'a Value,
    /// The challenge's status and when it ended, as of now (see [`Challenge::settled`](crate::challenge::Challenge)):
    /// no end means that it can still be passed. `None` where there is no challenge.
    pub challenge: Option<(Status, Option<Timestamp>)>,
    /// When the evaluation was made.
    pub created_at: Timestamp,
    /// When it was claimed, if it was.
    pub consumed_at: Option<Timestamp>,
}

impl Expect {
    /// Whether nothing is compared.
    pub const fn is_nothing(&self) -> bool {
        let Self { action, user_id, user_email, user_phone, metadata, challenge_status } = self;
        action.is_none()
            && user_id.is_none()
            && user_email.is_none()
            && user_phone.is_none()
            && metadata.is_none()
            && challenge_status.is_none()
    }
}

impl fmt::Debug for Expect {
    /// Which fields are compared, not what they hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expect")
            .field("action", &self.action)
            .field("user_id", &self.user_id.is_some())
            .field("user_email", &self.user_email.is_some())
            .field("user_phone", &self.user_phone.is_some())
            .field("metadata", &self.metadata.is_some())
            .field("challenge_status", &self.challenge_status)
            .finish()
    }
}

impl fmt::Debug for Claim<'_> {
    /// Where it stands, without whose it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("action", &self.action)
            .field("challenge", &self.challenge)
            .field("created_at", &self.created_at)
            .field("consumed_at", &self.consumed_at)
            .finish_non_exhaustive()
    }
}

/// What a consume comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consume {
    /// It may be claimed.
    Claim,
    /// Its challenge can still be passed: nothing is claimed.
    Pending,
    /// It was claimed before.
    AlreadyConsumed,
    /// These fields are not what was expected: nothing is claimed.
    Mismatch(Vec<&'static str>),
    /// The time to claim it is over.
    Expired,
}

/// What a consume at `now` comes to. The order matters: a replay is told so whatever it expects, and a mismatch is told
/// even while the challenge is pending, so that a site never sends the wrong person on to a challenge.
pub fn consume(claim: &Claim<'_>, expect: &Expect, window_minutes: u32, now: Timestamp) -> Consume {
    if claim.consumed_at.is_some() {
        return Consume::AlreadyConsumed;
    }
    // A pending challenge has a lifetime of its own; the window opens with its end.
    let from = match claim.challenge {
        None => Some(claim.created_at),
        Some((_, ended_at)) => ended_at,
    };
    if from.is_some_and(|from| from < window_opened(window_minutes, now)) {
        return Consume::Expired;
    }
    let differing = mismatches(claim, expect);
    if !differing.is_empty() {
        return Consume::Mismatch(differing);
    }
    if from.is_none() { Consume::Pending } else { Consume::Claim }
}

/// What was made, or whose challenge ended, before this can't be claimed any more at `now`.
pub fn window_opened(window_minutes: u32, now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.millis().saturating_sub(i64::from(window_minutes) * MINUTE))
}

fn mismatches(claim: &Claim<'_>, expect: &Expect) -> Vec<&'static str> {
    let email_key = |text: &str| Email::parse(text).map_or_else(|_| text.trim().to_lowercase(), |email| email.key());
    let differs = |wanted: &Option<Option<String>>, actual: Option<&str>| {
        wanted.as_ref().is_some_and(|wanted| wanted.as_deref() != actual)
    };
    let status = claim.challenge.map(|(status, _)| status);
    let email = expect.user_email.as_ref().map(|email| email.as_deref().map(email_key));
    let phone = expect.user_phone.as_ref().map(|phone| phone.as_deref().map(canonical_phone));
    [
        ("action", expect.action.as_deref().is_some_and(|action| action != claim.action)),
        ("user.id", differs(&expect.user_id, claim.user_id)),
        ("user.email", differs(&email, claim.user_email.map(email_key).as_deref())),
        ("user.phone", differs(&phone, claim.user_phone.map(canonical_phone).as_deref())),
        ("metadata", expect.metadata.as_ref().is_some_and(|metadata| !same_metadata(metadata, claim.metadata))),
        ("challenge_status", expect.challenge_status.is_some_and(|wanted| wanted != status)),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

/// No metadata and empty metadata are the same.
fn same_metadata(a: &Value, b: &Value) -> bool {
    let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    deep_equal(a, b) || (empty(a) && empty(b))
}

fn canonical_phone(text: &str) -> String {
    crate::text::Phone::parse(text).map_or_else(|_| text.to_string(), |phone| phone.to_string())
}
