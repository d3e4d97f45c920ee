//! A schema of two tables, the operations that the tests run on it, and the harness that lends them a store.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender},
    },
};

use countersign_postgres_cluster::Cluster;
use countersign_store::{Keys, Migration, Operation, PostgresOptions, Sql, SqliteOptions, Store, StoreError, Tx};
use tempfile::TempDir;

pub const SCHEMA: &[Migration] = &[Migration {
    number: 1,
    name: "test",
    sql: "CREATE TABLE entries (id INTEGER NOT NULL PRIMARY KEY, owner TEXT, body BLOB NOT NULL) STRICT;
          CREATE TABLE totals (name TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
}];

pub const POSTGRES_SCHEMA: &[Migration] = &[Migration {
    number: 1,
    name: "test",
    sql: "CREATE TABLE entries (id BIGINT NOT NULL PRIMARY KEY, owner TEXT, body BYTEA NOT NULL);
          CREATE TABLE totals (name TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL);",
}];

static INSERT: Sql = Sql::same("INSERT INTO entries (id, body) VALUES ($1, $2)");
static ADD: Sql =
    Sql::same("INSERT INTO totals (name, n) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET n = totals.n + 1");
static TOTAL: Sql = Sql::same("SELECT n FROM totals WHERE name = $1").locking("FOR UPDATE");
static IDS: Sql = Sql::same("SELECT id FROM entries ORDER BY id");
static OWN: Sql = Sql::same("UPDATE entries SET owner = $1 WHERE id = $2 AND owner IS NULL");
static OWNER: Sql = Sql::same("SELECT owner FROM entries WHERE id = $1");

pub static ALL: [&Sql; 6] = [&INSERT, &ADD, &TOTAL, &IDS, &OWN, &OWNER];

/// Runs a test on every kind of database there is.
pub async fn with_store<F: Future<Output = ()>>(test: impl Fn(Store) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, SqliteOptions::default());
    test(store.clone()).await;
    store.close().await;
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    // One writer, so that a test can make many operations one batch.
    let options = PostgresOptions { writers: 1, ..PostgresOptions::default() };
    let store = Store::connect_with(&url, options, POSTGRES_SCHEMA).await.unwrap();
    test(store.clone()).await;
    store.close().await;
}

pub fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("store.db")
}

pub fn open(folder: &TempDir, options: SqliteOptions) -> Store {
    Store::open_with(&file(folder), options, SCHEMA).unwrap()
}

/// Inserts an entry and counts it; answers how many there were.
#[derive(Clone)]
pub struct Put(pub i64);

/// Asks for what all that count ask for.
fn hold_the_total(keys: &mut Keys) {
    keys.hold(&[0; 16], "total", "entries");
}

impl Operation for Put {
    type Out = i64;

    const SHARES: bool = true;

    fn keys(&self, keys: &mut Keys) {
        hold_the_total(keys);
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<i64, StoreError> {
        let before = total(tx).await?;
        tx.write(&ADD, &["entries".into()]);
        tx.write(&INSERT, &[self.0.into(), b"body".as_slice().into()]);
        Ok(before)
    }
}

async fn total<T: Tx>(tx: &T) -> Result<i64, StoreError> {
    let rows = tx.read_locked(&TOTAL, &["entries".into()]).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// What the store holds: the ids of its entries, and how many were counted.
#[derive(Clone)]
pub struct Contents;

impl Operation for Contents {
    type Out = (Vec<i64>, i64);

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        let total_params = ["entries".into()];
        let (ids, total) = futures_util::try_join!(tx.read(&IDS, &[]), tx.read(&TOTAL, &total_params))?;
        let ids = ids.iter().map(|row| row.int(0)).collect::<Result<_, _>>()?;
        Ok((ids, total.first().map_or(Ok(0), |row| row.int(0))?))
    }
}

/// Claims an entry for somebody; answers whether it is theirs now.
pub struct Claim(pub i64, pub String);

impl Operation for Claim {
    type Out = bool;

    async fn run<T: Tx>(&self, tx: &T) -> Result<bool, StoreError> {
        Ok(tx.claim(&OWN, &[self.1.as_str().into(), self.0.into()]).await? == 1)
    }
}

/// Claims an entry that was read as nobody's; answers whether it is theirs now.
pub struct ClaimIfFree(pub i64, pub String);

impl Operation for ClaimIfFree {
    type Out = bool;

    async fn run<T: Tx>(&self, tx: &T) -> Result<bool, StoreError> {
        let rows = tx.read(&OWNER, &[self.0.into()]).await?;
        if rows.first().is_none_or(|row| row.opt_text(0).is_ok_and(|owner| owner.is_some())) {
            return Ok(false);
        }
        tx.write_guarded(&OWN, &[self.1.as_str().into(), self.0.into()]);
        Ok(true)
    }
}

/// Who claimed an entry.
pub struct Owner(pub i64);

impl Operation for Owner {
    type Out = Option<String>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        let rows = tx.read(&OWNER, &[self.0.into()]).await?;
        Ok(rows.first().map(|row| row.opt_text(0)).transpose()?.flatten().map(str::to_owned))
    }
}

/// Writes, and then goes wrong.
pub enum Fault {
    /// By an error of its own.
    Err(i64),
    /// By a panic.
    Panic(i64),
    /// By a write that the database refuses, of which it takes no notice.
    RefusedWrite(i64),
    /// By a claim that the database refuses, whose error it swallows.
    SwallowedClaim(i64),
    /// By waiting for something that isn't the transaction.
    Waits(i64),
}

static TWICE: Sql = Sql::same("INSERT INTO entries (id, body) VALUES ($1, NULL)");

impl Operation for Fault {
    type Out = ();

    const SHARES: bool = true;

    fn keys(&self, keys: &mut Keys) {
        hold_the_total(keys);
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<(), StoreError> {
        let (Self::Err(id) | Self::Panic(id) | Self::RefusedWrite(id) | Self::SwallowedClaim(id) | Self::Waits(id)) =
            self;
        Put(*id).run(tx).await?;
        match self {
            Self::Err(_) => return Err(StoreError::Corrupt { what: "for the test" }),
            Self::Panic(_) => panic!("for the test"),
            Self::RefusedWrite(_) => tx.write(&TWICE, &[(*id).into()]),
            Self::SwallowedClaim(_) => drop(tx.claim(&TWICE, &[(*id).into()]).await),
            Self::Waits(_) => std::future::pending().await,
        }
        Ok(())
    }
}

/// Holds whatever runs it until the test lets go: says when it has begun, then waits.
pub struct Hold {
    begun: Sender<()>,
    go: std::sync::Mutex<Receiver<()>>,
    runs: Arc<AtomicUsize>,
}

impl Hold {
    /// The operation, the news that it has begun, and what lets it go when sent to or dropped.
    pub fn new() -> (Self, Receiver<()>, Sender<()>) {
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (let_go, go) = std::sync::mpsc::channel();
        (Self { begun, go: go.into(), runs: Arc::default() }, has_begun, let_go)
    }
}

impl Operation for Hold {
    type Out = Vec<i64>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Vec<i64>, StoreError> {
        let seen = tx.read(&IDS, &[]).await?;
        if self.runs.fetch_add(1, Ordering::SeqCst) == 0 {
            self.begun.send(()).unwrap();
            // Let go by a message or by the sender's end.
            let _ = self.go.lock().unwrap().recv();
        }
        seen.iter().map(|row| row.int(0)).collect()
    }
}
