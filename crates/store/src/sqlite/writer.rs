//! The writer: one thread, one transaction for everything that waits.
//!
//! If an operation of a batch fails or panics, the whole batch is rolled back and each of its operations is run again
//! alone: the one at fault gets its error, the others commit. Savepoints would tell them apart as well, at a quarter of
//! the throughput; failures are rare, so they may cost.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::tx::{SqliteTx, ready, unavailable};
use crate::{Operation, StoreError, tx::Faults};

/// Operations in one commit at most: enough that a flush's cost vanishes, few enough that nobody waits long.
const BATCH: usize = 256;

/// An operation with the place that its answer goes to, whatever their types.
pub(super) trait Work: Send {
    /// Runs it and keeps its answer.
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;
    /// Tells the answer it keeps.
    fn tell(self: Box<Self>);
    /// Tells an error instead.
    fn fail(self: Box<Self>, error: StoreError);
    /// Whether anybody still waits for the answer.
    fn is_wanted(&self) -> bool;
}

pub(super) type Job = Box<dyn Work>;

struct Running<O: Operation> {
    op: O,
    kept: Option<O::Out>,
    answer: oneshot::Sender<Result<O::Out, StoreError>>,
}

/// A job, and where its answer arrives.
pub(super) fn job<O: Operation>(op: O) -> (Job, oneshot::Receiver<Result<O::Out, StoreError>>) {
    let (answer, arrives) = oneshot::channel();
    (Box::new(Running { op, kept: None, answer }), arrives)
}

impl<O: Operation> Work for Running<O> {
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.kept = None;
        let tx = SqliteTx::new(connection);
        let out = ready(self.op.run(&tx))?;
        tx.finish()?;
        self.kept = Some(out);
        Ok(())
    }

    fn tell(self: Box<Self>) {
        let answer = self.kept.ok_or_else(|| StoreError::Failed(Faults("it has no answer".to_owned())));
        // Nobody waits any more: what was done stands all the same.
        let _ = self.answer.send(answer);
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.answer.send(Err(error));
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }
}

/// Runs jobs until nobody can send any more and the queue is empty.
pub(super) fn run(connection: &Connection, mut queue: mpsc::Receiver<Job>, waiting: &AtomicUsize) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        waiting.fetch_sub(batch.len().min(waiting.load(Ordering::Relaxed)), Ordering::Relaxed);
        // Whoever hung up before their turn is not worked for.
        batch.retain(|job| job.is_wanted());
        commit(connection, std::mem::take(&mut batch));
    }
    // Fold the log back, so that the file alone is the whole database.
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
}

/// Runs a batch in one transaction; if that fails, one by one.
fn commit(connection: &Connection, mut batch: Vec<Job>) {
    if batch.is_empty() {
        return;
    }
    let whole = transaction(connection, || batch.iter_mut().try_for_each(|job| guarded(job, connection)));
    match whole {
        Ok(()) => batch.into_iter().for_each(|job| job.tell()),
        Err(_) if batch.len() > 1 => {
            for mut job in batch {
                match transaction(connection, || guarded(&mut job, connection)) {
                    Ok(()) => job.tell(),
                    Err(error) => job.fail(error),
                }
            }
        }
        Err(error) => {
            if let Some(job) = batch.pop() {
                job.fail(error);
            }
        }
    }
}

/// A panic is the operation's fault and nobody else's.
fn guarded(job: &mut Job, connection: &Connection) -> Result<(), StoreError> {
    catch_unwind(AssertUnwindSafe(|| job.run(connection)))
        .unwrap_or_else(|_| Err(StoreError::Failed(Faults("it panicked".to_owned()))))
}

fn transaction(connection: &Connection, work: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE").map_err(unavailable)?;
    let result = work().and_then(|()| connection.execute_batch("COMMIT").map_err(unavailable));
    if result.is_err() {
        // After a failed commit SQLite may have rolled back by itself; then this says that there is nothing to do.
        let _ = connection.execute_batch("ROLLBACK");
    }
    result
}
