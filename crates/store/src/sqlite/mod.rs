//! SQLite: one file, one writer thread that commits what waits together, a few readers.
//!
//! `synchronous=FULL`: an answer is told after the commit has reached the disk. One commit costs a disk's flush however
//! many operations it holds, so those that wait share one (up to 256).
//!
//! Another process (the command line) may write the same file: whoever comes second waits for the first one's commit.

mod backup;
mod connection;
mod migrate;
pub(crate) mod moving;
mod readers;
mod session;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::mpsc;

use connection::{Purpose, connect, make_private};
use readers::Readers;
use session::Session;
use writer::Job;

use crate::{
    Operation, Sql, StoreError,
    job::Waiting,
    migration::{Migration, OpenError},
};

/// How a SQLite file is used.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// Operations that may wait for the writer, and for a reader; one more is told that the store is busy.
    pub queue: usize,
    /// Connections that read.
    pub readers: usize,
    /// How long to wait for a lock that another process holds before operations are told that the store is busy.
    pub patience: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { queue: 8_192, readers: 4, patience: Duration::from_secs(5) }
    }
}

/// An open SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    patience: Duration,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Arc<Readers>,
}

impl SqliteStore {
    /// Opens the file at `path`, making it and its folders, or migrating it, as needed.
    pub fn open(path: &Path, options: SqliteOptions, migrations: &[Migration]) -> Result<Self, OpenError> {
        let connection = Self::prepare_file(path, options, migrations)?;
        let unusable = |error: rusqlite::Error| OpenError::unusable(&path.display(), &error);
        let reader = |_| {
            let connection = connect(path, Purpose::Read, options.patience)?;
            Ok(Session::new(connection, Purpose::Read, options.patience))
        };
        let readers = (0..options.readers.max(1)).map(reader).collect::<Result<Vec<_>, _>>().map_err(unusable)?;
        let (jobs, queue) = mpsc::channel(options.queue.max(1));
        let session = Session::new(connection, Purpose::Write, options.patience);
        let thread = std::thread::Builder::new()
            .name("countersign-writer".to_owned())
            .spawn(move || writer::run(session, queue))
            .map_err(|error| OpenError::unusable(&path.display(), &error))?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            patience: options.patience,
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            readers: Arc::new(Readers::new(readers, options.queue)),
        })))
    }

    /// Makes the file, brings its schema up to date, and hands over the connection that writes.
    fn prepare_file(
        path: &Path,
        options: SqliteOptions,
        migrations: &[Migration],
    ) -> Result<rusqlite::Connection, OpenError> {
        let unusable = |error: rusqlite::Error| OpenError::unusable(&path.display(), &error);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| OpenError::unusable(&path.display(), &error))?;
        }
        make_private(path).map_err(|error| OpenError::unusable(&path.display(), &error))?;
        migrate::check(path, migrations)?;
        let connection = connect(path, Purpose::Write, options.patience).map_err(unusable)?;
        // Without the right to write SQLite opens a file to read, and says so only when it is too late.
        if connection.is_readonly("main").map_err(unusable)? {
            return Err(OpenError::unusable(&path.display(), &"it is read-only"));
        }
        migrate::run(&connection, path, migrations, options.patience)?;
        Ok(connection)
    }

    /// See [`crate::Store::run`].
    pub async fn run<O: Operation>(&self, op: O) -> Result<O::Out, StoreError> {
        let (job, answer) = Waiting::new(op);
        self.submit(Box::new(job))?;
        answer.await.map_err(|_| closed())?
    }

    fn submit(&self, job: Job) -> Result<(), StoreError> {
        lock(&self.0.jobs).as_ref().ok_or_else(closed)?.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => closed(),
        })
    }

    /// See [`crate::Store::read`].
    pub async fn read<O: Operation>(&self, op: O) -> Result<O::Out, StoreError> {
        Arc::clone(&self.0.readers).run(op).await
    }

    /// See [`crate::Store::backup`].
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let (inner, to) = (Arc::clone(&self.0), to.to_owned());
        let copying = tokio::task::spawn_blocking(move || backup::backup(&inner.path, &to, inner.patience));
        copying.await.map_err(|_| closed())?
    }

    /// See [`crate::Store::prepare`].
    pub async fn prepare(&self, statements: Vec<&'static Sql>) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.0);
        let preparing = tokio::task::spawn_blocking(move || {
            let connection = connect(&inner.path, Purpose::Read, inner.patience).map_err(connection::store_error)?;
            let session = Session::new(connection, Purpose::Read, inner.patience);
            statements.into_iter().try_for_each(|sql| session.prepare(sql))
        });
        preparing.await.map_err(|_| closed())?
    }

    /// See [`crate::Store::queue_depth`].
    pub fn queue_depth(&self) -> usize {
        lock(&self.0.jobs).as_ref().map_or(0, |jobs| jobs.max_capacity() - jobs.capacity())
    }

    /// See [`crate::Store::close`].
    pub async fn close(self) {
        let inner = self.0;
        // A task that can't be joined was refused by a runtime that is ending: then dropping the store closes it.
        let _ = tokio::task::spawn_blocking(move || inner.close()).await;
    }
}

impl Inner {
    /// Finishes what is queued, then closes the connections. Blocks.
    fn close(&self) {
        drop(lock(&self.jobs).take());
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer had panicked");
        }
        self.readers.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// A lock that a panicking holder left is as good as any: what it guards is a handle, never half-written data.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}
