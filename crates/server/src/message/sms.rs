//! Fitting a code, and what it confirms, into a text message.

use secrecy::ExposeSecret;

use super::CodeMessage;
use crate::challenge::view::tell;
use crate::page::Speech;
use crate::texts::Line;

/// Characters of GSM 03.38's basic set beyond letters and digits of ASCII.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// Its extension: two septets each.
const GSM_EXTENDED: &str = "^{}\\[~]|€";

/// The fullest wording that fits one message; if none does, the fullest one that takes the fewest.
pub(super) fn compose(message: &CodeMessage, speech: &Speech<'_>, host: &str) -> String {
    let time = tell(speech, message.at);
    let (device, place) = (message.device.as_ref().map(Line::as_str), message.place.as_ref().map(Line::as_str));
    let wordings = [
        wording(message, speech, host, &[device, place, time.as_deref()], true),
        wording(message, speech, host, &[device, place], true),
        wording(message, speech, host, &[place], true),
        wording(message, speech, host, &[], true),
        wording(message, speech, host, &[], false),
    ];
    // `min_by_key` keeps the first of equals, and the fullest comes first.
    wordings.into_iter().min_by_key(|text| segments(text)).unwrap_or_default()
}

fn wording(
    message: &CodeMessage,
    speech: &Speech<'_>,
    host: &str,
    facts: &[Option<&str>],
    with_lifetime: bool,
) -> String {
    let facts: Vec<String> = facts.iter().flatten().map(|fact| plain(fact)).collect();
    let mut parts = vec![plain(&speech.text("sms-code"))];
    if !facts.is_empty() {
        parts.push(plain(&speech.text_with("sms-facts", "facts", facts.join(", "))));
    }
    if with_lifetime {
        parts.push(plain(&speech.text("sms-lifetime")));
    }
    parts.push(speech.text("sms-report"));
    format!("{}\n\n@{host} #{}", parts.join(" "), message.code.expose_secret())
}

/// Typographic signs that would cost the whole message its plain alphabet, as the plain ones beside them, and no
/// isolating marks, which few phones know in a message.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '‘' | '’' | '‚' | '′' => plain.push('\''),
            '“' | '”' | '„' | '«' | '»' => plain.push('"'),
            '–' | '—' | '‑' | '−' | '·' | '•' => plain.push('-'),
            '…' => plain.push_str("..."),
            '\u{2068}' | '\u{2069}' => {}
            c => plain.push(c),
        }
    }
    plain
}

/// How many messages a provider sends and charges for: 160 septets or 153 each of several (GSM 03.38), else 70 or 67
/// UTF-16 units (3GPP TS 23.038).
fn segments(text: &str) -> usize {
    let (units, one, several) = match text.chars().map(septets).sum::<Option<usize>>() {
        Some(septets) => (septets, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    if units <= one { 1 } else { units.div_ceil(several) }
}

fn septets(c: char) -> Option<usize> {
    match c {
        c if c.is_ascii_alphanumeric() || GSM.contains(c) => Some(1),
        c if GSM_EXTENDED.contains(c) => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_as_providers_do() {
        assert_eq!(segments(&"a".repeat(160)), 1);
        assert_eq!(segments(&"a".repeat(161)), 2);
        assert_eq!(segments(&"€".repeat(80)), 1);
        assert_eq!(segments(&"€".repeat(81)), 2);
        assert_eq!(segments(&"я".repeat(70)), 1);
        assert_eq!(segments(&"я".repeat(71)), 2);
        assert_eq!(segments(&"a".repeat(307)), 3);
    }

    #[test]
    fn typography_becomes_plain() {
        assert_eq!(plain("Jane’s “Shop” – best…\u{2068}x\u{2069}"), "Jane's \"Shop\" - best...x");
    }
}
