//! A transaction on a connection, as operations see it.
//!
//! Nothing is sent before it must be, and nothing is waited for before it must be: `BEGIN`, the keys and queued writes go
//! ahead of the next read without waiting for their answers, the last writes go with `COMMIT`. So an operation that reads
//! what it needs at once, decides, and writes, costs two round trips, and each further one in the same transaction one.

use std::{
    any::type_name,
    panic::AssertUnwindSafe,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture, pin_mut, poll};

use super::{
    connection::{Connection, Ready, Text, begin},
    fault::Fault,
};
use crate::{
    Operation, Row, Sql, StoreError, Tx, Value,
    tx::{Faults, Keys, Owned},
};

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Read and write.
    Write,
    /// Only read, all of one moment.
    Read,
}

const HOLD: Text =
    Text::own("SELECT pg_advisory_xact_lock(key) FROM unnest(string_to_array($1, ',')::bigint[]) AS key");
/// Names the transaction in the database: whoever finds the name there knows that it was committed.
const NAME: Text = Text::own("INSERT INTO transactions (project_id, name) VALUES ($1, $2)");

/// A transaction.
pub(super) struct Session<'c> {
    connection: &'c Connection,
    purpose: Purpose,
    state: Mutex<State>,
    /// Answers that are waited for. An operation that waits while there is none waits for something else.
    awaited: AtomicUsize,
}

#[derive(Default)]
struct State {
    queue: Vec<Queued>,
    /// The first thing that went wrong: everything after it is refused, whatever the operation makes of it.
    fault: Option<Fault>,
    wrote: bool,
    /// Whether `COMMIT` is on its way.
    committing: bool,
}

/// What is sent ahead of the next read.
enum Queued {
    Plain(String),
    Statement(Text, Vec<Owned>),
}

/// The same, ready to be sent.
enum Outgoing {
    Plain(String),
    Statement(Ready, Vec<Owned>),
}

impl<'c> Session<'c> {
    /// A transaction that begins with its first statement, holding `keys`.
    pub(super) fn new(connection: &'c Connection, purpose: Purpose, keys: &Keys, patience: Duration) -> Self {
        let mut queue = vec![Queued::Plain(begin(purpose == Purpose::Read, patience))];
        if !keys.is_empty() {
            queue.push(Queued::Statement(HOLD, vec![Owned::Text(keys.in_order())]));
        }
        let state = State { queue, ..State::default() };
        Self { connection, purpose, state: Mutex::new(state), awaited: AtomicUsize::new(0) }
    }

    /// Runs an operation. After an error the transaction must be rolled back.
    pub(super) async fn attempt<O: Operation>(&self, op: &O) -> Result<O::Out, Fault> {
        let fault = |what: &str| Fault::Operation(StoreError::Failed(Faults(format!("{} {what}", type_name::<O>()))));
        let running = AssertUnwindSafe(op.run(self)).catch_unwind();
        pin_mut!(running);
        let ended = std::future::poll_fn(|cx| match running.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if self.awaited.load(Ordering::Relaxed) == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let result = match ended.await {
            Some(Ok(result)) => result,
            Some(Err(_)) => return Err(fault("panicked")),
            None => return Err(fault("waited for something other than the database")),
        };
        // What an operation makes of a failed statement doesn't matter: it was not carried out.
        match &self.lock().fault {
            Some(fault) => Err(fault.clone()),
            None => Ok(result?),
        }
    }

    /// Whether anything was written.
    pub(super) fn wrote(&self) -> bool {
        self.lock().wrote
    }

    /// Whether `COMMIT` may have reached the server.
    pub(super) fn is_committing(&self) -> bool {
        self.lock().committing
    }

    /// Commits under a name by which it can be found if the answer is lost.
    pub(super) async fn commit(&self, project: [u8; 16], name: &[u8]) -> Result<(), Fault> {
        if !self.wrote() {
            return self.end().await;
        }
        let name = vec![Owned::Bytes(project.to_vec()), Owned::Bytes(name.to_vec())];
        self.lock().queue.push(Queued::Statement(NAME, name));
        let queue = self.prepared_queue().await?;
        self.lock().committing = true;
        self.send(queue, self.connection.batch("COMMIT")).await.map_err(|fault| match fault {
            // A refused statement means that `COMMIT` found nothing to commit.
            Fault::Connection(what) => Fault::Unknown(what),
            other => other,
        })
    }

    /// Ends a transaction that wrote nothing; nobody needs to wait for that.
    async fn end(&self) -> Result<(), Fault> {
        let has_begun = !self.lock().queue.iter().any(|queued| matches!(queued, Queued::Plain(_)));
        if has_begun {
            let ending = self.connection.batch("ROLLBACK");
            pin_mut!(ending);
            // Polled once it is sent; the answer comes before that of the next transaction.
            let _ = poll!(ending);
        }
        Ok(())
    }

    /// Ends it without a trace; false when the connection is of no use any more.
    pub(super) async fn rollback(&self) -> bool {
        self.connection.batch("ROLLBACK").await.is_ok()
    }

    /// What is queued, every statement of it ready to be sent.
    async fn prepared_queue(&self) -> Result<Vec<Outgoing>, Fault> {
        loop {
            let missing = {
                let state = self.lock();
                state.queue.iter().find_map(|queued| match queued {
                    Queued::Statement(text, _) if self.connection.ready(*text).is_none() => Some(*text),
                    _ => None,
                })
            };
            let Some(missing) = missing else { break };
            self.waiting_for(self.connection.prepare(missing)).await?;
        }
        let queue = std::mem::take(&mut self.lock().queue);
        let ready = |queued| match queued {
            Queued::Plain(text) => Ok(Outgoing::Plain(text)),
            Queued::Statement(text, params) => {
                let lost = || Fault::Connection("a prepared statement was lost".to_owned());
                Ok(Outgoing::Statement(self.connection.ready(text).ok_or_else(lost)?, params))
            }
        };
        queue.into_iter().map(ready).collect()
    }

    /// Sends what was queued and then `last`, in this order, and only then waits for the answers.
    async fn send<R>(&self, queue: Vec<Outgoing>, last: impl Future<Output = Result<R, Fault>>) -> Result<R, Fault> {
        let connection = self.connection;
        let start = |outgoing| match outgoing {
            Outgoing::Plain(text) => async move { connection.batch(&text).await }.boxed(),
            Outgoing::Statement(statement, params) => {
                async move { connection.execute(&statement, &params).await.map(drop) }.boxed()
            }
        };
        let mut ahead: Vec<BoxFuture<'_, Result<(), Fault>>> = queue.into_iter().map(start).collect();
        // Each is sent when it is polled for the first time.
        let mut answers = Vec::with_capacity(ahead.len());
        for sending in &mut ahead {
            answers.push(match poll!(sending.as_mut()) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            });
        }
        pin_mut!(last);
        let early = poll!(last.as_mut());
        self.waiting_for(async {
            for (answer, waiting) in answers.into_iter().zip(ahead) {
                match answer {
                    Some(answer) => answer?,
                    None => waiting.await?,
                }
            }
            match early {
                Poll::Ready(answer) => answer,
                Poll::Pending => last.await,
            }
        })
        .await
    }

    /// Waits for the server; remembers what goes wrong.
    async fn waiting_for<R>(&self, answer: impl Future<Output = Result<R, Fault>>) -> Result<R, Fault> {
        self.awaited.fetch_add(1, Ordering::Relaxed);
        let result = answer.await;
        self.awaited.fetch_sub(1, Ordering::Relaxed);
        result.map_err(|fault| self.fail(fault))
    }

    /// Remembers the first fault, and answers it.
    fn fail(&self, fault: Fault) -> Fault {
        self.lock().fault.get_or_insert(fault).clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // No operation's code runs under the lock, so a panic leaves nothing half done behind it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn statement<R, F>(&self, text: Text, run: impl FnOnce(&'c Connection, Ready) -> F) -> Result<R, StoreError>
    where
        F: Future<Output = Result<R, Fault>>,
    {
        if let Some(fault) = &self.lock().fault {
            return Err(fault.clone().into_error());
        }
        let sent = async {
            let ready = self.waiting_for(self.connection.prepare(text)).await?;
            let queue = self.prepared_queue().await?;
            self.send(queue, run(self.connection, ready)).await
        };
        sent.await.map_err(Fault::into_error)
    }

    async fn query(&self, text: Text, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let params: Vec<Owned> = params.iter().map(|value| value.kept()).collect();
        self.statement(text, |connection, ready| async move { connection.query(&ready, &params).await }).await
    }

    /// Refuses to write where only reading was asked for.
    fn may_write(&self) -> Result<(), StoreError> {
        let mut state = self.lock();
        if self.purpose == Purpose::Read {
            let error = StoreError::Failed(Faults("it writes, but was asked to read only".to_owned()));
            state.fault.get_or_insert(Fault::Operation(error.clone()));
            return Err(error);
        }
        state.wrote = true;
        Ok(())
    }
}

impl<'c> Tx for Session<'c> {
    async fn read(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.query(Text::plain(sql), params).await
    }

    async fn read_locked(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        // Whoever only reads holds nobody up.
        let text = if self.purpose == Purpose::Read { Text::plain(sql) } else { Text::locking(sql)? };
        self.query(text, params).await
    }

    async fn claim(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.may_write()?;
        let params: Vec<Owned> = params.iter().map(|value| value.kept()).collect();
        let run = |connection: &'c Connection, ready| async move { connection.execute(&ready, &params).await };
        self.statement(Text::plain(sql), run).await
    }

    fn write(&self, sql: &'static Sql, params: &[Value<'_>]) {
        // The session remembers the refusal, which then fails the operation.
        if self.may_write().is_ok() {
            let params = params.iter().map(|value| value.kept()).collect();
            self.lock().queue.push(Queued::Statement(Text::plain(sql), params));
        }
    }
}
