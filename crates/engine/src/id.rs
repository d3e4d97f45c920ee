//! Ids: a prefix and a ULID in lower case, such as `evl_01jd3…` (spec section 2).
//!
//! An id is 48 bits of time and 80 random bits. Both are handed in: ids come from outside, so that an operation can be
//! run again with the same ones.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Crockford's base 32 in lower case, as ULIDs use it.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ENCODED: usize = 26;

/// What was given is no id of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an id that starts with `{prefix}_` and goes on with 26 lower-case letters and digits")]
pub struct InvalidId {
    /// The prefix that was wanted.
    pub prefix: &'static str,
}

fn encode(value: u128) -> [u8; ENCODED] {
    let mut out = [b'0'; ENCODED];
    let mut rest = value;
    for slot in out.iter_mut().rev() {
        let digit = usize::try_from(rest & 31).unwrap_or_default();
        *slot = ALPHABET.get(digit).copied().unwrap_or(b'0');
        rest >>= 5;
    }
    out
}

fn decode(text: &str) -> Option<u128> {
    // 26 digits hold 130 bits: the first may be no more than 7.
    if text.len() != ENCODED || text.as_bytes().first()? > &b'7' {
        return None;
    }
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        Some((value << 5) | u128::try_from(digit).ok()?)
    })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What stands before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The id of moment `ms` (milliseconds since the epoch) and 80 random bits.
            pub fn new(ms: i64, random: [u8; 10]) -> Self {
                let time = u128::from(u64::try_from(ms).unwrap_or_default() & 0xffff_ffff_ffff);
                let random = random.iter().fold(0_u128, |value, byte| (value << 8) | u128::from(*byte));
                Self((time << 80) | random)
            }

            /// The id that the store keeps as these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }

            /// The bytes that the store keeps: they sort by time.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let digits = encode(self.0);
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(core::str::from_utf8(&digits).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or(InvalidId { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// One verdict on one action.
    EvaluationId = "evl";
    /// One interactive proof.
    ChallengeId = "chl";
    /// Our id of a user.
    UserId = "usr";
    /// One device attached to a user.
    DeviceId = "dev";
    /// One browser on one machine, recognised by its signals.
    FingerprintId = "fpr";
    /// A policy.
    PolicyId = "pol";
    /// A challenge config.
    ChallengeConfigId = "chc";
    /// A list.
    ListId = "lst";
    /// A webhook endpoint.
    WebhookId = "whk";
    /// A project: one site.
    ProjectId = "prj";
    /// A key pair.
    KeyId = "key";
    /// Something that happened and that others are told of.
    EventId = "evt";
    /// A message to be delivered.
    MessageId = "msg";
    /// One browser's storage: what a device token stands for.
    BrowserId = "brw";
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_id_reads_back_as_it_was_written_and_sorts_by_time() {
        let early = EvaluationId::new(1_764_000_000_000, [0xff; 10]);
        let late = EvaluationId::new(1_764_000_000_001, [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(EvaluationId::from_bytes(early.to_bytes()), early);
    }

    #[test]
    fn only_the_canonical_spelling_of_the_right_kind_is_an_id() {
        let id = EvaluationId::new(1_764_000_000_000, [7; 10]).to_string();
        let (_, digits) = id.split_once('_').unwrap();
        for wrong in [
            alloc::format!("chl_{digits}"),
            id.to_uppercase(),
            alloc::format!("{id}0"),
            alloc::format!("evl_8{}", &digits[1..]),
            alloc::format!("evl_{}i", &digits[1..]),
            "evl_".into(),
            alloc::string::String::new(),
        ] {
            assert!(wrong.parse::<EvaluationId>().is_err(), "{wrong} passed");
        }
    }
}
