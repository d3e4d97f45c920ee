//! One received message: decoded from what SMTP or the hook carried, with its code found for the eye.

use countersign_smtp_sink::Envelope;
use mail_parser::MessageParser;

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Email,
    Sms,
}

impl Channel {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The sender's stable name for it.
    pub(super) id: Option<String>,
    pub(super) channel: Channel,
    pub(super) to: String,
    /// Empty for a text message.
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: Option<String>,
    /// When it arrived, in milliseconds since the Unix epoch.
    pub(super) at_ms: i64,
}

/// Decodes a mail: transfer encodings, character sets, encoded words. What can't be decoded is shown as it came.
pub(super) fn from_mail(envelope: &Envelope, at_ms: i64) -> Message {
    let to = envelope.to.join(", ");
    let raw = || String::from_utf8_lossy(&envelope.data).into_owned();
    let Some(mail) = MessageParser::default().parse(&envelope.data) else {
        let (subject, text) = (String::new(), raw());
        return Message { id: None, channel: Channel::Email, to, subject, text, html: None, at_ms };
    };
    Message {
        id: mail.message_id().map(str::to_owned),
        channel: Channel::Email,
        to,
        subject: mail.subject().unwrap_or_default().to_owned(),
        text: mail.body_text(0).map_or_else(raw, std::borrow::Cow::into_owned),
        // The parser makes HTML out of text where there is none; only a real part is worth a frame.
        html: mail.html_part(0).filter(|part| part.is_text_html()).and_then(|_| mail.body_html(0)).map(Into::into),
        at_ms,
    }
}

impl Message {
    /// The code in it: the first run of six to eight digits that stands by itself.
    pub(super) fn code(&self) -> Option<&str> {
        self.text
            .split(|c: char| !(c.is_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-' | '%')))
            .find(|word| (6..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// The time of arrival in RFC 3339, UTC, with milliseconds.
    pub(super) fn sent_at(&self) -> String {
        jiff::Timestamp::from_millisecond(self.at_ms).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
    }

    /// The text cut into what is a link and what is not, in order.
    pub(super) fn pieces(&self) -> Vec<Piece<'_>> {
        self.text.split_inclusive(char::is_whitespace).flat_map(pieces_of_word).collect()
    }
}

/// A stretch of text; a link is an `http` or `https` address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Plain(&'a str),
    Link(&'a str),
}

fn pieces_of_word(word: &str) -> [Piece<'_>; 2] {
    let end = word.trim_end().trim_end_matches(['.', ',', ')', '>']).len();
    let (head, tail) = word.split_at(end);
    if head.starts_with("http://") || head.starts_with("https://") {
        [Piece::Link(head), Piece::Plain(tail)]
    } else {
        [Piece::Plain(head), Piece::Plain(tail)]
    }
}
