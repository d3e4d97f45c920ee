//! The challenge page as a person meets it: typed states in, HTML out. Nothing here reads a clock, a cookie or a store,
//! and nothing here decides; a handler says which [`State`] it is and this module says it well.
//!
//! What the forms send (all `application/x-www-form-urlencoded`, all with the hidden field `csrf`):
//!
//! | path | fields |
//! | --- | --- |
//! | `POST /challenge/{id}/send` | `channel` = `email` or `sms` |
//! | `POST /challenge/{id}/verify` | `code`, as typed: read it through [`typed_code`] |
//! | `POST /challenge/{id}/phone` | `phone` |
//! | `POST /challenge/{id}/devices` | `device` = the id of the one to log out; without it, to go on |
//! | `POST /challenge/{id}/skip` | |
//! | `POST /challenge/{id}/report` | `token` instead of `csrf` |
//! | `GET /challenge/{id}?change=channel`, `?change=phone` | links back to [`State::Choose`], [`State::PhoneNeeded`] |

mod mask;
mod render;
mod state;

use std::fmt;

use url::Url;

pub use self::mask::{mask_email, mask_phone};
pub use self::render::render;
pub(crate) use self::render::tell;
pub use self::state::{
    Choice, Choose, DeviceKind, DeviceLine, Devices, EnterCode, NextChannel, Notice, OtherWay, PhoneNeeded,
    PhoneTrouble, ReportAsk, State,
};
use crate::page::appearance::Appearance;
use crate::texts::Line;

/// Where a code is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// By e-mail.
    Email,
    /// By text message.
    Sms,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email => "email",
            Self::Sms => "sms",
        })
    }
}

/// What the person set out to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Logging in.
    Login,
    /// Signing up.
    Signup,
    /// Opening protected content.
    Access,
    /// Anything else, in the site's own words.
    Other(Line),
}

impl Action {
    /// The action by its name on the wire. A custom one is read as words: `change_password` as "Change password".
    pub fn from_name(name: &str) -> Self {
        match name {
            "login" => Self::Login,
            "signup" => Self::Signup,
            "access" => Self::Access,
            custom => {
                let words = custom.replace('_', " ");
                let mut letters = words.trim().chars();
                let capital = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
                Line::new(&(capital + letters.as_str())).map_or(Self::Access, Self::Other)
            }
        }
    }

    /// What the texts select by.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Signup => "signup",
            Self::Access => "access",
            Self::Other(_) => "other",
        }
    }

    /// A custom action's words, else nothing.
    pub(crate) fn custom(&self) -> String {
        match self {
            Self::Other(words) => words.to_string(),
            _ => String::new(),
        }
    }
}

/// A point in time, to be read by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// Milliseconds since 1970-01-01T00:00Z.
    pub at_ms: i64,
    /// The person's offset from UTC, in minutes, if it is known. Without it the time is told in UTC, and the page's
    /// script puts it into the browser's zone.
    pub offset_minutes: Option<i16>,
}

/// What is being confirmed: enough for a person to see that it is, or isn't, their own doing.
#[derive(Debug, Clone)]
pub struct Confirming {
    /// What was set out to be done.
    pub action: Action,
    /// "Chrome on macOS".
    pub device: Option<Line>,
    /// "Lyon, France".
    pub place: Option<Line>,
    /// When it began.
    pub at: When,
}

/// A link that a challenge config offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    label: Option<Line>,
    url: Url,
}

impl Link {
    /// A link to an http or https address; nothing else is ever linked to. Without a label it gets a default one.
    pub fn new(label: Option<&str>, url: Url) -> Option<Self> {
        matches!(url.scheme(), "http" | "https").then(|| Self { label: label.and_then(Line::new), url })
    }
}

/// The links of a challenge config.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// The way on or out that the site prefers; for account sharing "create my own account".
    pub primary: Option<Link>,
    /// Another one, such as a help page.
    pub secondary: Option<Link>,
    /// Where one logs out.
    pub logout: Option<Link>,
}

/// Whose challenge it is, and everything that its states have in common.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The challenge's id, as in the URL.
    pub challenge_id: String,
    /// The forms' token against cross-site requests.
    pub csrf: String,
    /// The site's name. None on a page that belongs to no site ([`State::NotFound`], [`State::Problem`]).
    pub project: Option<Line>,
    /// The operator's look.
    pub appearance: Appearance,
    /// What is being confirmed, if that may be told here.
    pub confirming: Option<Confirming>,
    /// Whether it is about a shared account: then the primary link is "create my own account".
    pub account_sharing: bool,
    /// Whether this challenge may be skipped now.
    pub may_skip: bool,
    /// The config's links.
    pub links: Links,
    /// Back to the site: the success URL, or where the person came from. Offered once nothing is left to do here.
    pub way_back: Option<Url>,
}

/// The digits of a code as a person typed or pasted it: blanks, dashes and whatever else stands between them goes, and the
/// digits of any script that phones' keyboards write (Arabic, Persian, full width) become ASCII ones.
pub fn typed_code(typed: &str) -> String {
    let digit = |c: char| match c {
        '0'..='9' => Some(c),
        '\u{0660}'..='\u{0669}' => char::from_digit(u32::from(c) - 0x0660, 10),
        '\u{06F0}'..='\u{06F9}' => char::from_digit(u32::from(c) - 0x06F0, 10),
        '\u{FF10}'..='\u{FF19}' => char::from_digit(u32::from(c) - 0xFF10, 10),
        _ => None,
    };
    typed.chars().take(64).filter_map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        for typed in ["123456", " 123 456 ", "123-456", "١٢٣٤٥٦", "۱۲۳۴۵۶", "１２３４５６", "Shop: 123456."]
        {
            assert_eq!(typed_code(typed), "123456", "{typed}");
        }
        assert_eq!(typed_code("letters"), "");
    }

    #[test]
    fn a_custom_action_reads_as_words() {
        assert_eq!(Action::from_name("login"), Action::Login);
        assert_eq!(Action::from_name("change_password").custom(), "Change password");
    }

    #[test]
    fn only_web_addresses_are_linked_to() {
        let link = |url: &str| Link::new(None, Url::parse(url).unwrap());
        assert!(link("https://shop.example/").is_some());
        assert!(link("javascript:alert(1)").is_none());
        assert!(link("data:text/html,x").is_none());
    }
}
