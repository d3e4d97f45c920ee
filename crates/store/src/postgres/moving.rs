//! A PostgreSQL database that is moved from or to, over one connection of its own. Knows nothing of the order in which a
//! move does things.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use tokio::{
    task::AbortHandle,
    time::{sleep, timeout},
};
use tokio_postgres::{
    Client,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

use super::{
    address::Address,
    connection::Connection,
    fault::{Fault, WrongKind},
    migrate,
};
use crate::{
    MoveError, POSTGRES_MIGRATIONS, Row, StoreError,
    migration::{Applied, MOVING, OpenError},
    moving::{
        Mark,
        table::{self, Batch, Column, Kind, Table},
        told_at,
    },
    tx::{Faults, Owned},
};

/// How long the server may take to answer when we connect, and nodes that were just stopped to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long anything else may take: counting the rows of a large table reads all of it.
const LIMIT: Duration = Duration::from_mins(30);

/// Between two looks at who is connected.
const LOOK: Duration = Duration::from_millis(100);

const TABLES: &str = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL), \
     coalesce(array_position(i.indkey::int[], a.attnum::int) + 1, 0)::bigint FROM pg_class c \
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
     LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
     AND c.relname NOT IN ('schema_migrations', 'transactions', 'moving') ORDER BY c.relname, a.attname";

/// Nodes, as far as their URL doesn't give them another name.
const NODES: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'countersign'";

/// A database, and a connection to it that nobody shares.
pub(crate) struct Postgres {
    address: Address,
    client: Client,
    task: AbortHandle,
    turn: i64,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Postgres {
    /// Connects to a database that no node is connected to.
    pub(crate) async fn connect(url: &str) -> Result<Self, MoveError> {
        let mut address = Address::parse(url, PATIENCE)?;
        // Else we would take ourselves for a node.
        address.config.application_name("countersign migrate-store");
        let connecting = timeout(PATIENCE, address.config.connect(address.tls.clone()));
        let told = |fault: Fault| told_at(&address.to_string(), fault.into_error());
        let late = || Fault::Connection("connecting took too long; check the host and the port".to_owned());
        let (client, connection) = connecting.await.map_err(|_| told(late()))?.map_err(|error| told(error.into()))?;
        #[expect(clippy::disallowed_methods, reason = "a connection's task ends with the connection")]
        let task = tokio::spawn(async move {
            // What ended it is told to whoever uses the client next.
            let _ = connection.await;
        });
        let side = Self { address, client, task: task.abort_handle(), turn: 0 };
        side.wait_until_alone().await?;
        Ok(side)
    }

    /// Nodes that were just stopped are gone in a moment; those that stay are in use.
    async fn wait_until_alone(&self) -> Result<(), MoveError> {
        let started = Instant::now();
        loop {
            let nodes = self.number(NODES).await.map_err(|error| told_at(&self.name(), error))?;
            if nodes == 0 {
                return Ok(());
            }
            if started.elapsed() > PATIENCE / 5 {
                let by = format!(" by {nodes} connections of nodes");
                return Err(MoveError::InUse { path: self.name(), by });
            }
            sleep(LOOK).await;
        }
    }

    /// Its address, without the password.
    pub(crate) fn name(&self) -> String {
        self.address.to_string()
    }

    /// Brings the schema to the newest step.
    pub(crate) async fn migrate(&self) -> Result<(), OpenError> {
        migrate::run(&self.as_node().await?, &self.address, POSTGRES_MIGRATIONS).await
    }

    /// The steps that the schema took.
    pub(crate) async fn applied(&self) -> Result<Applied, StoreError> {
        let connection = self.as_node().await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        migrate::applied(&connection).await.map_err(Fault::into_error)
    }

    /// A connection such as nodes have.
    async fn as_node(&self) -> Result<Connection, OpenError> {
        let late = |_| Err(Fault::Connection("connecting took too long".to_owned()));
        let connection = timeout(PATIENCE, Connection::open(&self.address, std::sync::Arc::default())).await;
        connection.unwrap_or_else(late).map_err(|fault| migrate::unreachable(&self.address, fault))
    }

    /// What is moved.
    pub(crate) async fn tables(&self) -> Result<Vec<Table>, StoreError> {
        let column = |kind| Column { name: String::new(), kind };
        let columns = [Kind::Text, Kind::Text, Kind::Text, Kind::Int].map(column);
        table::tables(&self.query(TABLES, &columns, Vec::new()).await?)
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &Table) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.number(&table.count()).await?).unwrap_or_default())
    }

    /// A batch of rows in the order of their keys, from the first or after one.
    pub(crate) async fn rows(&self, table: &Table, after: Option<&[Owned]>) -> Result<Vec<Row>, StoreError> {
        let key = after.unwrap_or_default().iter().cloned().zip(table.key().map(type_of)).collect();
        self.query(&table.select(after.is_some()), &table.columns, key).await
    }

    /// The first table that has rows, if one has.
    pub(crate) async fn filled(&self, tables: &[Table]) -> Result<Option<String>, StoreError> {
        for table in tables {
            if self.number(&table.any()).await? > 0 {
                return Ok(Some(table.name.clone()));
            }
        }
        Ok(None)
    }

    /// Marks an empty target; the table that isn't, if one isn't.
    pub(crate) async fn begin(&self, source: &str, tables: &[Table]) -> Result<Option<String>, StoreError> {
        let work = async {
            if let Some(table) = self.filled(tables).await? {
                return Ok(Some(table));
            }
            self.batch(table::POSTGRES_BEGIN).await?;
            self.execute(table::MARK, &[Owned::Text(source.to_owned())], &[Type::TEXT]).await?;
            self.execute(table::SHUT, &[Owned::Int(MOVING)], &[Type::INT8]).await?;
            Ok(None)
        };
        self.together(work).await
    }

    /// Where the move stands; from now on it is ours.
    pub(crate) async fn resume(&mut self) -> Result<Mark, StoreError> {
        let column = |kind| Column { name: String::new(), kind };
        let columns = [Kind::Int, Kind::Text, Kind::Text, Kind::Bytes, Kind::Int].map(column);
        let (turn, mark) = table::taken(&self.query(table::TAKE, &columns, Vec::new()).await?)?;
        self.turn = turn;
        Ok(mark)
    }

    /// Writes a batch and the mark after it; whether the move is still ours.
    pub(crate) async fn put(&self, table: &Table, rows: &[Row], mark: &Mark) -> Result<bool, StoreError> {
        let work = async {
            // First: it waits for one who was taken for dead and isn't yet.
            let types = [Type::TEXT, Type::BYTEA, Type::INT8, Type::INT8];
            let ours = self.execute(table::STEP, &table::step(mark, self.turn), &types).await? == 1;
            if ours {
                limited(self.copy(table, rows)).await?;
            }
            Ok(ours)
        };
        self.together(work).await
    }

    async fn copy(&self, table: &Table, rows: &[Row]) -> Result<(), tokio_postgres::Error> {
        let into = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table::quoted(&table.name), table.list());
        let types: Vec<Type> = table.columns.iter().map(type_of).collect();
        let mut writer = pin!(BinaryCopyInWriter::new(self.client.copy_in(&into).await?, &types));
        for row in rows {
            let values: Vec<&(dyn ToSql + Sync)> = row.0.iter().map(|value| value as _).collect();
            writer.as_mut().write(&values).await?;
        }
        writer.finish().await.map(drop)
    }

    /// Takes the mark away: servers may open it. Their first plans need to know what is there.
    pub(crate) async fn finish(&self, tables: &[Table]) -> Result<(), StoreError> {
        for table in tables {
            self.batch(&format!("ANALYZE {}", table::quoted(&table.name))).await?;
        }
        let work = async {
            self.batch(table::END).await?;
            self.execute(table::OPEN, &[Owned::Int(MOVING)], &[Type::INT8]).await
        };
        self.together(work).await.map(drop)
    }

    /// Runs `work` in one transaction.
    async fn together<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.batch("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
        let done = work.await;
        // What failed was told: a transaction that it ended is never taken for one that was committed.
        let ended = self.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
        let done = done?;
        ended.map(|()| done)
    }

    async fn batch(&self, text: &str) -> Result<(), StoreError> {
        limited(self.client.batch_execute(text)).await
    }

    async fn number(&self, text: &str) -> Result<i64, StoreError> {
        let column = Column { name: String::new(), kind: Kind::Int };
        self.query(text, &[column], Vec::new()).await?.first().map_or(Ok(0), |row| row.int(0))
    }

    async fn execute(&self, text: &str, params: &[Owned], types: &[Type]) -> Result<u64, StoreError> {
        let params: Vec<(&(dyn ToSql + Sync), Type)> =
            params.iter().zip(types).map(|(value, kind)| (value as _, kind.clone())).collect();
        limited(self.client.execute_typed(text, &params)).await
    }

    /// A batch of rows. Their text comes as it is sent: a driver that prepares statements needs more round trips.
    async fn query(&self, text: &str, columns: &[Column], params: Vec<(Owned, Type)>) -> Result<Vec<Row>, StoreError> {
        let reading = async {
            let mut rows = pin!(self.client.query_typed_raw(text, params).await?);
            let mut batch = Batch::default();
            while let Some(row) = rows.try_next().await? {
                if !batch.take(decode(&row, columns)?) {
                    // The driver throws away what is still to come.
                    break;
                }
            }
            Ok::<_, Fault>(batch.rows)
        };
        limited(reading).await
    }
}

async fn limited<T, E: Into<Fault>>(work: impl Future<Output = Result<T, E>>) -> Result<T, StoreError> {
    match timeout(LIMIT, work).await {
        Ok(done) => done.map_err(|error| error.into().into_error()),
        Err(_) => Err(StoreError::Unavailable("the database did not answer in time".to_owned())),
    }
}

fn decode(row: &tokio_postgres::Row, columns: &[Column]) -> Result<Row, Fault> {
    let value = |(place, column): (usize, &Column)| {
        Ok::<_, tokio_postgres::Error>(match column.kind {
            Kind::Int => row.try_get::<_, Option<i64>>(place)?.map_or(Owned::Null, Owned::Int),
            Kind::Text => row.try_get::<_, Option<String>>(place)?.map_or(Owned::Null, Owned::Text),
            Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(place)?.map_or(Owned::Null, Owned::Bytes),
        })
    };
    let values: Result<_, _> = columns.iter().enumerate().map(value).collect();
    values.map(Row).map_err(|_| Fault::Operation(StoreError::Failed(Faults(WrongKind.to_string()))))
}

const fn type_of(column: &Column) -> Type {
    match column.kind {
        Kind::Int => Type::INT8,
        Kind::Text => Type::TEXT,
        Kind::Bytes => Type::BYTEA,
    }
}
