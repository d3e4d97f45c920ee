//! Brings a SQLite file to the newest schema.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::connection::begin_immediate;
use crate::migration::{Applied, Migration, OpenError, checksum, pending};

/// Looks at the file without changing a byte of it: one that a newer version wrote must stay as it is.
pub(super) fn check(path: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
    let look = || {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        applied(&connection)
    };
    let applied = look().map_err(|error| OpenError::unusable(&path.display(), &error))?;
    pending(&path.display(), &applied, migrations).map(drop)
}

/// Brings the schema to the newest step: all that are missing in one transaction, so that an upgrade that fails leaves
/// what was there. Several processes may start at once: the steps are looked at and taken under the write lock.
pub(super) fn run(
    connection: &Connection,
    path: &Path,
    migrations: &[Migration],
    patience: Duration,
) -> Result<(), OpenError> {
    let unusable = |error: rusqlite::Error| OpenError::unusable(&path.display(), &error);
    // In the common case there is nothing to do, and nothing to wait for.
    if next(connection, path, migrations)?.is_none() {
        return Ok(());
    }
    begin_immediate(connection, patience).map_err(unusable)?;
    let taken = steps(connection, path, migrations);
    let ended = connection.execute_batch(if taken.is_ok() { "COMMIT" } else { "ROLLBACK" });
    taken?;
    ended.map_err(unusable)
}

fn next<'m>(
    connection: &Connection,
    path: &Path,
    migrations: &'m [Migration],
) -> Result<Option<&'m Migration>, OpenError> {
    let applied = applied(connection).map_err(|error| OpenError::unusable(&path.display(), &error))?;
    pending(&path.display(), &applied, migrations)
}

/// Takes the steps that no other process has taken since.
fn steps(connection: &Connection, path: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
    while let Some(next) = next(connection, path, migrations)? {
        let record = || {
            connection.execute_batch(TABLE)?;
            connection.execute_batch(next.sql)?;
            let values = (next.number, next.name, checksum(next.sql));
            connection.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (?1, ?2, ?3)", values)
        };
        record().map_err(|error| OpenError::unusable(&path.display(), &error))?;
    }
    Ok(())
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER NOT NULL PRIMARY KEY, \
     name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT";

/// The steps that the file took.
pub(super) fn applied(connection: &Connection) -> rusqlite::Result<Applied> {
    let count = "SELECT count(*), coalesce(sum(name = 'schema_migrations'), 0) FROM sqlite_schema WHERE type = 'table'";
    let (tables, ours): (i64, i64) = connection.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if ours == 0 {
        return Ok((tables == 0).then(Vec::new));
    }
    let mut statement = connection.prepare("SELECT number, checksum FROM schema_migrations ORDER BY number")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect::<Result<_, _>>().map(Some)
}
