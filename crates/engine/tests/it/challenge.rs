//! The challenge machine: readable tables of what a user lives through, and properties over whatever an attacker sends.

mod devices;
mod lives;
mod privacy;
mod properties;

use countersign_engine::{
    challenge::{Challenge, ChallengeConfig, Channel, NewChallenge, Require},
    id::{ChallengeId, EvaluationId},
    text::{Email, Phone, ReturnUrl},
    time::{SECOND, Timestamp},
};

/// Hash of the cookie of the browser that was challenged.
const MINE: [u8; 32] = [1; 32];
/// That of another browser.
const OTHER: [u8; 32] = [2; 32];

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_764_000_000_000 + ms)
}

fn seconds(seconds: i64) -> Timestamp {
    at(seconds * SECOND)
}

/// Stands for the keyed hash of a challenge's id and the digits: differs where either does.
fn hash(challenge: ChallengeId, digits: u32) -> [u8; 32] {
    let mut out = [0; 32];
    out[..16].copy_from_slice(&challenge.to_bytes());
    out[16..20].copy_from_slice(&digits.to_be_bytes());
    out
}

fn config() -> ChallengeConfig {
    serde_json::from_value(serde_json::json!({"name": "login", "success_url": "https://shop.example/verified"}))
        .unwrap()
}

fn email_and_sms(require: Require) -> ChallengeConfig {
    ChallengeConfig { channels: vec![Channel::Email, Channel::Sms], require, ..config() }
}

fn email() -> Email {
    Email::parse("ada@example.com").unwrap()
}

fn phone(last: u32) -> Phone {
    Phone::parse(&format!("+3361234567{last}")).unwrap()
}

/// A challenge made at 0.
fn challenge(config: ChallengeConfig, email: Option<Email>, phone: Option<Phone>) -> Challenge {
    numbered(7, config, email, phone)
}

fn numbered(number: u8, config: ChallengeConfig, email: Option<Email>, phone: Option<Phone>) -> Challenge {
    let new = NewChallenge { config, kind: "account_takeover".to_owned(), email, phone, reasons: vec![] };
    let id = ChallengeId::new(0, [number; 10]);
    Challenge::create(new, id, EvaluationId::new(0, [number; 10]), (None, None), None, at(0))
}

fn to_return(url: &str) -> ReturnUrl {
    ReturnUrl::parse(url).unwrap()
}
