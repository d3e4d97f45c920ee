//! Everything the product says to a person, in Fluent files by language, embedded and parsed once.
//!
//! A text is asked for by key and never fails: what a language lacks, English says. This module knows nothing of pages or
//! messages; it hands out sentences.

mod line;

use std::fmt;

pub use fluent_bundle::FluentArgs;
use fluent_bundle::FluentResource;
use fluent_bundle::concurrent::FluentBundle;
use unic_langid::LanguageIdentifier;

pub use self::line::Line;

/// What is embedded: a language's tag and its files. A folder under `texts/` becomes a language by its row here.
const LANGUAGES: &[(&str, &[&str])] =
    &[("en", &[include_str!("../texts/en/challenge.ftl"), include_str!("../texts/en/message.ftl")])];

/// The language that has every text.
const FALLBACK: &str = "en";

/// Scripts written from right to left, by the languages that use them.
const RIGHT_TO_LEFT: &[&str] = &["ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"];

/// An embedded file could not be read. Only a broken build can cause it; a test loads them all.
#[derive(Debug, thiserror::Error)]
#[error("the texts for {language} are broken: {what}")]
pub struct TextsError {
    /// The language's tag.
    pub language: &'static str,
    /// What the parser says.
    pub what: String,
}

/// The direction in which a language runs, as HTML's `dir` spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From left to right.
    Ltr,
    /// From right to left.
    Rtl,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
        })
    }
}

/// Every language's catalogue. Load it once, at start, and share it.
#[derive(Debug)]
pub struct Texts {
    fallback: Catalogue,
    others: Vec<Catalogue>,
}

impl Texts {
    /// Parses what is embedded.
    pub fn load() -> Result<Self, TextsError> {
        let mut fallback = None;
        let mut others = Vec::new();
        for (tag, files) in LANGUAGES {
            let catalogue = Catalogue::parse(tag, files)?;
            if *tag == FALLBACK {
                fallback = Some(catalogue);
            } else {
                others.push(catalogue);
            }
        }
        let missing = || TextsError { language: FALLBACK, what: "it is not embedded".into() };
        Ok(Self { fallback: fallback.ok_or_else(missing)?, others })
    }

    /// The language with this tag (`en`, `pt-BR`), else the one with its primary subtag, else English.
    pub fn get(&self, tag: &str) -> Voice<'_> {
        let catalogue = self.find(tag).or_else(|| self.find(primary(tag))).unwrap_or(&self.fallback);
        Voice { catalogue, fallback: &self.fallback }
    }

    /// The language to speak to a browser: its best wish by `Accept-Language` among `allowed` (a challenge config's
    /// languages; none given means every language we have), else the first allowed one we have, else English.
    pub fn negotiate<S: AsRef<str>>(&self, accept_language: Option<&str>, allowed: &[S]) -> Voice<'_> {
        let is_allowed = |tag: &str| allowed.is_empty() || allowed.iter().any(|a| a.as_ref().eq_ignore_ascii_case(tag));
        let wished = wishes(accept_language.unwrap_or_default())
            .into_iter()
            .flat_map(|wish| [wish, primary(wish)])
            .find(|tag| is_allowed(tag) && self.find(tag).is_some());
        let first = || allowed.iter().map(AsRef::as_ref).find(|tag| self.find(tag).is_some());
        self.get(wished.or_else(first).unwrap_or(FALLBACK))
    }

    /// The tags of all languages, English first.
    pub fn languages(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.fallback.tag).chain(self.others.iter().map(|other| other.tag))
    }

    fn find(&self, tag: &str) -> Option<&Catalogue> {
        std::iter::once(&self.fallback).chain(&self.others).find(|c| c.tag.eq_ignore_ascii_case(tag))
    }
}

/// One language, speaking. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Voice<'t> {
    catalogue: &'t Catalogue,
    fallback: &'t Catalogue,
}

impl Voice<'_> {
    /// The language's tag, for `lang`.
    pub fn tag(self) -> &'static str {
        self.catalogue.tag
    }

    /// The language's direction, for `dir`.
    pub fn direction(self) -> Direction {
        self.catalogue.direction
    }

    /// The text under `key`, with `facts` in its places. A key that no language has comes back as `⟦key⟧`: ugly enough to
    /// be seen, and the tests refuse it.
    pub fn text(self, key: &str, facts: &FluentArgs<'_>) -> String {
        let said = self.catalogue.say(key, facts).or_else(|| self.fallback.say(key, facts));
        said.unwrap_or_else(|| format!("⟦{key}⟧"))
    }
}

/// One language's texts.
struct Catalogue {
    tag: &'static str,
    direction: Direction,
    bundle: FluentBundle<FluentResource>,
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue").field("tag", &self.tag).field("direction", &self.direction).finish_non_exhaustive()
    }
}

impl Catalogue {
    fn parse(tag: &'static str, files: &[&str]) -> Result<Self, TextsError> {
        let broken = |what: String| TextsError { language: tag, what };
        let language: LanguageIdentifier = tag.parse().map_err(|error| broken(format!("{error}")))?;
        let direction = if RIGHT_TO_LEFT.contains(&primary(tag)) { Direction::Rtl } else { Direction::Ltr };
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // Isolating marks keep Latin names from tearing a right-to-left sentence apart. Elsewhere they would only cost
        // a text message its plain alphabet.
        bundle.set_use_isolating(direction == Direction::Rtl);
        for file in files {
            let resource =
                FluentResource::try_new((*file).to_owned()).map_err(|(_, errors)| broken(format!("{errors:?}")))?;
            bundle.add_resource(resource).map_err(|errors| broken(format!("{errors:?}")))?;
        }
        Ok(Self { tag, direction, bundle })
    }

    fn say(&self, key: &str, facts: &FluentArgs<'_>) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        // A fact that isn't there is written as `{$name}`; the tests look for that too.
        Some(self.bundle.format_pattern(pattern, Some(facts), &mut Vec::new()).into_owned())
    }
}

/// `pt` of `pt-BR`.
fn primary(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or(tag)
}

/// The tags of an `Accept-Language` header (RFC 9110, 12.5.4), best first. `q=0` means "not this one"; `*` says nothing.
fn wishes(header: &str) -> Vec<&str> {
    let mut wishes: Vec<(u16, &str)> = header
        .split(',')
        .take(32) // a header may be long; a person's list of languages isn't
        .filter_map(|item| {
            let (tag, parameters) = item.split_once(';').unwrap_or((item, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1000), thousandths)?;
            let tag = tag.trim();
            (weight > 0 && !tag.is_empty() && tag != "*").then_some((weight, tag))
        })
        .collect();
    wishes.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    wishes.into_iter().map(|(_, tag)| tag).collect()
}

/// `0.8` as 800; nothing for what is no weight.
fn thousandths(q: &str) -> Option<u16> {
    let (whole, fraction) = q.trim().split_once('.').unwrap_or((q.trim(), ""));
    let fraction: u16 = if fraction.is_empty() { 0 } else { format!("{fraction:0<3}").parse().ok()? };
    let weight = whole.parse::<u16>().ok()?.checked_mul(1000)?.checked_add(fraction)?;
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_shareable<T: Send + Sync>() {}

    #[test]
    fn catalogues_are_shared_between_threads() {
        is_shareable::<Texts>();
    }

    #[test]
    fn wishes_are_read_by_weight() {
        assert_eq!(wishes("fr;q=0.5, de, en-GB;q=0.8, *;q=0.1"), ["de", "en-GB", "fr"]);
        assert_eq!(wishes("fr;q=0, ;q=1,en;q=nonsense, es ; q=0.25"), ["es"]);
        assert!(wishes("").is_empty());
    }

    #[test]
    fn an_unknown_language_speaks_english() {
        let texts = Texts::load().unwrap();
        assert_eq!(texts.negotiate(Some("xx-YY, tlh"), &["en"]).tag(), "en");
        assert_eq!(texts.negotiate(Some("en-AU"), &[] as &[&str]).tag(), "en");
        assert_eq!(texts.negotiate(None, &["nowhere"]).tag(), "en");
        assert_eq!(texts.get("en-AU").tag(), "en");
    }

    #[test]
    fn right_to_left_is_known_and_isolates_names() {
        let arabic = Catalogue::parse("ar", &["hello = مرحبا { $project }"]).unwrap();
        let mut facts = FluentArgs::new();
        facts.set("project", "Shop");
        assert_eq!(arabic.direction, Direction::Rtl);
        assert_eq!(arabic.say("hello", &facts).unwrap(), "مرحبا \u{2068}Shop\u{2069}");
    }

    #[test]
    fn what_a_language_lacks_english_says() {
        let english = Catalogue::parse("en", &["a = one\nb = two"]).unwrap();
        let french = Catalogue::parse("fr", &["a = un"]).unwrap();
        let texts = Texts { fallback: english, others: vec![french] };
        let voice = texts.negotiate(Some("fr-CA, en;q=0.9"), &["en", "fr"]);
        assert_eq!(voice.tag(), "fr");
        assert_eq!(voice.text("a", &FluentArgs::new()), "un");
        assert_eq!(voice.text("b", &FluentArgs::new()), "two");
        assert_eq!(voice.text("c", &FluentArgs::new()), "⟦c⟧");
        assert_eq!(texts.negotiate(Some("fr"), &["en"]).tag(), "en", "the config's languages bind");
    }
}
