//! What Twilio reports about a message after taking it: is the report Twilio's, and what does it say?
//!
//! It must not know how the report arrived nor what is done about it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;

/// How far a message has come, in the three steps that matter to a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// On its way.
    Sent,
    /// On the person's device.
    Delivered,
    /// It will not arrive.
    Failed,
}

/// Reads Twilio's `MessageStatus`; `None` for a word that is not among those it documents.
pub fn delivery_status(message_status: &str) -> Option<DeliveryStatus> {
    match message_status {
        "accepted" | "scheduled" | "queued" | "sending" | "sent" => Some(DeliveryStatus::Sent),
        "delivered" | "read" => Some(DeliveryStatus::Delivered),
        "undelivered" | "failed" | "canceled" => Some(DeliveryStatus::Failed),
        _ => None,
    }
}

/// Whether `signature`, the `X-Twilio-Signature` header, fits a form posted to `url`: HMAC-SHA1 under the auth token over
/// the whole URL as Twilio was given it, followed by each parameter's name and value, sorted by name. Compared in
/// constant time.
pub fn is_from_twilio(auth_token: &SecretString, url: &str, form: &[(String, String)], signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(auth_token.expose_secret().as_bytes()) else {
        return false;
    };
    mac.update(url.as_bytes());
    let mut sorted: Vec<_> = form.iter().collect();
    sorted.sort();
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{DeliveryStatus, delivery_status, is_from_twilio};

    /// The worked example of Twilio's page on request validation.
    #[test]
    fn the_documented_example_verifies_and_a_changed_one_does_not() {
        let form: Vec<(String, String)> = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let check = |token: &str, url: &str, signature: &str| is_from_twilio(&token.into(), url, &form, signature);
        assert!(check("12345", url, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
        assert!(!check("12346", url, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
        assert!(!check("12345", "https://mycompany.com/myapp.php", "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
        assert!(!check("12345", url, "not base64"));
    }

    #[test]
    fn statuses_map_to_what_a_challenge_shows() {
        assert_eq!(delivery_status("queued"), Some(DeliveryStatus::Sent));
        assert_eq!(delivery_status("delivered"), Some(DeliveryStatus::Delivered));
        assert_eq!(delivery_status("undelivered"), Some(DeliveryStatus::Failed));
        assert_eq!(delivery_status("constructor"), None);
    }
}
