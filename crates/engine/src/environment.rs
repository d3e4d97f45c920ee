//! Which traffic something is for.

use serde::{Deserialize, Serialize};

/// Which traffic something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Trying things out.
    Development,
    /// The real thing.
    Production,
}

impl Environment {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }
}
