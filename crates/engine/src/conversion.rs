//! Who came from a shared account and made one of their own: the aim of asking at all.
//!
//! A browser that was shown the page of an account-sharing challenge is remembered; if somebody new signs up in it
//! afterwards, they are a customer won. Knows nothing of how either is stored.

use crate::{
    history::User,
    id::UserId,
    time::{DAY, Timestamp},
};

/// How long after it was shown the page a sign-up counts.
pub const WITHIN: i64 = 30 * DAY;

/// The action of a sign-up (spec section 2).
pub const SIGN_UP: &str = "signup";

/// The type of challenge that asks a shared account's users for accounts of their own (spec section 8).
pub const SHARING: &str = "account_sharing";

/// That a browser was shown the page of such a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The account's user.
    pub user: UserId,
    /// When last.
    pub at: Timestamp,
}

/// Whether that user, who was let in by a sign-up at `now` in the browser, came from the shared account: somebody who was
/// not known before the page was shown, and isn't the account's own user.
pub fn converts(user: &User, shown: &Shown, now: Timestamp) -> bool {
    user.id != shown.user && user.created_at >= shown.at && now >= shown.at && now.since(shown.at) <= WITHIN
}
