//! Secrets, and everything made with them: codes, tokens, hashes, sealed messages.
//!
//! One server key stands behind all of it; each use has its own key, derived by its name, so that nothing made for one
//! purpose passes for another. Every MAC covers length-framed parts: no two different inputs read the same. Nothing here
//! prints.

use std::{fmt, path::Path};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use countersign_engine::id::{BrowserId, ChallengeId, FingerprintId, MessageId, ProjectId, WebhookId};
use hmac::{Hmac, Mac};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::context::Rng;

/// The key behind all others: 32 bytes that every node of a deployment shares.
#[derive(Clone)]
pub struct ServerKey([u8; 32]);

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey([redacted])")
    }
}

/// Why there is no server key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// What was configured is no key.
    #[error("the server key must be 32 bytes in base64; make one with `countersign keys server-key`")]
    Malformed,
    /// The key file can't be read or written.
    #[error("the server key file {path} can't be used: {source}")]
    File {
        /// Where it is.
        path: String,
        /// What happened.
        source: std::io::Error,
    },
}

impl ServerKey {
    /// The key written as `text`: base64 of 32 bytes, with or without padding, in either alphabet.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let canonical: String = text.trim().trim_end_matches('=').replace('+', "-").replace('/', "_");
        let bytes = URL_SAFE_NO_PAD.decode(canonical).map_err(|_| KeyError::Malformed)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::Malformed)
    }

    /// A new key.
    pub fn generate(rng: &Rng) -> Self {
        Self(rng.bytes())
    }

    /// The key in `path`; makes one, readable by its owner alone, where there is none.
    pub fn load_or_create(path: &Path, rng: &Rng) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.display().to_string(), source };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = Self::generate(rng);
                match write_private(path, &URL_SAFE_NO_PAD.encode(key.0)) {
                    Ok(()) => Ok(key),
                    // Another process made it between our look and our write: theirs counts.
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                        Self::parse(&std::fs::read_to_string(path).map_err(failed)?)
                    }
                    Err(error) => Err(failed(error)),
                }
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The MAC of `parts` for one purpose.
    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let derived = framed(&self.0, &[b"countersign", purpose.as_bytes()]);
        framed(&derived, parts)
    }

    /// What is kept of a code: it opens no other challenge.
    pub fn code_hash(&self, challenge: ChallengeId, code: &str) -> [u8; 32] {
        self.mac("code", &[&challenge.to_bytes(), code.as_bytes()])
    }

    /// The secret that events for an endpoint are signed with, as Standard Webhooks write it; another one for each version.
    pub fn webhook_secret(&self, project: ProjectId, webhook: WebhookId, version: u32) -> SecretString {
        let parts: [&[u8]; 3] = [&project.to_bytes(), &webhook.to_bytes(), &version.to_be_bytes()];
        format!("whsec_{}", STANDARD.encode(self.mac("webhook", &parts))).into()
    }

    /// The token in a message's "this wasn't me" link.
    pub fn report_token(&self, challenge: ChallengeId) -> String {
        URL_SAFE_NO_PAD.encode(self.mac("report", &[&challenge.to_bytes()]))
    }

    /// Whether `token` is that challenge's.
    pub fn is_report_token(&self, challenge: ChallengeId, token: &str) -> bool {
        bool::from(self.report_token(challenge).as_bytes().ct_eq(token.as_bytes()))
    }

    /// The token in the address that a message's delivery is reported to.
    pub fn delivery_token(&self, project: ProjectId, challenge: ChallengeId, send: u32) -> String {
        let parts: [&[u8]; 3] = [&project.to_bytes(), &challenge.to_bytes(), &send.to_be_bytes()];
        URL_SAFE_NO_PAD.encode(self.mac("delivery", &parts))
    }

    /// Whether `token` is that message's.
    pub fn is_delivery_token(&self, project: ProjectId, challenge: ChallengeId, send: u32, token: &str) -> bool {
        bool::from(self.delivery_token(project, challenge, send).as_bytes().ct_eq(token.as_bytes()))
    }

    /// The token that a form of the challenge page carries: only the page that was shown to this browser has it.
    pub fn form_token(&self, challenge: ChallengeId, browser: &[u8; 32]) -> String {
        URL_SAFE_NO_PAD.encode(self.mac("form", &[&challenge.to_bytes(), browser]))
    }

    /// Whether `token` is that page's.
    pub fn is_form_token(&self, challenge: ChallengeId, browser: &[u8; 32], token: &str) -> bool {
        bool::from(self.form_token(challenge, browser).as_bytes().ct_eq(token.as_bytes()))
    }

    /// The id of the fingerprint with these traits.
    pub fn fingerprint_id(&self, project: ProjectId, traits: &[&[u8]]) -> FingerprintId {
        let mut parts: Vec<&[u8]> = Vec::with_capacity(traits.len() + 1);
        let project = project.to_bytes();
        parts.push(&project);
        parts.extend_from_slice(traits);
        let mac = self.mac("fingerprint", &parts);
        let mut id = [0; 16];
        id.copy_from_slice(mac.split_at(16).0);
        FingerprintId::from_bytes(id)
    }

    /// The token that stands for a browser's storage, made anew with every evaluation.
    pub fn device_token(&self, project: ProjectId, browser: BrowserId, now_ms: i64) -> String {
        let issued = now_ms.to_be_bytes();
        let mac = self.mac("device", &[&project.to_bytes(), &browser.to_bytes(), &issued]);
        let bytes = [browser.to_bytes().as_slice(), issued.as_slice(), mac.as_slice()].concat();
        format!("dvt_{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The browser that `token` stands for, if we made it for this project.
    pub fn read_device_token(&self, project: ProjectId, token: &str) -> Option<BrowserId> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix("dvt_")?).ok()?;
        let (browser, rest) = bytes.split_at_checked(16)?;
        let (issued, mac) = rest.split_at_checked(8)?;
        let wanted = self.mac("device", &[&project.to_bytes(), browser, issued]);
        let genuine = bool::from(wanted.as_slice().ct_eq(mac));
        genuine.then(|| browser.try_into().ok().map(BrowserId::from_bytes)).flatten()
    }

    /// Encrypts what a message carries until it is delivered; it opens for that message only.
    pub fn seal(&self, message: MessageId, plain: &[u8], rng: &Rng) -> Option<Vec<u8>> {
        let nonce: [u8; 12] = rng.bytes();
        let aad = message.to_bytes();
        let sealed = self.cipher().encrypt(&nonce.into(), Payload { msg: plain, aad: &aad }).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts it.
    pub fn open(&self, message: MessageId, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(12)?;
        let nonce: [u8; 12] = nonce.try_into().ok()?;
        let aad = message.to_bytes();
        self.cipher().decrypt(&nonce.into(), Payload { msg: sealed, aad: &aad }).ok()
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&self.mac("message", &[]).into())
    }
}

/// HMAC-SHA256 over the parts, each preceded by its length.
fn framed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than the hash's block is padded with zeros (RFC 2104): done here, its length is the type's.
    let mut block = [0; 64];
    block.split_at_mut(32).0.copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// SHA-256: what is kept of a random token or secret.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A code of `length` digits, each equally likely.
pub fn draw_code(length: u32, rng: &Rng) -> String {
    let mut code = String::new();
    while code.len() < usize::try_from(length).unwrap_or(6) {
        let [byte] = rng.bytes::<1>();
        // 250 is the largest multiple of ten that a byte reaches: beyond it digits would not be equally likely.
        if byte < 250 {
            code.push(char::from(b'0' + byte % 10));
        }
    }
    code
}

/// A random token: 256 bits.
pub fn draw_token(rng: &Rng) -> String {
    URL_SAFE_NO_PAD.encode(rng.bytes::<32>())
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 32 random characters and, as the last six, their CRC-32: secret scanners recognise our keys by it without asking us.
pub fn draw_key_body(prefix: &str, rng: &Rng) -> String {
    let mut body = String::new();
    while body.len() < 32 {
        let [byte] = rng.bytes::<1>();
        if let Some(character) = BASE62.get(usize::from(byte) & 63) {
            body.push(char::from(*character));
        }
    }
    let checksum = key_checksum(prefix, &body);
    body + &checksum
}

/// Whether the last six characters of `key` are the checksum of those before.
pub fn has_checksum(key: &str) -> bool {
    let Some((prefix, body)) = key.rfind('_').and_then(|at| key.split_at_checked(at + 1)) else { return false };
    let at = body.len().checked_sub(6);
    at.and_then(|at| body.split_at_checked(at)).is_some_and(|(random, sum)| key_checksum(prefix, random) == sum)
}

fn key_checksum(prefix: &str, body: &str) -> String {
    let mut rest = crc32fast::hash(format!("{prefix}{body}").as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        let place = usize::try_from(rest % 62).unwrap_or_default();
        *digit = BASE62.get(place).copied().unwrap_or(b'0');
        rest /= 62;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

#[cfg(unix)]
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(not(unix))]
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ServerKey {
        ServerKey([7; 32])
    }

    #[test]
    fn parts_are_framed() {
        assert_ne!(framed(&[1; 32], &[b"ab", b"c"]), framed(&[1; 32], &[b"a", b"bc"]));
        assert_ne!(framed(&[1; 32], &[b"ab"]), framed(&[1; 32], &[b"ab", b""]));
    }

    #[test]
    fn a_code_opens_one_challenge_only() {
        let (a, b) = (ChallengeId::new(1, [1; 10]), ChallengeId::new(1, [2; 10]));
        assert_ne!(key().code_hash(a, "123456"), key().code_hash(b, "123456"));
    }

    #[test]
    fn a_device_token_reads_back_for_its_project_only_and_cannot_be_altered() {
        let (shop, other) = (ProjectId::new(1, [1; 10]), ProjectId::new(1, [2; 10]));
        let browser = BrowserId::new(5, [9; 10]);
        let token = key().device_token(shop, browser, 1_000);
        assert_eq!(key().read_device_token(shop, &token), Some(browser));
        assert_eq!(key().read_device_token(other, &token), None);
        assert_eq!(ServerKey([8; 32]).read_device_token(shop, &token), None);
        let mut altered = token.clone();
        altered.replace_range(6..7, if &token[6..7] == "A" { "B" } else { "A" });
        assert_eq!(key().read_device_token(shop, &altered), None);
        assert_eq!(key().read_device_token(shop, "dvt_"), None);
    }

    #[test]
    fn a_sealed_message_opens_for_itself_only() {
        let (a, b) = (MessageId::new(1, [1; 10]), MessageId::new(1, [2; 10]));
        let sealed = key().seal(a, b"123456", &Rng::seeded(1)).unwrap();
        assert_eq!(key().open(a, &sealed).as_deref(), Some(b"123456".as_slice()));
        assert_eq!(key().open(b, &sealed), None);
        assert!(!sealed.windows(6).any(|w| w == b"123456"));
    }

    #[test]
    fn keys_carry_their_checksum() {
        let rng = Rng::seeded(2);
        let key = format!("sk_live_{}", draw_key_body("sk_live_", &rng));
        assert!(has_checksum(&key), "{key}");
        assert!(!has_checksum(&key.replace("live", "dev")));
        assert!(!has_checksum(&format!("{}x", &key[..key.len() - 1])) || key.ends_with('x'));
        assert!(!has_checksum("sk_live_") && !has_checksum("nonsense"));
    }

    #[test]
    fn every_digit_is_drawn() {
        let rng = Rng::seeded(3);
        let digits: String = (0..200).map(|_| draw_code(6, &rng)).collect();
        assert!(('0'..='9').all(|digit| digits.matches(digit).count() > 60), "{digits}");
    }
}
