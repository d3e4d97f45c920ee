//! Texts that can't hold a bad value: each is checked when it is made, at the edge, and never again.

mod action;
mod contact;
mod external_id;
mod gibberish;
mod mailbox;
mod metadata;
mod url;

pub use self::url::{Origin, ReturnUrl};
pub use action::ActionName;
pub use contact::{Contact, Email, Phone};
pub use external_id::ExternalId;
pub use metadata::{Metadata, deep_equal};

/// Why a text was refused: a sentence that says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidText(pub &'static str);

/// `Display`, `Serialize`, `Deserialize` (checked) and `as_str` for a checked text.
macro_rules! checked_text {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
use checked_text;

/// `Debug` that says what it is and not what it holds: personal data reaches no log by accident.
macro_rules! private_debug {
    ($name:ident) => {
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}
use private_debug;
