//! Marks in user agents by which crawlers, libraries and other programs name themselves.

use super::Fault;

/// The marks, by their first three bytes: small in memory, and a look at each place of a text is a short search.
#[derive(Debug)]
pub struct Agents(Vec<Mark>);

#[derive(Debug)]
struct Mark {
    begins: [u8; 3],
    text: String,
    /// Whether it must stand at the beginning.
    at_start: bool,
    /// Whether it must stand at the end.
    at_end: bool,
}

impl Agents {
    /// One mark a line, letter case included: `^` in front binds it to the beginning, `$` behind it to the end. A line
    /// that begins with `#` is a comment.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut marks = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let mark = line.strip_prefix('^').unwrap_or(line);
            let mark = mark.strip_suffix('$').unwrap_or(mark);
            // Shorter ones stand in what people's browsers send.
            let Some(begins) = mark.as_bytes().first_chunk() else {
                return Err(Fault::at_line(number + 1, "a mark has three characters or more"));
            };
            let (at_start, at_end) = (line.starts_with('^'), line.ends_with('$'));
            marks.push(Mark { begins: *begins, text: mark.to_owned(), at_start, at_end });
        }
        marks.sort_unstable_by_key(|mark| mark.begins);
        Ok(Self(marks))
    }

    /// Whether `agent` bears one of them.
    pub fn matches(&self, agent: &str) -> bool {
        (0..agent.len()).any(|at| {
            let rest = agent.as_bytes().get(at..).unwrap_or_default();
            let Some(begins) = rest.first_chunk() else { return false };
            let first = self.0.partition_point(|mark| mark.begins < *begins);
            let mut alike = self.0.iter().skip(first).take_while(|mark| mark.begins == *begins);
            alike.any(|mark| {
                rest.starts_with(mark.text.as_bytes())
                    && (!mark.at_start || at == 0)
                    && (!mark.at_end || rest.len() == mark.text.len())
            })
        })
    }

    /// How many.
    pub fn entries(&self) -> usize {
        self.0.len()
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
