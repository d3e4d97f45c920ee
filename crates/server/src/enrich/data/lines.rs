//! Sorted lines of text, searched where they lie: domains, or keys with something said of each behind a tab.

use std::{borrow::Cow, cmp::Ordering};

use super::Fault;

/// Lines in byte order, none empty, each ended by a line feed.
#[derive(Debug)]
pub struct Lines(Cow<'static, str>);

impl Lines {
    /// Lines that are in order already: the pack's, which its tests hold to that.
    pub const fn sorted(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// A list of domains from a file: one a line, `#` begins a comment; order and letter case are free.
    pub fn domains(text: &str) -> Result<Self, Fault> {
        let mut domains = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let written = line.split('#').next().unwrap_or_default().trim().trim_start_matches('@');
            if written.is_empty() {
                continue;
            }
            let domain = idna::domain_to_ascii(written).ok().filter(|domain| domain.contains('.') && is_plain(domain));
            let wrong = || Fault::at_line(number + 1, "a line is a domain, such as `example.com`");
            domains.push(domain.ok_or_else(wrong)?);
        }
        Ok(Self::of(domains))
    }

    /// Keys from a file, each with something behind a tab.
    pub fn pairs(text: &str) -> Result<Self, Fault> {
        let mut pairs = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            if !line.split_once('\t').is_some_and(|(key, said)| !key.is_empty() && !said.is_empty()) {
                return Err(Fault::at_line(number + 1, "a line is a key, a tab and what is said of it"));
            }
            pairs.push(line.to_owned());
        }
        Ok(Self::of(pairs))
    }

    fn of(mut lines: Vec<String>) -> Self {
        lines.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        lines.dedup();
        Self(lines.into_iter().fold(String::new(), |text, line| text + &line + "\n").into())
    }

    /// What is said of `wanted`: empty where its being here is all there is to say.
    pub fn get(&self, wanted: &str) -> Option<&str> {
        let (mut low, mut high) = (0, self.0.len());
        while low < high {
            let start = self.line_start(low.midpoint(high), low);
            let line = self.0.get(start..)?.split('\n').next()?;
            match key(line).cmp(wanted) {
                Ordering::Equal => return Some(line.split_once('\t').map_or("", |(_, said)| said)),
                Ordering::Less => low = start + line.len() + 1,
                Ordering::Greater => high = start,
            }
        }
        None
    }

    /// Whether `domain`, or a domain that it is part of, is here.
    pub fn covers(&self, domain: &str) -> bool {
        let mut rest = domain;
        while rest.contains('.') {
            if self.get(rest).is_some() {
                return true;
            }
            rest = rest.split_once('.').map_or("", |(_, parent)| parent);
        }
        false
    }

    /// How many.
    pub fn entries(&self) -> usize {
        self.0.lines().filter(|line| !line.is_empty()).count()
    }

    /// Whether the order is what a search relies on.
    pub fn check(&self) -> Result<(), Fault> {
        let mut before = "";
        for (number, line) in self.0.lines().enumerate() {
            if key(line) <= before {
                return Err(Fault::at_line(number + 1, "the lines are not in order"));
            }
            before = key(line);
        }
        Ok(())
    }

    /// Where the line that holds byte `at` begins; not before `low`, which is a beginning.
    fn line_start(&self, at: usize, low: usize) -> usize {
        let before = self.0.as_bytes().get(low..at).unwrap_or_default();
        before.iter().rposition(|byte| *byte == b'\n').map_or(low, |newline| low + newline + 1)
    }
}

fn key(line: &str) -> &str {
    line.split('\t').next().unwrap_or_default()
}

fn is_plain(domain: &str) -> bool {
    domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_and_nothing_else() {
        let words: Vec<String> = (0..200).map(|n| format!("d{}.example", n * n)).collect();
        for count in [0, 1, 2, 3, 200] {
            let lines = Lines::domains(&words[..count].join("\n")).unwrap();
            lines.check().unwrap();
            for word in &words[..count] {
                assert!(lines.get(word).is_some(), "{word} of {count}");
            }
            for other in ["", "a", "zzz.example", "d2.example", "d0.exampl", "d0.example.", "d0.example\n"] {
                assert_eq!(lines.get(other), None, "{other:?} of {count}");
            }
        }
    }

    #[test]
    fn a_domain_covers_those_below_it() {
        let lines = Lines::domains("# ours\nExample.com # and all of it\n@Bücher.example\n").unwrap();
        for inside in ["example.com", "a.b.example.com", "xn--bcher-kva.example"] {
            assert!(lines.covers(inside), "{inside}");
        }
        for outside in ["com", "notexample.com", "example.com.org", ""] {
            assert!(!lines.covers(outside), "{outside}");
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, place) in [("a.example\nnonsense\n", "line 2: "), ("\n\na b.example", "line 3: ")] {
            assert!(Lines::domains(text).unwrap_err().to_string().starts_with(place), "{text:?}");
        }
        assert!(Lines::pairs("Europe/Paris\tFR\nEurope/Lyon\n").unwrap_err().to_string().starts_with("line 2: "));
        assert_eq!(Lines::pairs("b\t2\na\t1 x\n").unwrap().get("a"), Some("1 x"));
    }
}
