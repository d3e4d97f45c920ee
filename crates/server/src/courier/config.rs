//! How mail and SMS leave, as an operator writes it. Shapes and defaults only; each transport checks its own.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// The `[mail]` and `[sms]` sections. A missing one turns that channel off.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CourierConfig {
    /// How mail leaves.
    #[serde(default)]
    pub mail: Option<MailConfig>,
    /// How text messages leave.
    #[serde(default)]
    pub sms: Option<SmsConfig>,
}

/// The `[mail]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// The mail server, and how the connection to it is protected: `smtps://host` (TLS from the first byte, port 465),
    /// `smtp+starttls://host` (upgraded, never without; port 587), `smtp://host` (no TLS, port 25, loopback only).
    pub smtp: Url,
    /// Who the mail is from: `Shop <no-reply@shop.example>`.
    pub from: String,
    /// Where answers go, when not to `from`.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// With `password`: how to log in. Without both, no login.
    #[serde(default)]
    pub username: Option<String>,
    /// See `username`.
    #[serde(default)]
    pub password: Option<SecretString>,
    /// Seconds that one attempt may take in all, from 1 to 300.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: u64,
}

/// The `[sms]` section; `provider` chooses.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "provider", rename_all = "lowercase")]
pub enum SmsConfig {
    /// `provider = "twilio"`.
    Twilio(TwilioConfig),
    /// `provider = "hook"`.
    Hook(HookConfig),
}

/// Text messages through Twilio's Messages API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioConfig {
    /// `AC…`.
    pub account_sid: String,
    /// The account's auth token.
    pub auth_token: SecretString,
    /// The sending number in E.164 form or an alphanumeric sender; this or `messaging_service_sid`.
    #[serde(default)]
    pub from: Option<String>,
    /// `MG…`: lets a messaging service choose the sender.
    #[serde(default)]
    pub messaging_service_sid: Option<String>,
    /// The API's address; another one for a regional edge or a test.
    #[serde(default = "twilio_base_url")]
    pub base_url: Url,
    /// Whether `base_url` may lie on a private or loopback address.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// Seconds that one attempt may take in all, from 1 to 300.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: u64,
}

/// Text messages handed to an HTTP endpoint of the operator's, signed after Standard Webhooks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookConfig {
    /// Receives `POST` with `{"id", "to", "text", "type": "sms"}`; any 2xx means that it takes care of the message.
    pub url: Url,
    /// `whsec_` and 24 to 64 bytes in Base64; the endpoint checks the signature with it.
    pub secret: SecretString,
    /// Whether `url` may lie on a private or loopback address, as a gateway of one's own often does.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// Seconds that one attempt may take in all, from 1 to 300.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: u64,
}

/// A setting that can't work: where it stands, and what to write instead. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct ConfigError {
    /// Dotted path of the setting, such as `mail.from`.
    pub setting: &'static str,
    /// What is wrong and what to do.
    pub problem: String,
}

impl ConfigError {
    pub(super) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }
}

/// A time limit in the allowed range.
pub(super) fn time_limit(setting: &'static str, seconds: u64) -> Result<Duration, ConfigError> {
    if (1..=300).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    Err(ConfigError::new(setting, "must be from 1 to 300 seconds"))
}

fn default_timeout_seconds() -> u64 {
    15
}

#[expect(clippy::expect_used, reason = "a constant; every start of the server and most tests pass here")]
fn twilio_base_url() -> Url {
    "https://api.twilio.com".parse().expect("a well-formed URL")
}
