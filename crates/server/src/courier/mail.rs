//! Mail over SMTP: puts the message together and hands it to the operator's mail server.
//!
//! It must not know what the mail is about. What `connection` holds is how to talk to the server.

mod connection;

use std::time::{Duration, SystemTime};

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::response::Severity;
use lettre::{Address, Message};
use rustls::pki_types::CertificateDer;
use tokio::time::timeout;

use super::config::{ConfigError, MailConfig, time_limit};
use super::{Receipt, ReceiptStatus, SendError, SendErrorKind};
use crate::outbound::system_roots;
use connection::Connections;

/// What [`Mailer::send`] needs to know; see [`super::Outgoing::Email`].
pub(super) struct Mail<'a> {
    pub(super) id: &'a str,
    pub(super) to: &'a str,
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
    pub(super) html: &'a str,
    pub(super) now_ms: i64,
}

#[derive(Debug)]
pub(super) struct Mailer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    connections: Connections,
    limit: Duration,
}

impl Mailer {
    pub(super) fn new(config: &MailConfig) -> Result<Self, ConfigError> {
        Self::trusting(config, &system_roots())
    }

    /// One that trusts these root certificates and Mozilla's.
    fn trusting(config: &MailConfig, roots: &[CertificateDer<'static>]) -> Result<Self, ConfigError> {
        let limit = time_limit("mail.timeout_seconds", config.timeout_seconds)?;
        Ok(Self {
            from: mailbox("mail.from", &config.from)?,
            reply_to: config.reply_to.as_deref().map(|text| mailbox("mail.reply_to", text)).transpose()?,
            connections: Connections::new(config, limit, roots)?,
            limit,
        })
    }

    pub(super) async fn send(&self, mail: Mail<'_>) -> Result<Receipt, SendError> {
        let message = self.compose(&mail)?;
        // lettre bounds only the connecting; a server that falls silent later would hold us for ever.
        match timeout(self.limit, self.connections.send(message.envelope(), &message.formatted())).await {
            Ok(Ok(())) => Ok(Receipt { provider_id: None, status: ReceiptStatus::Sent }),
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(SendError::transient(
                SendErrorKind::Timeout,
                "the mail server did not finish within the time limit",
            )),
        }
    }

    fn compose(&self, mail: &Mail<'_>) -> Result<Message, SendError> {
        let unfit = |what: &str| SendError::permanent(SendErrorKind::Message, what);
        let to: Address = mail.to.parse().map_err(|_| unfit("the recipient is not a mail address"))?;
        let mut builder = Message::builder()
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .date(date(mail.now_ms))
            .from(self.from.clone())
            .to(to.into())
            .subject(one_line(mail.subject))
            .header(AutoSubmitted);
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        builder
            .multipart(MultiPart::alternative_plain_html(mail.text.to_owned(), mail.html.to_owned()))
            .map_err(|_| unfit("the mail could not be put together"))
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834): keeps out-of-office answers away.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn mailbox(setting: &'static str, text: &str) -> Result<Mailbox, ConfigError> {
    let parsed = if text.chars().any(char::is_control) { None } else { text.parse().ok() };
    parsed.ok_or_else(|| ConfigError::new(setting, "must be an address such as \"Shop <no-reply@shop.example>\""))
}

/// A line break in a subject would begin a header of the writer's choosing.
fn one_line(subject: &str) -> String {
    subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn date(now_ms: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms.max(0).unsigned_abs())
}

/// Only codes are told: a server's own words may hold the recipient's address.
fn classify(error: &lettre::transport::smtp::Error) -> SendError {
    if let Some(code) = error.status() {
        let what = match enhanced_code(error) {
            Some(enhanced) => format!("the mail server answered {code} {enhanced}"),
            None => format!("the mail server answered {code}"),
        };
        return match (code.severity, u16::from(code)) {
            (Severity::TransientNegativeCompletion, _) => SendError::transient(SendErrorKind::Busy, what),
            (_, 530 | 534 | 535 | 538) => SendError::permanent(SendErrorKind::Credentials, what),
            (_, 550 | 551 | 553) => SendError::permanent(SendErrorKind::Recipient, what),
            _ => SendError::permanent(SendErrorKind::Refused, what),
        };
    }
    if error.is_timeout() {
        SendError::transient(SendErrorKind::Timeout, "the mail server could not be reached in time")
    } else if error.is_tls() {
        SendError::transient(SendErrorKind::Connection, "no TLS connection to the mail server; check its certificate")
    } else if error.is_client() {
        let what = "the mail server lacks what this mail needs (STARTTLS, a way to log in, or SMTPUTF8)";
        SendError::permanent(SendErrorKind::Refused, what)
    } else {
        SendError::transient(SendErrorKind::Connection, "the connection to the mail server could not be made or broke")
    }
}

/// The `5.1.1` of RFC 3463, where the server's text begins with one.
fn enhanced_code(error: &lettre::transport::smtp::Error) -> Option<String> {
    let text = std::error::Error::source(error)?.to_string();
    let word = text.split_ascii_whitespace().next()?;
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = word.split('.').count() == 3 && word.split('.').all(is_number);
    fits.then(|| word.to_owned())
}

#[cfg(test)]
mod tls_tests;
