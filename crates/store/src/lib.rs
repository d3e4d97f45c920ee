//! Remembers: the domain's operations, each one transaction, written once for every database.
//!
//! An [`Operation`] talks to a small [`Tx`] and knows no driver; [`Store`] runs it on the database at hand. What an
//! operation answers was committed before it is told, so nothing acknowledged is lost. Nothing here knows of HTTP, and
//! nothing outside holds SQL.

mod job;
mod migration;
mod moving;
pub mod op;
mod postgres;
pub mod row;
mod sqlite;
mod tx;

pub use migration::{MIGRATIONS, Migration, OpenError, POSTGRES_MIGRATIONS};
pub use moving::{MoveError, Moved, MovedTable, Progress, Stage, migrate_store};
pub use postgres::{PostgresOptions, PostgresStore};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use tx::{Keys, Operation, Row, Sql, StateKey, StateRow, StoreError, Tx, Value};

use std::path::Path;

use countersign_engine::time::Timestamp;
use tokio::sync::watch;

/// A database, whichever it is. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Store {
    /// SQLite, in one file.
    Sqlite(SqliteStore),
    /// PostgreSQL, shared by any number of nodes.
    Postgres(PostgresStore),
}

impl Store {
    /// Opens the SQLite file at `path`, making or migrating it as needed.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        Self::open_with(path, options, MIGRATIONS)
    }

    /// Opens the SQLite file at `path` with another schema than the product's: for tests.
    pub fn open_with(path: &Path, options: SqliteOptions, migrations: &[Migration]) -> Result<Self, OpenError> {
        SqliteStore::open(path, options, migrations).map(Self::Sqlite)
    }

    /// Opens the PostgreSQL database at `url`, making or migrating its tables as needed.
    pub async fn connect(url: &str, options: PostgresOptions) -> Result<Self, OpenError> {
        Self::connect_with(url, options, POSTGRES_MIGRATIONS).await
    }

    /// Opens the PostgreSQL database at `url` with another schema than the product's: for tests.
    pub async fn connect_with(
        url: &str,
        options: PostgresOptions,
        migrations: &[Migration],
    ) -> Result<Self, OpenError> {
        PostgresStore::open(url, options, migrations).await.map(Self::Postgres)
    }

    /// Runs an operation that may write; answers once it is durable.
    ///
    /// A caller who stops waiting doesn't undo it: it is then run as a whole, or not at all.
    pub async fn run<O: Operation>(&self, op: O) -> Result<O::Out, StoreError> {
        match self {
            Self::Sqlite(store) => store.run(op).await,
            Self::Postgres(store) => store.run(op).await,
        }
    }

    /// Runs an operation that only reads, on a snapshot; one that writes fails.
    ///
    /// While it runs the database keeps what it may still see: read long histories in several operations.
    pub async fn read<O: Operation>(&self, op: O) -> Result<O::Out, StoreError> {
        match self {
            Self::Sqlite(store) => store.read(op).await,
            Self::Postgres(store) => store.read(op).await,
        }
    }

    /// Copies the whole database, as it is at one moment, while it is in use, to a file that doesn't exist yet.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.backup(to).await,
            Self::Postgres(_) => Err(StoreError::Unavailable(
                "PostgreSQL is backed up with its own tools, such as pg_basebackup".to_owned(),
            )),
        }
    }

    /// Prepares statements without running them: the first that the database doesn't understand, or whose parameters
    /// are not numbered in the order of their first use, is told.
    pub async fn prepare(&self, statements: impl IntoIterator<Item = &'static Sql>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.prepare(statements.into_iter().collect()).await,
            Self::Postgres(store) => store.prepare(statements.into_iter().collect()).await,
        }
    }

    /// Makes room for the evaluations to come, and lets go at once of as many as can be that were made before `before`;
    /// answers how many partitions were dropped. Only PostgreSQL has partitions: what is left to remove, [`op::Retire`]
    /// does.
    pub async fn tend(&self, now: Timestamp, before: Option<Timestamp>) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(0),
            Self::Postgres(store) => store.tend(now, before).await,
        }
    }

    /// Changes whenever a node says that the configuration has changed, or that somebody was logged out. A hint: it may be lost, and on SQLite, which has one
    /// node, none comes.
    pub fn announcements(&self) -> watch::Receiver<u64> {
        match self {
            Self::Sqlite(_) => watch::Sender::new(0).subscribe(),
            Self::Postgres(store) => store.announcements(),
        }
    }

    /// Operations waiting for the writer.
    pub fn queue_depth(&self) -> usize {
        match self {
            Self::Sqlite(store) => store.queue_depth(),
            Self::Postgres(store) => store.queue_depth(),
        }
    }

    /// Finishes what is queued, folds the log back and closes the database, for every clone. Operations that come later
    /// are told that it is unavailable. Dropping the last clone does the same, on the thread that drops it.
    pub async fn close(self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}
