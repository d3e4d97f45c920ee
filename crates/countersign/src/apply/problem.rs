//! What is wrong with files: collected while they are read and checked, told all at once in the files' order.

use std::fmt;

use super::{printable, source::Source};

/// Problems told at most: behind a hundred there is one cause.
const TOLD: usize = 100;

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, with line and column; or the stored document.
    pub place: String,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", printable(&self.place), printable(&self.what))
    }
}

/// Everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The first of them, in the order of the files.
    pub told: Vec<Problem>,
    /// How many there are.
    pub count: usize,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing was applied: {} problem{}", self.count, if self.count == 1 { "" } else { "s" })?;
        self.told.iter().try_for_each(|problem| write!(f, "\n  {problem}"))?;
        match self.count.saturating_sub(self.told.len()) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file: which one, and the byte.
    File(usize, usize),
    /// In the database: the document's label.
    Stored(String),
}

/// Problems found so far.
#[derive(Debug)]
pub struct Found<'a> {
    sources: &'a [Source],
    found: Vec<(Place, String)>,
}

impl<'a> Found<'a> {
    /// None yet.
    pub const fn new(sources: &'a [Source]) -> Self {
        Self { sources, found: Vec::new() }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// One more.
    pub fn say(&mut self, place: Place, what: impl Into<String>) {
        self.found.push((place, what.into()));
    }

    /// A place as people are told it.
    pub fn name(&self, place: &Place) -> String {
        match place {
            Place::File(file, at) => self.sources.get(*file).map_or_else(String::new, |source| source.place(*at)),
            Place::Stored(label) => format!("{label}, as it is in the database"),
        }
    }

    /// All of them, if there are any.
    pub fn into_result(mut self) -> Result<(), Problems> {
        self.found.sort();
        self.found.dedup();
        let told = self.found.iter().take(TOLD);
        let told: Vec<_> = told.map(|(at, what)| Problem { place: self.name(at), what: what.clone() }).collect();
        if told.is_empty() { Ok(()) } else { Err(Problems { told, count: self.found.len() }) }
    }
}
