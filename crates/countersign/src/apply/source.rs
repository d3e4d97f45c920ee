//! The files that are applied, and places in them as people are told them: `shop.yaml:12:5`.

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML.
    Yaml,
    /// TOML.
    Toml,
}

impl Format {
    /// By the file's ending.
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// A file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// How it is written.
    pub format: Format,
}

impl Source {
    /// The file, line and column of a byte; both are counted from 1, columns in characters.
    pub fn place(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}').chars().count() + 1;
        format!("{}:{line}:{column}", self.name)
    }

    /// The byte at a line and column, both counted from 1; the end for one behind it.
    pub fn byte_of(&self, line: usize, column: usize) -> usize {
        let mut start = 0;
        for text in self.text.split_inclusive('\n').take(line.saturating_sub(1)) {
            start += text.len();
        }
        let rest = self.text.get(start..).unwrap_or_default();
        rest.char_indices().nth(column.saturating_sub(1)).map_or(self.text.len(), |(byte, _)| start + byte)
    }

    /// Where a byte of the text that a scalar stands for is written: `at` is the byte of the file at which the scalar
    /// begins, `inside` the byte of `text`. `at` again if that can't be told.
    ///
    /// Quotes, escapes, folded lines and indentation make the two differ, but never in the order of what is not white
    /// space: so the n-th such character of the one is the n-th of the other.
    pub fn inside(&self, at: usize, text: &str, inside: usize) -> usize {
        let Some(raw) = self.text.get(at..) else { return at };
        let quotes = quotes(raw, text, self.format);
        let mut letters = text.char_indices().filter(|(_, c)| !c.is_whitespace());
        let mut end = at;
        for unit in (Units { raw, at: quotes.1, quotes: quotes.0 }) {
            let Some((byte, letter)) = letters.next() else { return end };
            // Not the text that the parser read: then better the whole scalar than a wrong word.
            if unit.letter.is_some_and(|written| written != letter) {
                return at;
            }
            if byte >= inside {
                return at + unit.start;
            }
            end = at + unit.end;
        }
        end
    }
}

/// One character that is not white space, as it is written.
struct Unit {
    start: usize,
    end: usize,
    /// `None` for an escape.
    letter: Option<char>,
}

/// How a scalar is quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// Nothing means anything but itself.
    None,
    /// A backslash begins an escape.
    Escapes,
    /// Two single quotes are one.
    Doubled,
}

/// The characters of a scalar, as they are written.
struct Units<'a> {
    raw: &'a str,
    at: usize,
    quotes: Quotes,
}

/// How the scalar that `raw` begins with is quoted, and the byte behind its quotes. In YAML a scalar without quotes may
/// begin with one (where a block begins), which is then a part of `text`.
fn quotes(raw: &str, text: &str, format: Format) -> (Quotes, usize) {
    let quoted = |quote: &str, escaped: &str| {
        let is_own = text.starts_with(quote) && !raw.get(quote.len()..).is_some_and(|rest| rest.starts_with(escaped));
        raw.starts_with(quote) && (format == Format::Toml || !is_own)
    };
    match format {
        Format::Toml if raw.starts_with("\"\"\"") => (Quotes::Escapes, 3),
        Format::Toml if raw.starts_with("'''") => (Quotes::None, 3),
        Format::Toml if raw.starts_with('\'') => (Quotes::None, 1),
        _ if quoted("\"", "\\") => (Quotes::Escapes, 1),
        Format::Yaml if quoted("'", "''") => (Quotes::Doubled, 1),
        _ => (Quotes::None, 0),
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        loop {
            let start = self.at;
            let rest = self.raw.get(start..)?;
            let first = rest.chars().next()?;
            let (length, letter) = match first {
                '\\' if self.quotes == Quotes::Escapes => escape(rest),
                '\'' if self.quotes == Quotes::Doubled && rest.starts_with("''") => (2, Some(None)),
                space if space.is_whitespace() => (space.len_utf8(), None),
                letter => (letter.len_utf8(), Some(Some(letter))),
            };
            self.at = start + length;
            if let Some(letter) = letter {
                return Some(Unit { start, end: self.at, letter });
            }
        }
    }
}

/// The length of an escape; what it stands for is not told, only whether it is more than white space.
fn escape(rest: &str) -> (usize, Option<Option<char>>) {
    let digits = match rest.chars().nth(1) {
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        // At the end of a line it goes on with the next; the others are white space by name.
        Some('\n' | '\r' | 't' | 'n' | 'v' | 'f' | ' ' | 'N' | '_' | 'L' | 'P') => return (2, None),
        Some(other) => return (1 + other.len_utf8(), Some(None)),
        None => return (1, Some(None)),
    };
    let length = 2 + digits;
    let code = rest.get(2..length).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let is_space = code.and_then(char::from_u32).is_some_and(char::is_whitespace);
    (length, (!is_space).then_some(None))
}
