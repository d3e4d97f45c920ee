//! What every hosted page shares: its layout's facts, its stylesheets and script, its security headers and the operator's
//! look. It must not know what a page is about, nor how it is routed.

pub mod appearance;
pub mod assets;
pub mod headers;

use fluent_bundle::FluentArgs;
use fluent_bundle::types::FluentValue;

use crate::texts::{Direction, Voice};

/// A stand-in for a value that a template marks up itself. Unicode's "object replacement character" is made for that, and
/// no [`Line`](crate::texts::Line) or masked address holds one.
const PLACE: &str = "\u{FFFC}";

/// A language and the facts of one page: what a template asks for its texts.
#[derive(Debug)]
pub struct Speech<'t> {
    voice: Voice<'t>,
    facts: FluentArgs<'static>,
}

/// A sentence in two halves, for a template to set a value between them with markup of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Around {
    /// What stands before the value.
    pub before: String,
    /// What stands after it.
    pub after: String,
}

impl<'t> Speech<'t> {
    /// A speech without facts yet.
    pub fn new(voice: Voice<'t>) -> Self {
        Self { voice, facts: FluentArgs::new() }
    }

    /// Makes `$name` known to every text. Give numbers as numbers, so that a language can choose its plural by them.
    pub fn set(&mut self, name: &'static str, value: impl Into<FluentValue<'static>>) {
        self.facts.set(name, value);
    }

    /// The text under `key`.
    pub fn text(&self, key: &str) -> String {
        self.voice.text(key, &self.facts)
    }

    /// The text under `key`, with one fact more than the page has.
    pub fn text_with(&self, key: &str, name: &'static str, value: impl Into<FluentValue<'static>>) -> String {
        let mut facts: FluentArgs<'_> =
            self.facts.iter().map(|(known, value)| (known.to_owned(), value.clone())).collect();
        let value: FluentValue<'static> = value.into();
        facts.set(name, value);
        self.voice.text(key, &facts)
    }

    /// The text under `key`, with these facts instead of the page's.
    pub fn text_of(&self, key: &str, facts: &FluentArgs<'_>) -> String {
        self.voice.text(key, facts)
    }

    /// The text under `key`, parted where it says `{ $value }`.
    pub fn around(&self, key: &str) -> Around {
        let whole = self.text_with(key, "value", PLACE);
        // Right to left, the place comes wrapped in isolating marks; the template's `<bdi>` does that work.
        let whole = whole.replace("\u{2068}\u{FFFC}\u{2069}", PLACE);
        match whole.split_once(PLACE) {
            Some((before, after)) => Around { before: before.to_owned(), after: after.to_owned() },
            None => Around { before: whole, after: String::new() },
        }
    }

    /// The language's tag, for `lang`.
    pub fn lang(&self) -> &'static str {
        self.voice.tag()
    }

    /// The language's direction, for `dir`.
    pub fn dir(&self) -> Direction {
        self.voice.direction()
    }
}
