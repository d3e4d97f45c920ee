//! The grammar: from text to the nodes of a condition. What a field or a value means is not known here.

use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec::Vec};

use winnow::{
    LocatingSlice, ModalResult, Parser, Stateful,
    ascii::{line_ending, till_line_ending},
    combinator::{alt, cut_err, delimited, fail, not, opt, peek, preceded, repeat, separated, terminated},
    error::{ContextError, StrContext, StrContextValue},
    token::{any, one_of, take_while},
};

use super::{Parts, Span};
use crate::policy::tree::{Comparison, Condition, Literal, MAX_DEPTH, Op};

/// The text, and how many parentheses are open: the parser descends once for each, so that their number is bounded
/// while they are read.
type Input<'a> = Stateful<LocatingSlice<&'a str>, usize>;

/// A part of a condition, as it was read.
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(usize, Box<Node>),
    Always(bool),
    Compare(Comparison, Span, Parts),
}

/// Reads a whole text, or says where it can't be read and what was expected there.
pub(super) fn read(text: &str) -> Result<Node, (usize, String)> {
    let input = Stateful { input: LocatingSlice::new(text), state: 0 };
    delimited(space, disjunction, space).parse(input).map_err(|failure| (failure.offset(), expected(failure.inner())))
}

/// The innermost expectation: those around it were met.
fn expected(error: &ContextError) -> String {
    let innermost = error.context().find_map(|context| match context {
        StrContext::Expected(expected) => Some(format!("expected {expected}")),
        _ => None,
    });
    innermost.unwrap_or_else(|| String::from("expected an operator, `and`, `or` or the end"))
}

const fn wanted(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

/// From nodes to the tree, with the places of its comparisons; an error is the byte at which it nests too deep.
pub(super) fn settle(node: Node, places: &mut Vec<(Span, Parts)>, depth: usize) -> Result<Condition, usize> {
    if depth > MAX_DEPTH {
        return Err(start(&node));
    }
    let mut all =
        |parts: Vec<Node>| parts.into_iter().map(|part| settle(part, places, depth + 1)).collect::<Result<Vec<_>, _>>();
    Ok(match node {
        Node::Always(true) => Condition::All(Vec::new()),
        Node::Always(false) => Condition::Any(Vec::new()),
        Node::All(parts) => Condition::All(all(parts)?),
        Node::Any(parts) => Condition::Any(all(parts)?),
        Node::Not(times, inner) => {
            let inner = settle(*inner, places, depth.saturating_add(times))?;
            (0..times).fold(inner, |inner, _| Condition::Not(Box::new(inner)))
        }
        Node::Compare(comparison, span, parts) => {
            places.push((span, parts));
            Condition::Compare(comparison)
        }
    })
}

/// Where the first comparison of a node stands.
fn start(mut node: &Node) -> usize {
    loop {
        node = match node {
            Node::All(parts) | Node::Any(parts) => match parts.first() {
                Some(first) => first,
                None => return 0,
            },
            Node::Not(_, inner) => inner,
            Node::Always(_) => return 0,
            Node::Compare(_, span, _) => return span.start,
        };
    }
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

/// Whether a field name may hold it without quotes.
pub(super) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

/// Whether a field name must be quoted because the word means something else, in whatever case it is written.
pub(super) fn is_keyword(word: &str) -> bool {
    let words = ["and", "or", "not", "true", "false", "exists"].into_iter();
    words.chain(Op::ALL.into_iter().map(|(_, _, sign)| sign)).any(|keyword| keyword.eq_ignore_ascii_case(word))
}

fn disjunction(input: &mut Input<'_>) -> ModalResult<Node> {
    let more = repeat(0.., preceded((space, word("or"), space), cut_err(conjunction)));
    let (first, rest): (Node, Vec<Node>) = (conjunction, more).parse_next(input)?;
    Ok(one_or(first, rest, Node::Any))
}

fn conjunction(input: &mut Input<'_>) -> ModalResult<Node> {
    let more = repeat(0.., preceded((space, word("and"), space), cut_err(negation)));
    let (first, rest): (Node, Vec<Node>) = (negation, more).parse_next(input)?;
    Ok(one_or(first, rest, Node::All))
}

fn one_or(first: Node, mut rest: Vec<Node>, group: fn(Vec<Node>) -> Node) -> Node {
    if rest.is_empty() {
        return first;
    }
    rest.insert(0, first);
    group(rest)
}

fn negation(input: &mut Input<'_>) -> ModalResult<Node> {
    let times: usize = repeat(0.., terminated(word("not"), space)).fold(|| 0, |n, ()| n + 1).parse_next(input)?;
    match times {
        0 => primary.parse_next(input),
        times => cut_err(primary).map(|inner| Node::Not(times, Box::new(inner))).parse_next(input),
    }
}

fn primary(input: &mut Input<'_>) -> ModalResult<Node> {
    let truth = alt((word("true").value(true), word("false").value(false))).map(Node::Always);
    alt((group, truth, comparison)).context(wanted("a field, `not` or `(`")).parse_next(input)
}

fn group(input: &mut Input<'_>) -> ModalResult<Node> {
    '('.parse_next(input)?;
    input.state += 1;
    if input.state > MAX_DEPTH {
        return cut_err(fail).context(wanted("at most 32 levels of parentheses")).parse_next(input);
    }
    let close = cut_err(')').context(wanted("an operator, `and`, `or` or `)`"));
    let inner = delimited(space, cut_err(disjunction), (space, close)).parse_next(input)?;
    input.state -= 1;
    Ok(inner)
}

fn comparison(input: &mut Input<'_>) -> ModalResult<Node> {
    let (field, named) = field.with_span().parse_next(input)?;
    let named = Span { start: named.start, end: named.end };
    let relation = opt(preceded(space, relation)).parse_next(input)?;
    let (op, asked, value, given) = relation.unwrap_or((Op::Eq, named, Literal::Bool(true), named));
    let whole = Span { start: named.start, end: given.end };
    Ok(Node::Compare(Comparison { field, op, value }, whole, Parts { field: named, op: asked, value: given }))
}

fn field(input: &mut Input<'_>) -> ModalResult<String> {
    let plain = take_while(1.., is_name)
        .verify(|name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_keyword(name))
        .map(str::to_owned);
    let quoted = quoted('`').verify(|name: &str| !name.is_empty());
    alt((quoted, plain)).parse_next(input)
}

type Relation = (Op, Span, Literal, Span);

fn relation(input: &mut Input<'_>) -> ModalResult<Relation> {
    let missing = (word("not"), space, word("exists")).value(false);
    let existence = alt((missing, word("exists").value(true))).with_span().map(|(there, at)| {
        let at = Span { start: at.start, end: at.end };
        (Op::Exists, at, Literal::Bool(there), at)
    });
    let value = cut_err(literal).context(wanted("a value: true, false, a number, \"text\" or [a list]"));
    let usual = (operator.with_span(), preceded(space, value.with_span())).map(|((op, asked), (value, given))| {
        (op, Span { start: asked.start, end: asked.end }, value, Span { start: given.start, end: given.end })
    });
    alt((existence, usual)).parse_next(input)
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
    let close = cut_err(']').context(wanted("`,` or `]`"));
    let item = scalar.context(wanted("a value: true, false, a number or \"text\""));
    let items = separated(0.., item, (space, ',', space));
    alt((delimited(('[', space), items, (space, close)).map(Literal::List), scalar)).parse_next(input)
}

fn scalar(input: &mut Input<'_>) -> ModalResult<Literal> {
    let truth = alt((word("true").value(true), word("false").value(false))).map(Literal::Bool);
    alt((truth, quoted('"').map(Literal::Text), number.map(Literal::Number))).parse_next(input)
}

fn number(input: &mut Input<'_>) -> ModalResult<f64> {
    // A word glued to a number is no number: `3and`.
    take_while(1.., |c: char| is_name(c) || c == '+')
        .verify(|digits: &str| digits.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
        .verify_map(|digits: &str| digits.parse::<f64>().ok().filter(|n| n.is_finite()))
        .parse_next(input)
}

/// What stands between two marks, escapes resolved.
fn quoted<'a>(mark: char) -> impl Parser<Input<'a>, String, winnow::error::ErrMode<ContextError>> {
    let plain = take_while(1.., move |c: char| c != mark && c != '\\').map(str::to_owned);
    let known = any.verify_map(|c: char| match c {
        '"' | '`' | '\\' => Some(c),
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        _ => None,
    });
    let escape = preceded('\\', cut_err(known).context(wanted("one of the escapes \\\" \\` \\\\ \\n \\t \\r")));
    let parts = repeat(0.., alt((plain, escape.map(String::from)))).fold(String::new, |mut text, part: String| {
        text.push_str(&part);
        text
    });
    let close = cut_err(mark).context(wanted(if mark == '"' { "a closing `\"`" } else { "a closing backquote" }));
    delimited(mark, parts, close)
}
