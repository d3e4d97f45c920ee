//! A SQLite transaction as operations see it. Nothing ever waits here: every future is ready.

use std::cell::RefCell;

use futures_util::FutureExt;
use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use crate::{
    Row, Sql, StoreError, Tx, Value,
    tx::{Faults, Owned},
};

pub(super) struct SqliteTx<'c> {
    connection: &'c Connection,
    /// The first write that failed.
    failed: RefCell<Option<StoreError>>,
}

impl<'c> SqliteTx<'c> {
    pub(super) const fn new(connection: &'c Connection) -> Self {
        Self { connection, failed: RefCell::new(None) }
    }

    /// Whether every write went through.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    fn query(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql.sqlite()).map_err(unavailable)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(params)).map_err(unavailable)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(unavailable)? {
            let values = (0..columns).map(|place| row.get_ref(place).map_err(unavailable).and_then(own));
            found.push(Row(values.collect::<Result<_, _>>()?));
        }
        Ok(found)
    }

    fn execute(&self, sql: &'static Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached(sql.sqlite()).map_err(unavailable)?;
        let changed = statement.execute(params_from_iter(params)).map_err(unavailable)?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }
}

impl Tx for SqliteTx<'_> {
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

    fn write(&self, sql: &'static Sql, params: &[Value<'_>]) {
        if self.failed.borrow().is_none()
            && let Err(error) = self.execute(sql, params)
        {
            *self.failed.borrow_mut() = Some(error);
        }
    }
}

/// The answer of a future that never waits.
pub(super) fn ready<T>(future: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let waited = || Err(StoreError::Failed(Faults("it waited for something other than the database".to_owned())));
    future.now_or_never().unwrap_or_else(waited)
}

/// A driver's error, without the statement's values.
#[expect(clippy::needless_pass_by_value, reason = "so that it can be handed to map_err")]
pub(super) fn unavailable(error: rusqlite::Error) -> StoreError {
    match &error {
        rusqlite::Error::SqliteFailure(code, _) => StoreError::Unavailable(code.to_string()),
        other => StoreError::Failed(Faults(other.to_string())),
    }
}

fn own(value: ValueRef<'_>) -> Result<Owned, StoreError> {
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
