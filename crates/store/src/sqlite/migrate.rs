//! Migrations: numbered SQL files, run forward at the start, each in its own transaction, never edited once shipped.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use sha2::{Digest, Sha256};

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// Every step, in order.
pub(crate) const MIGRATIONS: &[Migration] =
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
}

impl OpenError {
    pub(crate) fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Self {
        Self::Unusable { path: path.display().to_string(), what: error.to_string() }
    }
}

/// Brings the schema to the newest step.
pub(super) fn run(connection: &mut Connection, path: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
    let unusable = |error: rusqlite::Error| OpenError::unusable(path, &error);
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, \
             checksum TEXT NOT NULL) STRICT",
        )
        .map_err(unusable)?;
    let found: i64 = connection
        .query_row("SELECT coalesce(max(number), 0) FROM schema_migrations", [], |row| row.get(0))
        .map_err(unusable)?;
    let known = migrations.last().map_or(0, |migration| migration.number);
    if found > known {
        return Err(OpenError::Newer { path: path.display().to_string(), found, known });
    }
    for migration in migrations {
        let checksum = checksum(migration.sql);
        // Under the write lock, so that two processes starting at once don't both run it.
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unusable)?;
        let applied: Option<String> = tx
            .query_row("SELECT checksum FROM schema_migrations WHERE number = ?1", [migration.number], |row| row.get(0))
            .optional()
            .map_err(unusable)?;
        match applied {
            Some(applied) if applied == checksum => {}
            Some(_) => return Err(OpenError::Edited { path: path.display().to_string(), number: migration.number }),
            None => {
                tx.execute_batch(migration.sql).map_err(unusable)?;
                tx.execute(
                    "INSERT INTO schema_migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
                    (migration.number, migration.name, &checksum),
                )
                .map_err(unusable)?;
            }
        }
        tx.commit().map_err(unusable)?;
    }
    Ok(())
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
