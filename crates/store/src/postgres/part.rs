//! What one operation sees of a transaction that it shares with others.

use std::{panic::AssertUnwindSafe, task::Poll};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::{
    connection::Text,
    fault::Fault,
    outgoing::{Answer, broken},
    session::{Asked, Kept, Queued, Session},
};
use crate::{
    Operation, Row, Sql, StateKey, StateRow, StoreError, Tx, Value,
    tx::{Faults, Owned},
};

/// What one operation sees of the transaction.
pub(super) struct Part<'s, 'c> {
    pub(super) session: &'s Session<'c>,
    /// Its place among those that share it.
    pub(super) place: usize,
}

impl Part<'_, '_> {
    /// Runs its operation.
    pub(super) async fn attempt<O: Operation>(&self, op: &O) -> Result<O::Out, Fault> {
        let panicked = |_| broken(format!("{} panicked", std::any::type_name::<O>()));
        Ok(AssertUnwindSafe(op.run(self)).catch_unwind().await.map_err(panicked)??)
    }

    async fn ask<R>(
        &self,
        text: Text,
        params: &[Value<'_>],
        answer: fn(oneshot::Sender<R>) -> Answer,
        ends: bool,
    ) -> Result<R, StoreError> {
        let (to, arrives) = oneshot::channel();
        {
            let mut state = self.session.lock();
            if let Some(fault) = &state.fault {
                return Err(fault.clone().into_error());
            }
            let params = params.iter().map(|value| value.kept()).collect();
            state.asked.push(Asked { place: self.place, text, params, answer: answer(to), ends });
        }
        arrives.await.map_err(|_| StoreError::Failed(Faults("it was not answered".to_owned())))
    }

    /// Waits until those before it are done with a row of state.
    async fn turn(&self, key: i64) -> Result<(), StoreError> {
        let is_next = || {
            let state = self.session.lock();
            let turns = state.turns.get(&key).filter(|places| places.contains(&self.place));
            turns.map(|places| places.first() == Some(&self.place))
        };
        match is_next() {
            // Nobody else writes while it only reads.
            None if self.session.only_reads() => Ok(()),
            None => Err(StoreError::Failed(Faults("it uses a row of state that it did not ask for".to_owned()))),
            Some(_) => {
                // Polled again whenever one before it may have ended.
                std::future::poll_fn(|_| if is_next() == Some(false) { Poll::Pending } else { Poll::Ready(()) }).await;
                Ok(())
            }
        }
    }
}

const ANNOUNCE: Text = Text::own("SELECT pg_notify('countersign', '')");

fn owned(key: &StateKey<'_>) -> Vec<Owned> {
    key.params().iter().map(|value| value.kept()).collect()
}

impl Tx for Part<'_, '_> {
    async fn read(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.ask(Text::plain(sql), params, Answer::Rows, false).await
    }

    async fn read_locked(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        // Whoever only reads holds nobody up.
        let only_reads = self.session.only_reads();
        let text = if only_reads { Text::plain(sql) } else { Text::locking(sql)? };
        self.ask(text, params, Answer::Rows, false).await
    }

    async fn claim(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.session.may_write(self.place)?;
        self.ask(Text::plain(sql), params, Answer::Changed, false).await
    }

    async fn claim_at_once(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.session.may_write(self.place)?;
        self.ask(Text::plain(sql), params, Answer::Changed, true).await
    }

    fn write(&self, sql: &'static Sql, params: &[Value<'_>]) {
        // The session remembers the refusal, which then fails the operation.
        if self.session.may_write(self.place).is_ok() {
            let params = params.iter().map(|value| value.kept()).collect();
            self.session.lock().queue.push(Queued::Statement(Text::plain(sql), params));
        }
    }

    fn write_guarded(&self, sql: &'static Sql, params: &[Value<'_>]) {
        if self.session.may_write(self.place).is_ok() {
            let params = params.iter().map(|value| value.kept()).collect();
            self.session.lock().queue.push(Queued::Statement(Text::guarded(sql), params));
        }
    }

    async fn read_state(&self, state: &'static StateRow, key: &StateKey<'_>) -> Result<Option<Row>, StoreError> {
        self.turn(key.number()).await?;
        let name = (state.read.postgres(), owned(key));
        if let Some(kept) = self.session.lock().rows.get(&name) {
            return Ok(kept.row.clone());
        }
        let row = self.ask(Text::plain(&state.read), &key.params(), Answer::Rows, false).await?.pop();
        self.session.lock().rows.insert(name, Kept { row: row.clone(), unsaved: None });
        Ok(row)
    }

    fn announce(&self) {
        if self.session.may_write(self.place).is_ok() {
            self.session.lock().queue.push(Queued::Statement(ANNOUNCE, Vec::new()));
        }
    }

    fn write_state(&self, state: &'static StateRow, key: &StateKey<'_>, columns: &[Value<'_>]) {
        if self.session.may_write(self.place).is_ok() {
            let row = Some(Row(columns.iter().map(|value| value.kept()).collect()));
            let kept = Kept { row, unsaved: Some(Text::plain(&state.save)) };
            self.session.lock().rows.insert((state.read.postgres(), owned(key)), kept);
        }
    }
}
