//! Between rows and the engine's values: one file a table.
//!
//! Nothing here decides anything; a row that can't be read is [`StoreError::Corrupt`], never a default.

pub(crate) mod challenge;
pub(crate) mod conversion;
pub(crate) mod device;
pub(crate) mod evaluation;
pub(crate) mod event;
pub(crate) mod presence;
pub(crate) mod subject;
pub(crate) mod user;

pub use device::{AttachedDevice, DeviceRow};
pub use evaluation::StoredEvaluation;

use countersign_engine::{profile::Profile, seen::Seen, time::Timestamp, window::Activity};
use serde::de::DeserializeOwned;

use crate::StoreError;

/// Reads a JSON document.
pub(crate) fn json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt { what })
}

/// Writes a JSON document. Our own values always can be.
pub(crate) fn to_json<T: serde::Serialize>(value: &T, what: &'static str) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt { what })
}

/// Reads the counts of a subject.
pub(crate) fn activity(bytes: &[u8], what: &'static str) -> Result<Activity, StoreError> {
    Activity::from_bytes(bytes).ok_or(StoreError::Corrupt { what })
}

/// Reads which distinct things a subject was seen with.
pub(crate) fn seen(bytes: &[u8], what: &'static str) -> Result<Seen, StoreError> {
    Seen::from_bytes(bytes).ok_or(StoreError::Corrupt { what })
}

/// Reads what is remembered of a user.
pub(crate) fn profile(bytes: &[u8], what: &'static str) -> Result<Profile, StoreError> {
    Profile::from_bytes(bytes).ok_or(StoreError::Corrupt { what })
}

/// The lowest id of a moment, as far as it goes: an id's first six bytes are its time.
pub(crate) fn first_id_of(moment: Timestamp) -> Vec<u8> {
    moment.millis().max(0).to_be_bytes().into_iter().skip(2).collect()
}

/// Reads a checked text.
pub(crate) fn checked<T, E>(parsed: Result<T, E>, what: &'static str) -> Result<T, StoreError> {
    parsed.map_err(|_| StoreError::Corrupt { what })
}
