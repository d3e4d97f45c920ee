//! From the tree to its canonical text: one line, no parenthesis that could be left out.

use core::fmt::Write;

use alloc::string::String;

use super::grammar::{is_keyword, is_name};
use crate::policy::tree::{Comparison, Condition, Literal, Op};

/// Writes a condition: one line, no parenthesis that could be left out.
pub fn print(condition: &Condition) -> String {
    let mut out = String::new();
    write(condition, &mut out, Around::Nothing);
    out
}

/// What stands around a condition, from the loosest to the tightest.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Around {
    Nothing,
    Or,
    And,
    Not,
}

fn write(condition: &Condition, out: &mut String, around: Around) {
    match condition {
        Condition::All(parts) if parts.is_empty() => out.push_str("true"),
        Condition::Any(parts) if parts.is_empty() => out.push_str("false"),
        // A group inside a group of its own kind keeps its parentheses: they are part of the tree.
        Condition::All(parts) => group(parts, (" and ", Around::And), around >= Around::And, out),
        Condition::Any(parts) => group(parts, (" or ", Around::Or), around >= Around::Or, out),
        Condition::Not(inner) => {
            out.push_str("not ");
            write(inner, out, Around::Not);
        }
        Condition::Compare(comparison) => compare(comparison, out),
    }
}

fn group(parts: &[Condition], (between, around): (&str, Around), parentheses: bool, out: &mut String) {
    if parentheses {
        out.push('(');
    }
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push_str(between);
        }
        write(part, out, around);
    }
    if parentheses {
        out.push(')');
    }
}

fn compare(comparison: &Comparison, out: &mut String) {
    let name = &comparison.field;
    let plain = name.chars().all(is_name) && name.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_keyword(name);
    if plain {
        out.push_str(name);
    } else {
        quoted(name, '`', out);
    }
    match (comparison.op, &comparison.value) {
        (Op::Eq, Literal::Bool(true)) => {}
        (Op::Exists, Literal::Bool(true)) => out.push_str(" exists"),
        (Op::Exists, Literal::Bool(false)) => out.push_str(" not exists"),
        (op, value) => {
            // Writing to a String can't fail.
            let _ = write!(out, " {} ", op.sign());
            literal(value, out);
        }
    }
}

fn literal(value: &Literal, out: &mut String) {
    match value {
        Literal::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Literal::Number(n) => {
            // Whichever is short; both read back as the same number.
            let usual = *n == 0.0 || (1e-6..1e16).contains(&n.abs());
            let _ = if usual { write!(out, "{n}") } else { write!(out, "{n:e}") };
        }
        Literal::Text(text) => quoted(text, '"', out),
        Literal::List(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                literal(value, out);
            }
            out.push(']');
        }
    }
}

fn quoted(text: &str, mark: char, out: &mut String) {
    out.push(mark);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\\' => out.push_str("\\\\"),
            c if c == mark => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(mark);
}
