//! The message that carries a code: its words for mail and for SMS. How it travels is the courier's business.
//!
//! The code stands in the mail's subject on purpose. It costs little: a code works only in the browser that began, once, for
//! minutes, and phones hide previews of subject and body alike when their owner wants that. It gains much: the code can be
//! read off a notification, and mail programs don't fold several codes into one conversation whose oldest one is tried.

mod sms;

use std::fmt;

use askama::Template;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::challenge::view::{Action, When, tell};
use crate::page::Speech;
use crate::page::appearance::Colour;
use crate::texts::{Line, Voice};

/// A mail's heading colour where the operator chose none: `--accent` of the pages.
const ACCENT: &str = "#3552c9";

/// A code, and what it would confirm.
#[derive(Debug)]
pub struct CodeMessage {
    /// The site's name.
    pub project: Line,
    /// What is being confirmed.
    pub action: Action,
    /// "Chrome on macOS".
    pub device: Option<Line>,
    /// "Lyon, France".
    pub place: Option<Line>,
    /// When it began.
    pub at: When,
    /// The code's digits.
    pub code: SecretString,
    /// Minutes that the code works.
    pub minutes: u32,
    /// The "this wasn't me" link.
    pub report_url: Url,
    /// The operator's accent, for the mail.
    pub accent: Option<Colour>,
}

/// A mail's content. It holds a code: it doesn't print.
pub struct EmailContent {
    /// One line, without control characters.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

impl fmt::Debug for EmailContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailContent([redacted])")
    }
}

impl CodeMessage {
    /// The mail.
    pub fn email(&self, voice: Voice<'_>) -> Result<EmailContent, askama::Error> {
        let speech = self.speech(voice);
        let time = tell(&speech, self.at);
        let accent = self.accent.map_or_else(|| ACCENT.to_owned(), |accent| accent.to_string());
        let code = self.code.expose_secret();
        let html = EmailHtml { message: self, speech: &speech, time: time.as_deref(), code, accent }.render()?;
        let text = EmailText { message: self, speech: &speech, time: time.as_deref(), code }.render()?;
        Ok(EmailContent { subject: speech.text("email-subject"), text, html })
    }

    /// The text message. Its last line, `@host #code`, lets the page at `host` (without a port) read the code by itself
    /// (WebOTP). It says as much as fits one plain message of 160 characters; site, code, action and link always stay.
    pub fn sms(&self, voice: Voice<'_>, host: &str) -> String {
        sms::compose(self, &self.speech(voice), host)
    }

    fn speech<'t>(&self, voice: Voice<'t>) -> Speech<'t> {
        let mut speech = Speech::new(voice);
        speech.set("project", self.project.to_string());
        speech.set("code", self.code.expose_secret().to_owned());
        speech.set("action", self.action.key());
        speech.set("custom", self.action.custom());
        speech.set("minutes", self.minutes);
        speech.set("url", self.report_url.to_string());
        speech
    }
}

#[derive(Template)]
#[template(path = "message/email.html")]
struct EmailHtml<'a> {
    message: &'a CodeMessage,
    speech: &'a Speech<'a>,
    time: Option<&'a str>,
    code: &'a str,
    accent: String,
}

#[derive(Template)]
#[template(path = "message/email.txt", escape = "none", whitespace = "preserve")]
struct EmailText<'a> {
    message: &'a CodeMessage,
    speech: &'a Speech<'a>,
    time: Option<&'a str>,
    code: &'a str,
}
