//! The writer: one thread, one transaction for everything that waits.
//!
//! If an operation of a batch fails or panics, the whole batch is rolled back and each of its operations is run again
//! alone: the one at fault gets its error, the others commit. Savepoints would tell them apart as well, at a quarter of
//! the throughput; failures are rare, so they may cost.

use tokio::sync::mpsc;

use super::session::Session;
use crate::{
    Operation, StoreError,
    job::{Answer, Waiting},
};

/// Operations in one commit at most: enough that a flush's cost vanishes, few enough that nobody waits long.
const BATCH: usize = 256;

/// An operation that can be run here.
pub(super) trait Work: Answer {
    /// Runs it and keeps its answer.
    fn run(&mut self, session: &Session) -> Result<(), StoreError>;
}

pub(super) type Job = Box<dyn Work>;

impl<O: Operation> Work for Waiting<O> {
    fn run(&mut self, session: &Session) -> Result<(), StoreError> {
        self.kept = None;
        self.kept = Some(session.attempt(&self.op)?);
        Ok(())
    }
}

/// Runs jobs until nobody can send any more and the queue is empty.
#[expect(clippy::needless_pass_by_value, reason = "the thread owns the connection and closes it when it ends")]
pub(super) fn run(session: Session, mut queue: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        // Whoever hung up before their turn is not worked for.
        batch.retain(|job| job.is_wanted());
        commit(&session, &mut batch);
    }
    // Fold the log back, so that the file alone is the whole database.
    session.checkpoint();
}

/// Runs a batch in one transaction; if one of it fails, one by one. Leaves the batch empty.
fn commit(session: &Session, batch: &mut Vec<Job>) {
    if batch.is_empty() {
        return;
    }
    if let Err(error) = session.begin() {
        return batch.drain(..).for_each(|job| job.fail(error.clone()));
    }
    if let Err(error) = batch.iter_mut().try_for_each(|job| job.run(session)) {
        session.rollback();
        return apart(session, batch, &error);
    }
    match session.commit() {
        Ok(()) => batch.drain(..).for_each(Answer::tell),
        // The disk is at fault and none of the operations: nobody is told that theirs was done.
        Err(error) => batch.drain(..).for_each(|job| job.fail(error.clone())),
    }
}

/// Runs each job of a batch in which one failed in a transaction of its own, in the order in which they came.
fn apart(session: &Session, batch: &mut Vec<Job>, error: &StoreError) {
    if batch.len() == 1 {
        // It was alone already: again would be the same.
        tracing::error!(%error, "an operation failed");
        return batch.drain(..).for_each(|job| job.fail(error.clone()));
    }
    let mut jobs = batch.drain(..);
    while let Some(job) = jobs.next() {
        if let Err(error) = session.begin() {
            // Another process holds the lock. Each waiting for it in turn would stop the writer for minutes.
            job.fail(error.clone());
            return jobs.for_each(|job| job.fail(error.clone()));
        }
        alone(session, job);
    }
}

/// Ends the transaction at hand with one job.
fn alone(session: &Session, mut job: Job) {
    let done = job.run(session).and_then(|()| session.commit());
    match done {
        Ok(()) => job.tell(),
        Err(error) => {
            session.rollback();
            tracing::error!(%error, "an operation failed");
            job.fail(error);
        }
    }
}
