//! Keeping the database in shape: room for the evaluations to come, and no more of the old ones than the operator wants.
//!
//! Every node does it, and it doesn't matter which: what one has done the others find done.

use std::time::Duration;

use countersign_engine::time::{DAY, HOUR, Timestamp};
use countersign_store::{
    StoreError,
    op::{ForgetEvents, ForgetPresence, Retire},
};
use tokio::sync::watch;

use crate::context::Ctx;

/// Between two rounds.
const EVERY: Duration = Duration::from_hours(1);

/// How long a browser that stays away is still told that it was logged out.
const LOGOUTS_KEPT: i64 = 30 * DAY;

/// How long events can be looked at and sent again.
const EVENTS_KEPT: i64 = 30 * DAY;

/// Runs until it is told to stop.
pub async fn run(ctx: Ctx, mut stop: watch::Receiver<bool>) {
    loop {
        let round = async {
            if let Err(error) = once(&ctx).await {
                tracing::error!(%error, "old evaluations can't be removed; they are in an hour");
            }
            tokio::time::sleep(EVERY).await;
        };
        tokio::select! {
            () = round => {}
            _ = stop.changed() => return,
        }
    }
}

/// Removes what is older than `retention_days`, of every project; answers how many evaluations and challenges were removed
/// one by one.
pub async fn once(ctx: &Ctx) -> Result<u64, StoreError> {
    let now = ctx.clock.now();
    let before = before(ctx.config.retention_days, now);
    let dropped = ctx.store.tend(now, before).await?;
    for project in ctx.projects.ids() {
        let logouts_before = now.plus(-LOGOUTS_KEPT);
        ctx.store.run(ForgetPresence { project, before: now.plus(-HOUR), logouts_before }).await?;
        let events_before = before.max(Some(now.plus(-EVENTS_KEPT))).unwrap_or(now);
        while ctx.store.run(ForgetEvents { project, before: events_before }).await? > 0 {}
    }
    let Some(before) = before else { return Ok(0) };
    let mut removed = 0;
    for project in ctx.projects.ids() {
        loop {
            match ctx.store.run(Retire { project, before }).await? {
                0 => break,
                some => removed += some,
            }
        }
    }
    if dropped + removed > 0 {
        tracing::info!(weeks = dropped, rows = removed, "old evaluations and challenges were removed");
    }
    Ok(removed)
}

fn before(days: u32, now: Timestamp) -> Option<Timestamp> {
    (days > 0).then(|| now.plus(-i64::from(days) * DAY))
}
