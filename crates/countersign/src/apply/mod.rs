//! Makes the database say what reviewed files say.
//!
//! Everything is read and checked before anything is written; all documents change in one revision; saying the same
//! twice changes nothing. The plan is printed the same way whether it is carried out or not.

mod file;
mod plan;

use std::fmt;

use countersign_engine::{
    id::{ListId, ProjectId},
    time::Timestamp,
};
use countersign_server::context::Rng;
use countersign_store::{
    Store, StoreError,
    op::{
        ChangeListEntries, ChangeProject, DocumentRow, Entry, ProjectRow, ReadDocuments, ReadListEntries, ReadProjects,
    },
};

pub use file::{Format, KeySpec, Source};
use plan::Plan;
pub use plan::draw_key;

/// Somebody else may change the project between our reading and our writing; then we read again, so many times at most.
const TRIES: u32 = 20;

/// How to apply.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Say what would change, and change nothing.
    pub dry_run: bool,
    /// Delete policies, challenge configs, lists and list entries that no file names. Keys are never deleted this way.
    pub prune: bool,
}

/// Why nothing was applied: every reason, each with its place and what to do.
#[derive(Debug)]
pub enum Refused {
    /// The files.
    Files(Vec<Problem>),
    /// The database.
    Store(StoreError),
    /// Others kept changing the project.
    Busy,
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(problems) => {
                let count = problems.len();
                write!(f, "nothing was applied: {count} problem{}", if count == 1 { "" } else { "s" })?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
            Self::Store(error) => write!(f, "{error}"),
            Self::Busy => f.write_str("others kept changing the project: try again"),
        }
    }
}

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, with line and column where they are known.
    pub place: String,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A key that was made: the only time that its secret is known.
#[derive(Clone)]
pub struct CreatedKey {
    /// Its name.
    pub name: String,
    /// The public half.
    pub client_id: String,
    /// The secret half.
    pub secret: String,
}

impl fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What was, or would be, changed.
#[derive(Debug)]
pub struct Report {
    /// The project.
    pub project: String,
    /// A line for each change: `+` added, `~` changed, `-` deleted.
    pub lines: Vec<String>,
    /// Keys that were made.
    pub created_keys: Vec<CreatedKey>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return write!(f, "project {}: nothing to change", self.project);
        }
        writeln!(f, "project {}{}", self.project, if self.dry_run { " (dry run: nothing is written)" } else { "" })?;
        self.lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        for key in self.created_keys.iter().filter(|_| !self.dry_run) {
            writeln!(f, "\nkey \"{}\"\n  client id   {}\n  API secret  {}", key.name, key.client_id, key.secret)?;
            writeln!(f, "  Keep the secret now: it can't be shown again.")?;
        }
        Ok(())
    }
}

/// Applies files.
pub async fn apply(
    store: &Store,
    sources: &[Source],
    options: Options,
    now: Timestamp,
    rng: &Rng,
) -> Result<Report, Refused> {
    let wanted = file::read(sources).map_err(Refused::Files)?;
    for _ in 0..TRIES {
        let (row, documents) = current(store, &wanted.project).await?;
        let plan = Plan::make(&wanted, &documents, options, rng).map_err(Refused::Files)?;
        let project = row.as_ref().map_or_else(|| ProjectId::new(now.millis(), rng.bytes()), |row| row.id);
        let base = row.as_ref().map_or(0, |row| row.revision);
        let is_due = base == 0 || !plan.changes.is_empty();
        if is_due && !options.dry_run {
            let change = ChangeProject {
                project,
                slug: wanted.project.clone(),
                base,
                changes: plan.changes.clone(),
                author: "apply".to_owned(),
                now,
            };
            if store.run(change).await?.is_err() {
                continue;
            }
        }
        let mut lines = plan.lines.clone();
        for (list, name, entries) in &plan.entries {
            lines.extend(apply_entries(store, project, (*list, name), entries, options, now).await?);
        }
        return Ok(Report {
            project: wanted.project,
            lines,
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

async fn apply_entries(
    store: &Store,
    project: ProjectId,
    (list, name): (ListId, &str),
    wanted: &[Entry],
    options: Options,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let mut there: Vec<Entry> = Vec::new();
    loop {
        let after = there.last().map(|entry| entry.value.clone()).unwrap_or_default();
        let page = store.read(ReadListEntries { project, list, after }).await?;
        if page.is_empty() {
            break;
        }
        there.extend(page);
    }
    let add: Vec<Entry> = wanted.iter().filter(|entry| !there.contains(entry)).cloned().collect();
    let kept = |value: &str| wanted.iter().any(|entry| entry.value == value);
    let gone = there.iter().filter(|entry| options.prune && !kept(&entry.value)).map(|entry| entry.value.clone());
    let remove: Vec<String> = gone.collect();
    let mut lines = Vec::new();
    if !add.is_empty() {
        lines.push(format!("+ {} of list \"{name}\"", counted(add.len())));
    }
    if !remove.is_empty() {
        lines.push(format!("- {} of list \"{name}\"", counted(remove.len())));
    }
    if !options.dry_run && !lines.is_empty() {
        store.run(ChangeListEntries { project, list, add, remove, now }).await?;
    }
    Ok(lines)
}

fn counted(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}
