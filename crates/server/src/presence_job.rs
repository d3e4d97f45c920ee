//! Between the store and the event streams of this node: writes down who is there, and tells those who were logged out,
//! wherever that happened.
//!
//! Looked at when something is announced or done here, and twice a second all the same, since announcing may fail. What is
//! missed even so a browser hears when it comes back, which it does before a minute is over.

use std::{collections::BTreeMap, time::Duration};

use countersign_engine::{id::ProjectId, time::Timestamp};
use countersign_store::op::{KeepPresence, LogoutsSince, Present};
use tokio::sync::watch;

use crate::context::Ctx;

/// Between two looks while streams are open.
const EVERY: Duration = Duration::from_millis(500);

/// How long those who come are gathered, so that they are written down together.
const GATHER: Duration = Duration::from_millis(50);

/// Browsers written down between two looks at most: nobody's log-out waits for the many that come after a restart.
const BATCH: usize = 200;

/// How far back logouts are read again, in milliseconds: clocks of nodes differ, and a commit takes a while.
const OVERLAP: i64 = 10_000;

/// Runs until it is told to stop.
pub async fn run(ctx: Ctx, mut stop: watch::Receiver<bool>) {
    let mut announcements = ctx.store.announcements();
    let mut read_at = BTreeMap::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY), if ctx.streams.count() > 0 => {}
            Ok(()) = announcements.changed() => {}
            () = ctx.streams.news() => tokio::time::sleep(GATHER).await,
            _ = stop.changed() => return,
        }
        let projects = ctx.streams.projects();
        read_at.retain(|project, _| projects.contains(project));
        for project in projects {
            look(&ctx, project, read_at.entry(project).or_insert_with(|| ctx.clock.now())).await;
        }
        for (project, present) in ctx.streams.take_fresh(BATCH) {
            keep(&ctx, project, &present).await;
        }
    }
}

async fn keep(ctx: &Ctx, project: ProjectId, present: &[Present]) {
    let operation = KeepPresence { project, present: present.to_vec(), now: ctx.clock.now() };
    match ctx.store.run(operation).await {
        Ok(missed) => {
            for (browser, at) in missed {
                ctx.streams.tell((project, browser), at);
            }
        }
        Err(error) => {
            tracing::warn!(%error, browsers = present.len(), "who is there can't be written down; it is tried again");
            ctx.streams.put_back(project, present);
        }
    }
}

async fn look(ctx: &Ctx, project: ProjectId, read_at: &mut Timestamp) {
    let now = ctx.clock.now();
    match ctx.store.read(LogoutsSince { project, since: read_at.plus(-OVERLAP) }).await {
        Ok(told) => {
            for (browser, at) in told {
                ctx.streams.tell((project, browser), at);
            }
            *read_at = now;
        }
        Err(error) => tracing::warn!(%error, "who was logged out can't be read; it is tried again"),
    }
}
