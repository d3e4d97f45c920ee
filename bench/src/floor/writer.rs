//! The writer of floor (b): one connection, and everybody who is waiting goes into the same commit. This file is SQLite's;
//! [`super::postgres`] does the same on PostgreSQL.
//!
//! An answer leaves only after `COMMIT` with `synchronous=FULL` has returned, so that the floor gives the promise that
//! the product gives. SQL and batching are as plain as they can be: it is meant to be hard to beat.

use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use crate::floor::Evaluation;

/// The most that one commit holds.
pub(super) const BATCH: usize = 256;
/// The size of the row that an evaluation leaves, in bytes.
const RECORD: usize = 1200;
/// Everything belongs to this project.
pub(super) const PROJECT: i64 = 1;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -65536;
    CREATE TABLE IF NOT EXISTS evaluation (
        project_id INTEGER NOT NULL, id INTEGER NOT NULL, record BLOB NOT NULL, consumed_at INTEGER,
        PRIMARY KEY (project_id, id)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS state (
        project_id INTEGER NOT NULL, key TEXT NOT NULL, count INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (project_id, key)
    ) WITHOUT ROWID;";
const NEXT: &str = "SELECT coalesce(max(id), 0) + 1 FROM evaluation WHERE project_id = $1";
const INSERT: &str = "INSERT INTO evaluation (project_id, id, record) VALUES ($1, $2, $3)";
const UPSERT: &str = "INSERT INTO state (project_id, key, count, last) VALUES ($1, $2, 1, $3)
    ON CONFLICT (project_id, key) DO UPDATE SET count = count + 1, last = max(last, excluded.last)";
const CONSUME: &str =
    "UPDATE evaluation SET consumed_at = $1 WHERE project_id = $2 AND id = $3 AND consumed_at IS NULL";

/// What was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// An evaluation with this number.
    Evaluated(u64),
    /// The evaluation is the caller's.
    Consumed,
    /// It was somebody else's before, or never was.
    AlreadyConsumed,
}

/// Hands work to whoever writes.
#[derive(Clone, Debug)]
pub enum Writer {
    /// A thread, on SQLite.
    Sqlite(SyncSender<Waiting>),
    /// A task, on PostgreSQL.
    Postgres(mpsc::Sender<Waiting>),
}

/// What is to be done, and where the answer goes.
pub(super) type Waiting = (Job, oneshot::Sender<Answered>);

#[derive(Debug)]
pub(super) enum Job {
    Evaluate { keys: [String; 6], record: Vec<u8> },
    Consume { number: u64 },
}

impl Writer {
    /// Opens the database and starts the thread, which ends when the last writer is dropped.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(SCHEMA)?;
        let next: i64 = connection.query_row(NEXT, [PROJECT], |row| row.get(0))?;
        let (jobs, queue) = sync_channel(4 * BATCH);
        thread::spawn(move || write_all(&connection, &queue, next));
        Ok(Self::Sqlite(jobs))
    }

    /// Stores an evaluation with its counters; `None` when it was not committed.
    pub async fn evaluate(&self, evaluation: &Evaluation) -> Option<Answered> {
        self.submit(Job::Evaluate { keys: keys_of(evaluation), record: vec![b'.'; RECORD] }).await
    }

    /// Claims an evaluation; `None` when nothing was committed.
    pub async fn consume(&self, number: u64) -> Option<Answered> {
        self.submit(Job::Consume { number }).await
    }

    /// A full queue refuses at once: with a bounded number of connections it never fills.
    async fn submit(&self, job: Job) -> Option<Answered> {
        let (answer, answered) = oneshot::channel();
        match self {
            Self::Sqlite(jobs) => jobs.try_send((job, answer)).ok()?,
            Self::Postgres(jobs) => jobs.try_send((job, answer)).ok()?,
        }
        answered.await.ok()
    }
}

/// The rows that any history of users, browsers and networks has to touch.
fn keys_of(evaluation: &Evaluation) -> [String; 6] {
    let (user, email) = (evaluation.user.as_deref().unwrap_or(""), evaluation.email.as_deref().unwrap_or(""));
    let hashes = &evaluation.signals.hashes;
    let domain = email.split_once('@').map_or("", |(_, domain)| domain);
    [
        format!("user:{user}"),
        format!("email:{email}"),
        format!("domain:{domain}"),
        format!("fingerprint:{}", hashes.canvas.as_deref().unwrap_or("")),
        format!("device:{}", hashes.webgl.as_deref().unwrap_or("")),
        format!("ip_user:127.0.0.1:{user}"),
    ]
}

fn write_all(connection: &Connection, queue: &Receiver<(Job, oneshot::Sender<Answered>)>, mut next: i64) {
    while let Ok(first) = queue.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(queue.try_iter().take(BATCH - 1)).collect();
        let (jobs, callers): (Vec<Job>, Vec<_>) = batch.into_iter().unzip();
        match commit(connection, &jobs, &mut next) {
            Ok(answers) => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    // A caller who has gone no longer wants the answer.
                    let _ = caller.send(answer);
                }
            }
            // Dropping the callers' channels tells them that nothing was committed, and the driver ends the run.
            Err(error) => {
                eprintln!("floor: {error}");
                let _ = connection.execute_batch("ROLLBACK");
            }
        }
    }
}

fn commit(connection: &Connection, jobs: &[Job], next: &mut i64) -> rusqlite::Result<Vec<Answered>> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let answers = jobs.iter().map(|job| execute(connection, job, next)).collect::<Result<_, _>>()?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(answers)
}

fn execute(connection: &Connection, job: &Job, next: &mut i64) -> rusqlite::Result<Answered> {
    match job {
        Job::Evaluate { keys, record } => {
            let number = *next;
            *next += 1;
            connection.prepare_cached(INSERT)?.execute(params![PROJECT, number, record])?;
            let mut upsert = connection.prepare_cached(UPSERT)?;
            for key in keys {
                // The number stands for the time: it grows, and nobody reads it.
                upsert.execute(params![PROJECT, key, number])?;
            }
            Ok(Answered::Evaluated(number.unsigned_abs()))
        }
        Job::Consume { number } => {
            let changed = connection.prepare_cached(CONSUME)?.execute(params![
                *next,
                PROJECT,
                i64::try_from(*number).unwrap_or(-1)
            ])?;
            Ok(if changed == 1 { Answered::Consumed } else { Answered::AlreadyConsumed })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation(user: u32) -> Evaluation {
        serde_json::from_value(serde_json::json!({
            "client_id": "pk", "action": "login", "user": user.to_string(), "email": "a@b.example",
            "signals": { "hashes": { "canvas": "c", "webgl": "w" } }
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn what_is_answered_is_committed_once_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("floor.db");
        let writer = Writer::open(&path).unwrap();
        for user in [1, 2, 1] {
            assert!(matches!(writer.evaluate(&evaluation(user)).await, Some(Answered::Evaluated(_))));
        }
        assert_eq!(writer.consume(1).await, Some(Answered::Consumed));
        assert_eq!(writer.consume(1).await, Some(Answered::AlreadyConsumed));
        assert_eq!(writer.consume(99).await, Some(Answered::AlreadyConsumed));

        let other = Connection::open(&path).unwrap();
        let count =
            |key: &str| other.query_row("SELECT count FROM state WHERE key = $1", [key], |row| row.get::<_, i64>(0));
        assert_eq!(other.query_row("SELECT count(*) FROM evaluation", [], |row| row.get::<_, i64>(0)).unwrap(), 3);
        assert_eq!((count("user:1").unwrap(), count("user:2").unwrap(), count("fingerprint:c").unwrap()), (2, 1, 3));
    }

    #[tokio::test]
    async fn an_opened_database_goes_on_numbering_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("floor.db");
        for number in 1..=2 {
            let writer = Writer::open(&path).unwrap();
            assert_eq!(writer.evaluate(&evaluation(1)).await, Some(Answered::Evaluated(number)));
        }
    }
}
