//! A connection with the transaction that runs on it, as operations see it. Nothing ever waits here: what an operation
//! asks for is there by the time it has asked.

use std::{
    any::type_name,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use super::connection::{Purpose, begin_immediate, run, store_error};
use crate::{
    Operation, Row, Sql, StateKey, StateRow, StoreError, Tx, Value,
    tx::{Faults, Owned},
};

/// A connection that runs one transaction at a time.
#[derive(Debug)]
pub(super) struct Session {
    /// Never contended: a lock only because operations are shared between threads on other databases.
    state: Mutex<State>,
    purpose: Purpose,
    /// How long it waits for another process's write lock.
    patience: Duration,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    /// The first statement that failed in this transaction. All that follow are refused with the same error: after some
    /// failures (a full disk) SQLite has ended the transaction by itself, and a statement more would be committed alone.
    failed: Option<StoreError>,
}

impl Session {
    pub(super) const fn new(connection: Connection, purpose: Purpose, patience: Duration) -> Self {
        Self { state: Mutex::new(State { connection, failed: None }), purpose, patience }
    }

    /// Begins a transaction; the writer's holds the write lock from here on.
    pub(super) fn begin(&self) -> Result<(), StoreError> {
        self.rollback();
        let mut state = self.lock();
        state.failed = None;
        match self.purpose {
            Purpose::Write => begin_immediate(&state.connection, self.patience),
            Purpose::Read => run(&state.connection, "BEGIN"),
        }
        .map_err(store_error)
    }

    /// Commits; on an error nothing was.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        let committed = run(&self.lock().connection, "COMMIT").map_err(store_error);
        if committed.is_err() {
            self.rollback();
        }
        committed
    }

    /// Ends the transaction, if there is one, without a trace.
    pub(super) fn rollback(&self) {
        let state = self.lock();
        if !state.connection.is_autocommit()
            && let Err(error) = run(&state.connection, "ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    /// Runs an operation in the transaction at hand. After an error the transaction must be rolled back.
    pub(super) fn attempt<O: Operation>(&self, op: &O) -> Result<O::Out, StoreError> {
        let fault = |what: &str| Err(StoreError::Failed(Faults(format!("{} {what}", type_name::<O>()))));
        match catch_unwind(AssertUnwindSafe(|| op.run(self).now_or_never())) {
            // What an operation makes of a failed statement doesn't matter: it was not carried out.
            Ok(Some(result)) => self.lock().failed.take().map_or(result, Err),
            Ok(None) => fault("waited for something other than the database"),
            Err(_) => fault("panicked"),
        }
    }

    /// Folds the log back into the file, as far as running reads allow.
    pub(super) fn checkpoint(&self) {
        if let Err(error) = self.lock().connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the log could not be folded back; the next start does it");
        }
    }

    /// Prepares a statement, and checks that its parameters are numbered as they are bound.
    pub(super) fn prepare(&self, sql: &Sql) -> Result<(), StoreError> {
        let fault = |what: &str| StoreError::Failed(Faults(format!("{what}, in: {}", sql.sqlite())));
        let state = self.lock();
        let statement = state.connection.prepare(sql.sqlite()).map_err(|error| fault(&error.to_string()))?;
        for place in 1..=statement.parameter_count() {
            // SQLite takes `$2` for a name and binds it to the next free place, whatever its number says.
            if statement.parameter_name(place) != Some(&format!("${place}")) {
                return Err(fault("parameters are not numbered in the order of their first use"));
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // No operation's code runs under the lock, so a panic leaves nothing half done behind it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one statement, unless one before it has failed.
    fn statement<R>(&self, work: impl FnOnce(&Connection) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let mut state = self.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        let result = work(&state.connection);
        if let Err(error) = &result {
            state.failed = Some(error.clone());
        }
        result
    }

    fn query(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.statement(|connection| {
            let mut statement = connection.prepare_cached(sql.sqlite()).map_err(store_error)?;
            let columns = statement.column_count();
            let mut rows = statement.query(params_from_iter(params)).map_err(store_error)?;
            let mut found = Vec::new();
            while let Some(row) = rows.next().map_err(store_error)? {
                let values = (0..columns).map(|place| row.get_ref(place).map_err(store_error).and_then(own));
                found.push(Row(values.collect::<Result<_, _>>()?));
            }
            Ok(found)
        })
    }

    fn execute(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.statement(|connection| {
            if self.purpose == Purpose::Read {
                return Err(StoreError::Failed(Faults("it writes, but was asked to read only".to_owned())));
            }
            let mut statement = connection.prepare_cached(sql.sqlite()).map_err(store_error)?;
            let changed = statement.execute(params_from_iter(params)).map_err(store_error)?;
            Ok(u64::try_from(changed).unwrap_or(u64::MAX))
        })
    }
}

impl Tx for Session {
    async fn read(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.query(sql, params)
    }

    async fn read_locked(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        // There is one writer: whatever it reads is locked.
        self.query(sql, params)
    }

    async fn claim(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.execute(sql, params)
    }

    async fn claim_at_once(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        // There are no round trips to be saved.
        self.execute(sql, params)
    }

    fn write(&self, sql: &'static Sql, params: &[Value<'_>]) {
        // The session remembers a failure, which then fails the operation.
        let _ = self.execute(sql, params);
    }

    fn write_guarded(&self, sql: &'static Sql, params: &[Value<'_>]) {
        // There is one writer: what it has read still holds.
        let what = || StoreError::Failed(Faults("a guard held when it was read, and holds no longer".to_owned()));
        if matches!(self.execute(sql, params), Ok(0)) {
            self.lock().failed.get_or_insert_with(what);
        }
    }

    async fn read_state(&self, state: &'static StateRow, key: &StateKey<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.query(&state.read, &key.params())?.pop())
    }

    fn announce(&self) {
        // There is one node, and the commands beside it: it looks by itself.
    }

    fn write_state(&self, state: &'static StateRow, key: &StateKey<'_>, columns: &[Value<'_>]) {
        self.write(&state.save, &[&key.params(), columns].concat());
    }
}

/// A value as the file has it.
pub(super) fn own(value: ValueRef<'_>) -> Result<Owned, StoreError> {
    match value {
        ValueRef::Null => Ok(Owned::Null),
        ValueRef::Integer(value) => Ok(Owned::Int(value)),
        ValueRef::Text(bytes) => {
            let text =
                std::str::from_utf8(bytes).map_err(|_| StoreError::Corrupt { what: "text that is not UTF-8" })?;
            Ok(Owned::Text(text.to_owned()))
        }
        ValueRef::Blob(bytes) => Ok(Owned::Bytes(bytes.to_vec())),
        ValueRef::Real(_) => Err(StoreError::Corrupt { what: "a fraction" }),
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Null => ValueRef::Null,
        }))
    }
}
