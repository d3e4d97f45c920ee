//! What was probably meant: help for the mistakes that people bring along from other languages.

use alloc::{
    format,
    string::{String, ToString},
};

use super::grammar::{is_keyword, is_name};

/// The word or sign that stands at a byte; empty where the text ends.
pub(super) fn token(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let word = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
    let length = if word > 0 { word } else { rest.chars().next().map_or(0, char::len_utf8) };
    rest.get(..length).unwrap_or_default()
}

/// Help for what can't be read at a byte, if the mistake is a known one.
pub(super) fn help(text: &str, at: usize) -> Option<String> {
    let (before, rest) = text.split_at_checked(at)?;
    let token = token(text, at);
    let sign = [
        ("=", "equality is written with a single `=`"),
        ("&", "write `and`"),
        ("|", "write `or`"),
        ("!", "write `not`, or `!=` between a field and a value"),
        ("'", "texts stand in double quotes"),
        ("not", "write `and not …`, `not in`, `not in_list` or `not exists`"),
    ];
    if before.ends_with('<') && rest.starts_with('>') {
        return Some("write `!=`".to_string());
    }
    if let Some((_, help)) = sign.iter().find(|(sign, _)| token == *sign) {
        return Some((*help).to_string());
    }
    if is_keyword(token) && token.chars().any(|c| c.is_ascii_uppercase()) {
        return Some(format!("write `{}` in lower case", token.to_ascii_lowercase()));
    }
    let after_sign = before.trim_end().ends_with(['=', '<', '>', '[', ',']);
    let is_word = token.starts_with(|c: char| c.is_ascii_alphabetic());
    (after_sign && is_word).then(|| format!("if a text is meant, write it in quotes: \"{token}\""))
}
