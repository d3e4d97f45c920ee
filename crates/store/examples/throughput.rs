//! What the store costs: the same transaction (one insert, six reads by key, six upserts by key), written by hand on a
//! bare connection in groups of 256, and as an [`Operation`] that 256 callers await through [`Store::run`].
//!
//! `cargo run --release -p countersign-store --example throughput`

use std::{error::Error, path::Path, sync::Arc, time::Instant};

use countersign_store::{Migration, Operation, Sql, SqliteOptions, Store, StoreError, Tx};
use futures_util::{StreamExt, future::try_join_all, stream};
use rusqlite::{Connection, OptionalExtension, params};

const TOTAL: u64 = 50_000;
const GROUP: usize = 256;
const ROUNDS: usize = 3;

const SCHEMA: &str = "CREATE TABLE evaluations (id BLOB NOT NULL PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE state (key TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

static READ: Sql = Sql::same("SELECT n, last FROM state WHERE key = $1");
static INSERT: Sql = Sql::same("INSERT INTO evaluations (id, body) VALUES ($1, $2)");
static UPSERT: Sql = Sql::same(
    "INSERT INTO state (key, n, last) VALUES ($1, 1, $2) ON CONFLICT (key) DO UPDATE SET n = state.n + 1, last = excluded.last",
);

/// An evaluation of the size of a real one.
struct Evaluate {
    id: [u8; 16],
    now: i64,
    keys: [String; 6],
    body: Arc<[u8]>,
}

impl Evaluate {
    /// The `n`th evaluation, of one of 50,000 users.
    fn nth(n: u64, body: &Arc<[u8]>) -> Self {
        let user = n.wrapping_mul(2_654_435_761) % 50_000;
        let keys = ["user", "device", "address", "fingerprint", "mail", "network"];
        // In the order of time, as ULIDs are.
        let id = (u128::from(n) << 64 | u128::from(n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).to_be_bytes();
        Self { id, now: n.cast_signed(), keys: keys.map(|key| format!("{key}{user}")), body: Arc::clone(body) }
    }
}

impl Operation for Evaluate {
    type Out = i64;

    async fn run<T: Tx>(&self, tx: &T) -> Result<i64, StoreError> {
        let keys = self.keys.each_ref().map(|key| [key.as_str().into()]);
        let read = async |key| tx.read_locked(&READ, key).await?.first().map_or(Ok(0), |row| row.int(0));
        let counts = try_join_all(keys.iter().map(|key| read(key))).await?;
        tx.write(&INSERT, &[(&self.id).into(), (&*self.body).into()]);
        for key in &self.keys {
            tx.write(&UPSERT, &[key.as_str().into(), self.now.into()]);
        }
        Ok(counts.iter().sum())
    }
}

fn by_hand(connection: &Connection, evaluation: &Evaluate) -> rusqlite::Result<i64> {
    let mut sum = 0;
    for key in &evaluation.keys {
        let count =
            connection.prepare_cached(READ.sqlite())?.query_row([key], |row| row.get::<_, i64>(0)).optional()?;
        sum += count.unwrap_or(0);
    }
    connection.prepare_cached(INSERT.sqlite())?.execute(params![&evaluation.id[..], &evaluation.body[..]])?;
    for key in &evaluation.keys {
        connection.prepare_cached(UPSERT.sqlite())?.execute(params![key, evaluation.now])?;
    }
    Ok(sum)
}

/// Evaluations a second on a bare connection.
fn floor(path: &Path, body: &Arc<[u8]>) -> rusqlite::Result<f64> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    connection.execute_batch("PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000;")?;
    connection.execute_batch(SCHEMA)?;
    let started = Instant::now();
    for first in (0..TOTAL).step_by(GROUP) {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for n in first..TOTAL.min(first + GROUP as u64) {
            by_hand(&connection, &Evaluate::nth(n, body))?;
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(per_second(started))
}

/// Evaluations a second through the store.
async fn store(path: &Path, body: &Arc<[u8]>) -> Result<f64, Box<dyn Error>> {
    let schema = [Migration { number: 1, name: "throughput", sql: SCHEMA }];
    let store = Store::open_with(path, SqliteOptions::default(), &schema)?;
    let started = Instant::now();
    let mut answers = stream::iter(0..TOTAL).map(|n| store.run(Evaluate::nth(n, body))).buffer_unordered(2 * GROUP);
    while let Some(answer) = answers.next().await {
        answer?;
    }
    let rate = per_second(started);
    drop(answers);
    store.close().await;
    Ok(rate)
}

#[expect(clippy::cast_precision_loss, reason = "a rate to print")]
fn per_second(started: Instant) -> f64 {
    TOTAL as f64 / started.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let body: Arc<[u8]> = vec![b'x'; 1_200].into();
    for round in 1..=ROUNDS {
        let folder = tempfile::tempdir()?;
        let floor = floor(&folder.path().join("floor.db"), &body)?;
        let store = store(&folder.path().join("store.db"), &body).await?;
        println!("round {round}: by hand {floor:.0}/s, through the store {store:.0}/s, ratio {:.2}", store / floor);
    }
    Ok(())
}
