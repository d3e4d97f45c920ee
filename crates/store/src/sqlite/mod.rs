//! SQLite: one file, one writer thread that commits what waits together, a few readers.
//!
//! `synchronous=FULL`: an answer is told after the commit has reached the disk. One commit costs a disk's flush however
//! many operations it holds, so those that wait share one (up to 256).

mod migrate;
mod tx;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use migrate::OpenError;
use tx::{SqliteTx, ready};
use writer::Job;

use crate::{Operation, StoreError};

/// How a SQLite file is used.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// Operations that may wait for the writer; one more is told that the store is busy.
    pub queue: usize,
    /// Connections that read.
    pub readers: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { queue: 8_192, readers: 4 }
    }
}

/// An open SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    waiting: Arc<AtomicUsize>,
    readers: Mutex<Vec<Connection>>,
    turn: Semaphore,
}

impl SqliteStore {
    /// Opens the file at `path`, making or migrating it as needed.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        Self::open_with(path, options, migrate::MIGRATIONS)
    }

    /// Opens it with other migrations than ours: for tests of the migrations themselves.
    pub(crate) fn open_with(
        path: &Path,
        options: SqliteOptions,
        migrations: &[migrate::Migration],
    ) -> Result<Self, OpenError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| OpenError::unusable(path, &error))?;
        }
        let mut writer = connect(path, false).map_err(|error| OpenError::unusable(path, &error))?;
        migrate::run(&mut writer, path, migrations)?;
        let readers = (0..options.readers.max(1))
            .map(|_| connect(path, true))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| OpenError::unusable(path, &error))?;
        let (jobs, queue) = mpsc::channel(options.queue.max(1));
        let waiting = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&waiting);
        let thread = std::thread::Builder::new()
            .name("countersign-writer".to_owned())
            .spawn(move || writer::run(&writer, queue, &counter))
            .map_err(|error| OpenError::unusable(path, &error))?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            waiting,
            turn: Semaphore::new(readers.len()),
            readers: Mutex::new(readers),
        })))
    }

    /// See [`crate::Store::run`].
    pub async fn run<O: Operation>(&self, op: O) -> Result<O::Out, StoreError> {
        let (job, answer) = writer::job(op);
        let sender = lock(&self.0.jobs).clone().ok_or_else(closed)?;
        sender.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        answer.await.map_err(|_| closed())?
    }

    /// See [`crate::Store::read`].
    pub async fn read<O: Operation>(&self, op: O) -> Result<O::Out, StoreError> {
        let _turn = self.0.turn.acquire().await.map_err(|_| closed())?;
        let connection = lock(&self.0.readers).pop().ok_or_else(closed)?;
        let (give_back, answer) = oneshot::channel();
        let inner = Arc::clone(&self.0);
        // A reader's look-ups take microseconds, but the disk may take longer: not on a thread that others wait on.
        tokio::task::spawn_blocking(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read_on(&connection, &op)));
            lock(&inner.readers).push(connection);
            let result =
                result.unwrap_or_else(|_| Err(StoreError::Failed(crate::tx::Faults("it panicked".to_owned()))));
            // Nobody waits any more: then nobody misses the answer.
            let _ = give_back.send(result);
        });
        answer.await.map_err(|_| closed())?
    }

    /// See [`crate::Store::backup`].
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let (from, to) = (self.0.path.clone(), to.to_owned());
        let copied = tokio::task::spawn_blocking(move || {
            let source = connect(&from, true)?;
            // VACUUM INTO reads one snapshot and writes a compact copy; writers go on meanwhile.
            source.execute("VACUUM INTO ?1", [to.to_string_lossy()])
        });
        copied.await.map_err(|_| closed())?.map(drop).map_err(tx::unavailable)
    }

    /// See [`crate::Store::queue_depth`].
    pub fn queue_depth(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// See [`crate::Store::close`].
    pub async fn close(self) {
        drop(lock(&self.0.jobs).take());
        let thread = lock(&self.0.thread).take();
        if let Some(thread) = thread {
            // The writer ends once the queue is empty.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(lock(&self.jobs).take());
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

/// A lock that a panicking holder left is as good as any: what it guards is a handle, never half-written data.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

fn read_on<O: Operation>(connection: &Connection, op: &O) -> Result<O::Out, StoreError> {
    connection.execute_batch("BEGIN").map_err(tx::unavailable)?;
    let tx = SqliteTx::new(connection);
    let result = ready(op.run(&tx)).and_then(|out| tx.finish().map(|()| out));
    // Nothing was written: how the transaction ends does not matter, only that it does.
    let _ = connection.execute_batch("ROLLBACK");
    result
}

fn connect(path: &Path, read_only: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(path, flags)?;
    // Another process (the command line) may hold the write lock for a moment: wait for it rather than fail.
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.execute_batch(
        // 16 MiB of cache hold the hot state of some 100,000 users; the log is folded back every 4,000 pages (16 MiB),
        // rarely enough not to show and often enough to keep a restart quick.
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; \
         PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;",
    )?;
    if read_only {
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4096;")?;
    }
    Ok(connection)
}
