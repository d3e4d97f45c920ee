//! How challenges of a kind are run: channels, URLs, limits and look.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec, vec::Vec};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::text::ReturnUrl;

/// A way to reach the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// A code by e-mail.
    Email,
    /// A code by SMS; `text` on the wire, as the public reference spells it.
    Sms,
}

impl Channel {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "text",
        }
    }

    /// The channel that `word` names: `email`, `text` or `sms`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "email" => Some(Self::Email),
            "text" | "sms" => Some(Self::Sms),
            _ => None,
        }
    }
}

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&word).ok_or_else(|| de::Error::custom("a channel is `email` or `sms`"))
    }
}

/// How many of the channels must be proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// One is enough.
    #[default]
    Any,
    /// Every one offered. A user without an address for one of them can't pass, rather than passing with less:
    /// [`ChallengeConfig::require_phone`] collects a missing number.
    All,
}

/// A link shown on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What it says; the page's own words when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Where it leads.
    pub url: ReturnUrl,
}

/// Devices allowed at once, overall and by type; enforced by the page that logs devices out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceLimit {
    /// Of any type.
    pub overall: Option<u32>,
    /// Computers.
    pub computer: Option<u32>,
    /// Tablets.
    pub tablet: Option<u32>,
    /// Phones.
    pub mobile: Option<u32>,
}

/// What an operator may change about the look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Appearance {
    /// An image, by URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<ReturnUrl>,
    /// The colour of buttons and links: `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent: Option<String>,
    /// The colour behind everything: `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// Style sheet rules that come after ours; at most 16 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_css: Option<String>,
}

/// How challenges of a kind are run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeConfig {
    /// The name that policies use.
    pub name: String,
    /// The ways to reach the user, in the order in which they are offered.
    #[serde(default = "email_only")]
    pub channels: Vec<Channel>,
    /// Whether one proven channel is enough.
    #[serde(default)]
    pub require: Require,
    /// Where the user goes after passing; `evaluation=evl_…` joins its query.
    pub success_url: ReturnUrl,
    /// The first link on the page; for account sharing, "create my own account".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_link: Option<Link>,
    /// The second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary_link: Option<Link>,
    /// Where "log out" leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logout_url: Option<Link>,
    /// Whether the user may go on without proving anything. The site still sees `skipped`, not `completed`.
    #[serde(default)]
    pub allow_skip: bool,
    /// How often one user may.
    #[serde(default = "three")]
    pub skip_limit: u32,
    /// Whether a phone number is collected where none is on file; needs the `sms` channel.
    #[serde(default)]
    pub require_phone: bool,
    /// Devices allowed at once.
    #[serde(default)]
    pub device_limit: DeviceLimit,
    /// More devices for users in these groups, such as a family plan; at most 50 groups.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub device_limit_for_groups: BTreeMap<String, DeviceLimit>,
    /// Digits of a code: 6 to 10.
    #[serde(default = "six")]
    pub code_length: u32,
    /// Minutes that a code lives: 1 to 60.
    #[serde(default = "ten")]
    pub code_minutes: u32,
    /// Wrong codes, over all codes of a challenge, after which it has failed: 1 to 10.
    #[serde(default = "five")]
    pub attempts: u32,
    /// Minutes that the whole challenge lives: 5 to 1440.
    #[serde(default = "thirty")]
    pub lifetime_minutes: u32,
    /// Languages offered, most wanted first; all that we speak when empty.
    #[serde(default)]
    pub languages: Vec<String>,
    /// The look.
    #[serde(default)]
    pub appearance: Appearance,
}

fn email_only() -> Vec<Channel> {
    vec![Channel::Email]
}
const fn three() -> u32 {
    3
}
const fn five() -> u32 {
    5
}
const fn six() -> u32 {
    6
}
const fn ten() -> u32 {
    10
}
const fn thirty() -> u32 {
    30
}

/// What is wrong with a challenge config.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct InvalidConfig {
    /// Which setting.
    pub field: &'static str,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl ChallengeConfig {
    /// Whether it can be used; every problem at once. `production` refuses URLs on the loopback.
    pub fn problems(&self, production: bool) -> Vec<InvalidConfig> {
        let mut problems = Vec::new();
        let mut say = |field, what: &str| problems.push(InvalidConfig { field, what: what.to_owned() });
        if self.name.is_empty() || self.name.len() > 100 {
            say("name", "write a name of 1 to 100 bytes");
        }
        let mut channels = self.channels.clone();
        channels.sort_unstable();
        channels.dedup();
        if channels.is_empty() || channels.len() != self.channels.len() {
            say("channels", "name at least one channel, and each only once");
        }
        if self.require_phone && !self.channels.contains(&Channel::Sms) {
            say("require_phone", "a phone number can only be proven over the `sms` channel: add it to `channels`");
        }
        for (field, value, least, most) in [
            ("code_length", self.code_length, 6, 10),
            ("code_minutes", self.code_minutes, 1, 60),
            ("attempts", self.attempts, 1, 10),
            ("lifetime_minutes", self.lifetime_minutes, 5, 1_440),
        ] {
            if !(least..=most).contains(&value) {
                say(field, &alloc::format!("write a number from {least} to {most}"));
            }
        }
        for (field, _) in self.device_limit.settings().into_iter().filter(|(_, limit)| *limit == 0) {
            say(field, "write a number from 1: the device in front of the page always has its place");
        }
        let groups = &self.device_limit_for_groups;
        if groups.len() > 50 || groups.keys().any(|id| id.is_empty() || id.len() > 100) {
            say("device_limit_for_groups", "at most 50 groups, each with an id of 1 to 100 bytes");
        }
        if groups.values().any(|limit| limit.settings().iter().any(|(_, limit)| *limit == 0)) {
            say(
                "device_limit_for_groups",
                "write numbers from 1: the device in front of the page always has its place",
            );
        }
        for (field, colour) in
            [("appearance.accent", &self.appearance.accent), ("appearance.background", &self.appearance.background)]
        {
            if colour.as_ref().is_some_and(|colour| !is_colour(colour)) {
                say(field, "write a colour as `#rrggbb`");
            }
        }
        if self.appearance.custom_css.as_ref().is_some_and(|css| css.len() > 16_384) {
            say("appearance.custom_css", "at most 16384 bytes");
        }
        if production {
            for (field, url) in self.urls() {
                if url.is_loopback() {
                    say(field, "a production challenge can't send people to the loopback: use an `https://` URL");
                }
            }
        }
        problems
    }

    fn urls(&self) -> impl Iterator<Item = (&'static str, &ReturnUrl)> {
        core::iter::once(("success_url", &self.success_url))
            .chain(self.primary_link.iter().map(|link| ("primary_link", &link.url)))
            .chain(self.secondary_link.iter().map(|link| ("secondary_link", &link.url)))
            .chain(self.logout_url.iter().map(|link| ("logout_url", &link.url)))
            .chain(self.appearance.logo_url.iter().map(|url| ("appearance.logo_url", url)))
    }
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
