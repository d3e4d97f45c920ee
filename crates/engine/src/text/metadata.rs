//! What a site attaches to an evaluation or a user.

use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use super::{InvalidText, private_debug};

/// A JSON object of at most 50 keys and 4 KiB (spec section 3.1). `Debug` doesn't print it.
#[derive(Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Metadata(Map<String, Value>);

private_debug!(Metadata);

/// Keys at most.
pub const MAX_KEYS: usize = 50;
/// Bytes of JSON at most.
pub const MAX_BYTES: usize = 4_096;

impl Metadata {
    /// The metadata `map`, if it is within the limits.
    pub fn new(map: Map<String, Value>) -> Result<Self, InvalidText> {
        let bytes = serde_json::to_string(&map).map_or(usize::MAX, |json| json.len());
        if map.len() > MAX_KEYS || bytes > MAX_BYTES {
            return Err(InvalidText("metadata is an object of at most 50 keys and 4096 bytes"));
        }
        Ok(Self(map))
    }

    /// The entry under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This metadata with `other`'s entries over it; `null` removes an entry.
    pub fn merged(mut self, other: Self) -> Result<Self, InvalidText> {
        for (key, value) in other.0 {
            if value.is_null() {
                self.0.remove(&key);
            } else {
                self.0.insert(key, value);
            }
        }
        Self::new(self.0)
    }

    /// The object.
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Map::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Whether two JSON values say the same: objects regardless of order, numbers by value (`1` is `1.0`).
pub fn deep_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| deep_equal(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| deep_equal(a, b)),
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equality_is_deep_and_by_value() {
        assert!(deep_equal(&json!({"a": [1, {"b": 2}], "c": null}), &json!({"c": null, "a": [1.0, {"b": 2}]})));
        for (a, b) in [
            (json!({}), json!({"a": null})),
            (json!([1, 2]), json!([2, 1])),
            (json!("1"), json!(1)),
            (json!(1), json!(1.5)),
        ] {
            assert!(!deep_equal(&a, &b), "{a} equals {b}");
        }
    }

    #[test]
    fn limits_hold() {
        let many: Map<_, _> = (0..51).map(|i| (alloc::format!("k{i}"), json!(1))).collect();
        assert!(Metadata::new(many).is_err());
        assert!(serde_json::from_value::<Metadata>(json!({"a": "x".repeat(4_096)})).is_err());
        assert!(serde_json::from_value::<Metadata>(json!([1])).is_err());
    }
}
