//! Makes the database say what reviewed files say.
//!
//! Everything is read and checked before anything is written; all documents and list entries change in one transaction;
//! saying the same twice changes nothing. The plan is printed the same way whether it is carried out or not.
//!
//! ```text
//! files ─ tree ─▶ values with places ─ decode ─▶ documents (file) ─ check ─▶ plan ─▶ one transaction
//! ```

mod check;
mod decode;
mod file;
mod key;
mod odd;
mod plan;
mod problem;
mod source;
mod tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use countersign_engine::{
    id::{ListId, ProjectId},
    time::Timestamp,
};
use countersign_server::context::Rng;
use countersign_store::{
    Store, StoreError,
    op::{ChangeProject, DocumentRow, Entry, ListChange, ProjectRow, ReadDocuments, ReadListEntries, ReadProjects},
};

pub use key::{CreatedKey, KeySpec, draw_key};
use plan::Plan;
use problem::{Found, Problems};
pub use source::{Format, Source};

/// Somebody else may change the project between our reading and our writing; then we read again, so many times at most.
const TRIES: u32 = 20;

/// How to apply.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Say what would change, and change nothing.
    pub dry_run: bool,
    /// Delete policies, challenge configs, lists and list entries that no file names. Keys are never deleted this way.
    pub prune: bool,
    /// The project of files that don't say which; those that do must agree.
    pub project: Option<String>,
}

/// Why nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The files: every reason, each with its place and what to do.
    #[error("{0}")]
    Files(Problems),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Others kept changing the project.
    #[error("others kept changing the project: try again")]
    Busy,
}

/// What was, or would be, changed.
#[derive(Debug)]
pub struct Report {
    /// The project.
    pub project: String,
    /// A line for each change: `+` added, `~` changed, `-` deleted.
    pub lines: Vec<String>,
    /// What is odd about policies as they will be, and what to do: nothing is refused for it.
    pub odd: Vec<String>,
    /// How many documents that the files name are as they should be already.
    pub unchanged: usize,
    /// Keys that were made.
    pub created_keys: Vec<CreatedKey>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            writeln!(f, "project {}: nothing to change", self.project)?;
        } else {
            let note = if self.dry_run { " (dry run: nothing is written)" } else { "" };
            writeln!(f, "project {}{note}", self.project)?;
            self.lines.iter().try_for_each(|line| writeln!(f, "  {}", printable(line)))?;
        }
        self.odd.iter().try_for_each(|odd| writeln!(f, "  ! {}", printable(odd)))?;
        writeln!(f, "  unchanged: {}", self.unchanged)?;
        self.created_keys.iter().filter(|_| !self.dry_run).try_for_each(|key| writeln!(f, "\n{key}"))
    }
}

/// Everything that is wrong with files whatever the database holds: so that nobody has to reach one to be told.
pub fn check_alone(sources: &[Source], options: &Options) -> Result<(), Refused> {
    let mut found = Found::new(sources);
    let wanted = file::read(sources, options.project.as_deref(), &mut found);
    check::check(&wanted, None, options.prune, sources, &mut found);
    found.into_result().map_err(Refused::Files)
}

/// Applies files.
pub async fn apply(
    store: &Store,
    sources: &[Source],
    options: &Options,
    now: Timestamp,
    rng: &Rng,
) -> Result<Report, Refused> {
    let mut found = Found::new(sources);
    let wanted = file::read(sources, options.project.as_deref(), &mut found);
    for _ in 0..TRIES {
        let (row, documents) = current(store, &wanted.project).await?;
        check::check(&wanted, Some(&documents), options.prune, sources, &mut found);
        std::mem::replace(&mut found, Found::new(sources)).into_result().map_err(Refused::Files)?;
        let mut plan = Plan::make(&wanted, &documents, options.prune, rng);
        let project = row.as_ref().map_or_else(|| ProjectId::new(now.millis(), rng.bytes()), |row| row.id);
        let base = row.as_ref().map_or(0, |row| row.revision);
        let mut lists = Vec::new();
        for (list, name, entries) in &plan.entries {
            let there = entries_of(store, project, *list).await?;
            lists.extend(entry_changes((*list, name), entries, &there, options.prune, &mut plan.lines));
        }
        let odd = odd::of(&plan, &documents, &wanted, sources);
        if base == 0 {
            plan.lines.insert(0, format!("+ project \"{}\"", wanted.project));
        }
        let is_due = base == 0 || !plan.changes.is_empty() || !lists.is_empty();
        if is_due && !options.dry_run {
            let (slug, changes) = (wanted.project.clone(), std::mem::take(&mut plan.changes));
            let author = "apply".to_owned();
            // All of it in one transaction: a key is only told once it is there, and it is told whenever it is.
            let change = ChangeProject { project, slug, base, changes, lists, author, now };
            if store.run(change).await?.is_err() {
                continue;
            }
        }
        return Ok(Report {
            project: wanted.project,
            lines: plan.lines,
            odd,
            unchanged: plan.unchanged,
            created_keys: plan.created_keys,
            dry_run: options.dry_run,
        });
    }
    Err(Refused::Busy)
}

/// The project of that name, as it stands.
pub async fn current(store: &Store, slug: &str) -> Result<(Option<ProjectRow>, Vec<DocumentRow>), StoreError> {
    let found = store.read(ReadProjects).await?.into_iter().find(|row| row.slug == slug);
    let Some(row) = found else { return Ok((None, Vec::new())) };
    let documents = store.read(ReadDocuments { project: row.id, revision: i64::MAX }).await?;
    Ok(documents.map_or((None, Vec::new()), |(row, documents)| (Some(row), documents)))
}

async fn entries_of(store: &Store, project: ProjectId, list: ListId) -> Result<BTreeMap<String, Entry>, StoreError> {
    let mut there = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = store.read(ReadListEntries { project, list, after: after.clone() }).await?;
        let Some(newest) = page.last() else { return Ok(there) };
        after.clone_from(&newest.value);
        there.extend(page.into_iter().map(|entry| (entry.value.clone(), entry)));
    }
}

/// What changes about a list's entries, if anything; says so in `lines`.
fn entry_changes(
    (list, name): (ListId, &str),
    wanted: &[Entry],
    there: &BTreeMap<String, Entry>,
    prune: bool,
    lines: &mut Vec<String>,
) -> Option<ListChange> {
    let changed = wanted.iter().filter(|entry| there.get(&entry.value).is_some_and(|known| known != *entry)).cloned();
    let new = wanted.iter().filter(|entry| !there.contains_key(&entry.value)).cloned();
    let (changed, mut add): (Vec<Entry>, Vec<Entry>) = (changed.collect(), new.collect());
    let kept: BTreeSet<&str> = wanted.iter().map(|entry| entry.value.as_str()).collect();
    let gone = there.keys().filter(|value| prune && !kept.contains(value.as_str())).cloned();
    let remove: Vec<String> = gone.collect();
    for (sign, count) in [("+", add.len()), ("~", changed.len()), ("-", remove.len())] {
        if count > 0 {
            lines.push(format!("{sign} {} of list \"{name}\"", counted(count)));
        }
    }
    add.extend(changed);
    (!add.is_empty() || !remove.is_empty()).then_some(ListChange { list, add, remove })
}

fn counted(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

/// A text from a file as a terminal may be given it: what would steer the terminal is spelt out.
pub fn printable(text: &str) -> String {
    // Marks of direction are no control characters, and turn around what a line seems to say.
    let steers = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if steers(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}
