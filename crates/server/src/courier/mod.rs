//! Carries one message to one person: mail over SMTP, text messages through Twilio or a signed HTTP hook.
//!
//! It hands a message over once and says what became of it, and whether trying again makes sense. It must not know why a
//! message is sent, what it means, when to try again or how often: queueing belongs to the background runner, wording to
//! the pages. Errors and debug output never hold an address, a text or a code, since both end up in logs.

mod config;
mod error;
mod mail;
mod sms_hook;
mod twilio;
pub mod twilio_status;

use std::fmt;

pub use config::{ConfigError, CourierConfig, HookConfig, MailConfig, SmsConfig, TwilioConfig};
pub use error::{SendError, SendErrorKind};

use mail::Mailer;
use sms_hook::SmsHook;
use twilio::Twilio;

/// A message on its way. `id` is the sender's stable name for it, the same on every attempt: 1 to 128 characters out of
/// `A-Z a-z 0-9 . _ -`. Receivers can tell by it that a second copy is no second message.
#[derive(Clone, Copy)]
pub enum Outgoing<'a> {
    /// A mail with a text and an HTML part that say the same.
    Email {
        /// Becomes the local part of the `Message-ID`.
        id: &'a str,
        /// One bare address, `name@host`.
        to: &'a str,
        /// One line; control characters become spaces.
        subject: &'a str,
        /// For readers without HTML.
        text: &'a str,
        /// A whole HTML document.
        html: &'a str,
    },
    /// A text message.
    Sms {
        /// Becomes the hook's `webhook-id`; Twilio takes no such name.
        id: &'a str,
        /// In E.164 form, `+` and digits.
        to: &'a str,
        /// The text, as it shall be read.
        text: &'a str,
        /// Where Twilio reports what became of it; a hook's endpoint has no use for it.
        report_to: &'a str,
    },
}

/// That a message was taken over by the next system on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The provider's own name for it, by which its later reports speak of it.
    pub provider_id: Option<String>,
    /// How far it is known to have come.
    pub status: ReceiptStatus,
}

/// How far a message is known to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptStatus {
    /// Accepted by the mail server, the provider or the hook.
    Sent,
    /// Reported to be on the person's device.
    Delivered,
}

/// The configured transports. Cheap to share behind an `Arc`; one serves all of a process, so that connections are reused.
#[derive(Debug)]
pub struct Courier {
    mail: Option<Mailer>,
    sms: Option<Sms>,
}

#[derive(Debug)]
enum Sms {
    Twilio(Twilio),
    Hook(SmsHook),
}

impl Courier {
    /// Checks the whole configuration and prepares the transports; connects to nothing yet.
    pub fn from_config(config: &CourierConfig) -> Result<Self, ConfigError> {
        let mail = config.mail.as_ref().map(Mailer::new).transpose()?;
        let sms = match &config.sms {
            None => None,
            Some(SmsConfig::Twilio(twilio)) => Some(Sms::Twilio(Twilio::new(twilio)?)),
            Some(SmsConfig::Hook(hook)) => Some(Sms::Hook(SmsHook::new(hook)?)),
        };
        Ok(Self { mail, sms })
    }

    /// Tries once to hand the message over, within the transport's time limit. `now_ms`, in milliseconds since the Unix
    /// epoch, dates the mail and the hook's signature. A message whose attempt ended in a retryable error may have arrived
    /// all the same, so the next attempt must carry the same `id`.
    pub async fn send(&self, message: &Outgoing<'_>, now_ms: i64) -> Result<Receipt, SendError> {
        check_id(message.id())?;
        match (message, &self.mail, &self.sms) {
            (Outgoing::Email { .. }, None, _) => Err(SendError::not_configured("mail", "[mail]")),
            (Outgoing::Sms { .. }, _, None) => Err(SendError::not_configured("SMS", "[sms]")),
            (&Outgoing::Email { id, to, subject, text, html }, Some(mailer), _) => {
                mailer.send(mail::Mail { id, to, subject, text, html, now_ms }).await
            }
            (&Outgoing::Sms { to, text, report_to, .. }, _, Some(Sms::Twilio(twilio))) => {
                twilio.send(to, text, report_to).await
            }
            (&Outgoing::Sms { id, to, text, .. }, _, Some(Sms::Hook(hook))) => hook.send(id, to, text, now_ms).await,
        }
    }
}

impl Outgoing<'_> {
    fn id(&self) -> &str {
        match self {
            Self::Email { id, .. } | Self::Sms { id, .. } => id,
        }
    }
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Email { .. } => "Email",
            Self::Sms { .. } => "Sms",
        };
        f.debug_struct(name).field("id", &self.id()).finish_non_exhaustive()
    }
}

/// The id goes into headers, so it is held to what needs no quoting in any of them.
fn check_id(id: &str) -> Result<(), SendError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=128).contains(&id.len()) && id.bytes().all(fits) {
        return Ok(());
    }
    Err(SendError::permanent(
        SendErrorKind::Message,
        "the message's id holds more than letters, digits, '.', '_' and '-'",
    ))
}

#[cfg(test)]
mod tests;
