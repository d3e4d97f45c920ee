//! Moving: copies a whole database into an empty one, of either kind, and proves that both hold the same.
//!
//! Rows travel in batches, table by table, in the order of their keys. Where it stopped is written in the target in the
//! same transaction as the batch, so a move that was killed goes on with the next row. In the end both sides are read
//! again and compared; until then the target is marked, and no server opens it. Knows no driver and no command line.

mod fault;
mod sum;
pub(crate) mod table;

pub use fault::MoveError;
pub(crate) use fault::told_at;

use std::path::PathBuf;

use sum::Sum;
use table::Table;

use crate::{
    Row, StoreError,
    migration::{Applied, MOVING, Migration, OpenError, pending},
    postgres::moving::Postgres,
    sqlite::moving::Sqlite,
    tx::Owned,
};

/// How far a move is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// The table at hand.
    pub table: String,
    /// Rows done in this stage, those of an earlier run included.
    pub rows: u64,
    /// Rows to be done in this stage.
    pub of: u64,
}

/// The two halves of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Rows go from the source into the target.
    Copying,
    /// Both sides are read and compared.
    Verifying,
}

/// What was moved: both sides hold the same.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Where it came from; no password.
    pub source: String,
    /// Where it went; no password.
    pub target: String,
    /// Every table, with its rows.
    pub tables: Vec<MovedTable>,
}

/// A table that is the same on both sides.
#[derive(Clone, Debug)]
pub struct MovedTable {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// The checksum of its rows, in hexadecimal.
    pub checksum: String,
}

/// Where a move stands, as the target keeps it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mark {
    /// The name of the source.
    pub(crate) source: String,
    /// The table at hand: those before it are done.
    pub(crate) table: String,
    /// The key of the last row that was copied; nothing before the table's first.
    pub(crate) after: Option<Vec<Owned>>,
    /// Rows copied so far, over all tables.
    pub(crate) copied: u64,
}

/// A database that is moved from or to. Its calls may block: a move has nothing else to do.
pub(crate) enum Side {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// Calls the same method on either kind of database.
macro_rules! on {
    ($side:expr, $method:ident($($arg:expr),*)) => {
        match $side {
            Side::Sqlite(side) => side.$method($($arg),*),
            Side::Postgres(side) => side.$method($($arg),*).await,
        }
    };
}

impl Side {
    fn name(&self) -> String {
        match self {
            Self::Sqlite(side) => side.name(),
            Self::Postgres(side) => side.name(),
        }
    }

    const fn migrations(&self) -> &'static [Migration] {
        match self {
            Self::Sqlite(_) => crate::MIGRATIONS,
            Self::Postgres(_) => crate::POSTGRES_MIGRATIONS,
        }
    }

    async fn applied(&self) -> Result<Applied, StoreError> {
        on!(self, applied())
    }

    async fn tables(&self) -> Result<Vec<Table>, StoreError> {
        on!(self, tables())
    }

    async fn count(&self, table: &Table) -> Result<u64, StoreError> {
        on!(self, count(table))
    }

    async fn rows(&self, table: &Table, after: Option<&[Owned]>) -> Result<Vec<Row>, StoreError> {
        on!(self, rows(table, after))
    }

    async fn filled(&self, tables: &[Table]) -> Result<Option<String>, StoreError> {
        on!(self, filled(tables))
    }

    async fn begin(&self, source: &str, tables: &[Table]) -> Result<Option<String>, StoreError> {
        on!(self, begin(source, tables))
    }

    async fn resume(&mut self) -> Result<Mark, StoreError> {
        on!(self, resume())
    }

    async fn put(&self, table: &Table, rows: &[Row], mark: &Mark) -> Result<bool, StoreError> {
        on!(self, put(table, rows, mark))
    }

    async fn finish(&self, tables: &[Table]) -> Result<(), StoreError> {
        on!(self, finish(tables))
    }

    /// The steps that its schema took, the mark of a move left out, and whether that was there.
    async fn steps(&self) -> Result<(Applied, bool), MoveError> {
        let applied = self.applied().await.map_err(|error| told_at(&self.name(), error))?;
        let marked = applied.iter().flatten().any(|(number, _)| *number == MOVING);
        Ok((applied.map(|steps| steps.into_iter().filter(|(number, _)| *number != MOVING).collect()), marked))
    }
}

/// A database as it is named: `sqlite:` and a file, or a `postgres://` URL. Doesn't print: it may hold a password.
enum Place<'t> {
    Sqlite(PathBuf),
    Postgres(&'t str),
}

impl<'t> Place<'t> {
    fn parse(which: &'static str, text: &'t str) -> Result<Self, MoveError> {
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            None if text.starts_with("postgres://") || text.starts_with("postgresql://") => Ok(Self::Postgres(text)),
            _ => Err(MoveError::Unnamed { which }),
        }
    }
}

/// Copies everything that the database `from` holds to `to`, which is made or must be empty, or goes on with that.
///
/// Both are named as in the settings: `sqlite:` and a file, or `postgres://…`. `report` is called after every batch. An
/// error leaves the target as it is, marked as unfinished; the same call goes on.
pub async fn migrate_store(from: &str, to: &str, mut report: impl FnMut(&Progress)) -> Result<Moved, MoveError> {
    // Whatever is wrong with the names is told before anything is opened or made.
    let (from, to) = (Place::parse("source", from)?, Place::parse("target", to)?);
    let source = open_source(&from).await?;
    let (target, mark) = open_target(&to, &source).await?;
    let tables = source.tables().await.map_err(|error| told_at(&source.name(), error))?;
    copy(&source, &target, &tables, mark, &mut report).await?;
    let moved = verify(&source, &target, &tables, &mut report).await?;
    target.finish(&tables).await.map_err(|error| told_at(&target.name(), error))?;
    Ok(Moved { source: source.name(), target: target.name(), tables: moved })
}

async fn open_source(place: &Place<'_>) -> Result<Side, MoveError> {
    let source = match place {
        Place::Sqlite(path) => Side::Sqlite(Sqlite::source(path)?),
        Place::Postgres(url) => Side::Postgres(Box::new(Postgres::connect(url).await?)),
    };
    let (steps, marked) = source.steps().await?;
    if marked {
        return Err(OpenError::Moving { path: source.name() }.into());
    }
    is_newest(&source, &steps)?;
    Ok(source)
}

/// The target with its tables made and marked, and where the move stands there.
async fn open_target(place: &Place<'_>, source: &Side) -> Result<(Side, Mark), MoveError> {
    if let Place::Sqlite(path) = place
        && path.canonicalize().is_ok_and(|path| path.display().to_string() == source.name())
    {
        return Err(MoveError::Same { path: source.name() });
    }
    let mut target = match place {
        Place::Sqlite(path) => Side::Sqlite(Sqlite::target(path)?),
        Place::Postgres(url) => Side::Postgres(Box::new(Postgres::connect(url).await?)),
    };
    let name = target.name();
    if name == source.name() {
        return Err(MoveError::Same { path: name });
    }
    let told = |error| told_at(&name, error);
    let (steps, marked) = target.steps().await?;
    if !marked && pending(&name, &steps, target.migrations())?.is_some() {
        // A database that is in use isn't changed only to be refused.
        let tables = target.tables().await.map_err(told)?;
        if let Some(table) = target.filled(&tables).await.map_err(told)? {
            return Err(MoveError::NotEmpty { path: name, table });
        }
        match &target {
            Side::Sqlite(side) => side.migrate()?,
            Side::Postgres(side) => side.migrate().await?,
        }
    }
    is_newest(&target, &target.steps().await?.0)?;
    let tables = target.tables().await.map_err(told)?;
    if tables != source.tables().await.map_err(|error| told_at(&source.name(), error))? {
        return Err(MoveError::Tables { from: source.name(), to: name });
    }
    if !marked && let Some(table) = target.begin(&source.name(), &tables).await.map_err(told)? {
        return Err(MoveError::NotEmpty { path: name, table });
    }
    let mark = target.resume().await.map_err(told)?;
    if mark.source != source.name() {
        return Err(MoveError::OtherSource { path: name, from: mark.source });
    }
    Ok((target, mark))
}

fn is_newest(side: &Side, steps: &Applied) -> Result<(), MoveError> {
    if pending(&side.name(), steps, side.migrations())?.is_none() {
        return Ok(());
    }
    let found = steps.iter().flatten().last().map_or(0, |(number, _)| *number);
    let wanted = side.migrations().last().map_or(0, |migration| migration.number);
    Err(MoveError::Outdated { path: side.name(), found, wanted })
}

async fn copy(
    source: &Side,
    target: &Side,
    tables: &[Table],
    mut mark: Mark,
    report: &mut impl FnMut(&Progress),
) -> Result<(), MoveError> {
    let mut of = 0;
    for table in tables {
        of += source.count(table).await.map_err(|error| told_at(&source.name(), error))?;
    }
    let told = |mark: &Mark, table: &Table| Progress {
        stage: Stage::Copying,
        table: table.name.clone(),
        rows: mark.copied,
        of,
    };
    let first = mark.table.clone();
    for table in tables.iter().filter(|table| table.name >= first) {
        if table.name != mark.table {
            mark = Mark { table: table.name.clone(), after: None, ..mark };
        }
        report(&told(&mark, table));
        loop {
            let failed = |side: &Side, error| MoveError::failed(&side.name(), &table.name, error);
            let rows = source.rows(table, mark.after.as_deref()).await.map_err(|error| failed(source, error))?;
            let Some(last) = rows.last() else { break };
            mark.after = Some(table.key_of(last));
            mark.copied += rows.len() as u64;
            if !target.put(table, &rows, &mark).await.map_err(|error| failed(target, error))? {
                return Err(MoveError::TakenOver { path: target.name() });
            }
            report(&told(&mark, table));
        }
    }
    Ok(())
}

/// Reads both sides, and answers what they hold if it is the same.
async fn verify(
    source: &Side,
    target: &Side,
    tables: &[Table],
    report: &mut impl FnMut(&Progress),
) -> Result<Vec<MovedTable>, MoveError> {
    let mut progress = Progress { stage: Stage::Verifying, table: String::new(), rows: 0, of: 0 };
    for side in [source, target] {
        for table in tables {
            progress.of += side.count(table).await.map_err(|error| told_at(&side.name(), error))?;
        }
    }
    let mut same = Vec::new();
    for table in tables {
        progress.table.clone_from(&table.name);
        let there = sum(source, table, &mut progress, report).await?;
        let here = sum(target, table, &mut progress, report).await?;
        if there != here {
            let table = table.name.clone();
            let rows = (there.rows(), here.rows());
            return Err(MoveError::Differs { table, from: source.name(), to: target.name(), rows });
        }
        same.push(MovedTable { name: table.name.clone(), rows: here.rows(), checksum: here.checksum() });
    }
    Ok(same)
}

async fn sum(
    side: &Side,
    table: &Table,
    progress: &mut Progress,
    report: &mut impl FnMut(&Progress),
) -> Result<Sum, MoveError> {
    let mut sum = Sum::default();
    let mut after: Option<Vec<Owned>> = None;
    loop {
        report(progress);
        let rows = side.rows(table, after.as_deref()).await;
        let rows = rows.map_err(|error| MoveError::failed(&side.name(), &table.name, error))?;
        let Some(last) = rows.last() else { return Ok(sum) };
        after = Some(table.key_of(last));
        for row in &rows {
            sum.add(row);
        }
        progress.rows += rows.len() as u64;
    }
}
