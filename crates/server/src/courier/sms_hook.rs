//! Text messages through an HTTP endpoint of the operator's: one signed `POST` a message, after Standard Webhooks.
//!
//! It must not know what the endpoint does with them.

use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use serde::Serialize;
use url::Url;

use super::config::{ConfigError, HookConfig, time_limit};
use super::{Receipt, ReceiptStatus, SendError, SendErrorKind};
use crate::outbound::{Limits, Outbound};
use crate::webhook_signature::{ID_HEADER, SIGNATURE_HEADER, SigningKey, TIMESTAMP_HEADER};

const WHO: &str = "the SMS hook";

#[derive(Debug)]
pub(super) struct SmsHook {
    url: Url,
    key: SigningKey,
    outbound: Outbound,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    to: &'a str,
    text: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl SmsHook {
    pub(super) fn new(config: &HookConfig) -> Result<Self, ConfigError> {
        let key = SigningKey::parse(config.secret.expose_secret())
            .map_err(|error| ConfigError::new("sms.secret", error.to_string()))?;
        if !matches!(config.url.scheme(), "http" | "https") {
            return Err(ConfigError::new("sms.url", "must be an http or https URL"));
        }
        let total = time_limit("sms.timeout_seconds", config.timeout_seconds)?;
        let limits = Limits { total, allow_private: config.allow_private_addresses, ..Limits::default() };
        let outbound = Outbound::new(limits).map_err(|error| ConfigError::new("sms", error.to_string()))?;
        Ok(Self { url: config.url.clone(), key, outbound })
    }

    pub(super) async fn send(&self, id: &str, to: &str, text: &str, now_ms: i64) -> Result<Receipt, SendError> {
        let body = serde_json::to_vec(&Body { id, to, text, kind: "sms" })
            .map_err(|_| SendError::permanent(SendErrorKind::Message, "the message could not be put together"))?;
        let timestamp = now_ms.div_euclid(1000);
        let request = self
            .outbound
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ID_HEADER, id)
            .header(TIMESTAMP_HEADER, timestamp)
            .header(SIGNATURE_HEADER, self.key.sign(id, timestamp, &body))
            .body(body);
        let answer = self.outbound.send(request).await.map_err(|error| SendError::from_outbound(WHO, error))?;
        if answer.status.is_success() {
            return Ok(Receipt { provider_id: None, status: ReceiptStatus::Sent });
        }
        Err(SendError::from_status(WHO, answer.status.as_u16(), None))
    }
}
