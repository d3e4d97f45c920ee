//! What waits to be run, and which of it may run now.
//!
//! Two transactions that need the same key wait for each other in the database; whoever waits there does so with all that
//! shares its transaction. So an operation whose key another transaction of this node has stays here until that one is
//! done, and then leaves together with all that came meanwhile: under load few transactions carry many operations each.
//! Knows nothing of connections.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::worker::Job;
use crate::{StoreError, tx::Keys};

/// How many of those that wait are looked at to find some that may run.
const WINDOW: usize = 1_024;

/// What waits.
pub(super) struct Queue {
    line: Mutex<Line>,
    /// Something came, or a transaction ended.
    news: Notify,
    /// How many may wait.
    room: usize,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Job>,
    /// Keys of transactions that run.
    taken: HashSet<i64>,
    closed: bool,
}

/// Operations that may run in one transaction; their keys are theirs until it is dropped.
pub(super) struct Batch<'q> {
    pub(super) jobs: Vec<Job>,
    keys: Keys,
    queue: &'q Queue,
}

impl Queue {
    /// An empty queue with that much room.
    pub(super) fn new(room: usize) -> Self {
        Self { line: Mutex::default(), news: Notify::new(), room: room.max(1) }
    }

    /// Adds an operation at the end.
    pub(super) fn add(&self, job: Job) -> Result<(), StoreError> {
        let mut line = self.lock();
        if line.closed {
            return Err(super::closed());
        }
        if line.waiting.len() >= self.room {
            return Err(StoreError::Busy);
        }
        line.waiting.push_back(job);
        drop(line);
        self.news.notify_one();
        Ok(())
    }

    /// Waits for at most `most` operations that may run now: the first that may, and those behind it that may share its
    /// transaction. `None` when nothing can come any more.
    pub(super) async fn take(&self, most: usize) -> Option<Batch<'_>> {
        loop {
            let news = self.news.notified();
            {
                let mut line = self.lock();
                let (jobs, keys) = line.take(most);
                if !jobs.is_empty() {
                    // There may be more, for others.
                    self.news.notify_one();
                    return Some(Batch { jobs, keys, queue: self });
                }
                if line.closed && line.waiting.is_empty() {
                    return None;
                }
            }
            news.await;
        }
    }

    /// How many wait.
    pub(super) fn depth(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Lets nothing in any more; what waits is still run.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_waiters();
        self.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        // Nothing that can panic is done under it half way.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn take(&mut self, most: usize) -> (Vec<Job>, Keys) {
        let (mut jobs, mut left, mut keys) = (Vec::new(), Vec::new(), Keys::default());
        // Whoever needs what one before them waits for waits behind them.
        let mut blocked = HashSet::new();
        let mut alone = false;
        for job in self.waiting.drain(..self.waiting.len().min(WINDOW)) {
            // Whoever hung up before their turn is not worked for.
            if !job.is_wanted() {
                continue;
            }
            let is_free = !job.keys.all().any(|key| self.taken.contains(key) || blocked.contains(key));
            // What ends at once is committed in its first round trip, unless it shares with what isn't.
            let alike = jobs.first().is_none_or(|first: &Job| job.shares && job.ends_at_once == first.ends_at_once);
            if is_free && jobs.len() < most && !alone && alike {
                alone = !job.shares;
                keys.join(&job.keys);
                jobs.push(job);
            } else {
                blocked.extend(job.keys.all().copied());
                left.push(job);
            }
        }
        for job in left.into_iter().rev() {
            self.waiting.push_front(job);
        }
        self.taken.extend(keys.all());
        (jobs, keys)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut line = self.queue.lock();
        for key in self.keys.all() {
            line.taken.remove(key);
        }
        drop(line);
        self.queue.news.notify_waiters();
        self.queue.news.notify_one();
    }
}
