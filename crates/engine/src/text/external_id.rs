//! The site's own id of a user.

use alloc::{borrow::ToOwned, string::String};

use super::{InvalidText, checked_text};

/// The site's own id of a user, kept as given: 1 to 255 bytes, no control characters, no surrounding white space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId(String);

checked_text!(ExternalId);

impl ExternalId {
    /// The id `text`.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let fits = (1..=255).contains(&text.len());
        if fits && text.trim() == text && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidText("a user id is 1 to 255 bytes without control characters or white space around it"))
        }
    }
}
