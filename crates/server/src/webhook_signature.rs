//! Signs what we send over HTTP and checks such signatures, after the Standard Webhooks specification, version 1
//! (<https://www.standardwebhooks.com>): HMAC-SHA256 over `id.timestamp.body`, in Base64, behind the scheme name `v1,`.
//!
//! It must not know what is sent or to whom, and it reads no clock: both sides hand in their time.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// Header that names the message; the same on every retry, so that a receiver can recognise one it has seen.
pub const ID_HEADER: &str = "webhook-id";
/// Header with the time of the attempt, in seconds since the Unix epoch.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Header with one or more signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far a timestamp may lie from the receiver's clock, in seconds, in either direction: the five minutes of the
/// specification's reference implementations.
pub const TOLERANCE_SECONDS: i64 = 300;

const SECRET_PREFIX: &str = "whsec_";
const SCHEME: &str = "v1";
/// The specification asks for 24 to 64 bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A symmetric signing key. Neither prints nor compares.
#[derive(Clone)]
pub struct SigningKey(SecretSlice<u8>);

/// Why a text is not a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The `whsec_` prefix is missing.
    #[error("a signing secret begins with \"whsec_\"")]
    Prefix,
    /// What follows the prefix is not Base64.
    #[error("what follows \"whsec_\" must be standard Base64, with its padding")]
    Encoding,
    /// The key is shorter than 24 or longer than 64 bytes.
    #[error("a signing secret holds 24 to 64 bytes; `openssl rand -base64 32` makes one")]
    Length,
}

/// Why a signed message is refused. Tells a receiver's operator what is wrong, and a forger nothing of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The timestamp is no integer, or further from now than [`TOLERANCE_SECONDS`].
    #[error("the timestamp is missing, malformed or too far from the receiver's clock")]
    Timestamp,
    /// No signature in the header fits the message.
    #[error("no signature fits the message")]
    Mismatch,
}

/// The three headers of a signed message, as they arrived.
#[derive(Clone, Copy, Debug)]
pub struct SignedHeaders<'a> {
    /// [`ID_HEADER`].
    pub id: &'a str,
    /// [`TIMESTAMP_HEADER`].
    pub timestamp: &'a str,
    /// [`SIGNATURE_HEADER`].
    pub signature: &'a str,
}

impl SigningKey {
    /// Reads `whsec_` followed by the key in standard Base64.
    pub fn parse(secret: &str) -> Result<Self, KeyError> {
        let encoded = secret.strip_prefix(SECRET_PREFIX).ok_or(KeyError::Prefix)?;
        let key = STANDARD.decode(encoded).map_err(|_| KeyError::Encoding)?;
        if !KEY_BYTES.contains(&key.len()) {
            return Err(KeyError::Length);
        }
        Ok(Self(key.into()))
    }

    /// The value of [`SIGNATURE_HEADER`] for this message; `timestamp` in seconds since the Unix epoch.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mac = self.mac(id, &timestamp.to_string(), body).finalize().into_bytes();
        format!("{SCHEME},{}", STANDARD.encode(mac))
    }

    /// Checks a message that arrived at `now` (seconds since the Unix epoch). Signatures of other schemes are passed over,
    /// so that a sender may add one; the comparison takes the same time wherever the bytes differ.
    pub fn verify(&self, headers: SignedHeaders<'_>, body: &[u8], now: i64) -> Result<(), SignatureError> {
        let sent: i64 = headers.timestamp.parse().map_err(|_| SignatureError::Timestamp)?;
        if now.abs_diff(sent) > TOLERANCE_SECONDS.unsigned_abs() {
            return Err(SignatureError::Timestamp);
        }
        let mac = self.mac(headers.id, headers.timestamp, body);
        let fits = |signature: &str| {
            let encoded = signature.strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix(','));
            encoded
                .and_then(|encoded| STANDARD.decode(encoded).ok())
                .is_some_and(|bytes| mac.clone().verify_slice(&bytes).is_ok())
        };
        if headers.signature.split(' ').any(fits) { Ok(()) } else { Err(SignatureError::Mismatch) }
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        #[expect(
            clippy::expect_used,
            reason = "HMAC takes keys of any length; the error type is shared with other MACs"
        )]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes any key");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

#[cfg(test)]
mod tests;
