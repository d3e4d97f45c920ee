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
    merge,
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
    /// When its plans were last made.
    planned: Mutex<Instant>,
    /// The server's version, as `150004`.
    pub(super) version: i64,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What is still under way is of no use to anybody: the socket closes now, and the server notices.
        self.task.abort();
    }
}

/// A statement's text, which is constant; and in which form it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Text {
    sql: &'static str,
    /// What follows it where it holds what it reads.
    locking: Option<&'static str>,
    /// Whether it may be sent once for many.
    for_many: bool,
    /// Whether it is.
    many: bool,
    /// Whether it fails when it doesn't change what it should.
    guarded: bool,
}

impl Text {
    pub(super) const fn plain(sql: &'static Sql) -> Self {
        Self { sql: sql.postgres(), locking: None, for_many: sql.is_for_many(), many: false, guarded: false }
    }

    /// The form that holds what it reads; an error where the statement has none.
    pub(super) fn locking(sql: &'static Sql) -> Result<Self, StoreError> {
        let missing = || StoreError::Failed(Faults("a statement that holds rows doesn't say which".to_owned()));
        Ok(Self { locking: Some(sql.locking_clause().ok_or_else(missing)?), ..Self::plain(sql) })
    }

    /// The form of an update that fails when its guard doesn't hold.
    pub(super) const fn guarded(sql: &'static Sql) -> Self {
        Self { guarded: true, ..Self::plain(sql) }
    }

    pub(super) const fn own(sql: &'static str) -> Self {
        Self { sql, locking: None, for_many: false, many: false, guarded: false }
    }

    /// The form that is sent once for many, where there is one.
    pub(super) fn many(self) -> Option<Self> {
        self.for_many.then_some(Self { many: true, ..self })
    }

    /// Whether it holds what it reads.
    pub(super) const fn is_locking(&self) -> bool {
        self.locking.is_some()
    }

    const fn single(self) -> Self {
        Self { many: false, ..self }
    }

    fn whole(&self) -> String {
        if self.guarded {
            return merge::guarded(self.sql, false);
        }
        self.locking.map_or_else(|| self.sql.to_owned(), |clause| format!("{} {clause}", self.sql))
    }

    /// What is sent once for many, given the types of one's parameters.
    fn whole_for_many(&self, types: &[Type]) -> Result<String, Fault> {
        let unfit = || Fault::Operation(StoreError::Failed(Faults("a statement can't be sent for many".to_owned())));
        let many = merge::for_many(self.sql, self.locking, types).ok_or_else(unfit)?;
        Ok(if self.guarded { merge::guarded(&many, true) } else { many })
    }
}

/// A statement that can be sent at once.
#[derive(Clone)]
pub(super) enum Ready {
    /// The server knows it.
    Prepared(Statement),
    /// Sent with its text: for what is asked rarely, and behind a pooler that loses what was prepared.
    Typed(Text),
}

/// What a statement is sent with: a value, or an array of them, for each of its places.
pub(super) enum Params {
    /// Of one operation.
    One(Vec<Owned>),
    /// Of many, column by column.
    Many(Vec<Column>),
}

/// The values of many operations for one place of their statement.
#[derive(Debug)]
pub(super) struct Column(Vec<Owned>);

impl Params {
    /// None.
    pub(super) const NONE: Self = Self::One(Vec::new());

    /// Those of many operations, each of which has a value for each place.
    pub(super) fn of_many(rows: Vec<Vec<Owned>>) -> Self {
        let mut columns: Vec<Column> = Vec::new();
        for row in rows {
            columns.resize_with(row.len().max(columns.len()), || Column(Vec::new()));
            for (column, value) in columns.iter_mut().zip(row) {
                column.0.push(value);
            }
        }
        Self::Many(columns)
    }

    fn as_driver(&self) -> Vec<&(dyn ToSql + Sync)> {
        match self {
            Self::One(values) => values.iter().map(|value| value as _).collect(),
            Self::Many(columns) => columns.iter().map(|column| column as _).collect(),
        }
    }

    /// With the kinds of the values, for a statement that was not prepared.
    fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        match self {
            Self::One(values) => values.iter().map(|value| (value as _, value.kind())).collect(),
            Self::Many(columns) => columns.iter().map(|column| (column as _, Type::UNKNOWN)).collect(),
        }
    }
}

/// How long a plan is kept: making all of them again takes a few milliseconds.
const REPLAN: Duration = Duration::from_secs(1);

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
            planned: Mutex::new(Instant::now()),
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

    /// Whether statements are prepared. Those for many have to be: only the server knows the types of their arrays.
    pub(super) fn is_preparing(&self) -> bool {
        !self.unprepared.load(Ordering::Relaxed)
    }

    /// Prepares a statement, unless it is.
    pub(super) async fn prepare(&self, text: Text) -> Result<Ready, Fault> {
        if let Some(ready) = self.ready(text) {
            return Ok(ready);
        }
        let mut whole = text.whole();
        if text.many {
            let single = match self.ready(text.single()) {
                Some(Ready::Prepared(single)) => single,
                _ => self.keep(text.single(), &whole).await?,
            };
            whole = text.whole_for_many(single.params())?;
        }
        Ok(Ready::Prepared(self.keep(text, &whole).await?))
    }

    async fn keep(&self, text: Text, whole: &str) -> Result<Statement, Fault> {
        let statement = self.client.prepare(whole).await?;
        self.lock().insert(text, statement.clone());
        Ok(statement)
    }

    /// Looks at a statement, and at its form for many, without keeping it; the error says what the server says.
    pub(super) async fn check(&self, text: Text) -> Result<(), String> {
        let told = |error: tokio_postgres::Error| {
            error.as_db_error().map_or_else(|| error.to_string(), |refusal| refusal.message().to_owned())
        };
        let single = self.client.prepare(&text.whole()).await.map_err(told)?;
        if text.for_many {
            let many = text.whole_for_many(single.params()).map_err(|fault| fault.into_error().to_string())?;
            self.client.prepare(&many).await.map_err(told)?;
        }
        Ok(())
    }

    /// Runs a statement and reads its rows.
    pub(super) async fn query(&self, statement: &Ready, params: &Params) -> Result<Vec<Row>, Fault> {
        let rows = match statement {
            Ready::Prepared(statement) => self.client.query(statement, &params.as_driver()).await?,
            Ready::Typed(text) => self.client.query_typed(&text.whole(), &params.typed()).await?,
        };
        Ok(rows.iter().map(own).collect::<Result<_, _>>()?)
    }

    /// Runs a statement; how many rows it changed.
    pub(super) async fn execute(&self, statement: &Ready, params: &Params) -> Result<u64, Fault> {
        Ok(match statement {
            Ready::Prepared(statement) => self.client.execute(statement, &params.as_driver()).await?,
            Ready::Typed(text) => self.client.execute_typed(&text.whole(), &params.typed()).await?,
        })
    }

    /// The text that begins a transaction.
    ///
    /// `patience` is how long it may be idle before the server ends it, since a node that stalls while it holds locks must
    /// not stop the others; and how long it waits for a lock.
    pub(super) fn begin(&self, read_only: bool, patience: Duration) -> String {
        let ms = patience.as_millis();
        // Whatever the server's default is: a transaction must see what others did until it got its keys.
        let level = if read_only { "REPEATABLE READ READ ONLY" } else { "READ COMMITTED READ WRITE" };
        // Every statement is keyed, so a plan without the right index is always wrong. Yet the server makes such plans while
        // a table is small, and keeps them as it grows: it is told what not to think of, and to think again now and then.
        let again = if self.is_plan_old() { "; DISCARD PLANS" } else { "" };
        format!(
            "BEGIN ISOLATION LEVEL {level}{again}; SET LOCAL lock_timeout = {ms}; \
             SET LOCAL idle_in_transaction_session_timeout = {ms}; SET LOCAL enable_seqscan = off; \
             SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
        )
    }

    fn is_plan_old(&self) -> bool {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = planned.elapsed() >= REPLAN;
        if is_old {
            *planned = Instant::now();
        }
        is_old
    }

    /// Runs statements that take nothing and answer nothing.
    pub(super) async fn batch(&self, text: &str) -> Result<(), Fault> {
        Ok(self.client.batch_execute(text).await?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Text, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owned {
    const fn kind(&self) -> Type {
        match self {
            Self::Int(_) => Type::INT8,
            Self::Text(_) => Type::TEXT,
            Self::Bytes(_) => Type::BYTEA,
            Self::Null => Type::UNKNOWN,
        }
    }
}

impl ToSql for Column {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let values: Vec<Option<&Owned>> = self.0.iter().map(|value| (*value != Owned::Null).then_some(value)).collect();
        values.to_sql(kind, out)
    }

    fn accepts(_: &Type) -> bool {
        // As for a single value.
        true
    }

    to_sql_checked!();
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
