//! Marks in user agents by which crawlers, libraries and other programs name themselves.

use aho_corasick::{AhoCorasick, MatchKind};

use super::Fault;

/// The marks, searched for all at once.
#[derive(Debug)]
pub struct Agents {
    search: AhoCorasick,
    anchors: Vec<Anchors>,
}

/// Where in the text a mark must stand.
#[derive(Clone, Copy, Debug)]
struct Anchors {
    start: bool,
    end: bool,
}

impl Agents {
    /// One mark a line, letter case included: `^` in front binds it to the beginning, `$` behind it to the end. A line
    /// that begins with `#` is a comment.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut marks = Vec::new();
        let mut anchors = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let mark = line.strip_prefix('^').unwrap_or(line);
            let mark = mark.strip_suffix('$').unwrap_or(mark);
            // Shorter ones stand in what people's browsers send.
            if mark.len() < 3 {
                return Err(Fault::at_line(number + 1, "a mark has three characters or more"));
            }
            anchors.push(Anchors { start: line.starts_with('^'), end: line.ends_with('$') });
            marks.push(mark);
        }
        let search = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&marks);
        Ok(Self { search: search.map_err(|error| Fault::whole(error.to_string()))?, anchors })
    }

    /// Whether `agent` bears one of them.
    pub fn matches(&self, agent: &str) -> bool {
        self.search.find_overlapping_iter(agent).any(|found| {
            self.anchors.get(found.pattern().as_usize()).is_some_and(|anchors| {
                (!anchors.start || found.start() == 0) && (!anchors.end || found.end() == agent.len())
            })
        })
    }

    /// How many.
    pub fn entries(&self) -> usize {
        self.anchors.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_where_they_are_bound_to() {
        let agents = Agents::parse("# ours\nGooglebot/\n^curl\nscan bot$\n").unwrap();
        for yes in ["Mozilla/5.0 (compatible; Googlebot/2.1)", "curl/8.1", "a scan bot"] {
            assert!(agents.matches(yes), "{yes}");
        }
        for no in ["", "googlebot/2.1", "libcurl/8.1", "scan bot/1", "Mozilla/5.0 Firefox/145.0"] {
            assert!(!agents.matches(no), "{no}");
        }
        assert!(Agents::parse("fine\n^a\n").unwrap_err().to_string().starts_with("line 2: "));
    }
}
