//! E-mail addresses and phone numbers.

use core::fmt;

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
};

use serde::{Deserialize, Serialize};

use super::{InvalidText, checked_text, private_debug};

/// Something given as an address: one that can be used, or what was written instead. A wrong address is no error at
/// the edge: it is what `email_is_invalid` is for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contact<T> {
    /// It can be used.
    Valid(T),
    /// It can't; kept as written.
    Invalid(String),
}

impl<T> fmt::Debug for Contact<T> {
    /// Whether it can be used, not what it is: personal data doesn't reach logs by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.valid().is_some() { "Valid(…)" } else { "Invalid(…)" })
    }
}

impl<T> Contact<T> {
    /// The address, if it can be used.
    pub const fn valid(&self) -> Option<&T> {
        match self {
            Self::Valid(address) => Some(address),
            Self::Invalid(_) => None,
        }
    }
}

impl<T: fmt::Display> Contact<T> {
    /// As the site gave it (a usable one in its canonical spelling).
    pub fn written(&self) -> String {
        match self {
            Self::Valid(address) => address.to_string(),
            Self::Invalid(text) => text.clone(),
        }
    }
}

/// An e-mail address that mail can be sent to: RFC 5321's mailbox without quoted local parts and address literals. The
/// domain is kept in lower case and ASCII (IDNA); the local part as written. `Display` prints it, `Debug` doesn't.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

checked_text!(Email);
private_debug!(Email);

const EMAIL_HELP: InvalidText = InvalidText("an e-mail address looks like `name@example.com`");

impl Email {
    /// The address written as `text`; white space around it is forgiven.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let (local, domain) = text.trim().rsplit_once('@').ok_or(EMAIL_HELP)?;
        // RFC 5322 section 3.2.3: atext, and (RFC 6531) anything outside ASCII that is printable.
        let atext = |c: char| {
            c.is_ascii_alphanumeric()
                || "!#$%&'*+/=?^_`{|}~-".contains(c)
                || (!c.is_ascii() && !c.is_control() && !c.is_whitespace() && !is_invisible(c))
        };
        let local_ok =
            (1..=64).contains(&local.len()) && local.split('.').all(|part| !part.is_empty() && part.chars().all(atext));
        if !local_ok {
            return Err(EMAIL_HELP);
        }
        let domain = canonical_domain(domain).ok_or(EMAIL_HELP)?;
        let address = format!("{local}@{domain}");
        if address.len() > 254 { Err(EMAIL_HELP) } else { Ok(Self(address)) }
    }

    /// The part behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The part before the `@`.
    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// What two spellings of one mailbox share: all in lower case. Everything that is looked up or limited by address
    /// goes by this.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// The address that stands for every spelling of the same mailbox: without tag, without the dots that its provider
    /// ignores. To be compared, not to be written to.
    pub fn normalized(&self) -> String {
        super::mailbox::normalized(self)
    }

    /// Whether the part before the `@` looks typed at random.
    pub fn is_gibberish(&self) -> bool {
        super::gibberish::is_gibberish(self.local())
    }
}

/// Characters that print nothing or turn the direction of what follows: an address that holds one reads as another.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A host name with at least two labels, in lower case and ASCII.
fn canonical_domain(domain: &str) -> Option<String> {
    let ascii = match ::url::Host::parse(domain).ok()? {
        ::url::Host::Domain(name) => name,
        ::url::Host::Ipv4(_) | ::url::Host::Ipv6(_) => return None,
    };
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels = ascii.split('.').count();
    let top_ok = ascii.rsplit('.').next().is_some_and(|top| !top.bytes().all(|b| b.is_ascii_digit()));
    (labels >= 2 && ascii.len() <= 253 && top_ok && ascii.split('.').all(label_ok)).then_some(ascii)
}

/// A phone number in E.164: a plus and 7 to 15 digits. `Display` prints it, `Debug` doesn't.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

checked_text!(Phone);
private_debug!(Phone);

impl Phone {
    /// The number written as `text`; spaces, dots, dashes and parentheses are forgiven, a missing country code is not.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        const HELP: InvalidText =
            InvalidText("a phone number starts with `+` and the country code, for example `+33612345678`");
        let digits = text.trim().strip_prefix('+').ok_or(HELP)?;
        let digits: String = digits.chars().filter(|c| !matches!(c, ' ' | '.' | '-' | '(' | ')' | '\u{a0}')).collect();
        let ok =
            (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        if ok { Ok(Self(format!("+{digits}"))) } else { Err(HELP) }
    }
}

impl Contact<Email> {
    /// What was written, judged.
    pub fn email(text: &str) -> Self {
        Email::parse(text).map_or_else(|_| Self::Invalid(text.to_owned()), Self::Valid)
    }
}

impl Contact<Phone> {
    /// What was written, judged.
    pub fn phone(text: &str) -> Self {
        Phone::parse(text).map_or_else(|_| Self::Invalid(text.to_owned()), Self::Valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_addresses_are_kept_in_one_spelling() {
        for (written, kept) in [
            ("ada@example.com", "ada@example.com"),
            (" Ada.L+shop@EXAMPLE.com ", "Ada.L+shop@example.com"),
            ("o'neil@mail.example.co.uk", "o'neil@mail.example.co.uk"),
            ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example"),
        ] {
            assert_eq!(Email::parse(written).map(|e| e.to_string()), Ok(kept.to_owned()));
        }
    }

    #[test]
    fn what_mail_cannot_reach_is_refused() {
        for wrong in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "ada@example..com",
            ".ada@example.com",
            "a..b@example.com",
            "ada@127.0.0.1",
            "ada@[::1]",
            "a b@example.com",
            "ada@exa mple.com",
            "ada@example.com\r\nBcc: x@example.com",
            "ada@-example.com",
            "ada@example.123",
            "\"a b\"@example.com",
            "a\u{200b}da@example.com",
            "\u{202e}ada@example.com",
        ] {
            assert!(Email::parse(wrong).is_err(), "{wrong:?} passed");
        }
        assert!(Email::parse(&format!("{}@example.com", "a".repeat(65))).is_err());
    }

    #[test]
    fn phones_are_e164_or_nothing() {
        assert_eq!(Phone::parse("+33 6 12-34.56 78").map(|p| p.to_string()), Ok("+33612345678".to_owned()));
        for wrong in ["", "0612345678", "+0612345678", "+33", "+123456789012345678", "+33 6 12 34 ab 78"] {
            assert!(Phone::parse(wrong).is_err(), "{wrong:?} passed");
        }
    }
}
