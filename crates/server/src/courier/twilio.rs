//! Text messages through Twilio's Messages resource (API version 2010-04-01).
//!
//! It must not know what becomes of a message later; see `twilio_status` for that.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::config::{ConfigError, TwilioConfig, time_limit};
use super::twilio_status::{DeliveryStatus, delivery_status};
use super::{Receipt, ReceiptStatus, SendError, SendErrorKind};
use crate::outbound::{Answer, Limits, Outbound};

const WHO: &str = "Twilio";

/// Twilio's error codes that speak of the recipient: not a number, not reachable from here, unsubscribed, not mobile.
const RECIPIENT_CODES: [u64; 6] = [21211, 21408, 21610, 21612, 21614, 21635];

pub(super) struct Twilio {
    messages: Url,
    account_sid: String,
    auth_token: SecretString,
    sender: (&'static str, String),
    outbound: Outbound,
}

#[derive(Deserialize)]
struct Message {
    sid: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: Option<u64>,
}

impl Twilio {
    pub(super) fn new(config: &TwilioConfig) -> Result<Self, ConfigError> {
        let total = time_limit("sms.timeout_seconds", config.timeout_seconds)?;
        let limits = Limits { total, allow_private: config.allow_private_addresses, ..Limits::default() };
        Ok(Self {
            messages: messages_url(config)?,
            account_sid: config.account_sid.clone(),
            auth_token: config.auth_token.clone(),
            sender: sender(config)?,
            outbound: Outbound::new(limits).map_err(|error| ConfigError::new("sms", error.to_string()))?,
        })
    }

    /// Sends a message; what becomes of it later is posted to `report_to`.
    pub(super) async fn send(&self, to: &str, text: &str, report_to: &str) -> Result<Receipt, SendError> {
        let sender = (self.sender.0, self.sender.1.as_str());
        let form = [("To", to), ("Body", text), sender, ("StatusCallback", report_to)];
        let request = self
            .outbound
            .post(self.messages.clone())
            .basic_auth(&self.account_sid, Some(self.auth_token.expose_secret()))
            .form(&form);
        let answer = self.outbound.send(request).await.map_err(|error| SendError::from_outbound(WHO, error))?;
        if answer.status.is_success() { taken(&answer) } else { Err(refused(&answer)) }
    }
}

impl fmt::Debug for Twilio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twilio").field("account_sid", &self.account_sid).finish_non_exhaustive()
    }
}

/// Taken is taken, even where the answer can't be read: a second attempt would be a second message.
fn taken(answer: &Answer) -> Result<Receipt, SendError> {
    let message: Message = serde_json::from_slice(&answer.body).unwrap_or(Message { sid: None, status: None });
    let status = match message.status.as_deref().and_then(delivery_status) {
        Some(DeliveryStatus::Failed) => {
            return Err(SendError::permanent(SendErrorKind::Refused, "Twilio took the message and failed to send it"));
        }
        Some(DeliveryStatus::Delivered) => ReceiptStatus::Delivered,
        Some(DeliveryStatus::Sent) | None => ReceiptStatus::Sent,
    };
    Ok(Receipt { provider_id: message.sid, status })
}

fn refused(answer: &Answer) -> SendError {
    let code = serde_json::from_slice::<Problem>(&answer.body).ok().and_then(|problem| problem.code);
    let mut error = SendError::from_status(WHO, answer.status.as_u16(), code);
    if !error.retryable && code.is_some_and(|code| RECIPIENT_CODES.contains(&code)) {
        error.kind = SendErrorKind::Recipient;
    }
    error
}

fn messages_url(config: &TwilioConfig) -> Result<Url, ConfigError> {
    if config.account_sid.is_empty() || !config.account_sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ConfigError::new("sms.account_sid", "must be the account's SID, \"AC\" and 32 hexadecimal digits"));
    }
    let mut url = config.base_url.clone();
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ConfigError::new("sms.base_url", "must be an http or https URL"));
    }
    let path = format!("{}/2010-04-01/Accounts/{}/Messages.json", url.path().trim_end_matches('/'), config.account_sid);
    url.set_path(&path);
    Ok(url)
}

fn sender(config: &TwilioConfig) -> Result<(&'static str, String), ConfigError> {
    match (&config.from, &config.messaging_service_sid) {
        (Some(from), None) => Ok(("From", from.clone())),
        (None, Some(service)) => Ok(("MessagingServiceSid", service.clone())),
        _ => Err(ConfigError::new("sms.from", "set exactly one of sms.from and sms.messaging_service_sid")),
    }
}
