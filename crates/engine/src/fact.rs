//! What a policy may compare: one value of a known kind, or nothing known.
//!
//! Checks, risks and the policy-only fields all end as a [`Fact`]. *Unknown* is a value of its own and satisfies no
//! comparison in either direction (spec section 4); this module knows nothing of where a fact came from.

use core::net::IpAddr;

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// How strong a reading of a risk is. Ordered: `low < medium < high < maximum` (spec section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth recording.
    Low,
    /// Worth a look.
    Medium,
    /// Worth acting on.
    High,
    /// As sure as we get.
    Maximum,
}

impl Severity {
    /// The word used in policies and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Maximum => "maximum",
        }
    }

    /// The severity that `word` names, if it names one.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High, Self::Maximum].into_iter().find(|s| s.as_str() == word)
    }
}

/// The kind of value that a field has: what the type check of a policy goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// Text.
    Text,
    /// A severity: compared by rank.
    Severity,
    /// An IP address: compared as an address, `in_cidr` by network.
    Address,
    /// Several texts, such as a user's groups: `eq` and the text operators hold if they hold for any of them.
    Texts,
    /// Decided by the value met, such as a metadata entry: a comparison with another kind does not hold.
    Any,
}

/// One value, borrowed from whatever holds it for the length of a decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fact<'a> {
    /// Not known: satisfies no comparison.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A number; never NaN.
    Number(f64),
    /// Text.
    Text(&'a str),
    /// A severity.
    Severity(Severity),
    /// An address.
    Address(IpAddr),
    /// Several texts.
    Texts(&'a [String]),
}

/// One value that outlives the decision: what a check answers and what a trace keeps.
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedFact {
    /// Not known.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A number; never NaN.
    Number(f64),
    /// Text.
    Text(String),
}

impl OwnedFact {
    /// The same value, borrowed.
    pub fn as_fact(&self) -> Fact<'_> {
        match self {
            Self::Unknown => Fact::Unknown,
            Self::Bool(b) => Fact::Bool(*b),
            Self::Number(n) => Fact::Number(*n),
            Self::Text(t) => Fact::Text(t),
        }
    }

    /// Whether anything is known.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown)
    }
}

impl From<bool> for OwnedFact {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u32> for OwnedFact {
    fn from(value: u32) -> Self {
        Self::Number(f64::from(value))
    }
}

impl<T: Into<Self>> From<Option<T>> for OwnedFact {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Into::into)
    }
}

impl Serialize for OwnedFact {
    /// JSON's own types; unknown is `null`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown => serializer.serialize_none(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            // Whole numbers are written as such: `3`, not `3.0`.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::float_cmp,
                reason = "guarded: whole and within 53 bits, where both casts are exact"
            )]
            Self::Number(n) if *n == (*n as i64) as f64 && n.abs() < 9e15 => serializer.serialize_i64(*n as i64),
            Self::Number(n) => serializer.serialize_f64(*n),
            Self::Text(t) => serializer.serialize_str(t),
        }
    }
}
