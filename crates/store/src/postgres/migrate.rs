//! Brings a PostgreSQL database to the newest schema: all steps that are missing in one transaction, so that an upgrade that
//! fails leaves what was there. Several nodes may start at once: the steps are looked at and taken under one lock.

use super::{
    address::Address,
    connection::{Connection, Params, Ready, Text},
    fault::Fault,
};
use crate::{
    migration::{Applied, Migration, OpenError, checksum, pending},
    tx::Owned,
};

/// The oldest server that the statements are tested on.
const OLDEST: i64 = 150_000;

/// What every database has beside the schema: which steps it took, and the names of transactions whose end somebody may
/// still have to ask for.
const TABLES: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT NOT NULL PRIMARY KEY, \
     name TEXT NOT NULL, checksum TEXT NOT NULL); \
     CREATE TABLE IF NOT EXISTS transactions (project_id BYTEA NOT NULL, name BYTEA NOT NULL, \
     PRIMARY KEY (project_id, name));";

/// One lock for all nodes; any number that nobody else uses.
const LOCK: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '5min'; SELECT pg_advisory_xact_lock(4715239470156322)";

const FOUND: Text = Text::own(
    "SELECT count(*), count(*) FILTER (WHERE relname = 'schema_migrations') FROM pg_class \
     WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace",
);
const TAKEN: Text = Text::own("SELECT number, checksum FROM schema_migrations ORDER BY number");
const RECORD: Text = Text::own("INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)");

/// Looks at the schema, and takes the steps that are missing.
pub(super) async fn run(connection: &Connection, address: &Address, migrations: &[Migration]) -> Result<(), OpenError> {
    if connection.version < OLDEST {
        let what = format!("PostgreSQL {} is too old: 15 or newer is needed", connection.version / 10_000);
        return Err(OpenError::Unreachable { path: address.to_string(), what });
    }
    // In the common case there is nothing to do, and nothing to wait for.
    if look(connection, address, migrations).await?.is_none() {
        return Ok(());
    }
    let told = |fault| unreachable(address, fault);
    connection.batch(LOCK).await.map_err(told)?;
    let taken = steps(connection, address, migrations).await;
    let ended = connection.batch(if taken.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
    taken?;
    ended.map_err(told)
}

async fn look<'m>(
    connection: &Connection,
    address: &Address,
    migrations: &'m [Migration],
) -> Result<Option<&'m Migration>, OpenError> {
    let applied = applied(connection).await.map_err(|fault| unreachable(address, fault))?;
    pending(address, &applied, migrations)
}

/// Takes the steps that no other node has taken since.
async fn steps(connection: &Connection, address: &Address, migrations: &[Migration]) -> Result<(), OpenError> {
    while let Some(next) = look(connection, address, migrations).await? {
        let taking = async {
            connection.batch(TABLES).await?;
            connection.batch(next.sql).await?;
            let values =
                vec![Owned::Int(next.number), Owned::Text(next.name.to_owned()), Owned::Text(checksum(next.sql))];
            connection.execute(&Ready::Typed(RECORD), &Params::One(values)).await
        };
        taking.await.map_err(|fault| unreachable(address, fault))?;
    }
    Ok(())
}

/// The steps that the database took.
pub(super) async fn applied(connection: &Connection) -> Result<Applied, Fault> {
    let rows = connection.query(&Ready::Typed(FOUND), &Params::NONE).await?;
    let (tables, ours) = match rows.first() {
        Some(row) => (row.int(0)?, row.int(1)?),
        None => (0, 0),
    };
    if ours == 0 {
        return Ok((tables == 0).then(Vec::new));
    }
    let rows = connection.query(&Ready::Typed(TAKEN), &Params::NONE).await?;
    let steps = rows.iter().map(|row| Ok((row.int(0)?, row.text(1)?.to_owned())));
    Ok(Some(steps.collect::<Result<_, crate::StoreError>>()?))
}

pub(super) fn unreachable(address: &Address, fault: Fault) -> OpenError {
    OpenError::Unreachable { path: address.to_string(), what: fault.into_error().to_string() }
}
