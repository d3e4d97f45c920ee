//! The text form of a condition, and back.
//!
//! ```text
//! action = "access" and (concurrent_sessions or device_count > 3) and not user_external_id in_list "vip"
//! ```
//!
//! ```text
//! condition  = conjunction { "or" conjunction }
//! conjunction = negation { "and" negation }
//! negation   = { "not" } ( "(" condition ")" | "true" | "false" | comparison )
//! comparison = field [ sign value | "exists" | "not" "exists" ]
//! sign       = "=" "!=" ">" ">=" "<" "<=" [ "not" ] "in" [ "not" ] "in_list" "in_cidr"
//!              "contains" "starts_with" "ends_with" "matches"
//! value      = "true" | "false" | number | text | "[" value { "," value } "]"
//! ```
//!
//! `and` binds tighter than `or`, `not` tighter than both. A field alone means that it is true. Texts stand in double
//! quotes, field names that are not made of letters, digits, `_`, `.` and `-` in backquotes; in both, a
//! backslash goes before a quote, a backquote and a backslash that mean themselves, and `\n`, `\t` and `\r` are what they
//! are everywhere. `#` begins a comment that ends with the line. Parsing what was printed gives the same tree.

mod grammar;
mod hint;
mod print;

use core::fmt;

use alloc::{format, string::String, vec::Vec};

use super::{
    tree::{Condition, MAX_DEPTH},
    type_check::Problem,
};
pub use print::print;

/// Bytes of text at most: room for the longest condition that [`Condition`] allows, comments included.
pub const MAX_BYTES: usize = 262_144;

/// A place in a text: bytes from, and to (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// Behind the last.
    pub end: usize,
}

/// A condition read from text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The condition.
    pub condition: Condition,
    /// Where its comparisons stand, in the order of [`Condition::comparisons`].
    pub spans: Vec<Span>,
    parts: Vec<Parts>,
}

/// Where the parts of one comparison stand; what is left out stands where the field does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    field: Span,
    op: Span,
    value: Span,
}

impl Parsed {
    /// Where a problem that the type check found stands in the text: `None` for one that is not of a comparison.
    pub fn span_of(&self, problem: &Problem) -> Option<Span> {
        let parts = self.parts.get(problem.comparison?)?;
        Some(match problem.path.rsplit('/').next() {
            Some("field") => parts.field,
            Some("op") => parts.op,
            _ => parts.value,
        })
    }
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The byte.
    pub at: usize,
    /// Behind the last byte of the word or sign that stands there; `at` itself where the text ends.
    pub end: usize,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub what: String,
    /// What was probably meant.
    pub help: Option<String>,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl core::error::Error for SyntaxError {}

/// The line and column, from 1, of a byte.
pub fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}

fn error(text: &str, at: usize, what: impl Into<String>) -> SyntaxError {
    let (line, column) = place(text, at);
    let end = at + hint::token(text, at).len();
    SyntaxError { at, end, line, column, what: what.into(), help: hint::help(text, at) }
}

/// Reads a condition.
pub fn parse(text: &str) -> Result<Parsed, SyntaxError> {
    if text.len() > MAX_BYTES {
        return Err(error(text, 0, format!("longer than {MAX_BYTES} bytes")));
    }
    let node = grammar::read(text).map_err(|(at, what)| error(text, at, what))?;
    let mut places = Vec::new();
    let too_deep = |at| error(text, at, format!("nested more than {MAX_DEPTH} levels deep"));
    let condition = grammar::settle(node, &mut places, 0).map_err(too_deep)?;
    condition.within_limits().map_err(|what| error(text, 0, what))?;
    let (spans, parts) = places.into_iter().unzip();
    Ok(Parsed { condition, spans, parts })
}
