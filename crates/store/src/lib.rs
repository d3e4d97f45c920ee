//! Remembers: the domain's operations, each one transaction, written once for every database.
//!
//! An [`Operation`] talks to a small [`Tx`] and knows no driver; [`Store`] runs it on the database at hand. What an
//! operation answers was committed before it is told, so nothing acknowledged is lost. Nothing here knows of HTTP, and
//! nothing outside holds SQL.

pub mod op;
pub mod row;
mod sqlite;
mod tx;

pub use sqlite::{OpenError, SqliteOptions, SqliteStore};
pub use tx::{Operation, Row, Sql, StoreError, Tx, Value};

use std::path::Path;

/// A database, whichever it is. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Store {
    /// SQLite, in one file.
    Sqlite(SqliteStore),
}

impl Store {
    /// Opens the SQLite file at `path`, making or migrating it as needed.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        SqliteStore::open(path, options).map(Self::Sqlite)
    }

    /// Runs an operation that may write; answers once it is durable.
    pub async fn run<O: Operation>(&self, op: O) -> Result<O::Out, StoreError> {
        match self {
            Self::Sqlite(store) => store.run(op).await,
        }
    }

    /// Runs an operation that only reads, on a snapshot.
    pub async fn read<O: Operation>(&self, op: O) -> Result<O::Out, StoreError> {
        match self {
            Self::Sqlite(store) => store.read(op).await,
        }
    }

    /// Copies the whole database, as it is at one moment, while it is in use.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.backup(to).await,
        }
    }

    /// Operations waiting for the writer.
    pub fn queue_depth(&self) -> usize {
        match self {
            Self::Sqlite(store) => store.queue_depth(),
        }
    }

    /// Finishes what is queued and closes the database.
    pub async fn close(self) {
        match self {
            Self::Sqlite(store) => store.close().await,
        }
    }
}
