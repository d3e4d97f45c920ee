//! Where a challenge can stand, and the words for it: its states, the news of its messages, and what a step answers.
//!
//! Knows nothing of which step leads where: that is `machine`'s business.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::config::Channel;
use crate::time::Timestamp;

/// A code that is out, as far as we keep it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Keyed hash of the challenge's id and the digits.
    pub hash: [u8; 32],
    /// The channel it went over.
    pub channel: Channel,
    /// When it dies.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Code {
    /// Without the hash: a few digits can be searched for by whoever holds the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash: _, channel, expires_at } = self;
        f.debug_struct("Code").field("channel", channel).field("expires_at", expires_at).finish_non_exhaustive()
    }
}

/// Why a challenge failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Every try was used.
    AttemptsUsedUp,
    /// The person who got the message said that it wasn't them.
    Reported,
}

/// Where a challenge stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Asked for by a policy; nobody has seen it.
    Created,
    /// Its page is open in a browser.
    Presented,
    /// A code is out.
    CodeSent(Code),
    /// One channel is proven, another is still wanted.
    Verified,
    /// Passed.
    Completed {
        /// When.
        at: Timestamp,
    },
    /// Not passed, and can't be any more.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: EndReason,
    },
    /// Ran out of time.
    Expired {
        /// When.
        at: Timestamp,
    },
    /// The user went on without it.
    Skipped {
        /// When.
        at: Timestamp,
    },
    /// A newer challenge of the same user and device took its place.
    Overridden {
        /// When.
        at: Timestamp,
    },
}

/// The state's name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the state of the same name")]
pub enum Status {
    Created,
    Presented,
    CodeSent,
    Verified,
    Completed,
    Failed,
    Expired,
    Skipped,
    Overridden,
}

impl Status {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Presented => "presented",
            Self::CodeSent => "code_sent",
            Self::Verified => "verified",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Skipped => "skipped",
            Self::Overridden => "overridden",
        }
    }

    /// The status that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        use Status::{CodeSent, Completed, Created, Expired, Failed, Overridden, Presented, Skipped, Verified};
        [Created, Presented, CodeSent, Verified, Completed, Failed, Expired, Skipped, Overridden]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// What became of the message that carries the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Waiting to be handed over.
    Pending,
    /// Handed over.
    Sent,
    /// Said to have arrived.
    Delivered,
    /// Given up.
    Failed,
    /// Came back.
    Bounced,
}

impl Delivery {
    /// How far along this news is: reports may overtake each other, and news never goes back.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Sent => 1,
            Self::Delivered => 2,
            Self::Failed | Self::Bounced => 3,
        }
    }

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Bounced => "bounced",
        }
    }
}

/// Why a step was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is bound to another browser.
    OtherBrowser,
    /// It has ended.
    Ended(Status),
    /// The channel is not offered, has no address, or is proven already.
    ChannelUnavailable,
    /// Another code may be asked for only from then on.
    TooSoon {
        /// From when.
        until: Timestamp,
    },
    /// Every code that this challenge may send was sent.
    TooManySends,
    /// No code is out.
    NoCode,
    /// The config does not allow it.
    NotAllowed,
}

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The code was right.
    Right,
    /// The code was wrong; so many tries are left.
    Wrong {
        /// Tries left.
        left: u32,
    },
    /// The code was no longer alive; so many tries are left.
    CodeExpired {
        /// Tries left.
        left: u32,
    },
}
