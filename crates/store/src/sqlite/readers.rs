//! The readers: a few connections that never write, each lent to one operation at a time, off the threads that serve
//! requests.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::{closed, session::Session};
use crate::{Operation, StoreError};

/// Connections to read on.
#[derive(Debug)]
pub(super) struct Readers {
    /// One permit for each connection; whoever holds it finds one idle.
    turns: Arc<Semaphore>,
    /// One permit for each operation that may wait for its turn.
    line: Semaphore,
    idle: Mutex<Vec<Session>>,
}

impl Readers {
    pub(super) fn new(sessions: Vec<Session>, line: usize) -> Self {
        let turns = Arc::new(Semaphore::new(sessions.len()));
        Self { turns, line: Semaphore::new(line.clamp(1, Semaphore::MAX_PERMITS)), idle: Mutex::new(sessions) }
    }

    /// Runs an operation on a snapshot.
    pub(super) async fn run<O: Operation>(self: Arc<Self>, op: O) -> Result<O::Out, StoreError> {
        let place = self.line.try_acquire().map_err(|_| StoreError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| closed())?;
        drop(place);
        let readers = Arc::clone(&self);
        let reading = tokio::task::spawn_blocking(move || {
            // The turn ends here, when the connection is back, and not with a caller who stopped waiting.
            let _turn = turn;
            readers.on_an_idle_one(&op)
        });
        reading.await.map_err(|_| closed())?
    }

    /// Closes what is idle; what is in use closes when it is given back.
    pub(super) fn close(&self) {
        self.turns.close();
        self.lock().clear();
    }

    fn on_an_idle_one<O: Operation>(&self, op: &O) -> Result<O::Out, StoreError> {
        let session = self.lock().pop().ok_or_else(closed)?;
        let result = session.begin().and_then(|()| session.attempt(op));
        // Nothing was written: how the transaction ends does not matter, only that it does.
        session.rollback();
        let mut idle = self.lock();
        if !self.turns.is_closed() {
            idle.push(session);
        }
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
