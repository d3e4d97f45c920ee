//! Turns the crawler list's regular expressions into plain marks: nearly all of them are marks already, and plain ones
//! are searched for all at once.

/// The marks that an expression stands for: groups and sets written out. `None` where it can't be written out.
pub fn of(expression: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for alternative in split(expression)? {
        found.extend(expand(alternative)?);
    }
    found.sort();
    found.dedup();
    Some(found)
}

/// The alternatives on the outermost level.
fn split(expression: &str) -> Option<Vec<&str>> {
    let (mut depth, mut start, mut escaped) = (0_i32, 0, false);
    let mut parts = Vec::new();
    for (at, c) in expression.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => depth -= 1,
            '|' if depth == 0 => {
                parts.push(expression.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(expression.get(start..)?);
    Some(parts)
}

/// Every text that a sequence stands for.
fn expand(sequence: &str) -> Option<Vec<String>> {
    let mut found = vec![String::new()];
    let mut rest = sequence;
    while let Some(c) = rest.chars().next() {
        let (choices, length) = match c {
            '[' => set(rest)?,
            '(' => {
                let end = closing(rest)?;
                (of(rest.get(1..end)?)?, end + 1)
            }
            '\\' => {
                let escaped = rest.chars().nth(1).filter(|c| !c.is_alphanumeric())?;
                (vec![escaped.to_string()], 1 + escaped.len_utf8())
            }
            // `^` and `$` stay: a mark binds itself to an end with them.
            '.' | '*' | '+' | '?' | '{' => return None,
            plain => (vec![plain.to_string()], plain.len_utf8()),
        };
        found = found.iter().flat_map(|start| choices.iter().map(move |choice| format!("{start}{choice}"))).collect();
        rest = rest.get(length..)?;
    }
    Some(found)
}

/// The characters of a set of plain ones, and its length.
fn set(text: &str) -> Option<(Vec<String>, usize)> {
    let end = text.find(']')?;
    let inside = text.get(1..end)?;
    let plain = !inside.starts_with('^') && inside.chars().all(char::is_alphanumeric);
    plain.then(|| (inside.chars().map(String::from).collect(), end + 1))
}

fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_written_out() {
        for (expression, marks) in [
            ("Googlebot\\/", vec!["Googlebot/"]),
            ("^curl", vec!["^curl"]),
            ("[wW]get", vec!["Wget", "wget"]),
            ("Ahrefs(Bot|SiteAudit)", vec!["AhrefsBot", "AhrefsSiteAudit"]),
            ("(^| )PTST\\/", vec![" PTST/", "^PTST/"]),
            ("Chirp|gotosocial", vec!["Chirp", "gotosocial"]),
            ("Riddler \\(http:\\/\\/riddler\\.io", vec!["Riddler (http://riddler.io"]),
        ] {
            assert_eq!(of(expression).unwrap(), marks, "{expression}");
        }
        for other in ["a[^-]", "a\\d", "Spider[\\s\\S]*x", "a.b"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
