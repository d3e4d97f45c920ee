//! The fields that a policy can name: every check, and the policy-only ones of spec section 5.
//!
//! A field is parsed once, when a policy is saved; what it was derived from is `decide`'s business, not ours.

use core::fmt;

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    check::{self, CHECKS},
    fact::Kind,
    seen::Thing,
};

/// Who or what events are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The user.
    User,
    /// The address (an IPv6 address by its /64).
    Ip,
    /// The device.
    Device,
    /// The fingerprint.
    Fingerprint,
    /// The domain of the e-mail address.
    EmailDomain,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::User, Self::Ip, Self::Device, Self::Fingerprint, Self::EmailDomain];

    /// The word used in field names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Ip => "ip",
            Self::Device => "device",
            Self::Fingerprint => "fingerprint",
            Self::EmailDomain => "email_domain",
        }
    }
}

/// `event_count.<subject>[.<action>].<window>`: how many evaluations, this one included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCount {
    /// For whom.
    pub subject: Subject,
    /// Of which action; any when absent.
    pub action: Option<String>,
    /// In how many of the last seconds: 60 (`1m`) to 604,800 (`7d`).
    pub seconds: u32,
}

/// `distinct_count.<thing>.<subject>.<window>`: how many distinct things a subject was seen with, this one included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DistinctCount {
    /// What is told apart.
    pub thing: Thing,
    /// For whom.
    pub subject: Subject,
    /// In how many of the last seconds: 60 (`1m`) to 604,800 (`7d`).
    pub seconds: u32,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// A check, by its place in [`CHECKS`].
    Check(usize),
    /// The action evaluated.
    Action,
    /// Our id of the device.
    DeviceId,
    /// The site's id of the user.
    UserExternalId,
    /// The user's e-mail address.
    UserEmail,
    /// The domain of that address.
    EmailDomain,
    /// The user's phone number.
    UserPhone,
    /// Our id of the fingerprint.
    FingerprintId,
    /// The address of the client.
    Ip,
    /// One metadata entry.
    Metadata(String),
    /// The ids of the user's groups.
    Group,
    /// A count of events over a window.
    EventCount(EventCount),
    /// A count of distinct things over a window.
    DistinctCount(DistinctCount),
    /// A risk's severity.
    RiskSeverity(String),
    /// A risk's score.
    RiskScore(String),
}

/// Why a name is no field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    /// The name.
    pub name: String,
    /// What to write instead, as a sentence.
    pub help: String,
}

const PLAIN: &[(&str, Field)] = &[
    ("action", Field::Action),
    ("device_id", Field::DeviceId),
    ("user_external_id", Field::UserExternalId),
    ("user_email", Field::UserEmail),
    ("email_domain", Field::EmailDomain),
    ("user_phone", Field::UserPhone),
    ("fingerprint_id", Field::FingerprintId),
    ("ip", Field::Ip),
    ("group", Field::Group),
];

impl Field {
    /// The field that `name` names.
    pub fn parse(name: &str) -> Result<Self, UnknownField> {
        if let Some((index, _)) = check::by_name(name) {
            return Ok(Self::Check(index));
        }
        if let Some((_, field)) = PLAIN.iter().find(|(plain, _)| *plain == name) {
            return Ok(field.clone());
        }
        let parts: Vec<&str> = name.split('.').collect();
        match parts.as_slice() {
            ["metadata", key] if !key.is_empty() => Ok(Self::Metadata((*key).to_owned())),
            ["risk", id, "severity"] if !id.is_empty() => Ok(Self::RiskSeverity((*id).to_owned())),
            ["risk", id, "score"] if !id.is_empty() => Ok(Self::RiskScore((*id).to_owned())),
            ["event_count", rest @ ..] => parse_event_count(rest).map(Self::EventCount).ok_or_else(|| UnknownField {
                name: name.to_owned(),
                help: "write `event_count.<user|ip|device|fingerprint|email_domain>[.<action>].<window>` with a window from `1m` to `7d`, for example `event_count.ip.login.10m`".to_owned(),
            }),
            ["distinct_count", rest @ ..] => parse_distinct_count(rest).map(Self::DistinctCount).ok_or_else(|| UnknownField {
                name: name.to_owned(),
                help: "write `distinct_count.<user|ip|device|fingerprint|email|email_domain|phone|country|asn>.<user|ip|device|fingerprint|email_domain>.<window>`, two different ones, with a window from `1m` to `7d`, for example `distinct_count.user.ip.1h`".to_owned(),
            }),
            _ => Err(UnknownField { name: name.to_owned(), help: suggest(name) }),
        }
    }

    /// The kind of its values.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Check(index) => CHECKS.get(*index).map_or(Kind::Any, |check| check.kind),
            Self::Action
            | Self::DeviceId
            | Self::UserExternalId
            | Self::UserEmail
            | Self::EmailDomain
            | Self::UserPhone
            | Self::FingerprintId => Kind::Text,
            Self::Ip => Kind::Address,
            Self::Metadata(_) => Kind::Any,
            Self::Group => Kind::Texts,
            Self::EventCount(_) | Self::DistinctCount(_) | Self::RiskScore(_) => Kind::Number,
            Self::RiskSeverity(_) => Kind::Severity,
        }
    }

    /// Every name that stands by itself, for lists and suggestions (`metadata.…`, `risk.…`, `event_count.…` and
    /// `distinct_count.…` are families).
    pub fn names() -> impl Iterator<Item = &'static str> {
        CHECKS.iter().map(|check| check.name).chain(PLAIN.iter().map(|(name, _)| *name))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(index) => f.write_str(CHECKS.get(*index).map_or("unknown", |check| check.name)),
            Self::Metadata(key) => write!(f, "metadata.{key}"),
            Self::RiskSeverity(id) => write!(f, "risk.{id}.severity"),
            Self::RiskScore(id) => write!(f, "risk.{id}.score"),
            Self::EventCount(EventCount { subject, action, seconds }) => {
                write!(f, "event_count.{}", subject.as_str())?;
                if let Some(action) = action {
                    write!(f, ".{action}")?;
                }
                write!(f, ".{}", window_name(*seconds))
            }
            Self::DistinctCount(DistinctCount { thing, subject, seconds }) => {
                write!(f, "distinct_count.{}.{}.{}", thing.as_str(), subject.as_str(), window_name(*seconds))
            }
            plain => f.write_str(PLAIN.iter().find(|(_, field)| field == plain).map_or("unknown", |(name, _)| name)),
        }
    }
}

fn parse_event_count(parts: &[&str]) -> Option<EventCount> {
    let (subject, action, window) = match parts {
        [subject, window] => (subject, None, window),
        [subject, action, window] => (subject, Some((*action).to_owned()), window),
        _ => return None,
    };
    let subject = Subject::ALL.into_iter().find(|s| s.as_str() == *subject)?;
    Some(EventCount { subject, action, seconds: parse_window(window)? })
}

fn parse_distinct_count(parts: &[&str]) -> Option<DistinctCount> {
    let [thing, subject, window] = parts else { return None };
    let thing = Thing::ALL.into_iter().find(|known| known.as_str() == *thing && known.as_str() != *subject)?;
    let subject = Subject::ALL.into_iter().find(|known| known.as_str() == *subject)?;
    Some(DistinctCount { thing, subject, seconds: parse_window(window)? })
}

/// Seconds of `10m`, `6h`, `7d`: from a minute to a week.
pub(crate) fn parse_window(window: &str) -> Option<u32> {
    let unit = match window.chars().last()? {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = window.get(..window.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) || digits.starts_with('0') {
        return None;
    }
    let seconds = digits.parse::<u32>().ok()?.checked_mul(unit)?;
    (60..=604_800).contains(&seconds).then_some(seconds)
}

pub(crate) fn window_name(seconds: u32) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s => format!("{}m", s / 60),
    }
}

fn suggest(name: &str) -> String {
    let closest = Field::names().map(|known| (distance(name, known), known)).min();
    match closest {
        Some((distance, known)) if distance <= 3 => format!("did you mean `{known}`?"),
        _ => "see the list of fields in the documentation of policies".to_string(),
    }
}

/// Levenshtein distance: how many single-character edits lie between two names.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = *cell;
            left = substituted.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
