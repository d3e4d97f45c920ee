//! The name of an action.

use alloc::{borrow::ToOwned, string::String};

use super::{InvalidText, checked_text};

/// `login`, `signup`, `access`, or a custom name: `[a-z][a-z0-9_]{0,63}` (spec section 2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionName(String);

checked_text!(ActionName);

impl ActionName {
    /// The action called `text`.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let rest = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if first && rest && text.len() <= 64 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidText(
                "an action is `login`, `signup`, `access` or a custom name of 1 to 64 lower-case letters, digits and underscores that starts with a letter",
            ))
        }
    }
}
