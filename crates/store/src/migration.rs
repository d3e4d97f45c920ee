//! Migrations: numbered SQL files, run forward at the start, each in its own transaction, never edited once shipped.
//! What they are and which of them a database still needs; each database's own module runs them.

use std::fmt::{Display, Write};

use sha2::{Digest, Sha256};

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

/// Every step of the product's schema on SQLite, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "init", sql: include_str!("../migrations/sqlite/0001_init.sql") },
    Migration {
        number: 2,
        name: "keyed_by_project",
        sql: include_str!("../migrations/sqlite/0002_keyed_by_project.sql"),
    },
    Migration { number: 3, name: "profiles", sql: include_str!("../migrations/sqlite/0003_profiles.sql") },
    Migration { number: 4, name: "presence", sql: include_str!("../migrations/sqlite/0004_presence.sql") },
    Migration {
        number: 5,
        name: "ended_challenges",
        sql: include_str!("../migrations/sqlite/0005_ended_challenges.sql"),
    },
    Migration { number: 6, name: "conversions", sql: include_str!("../migrations/sqlite/0006_conversions.sql") },
    Migration { number: 7, name: "events", sql: include_str!("../migrations/sqlite/0007_events.sql") },
];

/// The same steps on PostgreSQL.
pub const POSTGRES_MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "init", sql: include_str!("../migrations/postgres/0001_init.sql") },
    Migration {
        number: 2,
        name: "keyed_by_project",
        sql: include_str!("../migrations/postgres/0002_keyed_by_project.sql"),
    },
    Migration { number: 3, name: "profiles", sql: include_str!("../migrations/postgres/0003_profiles.sql") },
    Migration { number: 4, name: "presence", sql: include_str!("../migrations/postgres/0004_presence.sql") },
    Migration {
        number: 5,
        name: "ended_challenges",
        sql: include_str!("../migrations/postgres/0005_ended_challenges.sql"),
    },
    Migration { number: 6, name: "conversions", sql: include_str!("../migrations/postgres/0006_conversions.sql") },
    Migration { number: 7, name: "events", sql: include_str!("../migrations/postgres/0007_events.sql") },
];

/// The number under which a database that is the target of an unfinished move says so: greater than any step's, so that
/// versions that know nothing of moves don't open it either.
pub(crate) const MOVING: i64 = i64::MAX;

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
    /// The server of the database can't be reached, or refuses us.
    #[error("the database {path} can't be used: {what}")]
    Unreachable {
        /// Which database: its address without the password.
        path: String,
        /// What happened and what to do.
        what: String,
    },
    /// A newer version of the server wrote it.
    #[error(
        "the database {path} has schema {found}, but this version knows {known} at most; run the version that wrote it, or a newer one"
    )]
    Newer {
        /// Which database.
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
        /// Which database.
        path: String,
        /// Which migration.
        number: i64,
    },
    /// A move to it has begun and not ended.
    #[error(
        "the database {path} holds a part of another one: run the same `countersign migrate-store` again until it is done"
    )]
    Moving {
        /// Which database.
        path: String,
    },
    /// It is a database, but not one of ours.
    #[error("{path} is the database of another program; name another one")]
    Foreign {
        /// Which database.
        path: String,
    },
}

impl OpenError {
    pub(crate) fn unusable(path: &dyn Display, error: &dyn Display) -> Self {
        Self::Unusable { path: path.to_string(), what: error.to_string() }
    }
}

/// The steps a database has taken, by number, with their checksums; nothing if it holds tables that are not ours.
pub(crate) type Applied = Option<Vec<(i64, String)>>;

/// The first step that has not been taken, if the steps that were are ours.
pub(crate) fn pending<'m>(
    path: &dyn Display,
    applied: &Applied,
    migrations: &'m [Migration],
) -> Result<Option<&'m Migration>, OpenError> {
    let path = || path.to_string();
    let applied = applied.as_ref().ok_or_else(|| OpenError::Foreign { path: path() })?;
    if applied.iter().any(|(number, _)| *number == MOVING) {
        return Err(OpenError::Moving { path: path() });
    }
    let known = migrations.last().map_or(0, |migration| migration.number);
    if let Some((found, _)) = applied.last().filter(|(number, _)| *number > known) {
        return Err(OpenError::Newer { path: path(), found: *found, known });
    }
    for (number, taken) in applied {
        let same = |migration: &&Migration| migration.number == *number && checksum(migration.sql) == *taken;
        if !migrations.iter().any(|migration| same(&migration)) {
            return Err(OpenError::Edited { path: path(), number: *number });
        }
    }
    let last = applied.last().map_or(0, |(number, _)| *number);
    Ok(migrations.iter().find(|migration| migration.number > last))
}

/// What tells whether a step was edited.
pub(crate) fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
