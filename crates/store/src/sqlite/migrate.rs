//! Migrations: numbered SQL files, run forward at the start, each in its own transaction, never edited once shipped.

use std::{fmt::Write, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};

use super::connection::begin_immediate;

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place: numbers grow, and the two databases share them.
    pub number: i64,
    /// What it does, as its file is named.
    pub name: &'static str,
    /// The statements. They must not begin or end a transaction.
    pub sql: &'static str,
}

/// Every step of the product's schema, in order.
pub const MIGRATIONS: &[Migration] =
    &[Migration { number: 1, name: "init", sql: include_str!("../../migrations/sqlite/0001_init.sql") }];

/// Why a database can't be opened: one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file can't be used.
    #[error("the database {path} can't be opened: {what}; check that the folder exists, is writable and has room")]
    Unusable {
        /// Which file.
        path: String,
        /// What happened.
        what: String,
    },
    /// A newer version of the server wrote it.
    #[error(
        "the database {path} has schema {found}, but this version knows {known} at most; run the version that wrote it, or a newer one"
    )]
    Newer {
        /// Which file.
        path: String,
        /// The schema it has.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// A migration that was applied is not the one that this version has.
    #[error(
        "the database {path} was migrated by another build: migration {number} differs; restore a backup or run the build that wrote it"
    )]
    Edited {
        /// Which file.
        path: String,
        /// Which migration.
        number: i64,
    },
    /// It is a database, but not one of ours.
    #[error("{path} is the database of another program; name another file")]
    Foreign {
        /// Which file.
        path: String,
    },
}

impl OpenError {
    pub(super) fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Self {
        Self::Unusable { path: path.display().to_string(), what: error.to_string() }
    }
}

/// Looks at the file without changing a byte of it: one that a newer version wrote must stay as it is.
pub(super) fn check(path: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
    let look = || {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        applied(&connection)
    };
    let applied = look().map_err(|error| OpenError::unusable(path, &error))?;
    pending(path, &applied, migrations).map(drop)
}

/// Brings the schema to the newest step. Several processes may start at once: each step is looked at and taken under
/// the write lock.
pub(super) fn run(
    connection: &Connection,
    path: &Path,
    migrations: &[Migration],
    patience: Duration,
) -> Result<(), OpenError> {
    let unusable = |error: rusqlite::Error| OpenError::unusable(path, &error);
    // In the common case there is nothing to do, and nothing to wait for.
    while let Some(next) = pending(path, &applied(connection).map_err(unusable)?, migrations)? {
        begin_immediate(connection, patience).map_err(unusable)?;
        let taken = step(connection, path, migrations, next);
        let ended = connection.execute_batch(if taken.is_ok() { "COMMIT" } else { "ROLLBACK" });
        taken?;
        ended.map_err(unusable)?;
    }
    Ok(())
}

/// Takes one step, unless another process has taken it since.
fn step(connection: &Connection, path: &Path, migrations: &[Migration], next: &Migration) -> Result<(), OpenError> {
    let unusable = |error: rusqlite::Error| OpenError::unusable(path, &error);
    let applied = applied(connection).map_err(unusable)?;
    if pending(path, &applied, migrations)?.is_none_or(|migration| migration.number != next.number) {
        return Ok(());
    }
    let record = |connection: &Connection| {
        connection.execute_batch(TABLE)?;
        connection.execute_batch(next.sql)?;
        let values = (next.number, next.name, checksum(next.sql));
        connection.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (?1, ?2, ?3)", values)
    };
    record(connection).map(drop).map_err(unusable)
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER NOT NULL PRIMARY KEY, \
     name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT";

/// The steps a file has taken, by number, with their checksums; nothing if it holds tables that are not ours.
type Applied = Option<Vec<(i64, String)>>;

fn applied(connection: &Connection) -> rusqlite::Result<Applied> {
    let count = "SELECT count(*), coalesce(sum(name = 'schema_migrations'), 0) FROM sqlite_schema WHERE type = 'table'";
    let (tables, ours): (i64, i64) = connection.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if ours == 0 {
        return Ok((tables == 0).then(Vec::new));
    }
    let mut statement = connection.prepare("SELECT number, checksum FROM schema_migrations ORDER BY number")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect::<Result<_, _>>().map(Some)
}

/// The first step that has not been taken, if the steps that were are ours.
fn pending<'m>(
    path: &Path,
    applied: &Applied,
    migrations: &'m [Migration],
) -> Result<Option<&'m Migration>, OpenError> {
    let file = || path.display().to_string();
    let applied = applied.as_ref().ok_or_else(|| OpenError::Foreign { path: file() })?;
    let known = migrations.last().map_or(0, |migration| migration.number);
    if let Some((found, _)) = applied.last().filter(|(number, _)| *number > known) {
        return Err(OpenError::Newer { path: file(), found: *found, known });
    }
    for (number, taken) in applied {
        let same = |migration: &&Migration| migration.number == *number && checksum(migration.sql) == *taken;
        if !migrations.iter().any(|migration| same(&migration)) {
            return Err(OpenError::Edited { path: file(), number: *number });
        }
    }
    let last = applied.last().map_or(0, |(number, _)| *number);
    Ok(migrations.iter().find(|migration| migration.number > last))
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
