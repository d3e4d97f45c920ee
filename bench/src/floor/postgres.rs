//! The writer of floor (b) on PostgreSQL: one connection; all that one commit holds is sent at once, and only then are the
//! answers waited for.

use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use tokio_postgres::{Client, NoTls, Statement};

use super::writer::{Answered, BATCH, Job, PROJECT, Waiting, Writer};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS evaluation (
        project_id BIGINT NOT NULL, id BIGINT NOT NULL, record BYTEA NOT NULL, consumed_at BIGINT,
        PRIMARY KEY (project_id, id)
    );
    CREATE TABLE IF NOT EXISTS state (
        project_id BIGINT NOT NULL, key TEXT COLLATE \"C\" NOT NULL, count BIGINT NOT NULL, last BIGINT NOT NULL,
        PRIMARY KEY (project_id, key)
    ) WITH (fillfactor = 70);";
const NEXT: &str = "SELECT coalesce(max(id), 0) + 1 FROM evaluation WHERE project_id = $1";
const INSERT: &str = "INSERT INTO evaluation (project_id, id, record) VALUES ($1, $2, $3)";
const UPSERT: &str = "INSERT INTO state (project_id, key, count, last) VALUES ($1, $2, 1, $3)
    ON CONFLICT (project_id, key) DO UPDATE SET count = state.count + 1, last = greatest(state.last, excluded.last)";
const CONSUME: &str =
    "UPDATE evaluation SET consumed_at = $1 WHERE project_id = $2 AND id = $3 AND consumed_at IS NULL";

struct Statements {
    insert: Statement,
    upsert: Statement,
    consume: Statement,
}

/// Connects, makes the tables and starts to write.
pub(super) async fn open(url: &str) -> Result<Writer, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "the floor lives as long as its process")]
    tokio::spawn(connection);
    client.batch_execute(SCHEMA).await?;
    let next: i64 = client.query_one(NEXT, &[&PROJECT]).await?.get(0);
    let statements = Statements {
        insert: client.prepare(INSERT).await?,
        upsert: client.prepare(UPSERT).await?,
        consume: client.prepare(CONSUME).await?,
    };
    let (jobs, queue) = mpsc::channel(4 * BATCH);
    #[expect(clippy::disallowed_methods, reason = "the floor lives as long as its process")]
    tokio::spawn(write_all(client, statements, queue, next));
    Ok(Writer::Postgres(jobs))
}

async fn write_all(client: Client, statements: Statements, mut queue: mpsc::Receiver<Waiting>, mut next: i64) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let (jobs, callers): (Vec<Job>, Vec<_>) = batch.drain(..).unzip();
        match commit(&client, &statements, &jobs, &mut next).await {
            Ok(answers) => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    // A caller who has gone no longer wants the answer.
                    let _ = caller.send(answer);
                }
            }
            // As on SQLite: the callers are told that nothing was committed, and the driver ends the run.
            Err(error) => {
                eprintln!("floor: {error}");
                let _ = client.batch_execute("ROLLBACK").await;
            }
        }
    }
}

async fn commit(
    client: &Client,
    statements: &Statements,
    jobs: &[Job],
    next: &mut i64,
) -> Result<Vec<Answered>, tokio_postgres::Error> {
    let first = *next;
    *next += i64::try_from(jobs.len()).unwrap_or(i64::MAX);
    let all = jobs.iter().zip(first..).map(|(job, number)| execute(client, statements, job, number));
    // Each future sends when it is first polled, and they are polled in this order.
    let ((), answers, ()) =
        futures_util::try_join!(client.batch_execute("BEGIN"), try_join_all(all), client.batch_execute("COMMIT"),)?;
    Ok(answers)
}

async fn execute(
    client: &Client,
    statements: &Statements,
    job: &Job,
    number: i64,
) -> Result<Answered, tokio_postgres::Error> {
    match job {
        Job::Evaluate { keys, record } => {
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&PROJECT, &number, record];
            let counted =
                keys.iter().map(async |key| client.execute(&statements.upsert, &[&PROJECT, key, &number]).await);
            futures_util::try_join!(client.execute(&statements.insert, &params), try_join_all(counted))?;
            Ok(Answered::Evaluated(number.unsigned_abs()))
        }
        Job::Consume { number: wanted } => {
            let wanted = i64::try_from(*wanted).unwrap_or(-1);
            let changed = client.execute(&statements.consume, &[&number, &PROJECT, &wanted]).await?;
            Ok(if changed == 1 { Answered::Consumed } else { Answered::AlreadyConsumed })
        }
    }
}
