use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{KeyError, SignatureError, SignedHeaders, SigningKey, TOLERANCE_SECONDS};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const NOW: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;

fn key() -> SigningKey {
    SigningKey::parse(&format!("whsec_{}", STANDARD.encode(KEY))).unwrap()
}

fn verify(id: &str, timestamp: &str, signature: &str, body: &[u8], now: i64) -> Result<(), SignatureError> {
    key().verify(SignedHeaders { id, timestamp, signature }, body, now)
}

/// HMAC-SHA256 by another program, so that an error of ours can't hide in both places.
fn openssl_hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let hex = key.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-binary", "-macopt", &format!("hexkey:{hex}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(message).unwrap();
    openssl.wait_with_output().unwrap().stdout
}

#[test]
fn signs_id_timestamp_and_body_as_another_program_does() {
    let message = [ID.as_bytes(), b".", NOW.to_string().as_bytes(), b".", BODY].concat();
    let expected = format!("v1,{}", STANDARD.encode(openssl_hmac_sha256(KEY, &message)));
    assert_eq!(key().sign(ID, NOW, BODY), expected);
}

/// The worked example that the specification's own libraries carry in their tests.
#[test]
fn signs_the_published_example() {
    let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    assert_eq!(key.sign(ID, NOW, BODY), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_signed_message_verifies_within_the_tolerance_only() {
    let signature = key().sign(ID, NOW, BODY);
    let at = |now| verify(ID, &NOW.to_string(), &signature, BODY, now);
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(NOW + TOLERANCE_SECONDS), Ok(()));
    assert_eq!(at(NOW - TOLERANCE_SECONDS), Ok(()));
    assert_eq!(at(NOW + TOLERANCE_SECONDS + 1), Err(SignatureError::Timestamp));
    assert_eq!(at(NOW - TOLERANCE_SECONDS - 1), Err(SignatureError::Timestamp));
    assert_eq!(at(i64::MIN), Err(SignatureError::Timestamp));
}

#[test]
fn nothing_signed_can_be_changed() {
    let (signature, timestamp) = (key().sign(ID, NOW, BODY), NOW.to_string());
    let later = (NOW + 1).to_string();
    let mismatch = Err(SignatureError::Mismatch);
    assert_eq!(verify("msg_other", &timestamp, &signature, BODY, NOW), mismatch);
    assert_eq!(verify(ID, &later, &signature, BODY, NOW), mismatch);
    assert_eq!(verify(ID, &timestamp, &signature, b"{}", NOW), mismatch);
    for forged in ["", "v1,", "v1", "v1,AAAA", "v1,not base64", &signature.replace("v1,", "v2,")] {
        assert_eq!(verify(ID, &timestamp, forged, BODY, NOW), mismatch, "{forged}");
    }
    assert_eq!(verify(ID, "soon", &signature, BODY, NOW), Err(SignatureError::Timestamp));
}

#[test]
fn one_of_several_signatures_is_enough() {
    let other = SigningKey::parse(&format!("whsec_{}", STANDARD.encode([7; 32]))).unwrap();
    let both = format!("{} v1a,AAAA {}", other.sign(ID, NOW, BODY), key().sign(ID, NOW, BODY));
    assert_eq!(verify(ID, &NOW.to_string(), &both, BODY, NOW), Ok(()));
}

#[test]
fn a_bad_secret_says_what_is_wrong_and_a_good_one_never_prints() {
    let error = |secret: &str| SigningKey::parse(secret).unwrap_err();
    assert_eq!(error("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), KeyError::Prefix);
    assert_eq!(error("whsec_%%%"), KeyError::Encoding);
    assert_eq!(error(&format!("whsec_{}", STANDARD.encode([1; 23]))), KeyError::Length);
    assert_eq!(error(&format!("whsec_{}", STANDARD.encode([1; 65]))), KeyError::Length);
    assert_eq!(format!("{:?}", key()), "SigningKey([redacted])");
}
