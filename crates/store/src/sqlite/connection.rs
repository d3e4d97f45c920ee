//! How a SQLite file is opened, and what its errors mean. Knows nothing of operations.

use std::{
    fs::OpenOptions,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use crate::{StoreError, tx::Faults};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The one that writes.
    Write,
    /// One of several that only read.
    Read,
}

/// Distinct statements are some two hundred; each connection keeps them all prepared.
const PREPARED_STATEMENTS: usize = 512;

/// How long a reader waits while another process recovers or closes the file: both take moments.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// How long between two tries for a lock that another process holds.
///
/// SQLite's own busy handler backs off to a tenth of a second between tries. A server under load leaves only short gaps
/// between its commits, and tries so far apart were seen to miss them for seconds on end; at this pace, for a tenth.
const RETRY: Duration = Duration::from_millis(1);

/// The settings of every connection.
///
/// - `synchronous=FULL`: a commit has reached the disk before it is acknowledged; `fullfsync` makes macOS mean it too.
/// - `foreign_keys=OFF`: every key leads with the project, and retention deletes in an order of its own.
/// - `wal_autocheckpoint=4000`: the log is folded back each 16 MiB, rarely enough not to show in the commits, often
///   enough to keep look-ups in it, and a restart, quick. `journal_size_limit` gives the room back to the disk after a
///   long-running reader had made the log grow.
/// - `mmap_size=0`: with a mapped file a failing disk is a signal that kills the process, not an error.
/// - `trusted_schema=OFF`: a doctored file must not make SQLite call functions that the schema names.
pub(super) const SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; \
     PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 4000; \
     PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF;";

/// 16 MiB hold the hot state of some 100,000 users. What SQLite doesn't find here is mostly in the system's own cache.
const WRITER_SETTINGS: &str = "PRAGMA cache_size = -16384;";

const READER_SETTINGS: &str = "PRAGMA cache_size = -4096; PRAGMA query_only = ON;";

/// Opens the file at `path`, readable by its owner alone if it has to be made; waits up to `patience` for a lock.
pub(super) fn connect(path: &Path, purpose: Purpose, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    // A plan is made once: SQLite as it is built here would else make it anew, whenever a moment that a row is compared
    // with is another than the last time. That was half of what the writer did.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // The first to open a new file turns the log on, for which it needs the file to itself.
    connection.busy_timeout(Duration::ZERO)?;
    patiently(patience, || connection.execute_batch("PRAGMA journal_mode = WAL"))?;
    patiently(patience, || connection.execute_batch(SETTINGS))?;
    match purpose {
        // The writer waits by itself, see `begin_immediate`.
        Purpose::Write => connection.execute_batch(WRITER_SETTINGS)?,
        Purpose::Read => {
            connection.execute_batch(READER_SETTINGS)?;
            connection.busy_timeout(READER_PATIENCE)?;
        }
    }
    Ok(connection)
}

/// Makes an empty file that only its owner may read, unless there is one. SQLite gives its log files the same rights.
pub(super) fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Takes the write lock, waiting up to `patience` while another process holds it.
pub(super) fn begin_immediate(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    patiently(patience, || run(connection, "BEGIN IMMEDIATE"))
}

/// Runs a statement that answers nothing, prepared once.
pub(super) fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Tries again while another process holds the lock, up to `patience`.
pub(super) fn patiently<T>(
    patience: Duration,
    mut attempt: impl FnMut() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let started = Instant::now();
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && started.elapsed() < patience => std::thread::sleep(RETRY),
            other => return other,
        }
    }
}

/// Whether another process holds the lock.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// What a driver's error means to a caller. Never holds a value that the statement worked on: SQLite's messages name
/// tables and columns only.
#[expect(clippy::needless_pass_by_value, reason = "so that it can be handed to map_err")]
pub(super) fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { what: "the database file itself" }
        }
        Some(
            ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory,
        ) => StoreError::Unavailable(error.to_string()),
        _ => StoreError::Failed(Faults(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> StoreError {
        store_error(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None))
    }

    #[test]
    fn a_full_disk_and_a_read_only_file_mean_unavailable() {
        use rusqlite::ffi::{SQLITE_CANTOPEN, SQLITE_FULL, SQLITE_IOERR, SQLITE_READONLY};
        for code in [SQLITE_FULL, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN] {
            assert!(matches!(failure(code), StoreError::Unavailable(_)), "{code}");
        }
    }

    #[test]
    fn a_held_lock_means_busy_and_a_broken_file_corrupt() {
        use rusqlite::ffi::{SQLITE_BUSY, SQLITE_CONSTRAINT, SQLITE_CORRUPT};
        assert!(matches!(failure(SQLITE_BUSY), StoreError::Busy));
        assert!(matches!(failure(SQLITE_CORRUPT), StoreError::Corrupt { .. }));
        assert!(matches!(failure(SQLITE_CONSTRAINT), StoreError::Failed(_)));
    }
}

#[cfg(test)]
mod plans {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_plan_is_made_once_whatever_is_asked_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        make_private(&path).unwrap();
        let connection = connect(&path, Purpose::Write, Duration::ZERO).unwrap();
        connection.execute_batch("CREATE TABLE t (k TEXT, at INTEGER); CREATE INDEX i ON t (k) WHERE at > 0").unwrap();
        let mut statement = connection.prepare_cached("SELECT count(*) FROM t WHERE k = $1 AND at > $2").unwrap();
        for at in 0..3 {
            statement.query_one(("k", at), |row| row.get::<_, i64>(0)).unwrap();
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
