//! One connection: its statements, prepared once, and how values and rows travel. Knows nothing of operations.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::AbortHandle;
use tokio_postgres::{
    Client, Statement,
    types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

use super::{
    address::Address,
    fault::{Fault, WrongKind},
};
use crate::{
    Row, Sql, StoreError,
    tx::{Faults, Owned},
};

/// An open connection. Dropping it closes it.
pub(super) struct Connection {
    client: Client,
    task: AbortHandle,
    statements: Mutex<HashMap<Text, Statement>>,
    /// Whether somebody between us and the server lends each transaction another connection: then nothing is prepared.
    unprepared: Arc<AtomicBool>,
    /// The server's clock when we connected, in milliseconds, and ours.
    epoch: (i64, Instant),
    /// What no other connection shares, and how often it was used: together they name a transaction.
    unique: (Vec<u8>, AtomicU64),
    /// The server's version, as `150004`.
    pub(super) version: i64,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What is still under way is of no use to anybody: the socket closes now, and the server notices.
        self.task.abort();
    }
}

/// A statement's text, which is constant; and whether it holds what it reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Text {
    sql: &'static str,
    locking: Option<&'static str>,
}

impl Text {
    pub(super) const fn plain(sql: &'static Sql) -> Self {
        Self { sql: sql.postgres(), locking: None }
    }

    /// The form that holds what it reads; an error where the statement has none.
    pub(super) fn locking(sql: &'static Sql) -> Result<Self, StoreError> {
        let missing = || StoreError::Failed(Faults("a statement that holds rows doesn't say which".to_owned()));
        Ok(Self { sql: sql.postgres(), locking: Some(sql.locking_clause().ok_or_else(missing)?) })
    }

    pub(super) const fn own(sql: &'static str) -> Self {
        Self { sql, locking: None }
    }

    fn whole(&self) -> String {
        self.locking.map_or_else(|| self.sql.to_owned(), |clause| format!("{} {clause}", self.sql))
    }
}

/// A statement that can be sent at once.
pub(super) enum Ready {
    /// The server knows it.
    Prepared(Statement),
    /// Sent with its text: for what is asked rarely, and behind a pooler that loses what was prepared.
    Typed(Text),
}

const ABOUT_THE_SERVER: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
     uuid_send(gen_random_uuid()), current_setting('server_version_num')::bigint";

impl Connection {
    /// Connects; the first host that takes writes is used.
    pub(super) async fn open(address: &Address, unprepared: Arc<AtomicBool>) -> Result<Self, Fault> {
        let connecting = async {
            let (client, connection) = address.config.connect(address.tls.clone()).await?;
            #[expect(clippy::disallowed_methods, reason = "a connection's task ends with the connection")]
            let task = tokio::spawn(async move {
                // What ended it is told to whoever uses the client next.
                let _ = connection.await;
            });
            Ok::<_, tokio_postgres::Error>((client, task.abort_handle()))
        };
        let (client, task) = connecting.await?;
        let mut connection = Self {
            client,
            task,
            statements: Mutex::default(),
            unprepared,
            epoch: (0, Instant::now()),
            unique: (Vec::new(), AtomicU64::new(0)),
            version: 0,
        };
        let rows = connection.client.query_typed(ABOUT_THE_SERVER, &[]).await?;
        let row = rows.first().map(own).transpose()?.unwrap_or(Row(Vec::new()));
        connection.epoch.0 = row.int(0)?;
        row.bytes(1)?.clone_into(&mut connection.unique.0);
        connection.version = row.int(2)?;
        Ok(connection)
    }

    /// Whether nothing can be sent any more.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The server's time, in milliseconds, as far as we know it without asking.
    pub(super) fn server_time(&self) -> i64 {
        let (then, since) = self.epoch;
        then.saturating_add(i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// A name that no other transaction has, beginning with the time.
    pub(super) fn name_a_transaction(&self) -> Vec<u8> {
        let mut name = self.server_time().to_be_bytes().to_vec();
        name.extend_from_slice(&self.unique.0);
        name.extend_from_slice(&self.unique.1.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        name
    }

    /// From now on no connection of this store prepares statements.
    pub(super) fn stop_preparing(&self) {
        if !self.unprepared.swap(true, Ordering::Relaxed) {
            tracing::warn!("the database is behind a pooler that loses prepared statements: going on without them");
        }
    }

    /// The statement if it can be sent without asking the server first.
    pub(super) fn ready(&self, text: Text) -> Option<Ready> {
        if self.unprepared.load(Ordering::Relaxed) {
            return Some(Ready::Typed(text));
        }
        self.lock().get(&text).cloned().map(Ready::Prepared)
    }

    /// Prepares a statement, unless it is.
    pub(super) async fn prepare(&self, text: Text) -> Result<Ready, Fault> {
        if let Some(ready) = self.ready(text) {
            return Ok(ready);
        }
        let statement = self.client.prepare(&text.whole()).await?;
        self.lock().insert(text, statement.clone());
        Ok(Ready::Prepared(statement))
    }

    /// Looks at a statement without keeping it; the error says what the server says.
    pub(super) async fn check(&self, text: Text) -> Result<(), String> {
        let told = |error: tokio_postgres::Error| {
            error.as_db_error().map_or_else(|| error.to_string(), |refusal| refusal.message().to_owned())
        };
        self.client.prepare(&text.whole()).await.map(drop).map_err(told)
    }

    /// Runs a statement and reads its rows.
    pub(super) async fn query(&self, statement: &Ready, params: &[Owned]) -> Result<Vec<Row>, Fault> {
        let rows = match statement {
            Ready::Prepared(statement) => {
                let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
                self.client.query(statement, &params).await?
            }
            Ready::Typed(text) => self.client.query_typed(&text.whole(), &typed(params)).await?,
        };
        Ok(rows.iter().map(own).collect::<Result<_, _>>()?)
    }

    /// Runs a statement; how many rows it changed.
    pub(super) async fn execute(&self, statement: &Ready, params: &[Owned]) -> Result<u64, Fault> {
        Ok(match statement {
            Ready::Prepared(statement) => {
                let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
                self.client.execute(statement, &params).await?
            }
            Ready::Typed(text) => self.client.execute_typed(&text.whole(), &typed(params)).await?,
        })
    }

    /// Runs statements that take nothing and answer nothing.
    pub(super) async fn batch(&self, text: &str) -> Result<(), Fault> {
        Ok(self.client.batch_execute(text).await?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Text, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a connection may be idle inside a transaction before the server ends it: a node that stalls while it holds
/// locks must not stop the others. Also how long it waits for a lock.
pub(super) fn begin(read_only: bool, patience: Duration) -> String {
    let ms = patience.as_millis();
    // Whatever the server's default is: a transaction must see what others did until it got its keys.
    let level = if read_only { "REPEATABLE READ READ ONLY" } else { "READ COMMITTED READ WRITE" };
    format!(
        "BEGIN ISOLATION LEVEL {level}; SET LOCAL lock_timeout = {ms}; SET LOCAL idle_in_transaction_session_timeout = {ms}"
    )
}

fn typed(params: &[Owned]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    params
        .iter()
        .map(|value| {
            let kind = match value {
                Owned::Int(_) => Type::INT8,
                Owned::Text(_) => Type::TEXT,
                Owned::Bytes(_) => Type::BYTEA,
                Owned::Null => Type::UNKNOWN,
            };
            (value as &(dyn ToSql + Sync), kind)
        })
        .collect()
}

impl ToSql for Owned {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Int(value) if *kind == Type::INT8 => value.to_sql(kind, out),
            Self::Text(value) if *kind == Type::TEXT => value.to_sql(kind, out),
            Self::Bytes(value) if *kind == Type::BYTEA => value.to_sql(kind, out),
            Self::Null => Ok(IsNull::Yes),
            _ => Err(Box::new(WrongKind)),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Which value fits which type is told above, where the value is known.
        true
    }

    to_sql_checked!();
}

fn own(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    const WRONG: StoreError = StoreError::Corrupt { what: "a column of a kind that we don't write" };
    let value = |place: usize, kind: &Type| {
        Ok::<_, tokio_postgres::Error>(match *kind {
            Type::INT8 => row.try_get::<_, Option<i64>>(place)?.map_or(Owned::Null, Owned::Int),
            Type::INT4 => row.try_get::<_, Option<i32>>(place)?.map_or(Owned::Null, |n| Owned::Int(n.into())),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(place)?.map_or(Owned::Null, Owned::Bytes),
            _ => row.try_get::<_, Option<String>>(place)?.map_or(Owned::Null, Owned::Text),
        })
    };
    let columns = row.columns().iter().enumerate();
    Ok(Row(columns.map(|(place, column)| value(place, column.type_()).map_err(|_| WRONG)).collect::<Result<_, _>>()?))
}
