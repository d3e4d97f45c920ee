//! PostgreSQL: any number of nodes on one database, each with a few connections that write and a few that read.
//!
//! An answer is told after the commit, as durable as the server makes it: `synchronous_commit` and its replicas are the
//! operator's. A node keeps nothing that another would miss.

mod address;
mod connection;
mod fault;
mod listener;
mod merge;
mod migrate;
pub(crate) mod moving;
mod outgoing;
mod part;
mod partitions;
mod queue;
mod session;
mod worker;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use countersign_engine::time::Timestamp;
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::timeout,
};

use address::Address;
use connection::{Connection, Text};
use fault::Fault;
use queue::Queue;
use session::Purpose;
use worker::{Job, Worker};

use crate::{
    Operation, Sql, StoreError,
    job::Waiting,
    migration::{Migration, OpenError},
    tx::Faults,
};

/// How long looking after the partitions may take.
const TENDING: Duration = Duration::from_mins(1);

/// How a PostgreSQL database is used.
#[derive(Clone, Copy, Debug)]
pub struct PostgresOptions {
    /// Operations that may wait for a connection; one more is told that the store is busy.
    pub queue: usize,
    /// Connections that write.
    pub writers: usize,
    /// Connections that read.
    pub readers: usize,
    /// How long an operation may take, lost connections and failovers included.
    pub patience: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { queue: 8_192, writers: 4, readers: 4, patience: Duration::from_secs(5) }
    }
}

/// An open PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    address: Arc<Address>,
    patience: Duration,
    unprepared: Arc<AtomicBool>,
    writes: Arc<Queue>,
    reads: Arc<Queue>,
    workers: Mutex<JoinSet<()>>,
    heard: Arc<watch::Sender<u64>>,
    listener: AbortHandle,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresStore").field(&self.0.address).finish()
    }
}

impl PostgresStore {
    /// Opens the database at `url`, making or migrating its tables as needed.
    pub async fn open(url: &str, options: PostgresOptions, migrations: &[Migration]) -> Result<Self, OpenError> {
        let address = Arc::new(Address::parse(url, options.patience)?);
        let unprepared = Arc::<AtomicBool>::default();
        let connecting = Connection::open(&address, Arc::clone(&unprepared));
        let late = |_| Err(Fault::Connection("connecting took too long; check the host and the port".to_owned()));
        let connection = timeout(options.patience, connecting).await.unwrap_or_else(late);
        let connection = connection.map_err(|fault| migrate::unreachable(&address, fault))?;
        migrate::run(&connection, &address, migrations).await?;
        let mut workers = JoinSet::new();
        let mut first = Some(connection);
        let mut crew = |purpose, number: usize| {
            let queue = Arc::new(Queue::new(options.queue));
            for _ in 0..number.max(1) {
                let worker = Worker {
                    purpose,
                    address: Arc::clone(&address),
                    queue: Arc::clone(&queue),
                    patience: options.patience,
                    unprepared: Arc::clone(&unprepared),
                    connection: first.take(),
                    since_cleared: 0,
                };
                workers.spawn(worker.work());
            }
            queue
        };
        let (writes, reads) = (crew(Purpose::Write, options.writers), crew(Purpose::Read, options.readers));
        let heard = Arc::new(watch::Sender::new(0));
        let listener = workers.spawn(listener::run(Arc::clone(&address), options.patience, Arc::clone(&heard)));
        let (patience, workers) = (options.patience, Mutex::new(workers));
        Ok(Self(Arc::new(Inner { address, patience, unprepared, writes, reads, workers, heard, listener })))
    }

    /// See [`crate::Store::run`].
    pub async fn run<O: Operation>(&self, op: O) -> Result<O::Out, StoreError> {
        self.ask(&self.0.writes, Purpose::Write, op).await
    }

    /// See [`crate::Store::read`].
    pub async fn read<O: Operation>(&self, op: O) -> Result<O::Out, StoreError> {
        self.ask(&self.0.reads, Purpose::Read, op).await
    }

    async fn ask<O: Operation>(&self, to: &Queue, purpose: Purpose, op: O) -> Result<O::Out, StoreError> {
        let (waiting, answer) = Waiting::new(op);
        to.add(Job::new(waiting, purpose))?;
        // Twice: once for its turn, once for itself.
        match timeout(self.0.patience * 2, answer).await {
            Ok(answered) => answered.map_err(|_| closed())?,
            Err(_) => Err(StoreError::Unavailable("the database did not answer in time".to_owned())),
        }
    }

    /// See [`crate::Store::prepare`].
    pub async fn prepare(&self, statements: Vec<&'static Sql>) -> Result<(), StoreError> {
        let connection = Connection::open(&self.0.address, Arc::clone(&self.0.unprepared)).await;
        let connection = connection.map_err(Fault::into_error)?;
        for sql in statements {
            let fault = |what: String| StoreError::Failed(Faults(format!("{what}, in: {}", sql.postgres())));
            numbered_in_order(sql.postgres()).map_err(|what| fault(what.to_owned()))?;
            connection.check(Text::plain(sql)).await.map_err(fault)?;
            if sql.locking_clause().is_some() {
                connection.check(Text::locking(sql)?).await.map_err(fault)?;
            }
        }
        Ok(())
    }

    /// See [`crate::Store::queue_depth`].
    pub fn queue_depth(&self) -> usize {
        self.0.writes.depth()
    }

    /// See [`crate::Store::tend`].
    pub async fn tend(&self, now: Timestamp, before: Option<Timestamp>) -> Result<u64, StoreError> {
        let tending = async {
            let connection = Connection::open(&self.0.address, Arc::clone(&self.0.unprepared)).await?;
            partitions::make(&connection, now.millis()).await?;
            match before {
                Some(before) => partitions::drop_before(&connection, before.millis()).await,
                None => Ok(0),
            }
        };
        let late = |_| Err(Fault::Connection("the database did not answer in time".to_owned()));
        timeout(TENDING, tending).await.unwrap_or_else(late).map_err(Fault::into_error)
    }

    /// See [`crate::Store::announcements`].
    pub fn announcements(&self) -> watch::Receiver<u64> {
        self.0.heard.subscribe()
    }

    /// See [`crate::Store::close`].
    pub async fn close(self) {
        self.0.writes.close();
        self.0.reads.close();
        self.0.listener.abort();
        let mut workers = std::mem::take(&mut *lock(&self.0.workers));
        while workers.join_next().await.is_some() {}
    }
}

/// Whether `$1`, `$2`, … appear in this order: on SQLite it is their order that counts.
fn numbered_in_order(text: &str) -> Result<(), &'static str> {
    let mut highest = 0;
    for after in text.split('$').skip(1) {
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        match digits.parse::<u32>() {
            Ok(number) if number == highest + 1 => highest = number,
            Ok(number) if number <= highest => {}
            _ => return Err("parameters are not numbered in the order of their first use"),
        }
    }
    Ok(())
}

/// A lock that a panicking holder left is as good as any: what it guards is a handle, never half-written data.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}
