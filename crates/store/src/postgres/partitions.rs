//! The partitions of the evaluations: one a week, made in advance, dropped as a whole.
//!
//! An id begins with its time, so what is old lies together, and leaves without being read. What was written before there
//! were partitions stays in the one that holds the rest. Knows the table and its partitions, and nothing of what is in them.

use super::{
    connection::{Connection, Params, Ready, Text},
    fault::Fault,
};

/// How long a time one partition holds, in milliseconds: a week. A month would be kept too long, a day makes too many.
const PERIOD: i64 = 7 * 24 * 3_600_000;

/// How many of the times to come have a partition: several weeks without any node would have to pass to run out.
const AHEAD: i64 = 4;

/// Nobody waits long for this, and nobody behind it: it is tried again.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '1s'; \
     SELECT pg_advisory_xact_lock(4715239470156323)";

const KNOWN: Text = Text::own(
    "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
     WHERE i.inhparent = 'evaluations'::regclass AND c.relname LIKE 'evaluations_w%'",
);

/// The week that `ms` is in, counted from 1970.
const fn week(ms: i64) -> i64 {
    ms.div_euclid(PERIOD)
}

/// Where in the ids a week begins.
fn bound(week: i64) -> String {
    // The time is an id's first six bytes.
    format!("{:012x}", week.saturating_mul(PERIOD).max(0))
}

/// Makes the partitions for `now` and the weeks to come.
pub(super) async fn make(connection: &Connection, now: i64) -> Result<(), Fault> {
    let known = known(connection).await?;
    for week in week(now)..=week(now) + AHEAD {
        if known.contains(&week) {
            continue;
        }
        let (from, to) = (bound(week), bound(week + 1));
        let create = format!(
            "CREATE TABLE IF NOT EXISTS evaluations_w{week} PARTITION OF evaluations \
             FOR VALUES FROM ('\\x{from}') TO ('\\x{to}')"
        );
        match in_transaction(connection, &create).await {
            Ok(()) => {}
            // What was written of this week before it had a partition lies with the rest, and stays there.
            Err(Fault::Operation(error)) => tracing::debug!(%error, week, "a week's evaluations stay with the rest"),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// Drops every partition that holds nothing younger than `before`; answers how many.
pub(super) async fn drop_before(connection: &Connection, before: i64) -> Result<u64, Fault> {
    let mut dropped = 0;
    for week in known(connection).await?.into_iter().filter(|week| *week < self::week(before)) {
        in_transaction(connection, &format!("DROP TABLE IF EXISTS evaluations_w{week}")).await?;
        dropped += 1;
    }
    Ok(dropped)
}

async fn known(connection: &Connection) -> Result<Vec<i64>, Fault> {
    let rows = connection.query(&Ready::Typed(KNOWN), &Params::NONE).await?;
    let week = |row: &crate::Row| row.text(0).ok()?.strip_prefix("evaluations_w")?.parse().ok();
    Ok(rows.iter().filter_map(week).collect())
}

async fn in_transaction(connection: &Connection, change: &str) -> Result<(), Fault> {
    connection.batch(BEGIN).await?;
    let changed = connection.batch(change).await;
    connection.batch(if changed.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    changed
}
