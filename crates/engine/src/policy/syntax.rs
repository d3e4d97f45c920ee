//! The text form of a condition, and back.
//!
//! ```text
//! action = "access" and (concurrent_sessions or device_count > 3) and not user_external_id in_list "vip"
//! ```
//!
//! `and` binds tighter than `or`, `not` tighter than both. A field alone means that it is true. `#` begins a comment.
//! Parsing what was printed gives the same tree.

use core::fmt::Write;

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

use winnow::{
    LocatingSlice, ModalResult, Parser,
    ascii::{line_ending, till_line_ending},
    combinator::{alt, cut_err, delimited, fail, not, opt, peek, preceded, repeat, separated, terminated},
    error::{StrContext, StrContextValue},
    token::{any, one_of, take_while},
};

use super::tree::{Comparison, Condition, Literal, MAX_COMPARISONS, MAX_DEPTH, Op};

/// Bytes of text at most.
pub const MAX_BYTES: usize = 65_536;

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
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct SyntaxError {
    /// The byte.
    pub at: usize,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub what: String,
}

/// The line and column, from 1, of a byte.
pub fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}

fn error(text: &str, at: usize, what: impl Into<String>) -> SyntaxError {
    let (line, column) = place(text, at);
    SyntaxError { at, line, column, what: what.into() }
}

/// Reads a condition.
pub fn parse(text: &str) -> Result<Parsed, SyntaxError> {
    if text.len() > MAX_BYTES {
        return Err(error(text, 0, format!("longer than {MAX_BYTES} bytes")));
    }
    // The parser descends once a parenthesis: the depth is bounded before it starts.
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        depth = match byte {
            b'(' => depth + 1,
            b')' => depth.saturating_sub(1),
            _ => depth,
        };
        if depth > MAX_DEPTH {
            return Err(error(text, at, format!("nested more than {MAX_DEPTH} levels deep")));
        }
    }
    let mut whole = delimited(space, disjunction, space);
    let node = whole.parse(LocatingSlice::new(text)).map_err(|failure| {
        let expected = failure.inner().to_string().replace('\n', "; ");
        let what = if expected.is_empty() { String::from("expected `and`, `or` or the end") } else { expected };
        error(text, failure.offset(), what)
    })?;
    let mut spans = Vec::new();
    let condition = settle(node, &mut spans, 0).map_err(|what| error(text, 0, what))?;
    if spans.len() > MAX_COMPARISONS {
        return Err(error(text, 0, format!("more than {MAX_COMPARISONS} comparisons")));
    }
    Ok(Parsed { condition, spans })
}

type Input<'a> = LocatingSlice<&'a str>;

enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(usize, Box<Node>),
    Always(bool),
    Compare(Comparison, Span),
}

fn settle(node: Node, spans: &mut Vec<Span>, depth: usize) -> Result<Condition, String> {
    if depth > MAX_DEPTH {
        return Err(format!("nested more than {MAX_DEPTH} levels deep"));
    }
    let mut all =
        |parts: Vec<Node>| parts.into_iter().map(|part| settle(part, spans, depth + 1)).collect::<Result<Vec<_>, _>>();
    Ok(match node {
        Node::Always(true) => Condition::All(Vec::new()),
        Node::Always(false) => Condition::Any(Vec::new()),
        Node::All(parts) => Condition::All(all(parts)?),
        Node::Any(parts) => Condition::Any(all(parts)?),
        Node::Not(times, inner) => {
            if depth + times > MAX_DEPTH {
                return Err(format!("nested more than {MAX_DEPTH} levels deep"));
            }
            let inner = settle(*inner, spans, depth + times)?;
            (0..times).fold(inner, |inner, _| Condition::Not(Box::new(inner)))
        }
        Node::Compare(comparison, span) => {
            spans.push(span);
            Condition::Compare(comparison)
        }
    })
}

fn space(input: &mut Input<'_>) -> ModalResult<()> {
    let blank = take_while(1.., |c: char| c.is_whitespace()).void();
    let comment = ('#', till_line_ending, opt(line_ending)).void();
    repeat(0.., alt((blank, comment))).parse_next(input)
}

/// A word that is not the beginning of a longer one.
fn word<'a>(wanted: &'static str) -> impl FnMut(&mut Input<'a>) -> ModalResult<()> {
    move |input| terminated(wanted, peek(not(one_of(is_name)))).void().parse_next(input)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn disjunction(input: &mut Input<'_>) -> ModalResult<Node> {
    let parts: Vec<Node> = separated(1.., conjunction, delimited(space, word("or"), space)).parse_next(input)?;
    Ok(one_or(parts, Node::Any))
}

fn conjunction(input: &mut Input<'_>) -> ModalResult<Node> {
    let parts: Vec<Node> = separated(1.., negation, delimited(space, word("and"), space)).parse_next(input)?;
    Ok(one_or(parts, Node::All))
}

fn one_or(mut parts: Vec<Node>, group: fn(Vec<Node>) -> Node) -> Node {
    match (parts.len(), parts.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            parts.extend(last);
            group(parts)
        }
    }
}

fn negation(input: &mut Input<'_>) -> ModalResult<Node> {
    let times: usize =
        repeat(0..=MAX_DEPTH, terminated(word("not"), space)).fold(|| 0, |n, ()| n + 1).parse_next(input)?;
    let inner = primary.parse_next(input)?;
    Ok(if times == 0 { inner } else { Node::Not(times, Box::new(inner)) })
}

fn primary(input: &mut Input<'_>) -> ModalResult<Node> {
    let close = cut_err(')').context(StrContext::Expected(StrContextValue::CharLiteral(')')));
    let group = delimited(('(', space), cut_err(disjunction), (space, close));
    let truth = alt((word("true").map(|()| Node::Always(true)), word("false").map(|()| Node::Always(false))));
    alt((group, truth, comparison))
        .context(StrContext::Label("condition"))
        .context(StrContext::Expected(StrContextValue::Description("a field, `not` or `(`")))
        .parse_next(input)
}

fn comparison(input: &mut Input<'_>) -> ModalResult<Node> {
    let ((field, rest), span) = (field, preceded(space, opt(relation))).with_span().parse_next(input)?;
    let (op, value) = rest.unwrap_or((Op::Eq, Literal::Bool(true)));
    Ok(Node::Compare(Comparison { field, op, value }, Span { start: span.start, end: span.end }))
}

fn field(input: &mut Input<'_>) -> ModalResult<String> {
    let quoted = delimited('`', take_while(1.., |c: char| c != '`'), cut_err('`'));
    let plain = take_while(1.., is_name)
        .verify(|name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_keyword(name));
    alt((quoted, plain)).map(str::to_owned).parse_next(input)
}

fn is_keyword(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "true" | "false" | "exists")
        || Op::ALL.iter().any(|(_, _, sign)| *sign == word)
}

fn relation(input: &mut Input<'_>) -> ModalResult<(Op, Literal)> {
    let missing = (word("not"), space, word("exists")).value((Op::Exists, Literal::Bool(false)));
    let there = word("exists").value((Op::Exists, Literal::Bool(true)));
    let value = || {
        cut_err(literal).context(StrContext::Expected(StrContextValue::Description(
            "a value: true, false, a number, \"text\" or [a list]",
        )))
    };
    alt((missing, there, (operator, preceded(space, value())))).parse_next(input)
}

fn operator(input: &mut Input<'_>) -> ModalResult<Op> {
    let negated =
        preceded((word("not"), space), alt((word("in_list").value(Op::NotInList), word("in").value(Op::NotIn))));
    let signs = alt((
        "!=".value(Op::Ne),
        ">=".value(Op::Gte),
        "<=".value(Op::Lte),
        "=".value(Op::Eq),
        ">".value(Op::Gt),
        "<".value(Op::Lt),
    ));
    let words = alt((
        word("in_list").value(Op::InList),
        word("in_cidr").value(Op::InCidr),
        word("in").value(Op::In),
        word("contains").value(Op::Contains),
        word("starts_with").value(Op::StartsWith),
        word("ends_with").value(Op::EndsWith),
        word("matches").value(Op::Matches),
    ));
    alt((negated, signs, words)).parse_next(input)
}

fn literal(input: &mut Input<'_>) -> ModalResult<Literal> {
    let comma = (space, ',', space);
    let list = delimited(('[', space), separated(0.., scalar, comma), (space, cut_err(']')));
    alt((list.map(Literal::List), scalar)).parse_next(input)
}

fn scalar(input: &mut Input<'_>) -> ModalResult<Literal> {
    let truth = alt((word("true").value(Literal::Bool(true)), word("false").value(Literal::Bool(false))));
    alt((truth, text.map(Literal::Text), number.map(Literal::Number))).parse_next(input)
}

fn number(input: &mut Input<'_>) -> ModalResult<f64> {
    take_while(1.., |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'))
        .verify_map(|digits: &str| digits.parse::<f64>().ok().filter(|n| n.is_finite()))
        .parse_next(input)
}

fn text(input: &mut Input<'_>) -> ModalResult<String> {
    let plain = take_while(1.., |c: char| c != '"' && c != '\\').map(str::to_owned);
    let escape = preceded(
        '\\',
        any.verify_map(|c: char| match c {
            '"' | '\\' => Some(c),
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            _ => None,
        }),
    )
    .map(String::from);
    let parts = repeat(0.., alt((plain, escape, wrong_escape))).fold(String::new, |mut text, part: String| {
        text.push_str(&part);
        text
    });
    delimited('"', parts, cut_err('"')).parse_next(input)
}

fn wrong_escape(input: &mut Input<'_>) -> ModalResult<String> {
    preceded(
        '\\',
        cut_err(fail.context(StrContext::Expected(StrContextValue::Description("one of \\\" \\\\ \\n \\t \\r")))),
    )
    .parse_next(input)
}

/// Writes a condition: one line, no parenthesis that could be left out.
pub fn print(condition: &Condition) -> String {
    let mut out = String::new();
    write(condition, &mut out, 0);
    out
}

/// `outer`: 0 anything goes, 1 inside `or`, 2 inside `and`, 3 behind `not`.
fn write(condition: &Condition, out: &mut String, outer: u8) {
    match condition {
        Condition::All(parts) if parts.is_empty() => out.push_str("true"),
        Condition::Any(parts) if parts.is_empty() => out.push_str("false"),
        // A group inside a group of its own kind keeps its parentheses: they are part of the tree.
        Condition::All(parts) => group(parts, " and ", 2, outer >= 2, out),
        Condition::Any(parts) => group(parts, " or ", 1, outer >= 1, out),
        Condition::Not(inner) => {
            out.push_str("not ");
            write(inner, out, 3);
        }
        Condition::Compare(comparison) => compare(comparison, out),
    }
}

fn group(parts: &[Condition], between: &str, level: u8, parentheses: bool, out: &mut String) {
    if parentheses {
        out.push('(');
    }
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push_str(between);
        }
        write(part, out, level);
    }
    if parentheses {
        out.push(')');
    }
}

fn compare(comparison: &Comparison, out: &mut String) {
    let name = &comparison.field;
    let plain = name.chars().all(is_name) && name.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_keyword(name);
    let quote = if plain { "" } else { "`" };
    // Writing to a String can't fail.
    let _ = write!(out, "{quote}{name}{quote}");
    match (comparison.op, &comparison.value) {
        (Op::Eq, Literal::Bool(true)) => {}
        (Op::Exists, Literal::Bool(true)) => out.push_str(" exists"),
        (Op::Exists, Literal::Bool(false)) => out.push_str(" not exists"),
        (op, value) => {
            let _ = write!(out, " {} ", op.sign());
            value_text(value, out);
        }
    }
}

fn value_text(value: &Literal, out: &mut String) {
    match value {
        Literal::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Literal::Number(n) => {
            let _ = write!(out, "{n}");
        }
        Literal::Text(text) => {
            out.push('"');
            for c in text.chars() {
                match c {
                    '"' => out.push_str("\\\""),
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\t' => out.push_str("\\t"),
                    '\r' => out.push_str("\\r"),
                    c => out.push(c),
                }
            }
            out.push('"');
        }
        Literal::List(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                value_text(value, out);
            }
            out.push(']');
        }
    }
}
