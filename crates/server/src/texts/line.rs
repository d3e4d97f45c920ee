//! One line of someone else's words (a site's name, a device's label, a place), made fit to stand in our sentences.

use std::fmt;

/// The longest line, in characters. A name that needs more is shortened with an ellipsis.
const LONGEST: usize = 60;

/// Text on one line: no control characters, no line breaks, nothing that turns the writing direction of what follows, no
/// runs of blanks, never empty, at most 60 characters. It can neither end a mail header nor add a line to a text message.
///
/// It is not escaped for HTML; the templates do that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// Cleans `raw`; nothing when nothing visible is left.
    pub fn new(raw: &str) -> Option<Self> {
        let blank = |c: char| c.is_whitespace() || c.is_control();
        let words: Vec<&str> = raw.split(blank).filter(|word| !word.is_empty()).collect();
        let line: String = words.join(" ").chars().filter(|&c| !is_invisible_mark(c)).collect();
        let line = line.trim();
        if line.is_empty() {
            return None;
        }
        if line.chars().count() <= LONGEST {
            return Some(Self(line.to_owned()));
        }
        let kept: String = line.chars().take(LONGEST - 1).collect();
        Some(Self(format!("{}…", kept.trim_end())))
    }

    /// The cleaned text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Marks that show nothing and can make a text read as another: bidirectional overrides and isolates (Unicode UAX 9), zero
/// width space, word joiner and byte order mark. Joiners (U+200C, U+200D) stay: Persian words and emoji need them.
fn is_invisible_mark(c: char) -> bool {
    matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(raw: &str) -> Option<String> {
        Line::new(raw).map(|line| line.0)
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(line("Shop\r\nBcc: all@example.com").unwrap(), "Shop Bcc: all@example.com");
        assert_eq!(line("  a\u{2028}b\u{0}c\t d ").unwrap(), "a b c d");
    }

    #[test]
    fn nothing_turns_the_sentence_around() {
        assert_eq!(line("Shop\u{202E}moc.live\u{2066}").unwrap(), "Shopmoc.live");
    }

    #[test]
    fn nothing_visible_is_nothing() {
        assert_eq!(line(" \n\u{202E}\u{200B}"), None);
    }

    #[test]
    fn a_long_one_is_shortened() {
        let long = line(&"é".repeat(100)).unwrap();
        assert_eq!(long.chars().count(), LONGEST);
        assert!(long.ends_with('…'));
    }
}
