//! What can go wrong with one attempt, in the words and the kinds that a queue needs.

use crate::outbound::OutboundError;

/// One attempt came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SendError {
    /// Whether another attempt, later, may succeed without anyone changing anything.
    pub retryable: bool,
    /// What sort of thing went wrong, for metrics and for what the person is told.
    pub kind: SendErrorKind,
    /// One line for the operator's log, without personal data and secrets.
    pub what: String,
}

/// What sort of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendErrorKind {
    /// This transport is not set up.
    NotConfigured,
    /// The message can't be put together: a malformed recipient, id or address.
    Message,
    /// The other side says that this recipient can't be reached.
    Recipient,
    /// The other side refused our credentials.
    Credentials,
    /// The other side refused the message for another reason.
    Refused,
    /// The other side asked to come back later.
    Busy,
    /// No connection, or one that broke.
    Connection,
    /// The time limit passed.
    Timeout,
}

impl SendError {
    pub(super) fn permanent(kind: SendErrorKind, what: impl Into<String>) -> Self {
        Self { retryable: false, kind, what: what.into() }
    }

    pub(super) fn transient(kind: SendErrorKind, what: impl Into<String>) -> Self {
        Self { retryable: true, kind, what: what.into() }
    }

    pub(super) fn not_configured(channel: &str, section: &str) -> Self {
        let what = format!("no way to send {channel} is configured; fill in the {section} section");
        Self::permanent(SendErrorKind::NotConfigured, what)
    }

    /// No answer over HTTP; `who` names the other side.
    pub(super) fn from_outbound(who: &str, error: OutboundError) -> Self {
        let what = format!("{who}: {error}");
        match error {
            OutboundError::Unsendable | OutboundError::NotPublic => Self::permanent(SendErrorKind::Refused, what),
            OutboundError::Connect | OutboundError::Broken => Self::transient(SendErrorKind::Connection, what),
            OutboundError::Timeout => Self::transient(SendErrorKind::Timeout, what),
            // The status never counted: it is not known whether the message was taken.
            OutboundError::TooBig => Self::transient(SendErrorKind::Refused, what),
        }
    }

    /// An HTTP answer that is no success; `detail` is the other side's own error code, where it has one.
    pub(super) fn from_status(who: &str, status: u16, detail: Option<u64>) -> Self {
        let what = match detail {
            Some(code) => format!("{who} answered {status} with code {code}"),
            None => format!("{who} answered {status}"),
        };
        match status {
            408 | 425 | 429 | 500..=599 => Self::transient(SendErrorKind::Busy, what),
            401 | 403 => Self::permanent(SendErrorKind::Credentials, what),
            _ => Self::permanent(SendErrorKind::Refused, what),
        }
    }
}
