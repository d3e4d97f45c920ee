//! Telling endpoints of what happened: has events that are due handed out, claims deliveries, makes them, and writes what
//! became of each.
//!
//! Events wait in the store, written with what they tell, so that none is lost with a node; each is delivered at least
//! once, in no particular order. An endpoint that doesn't answer holds up nobody else: each has only so many under way.

use std::{collections::BTreeMap, time::Duration};

use countersign_engine::{
    event::Webhook,
    id::{ProjectId, WebhookId},
    time::{DAY, HOUR, MINUTE, SECOND, Timestamp},
};
use countersign_store::{
    StoreError,
    op::{ClaimDeliveries, DueDelivery, FinishDelivery, HandOutEvents, HandedOut, Outcome},
};
use tokio::{sync::watch, task::JoinSet};

use crate::{context::Ctx, outbound::Outbound, webhook};

/// How long a delivery may take before somebody else makes it: longer than an endpoint has to answer.
const LEASE: i64 = 2 * MINUTE;

/// Deliveries under way to one endpoint at most, on this node.
const AT_ONCE: u32 = 8;

/// Waits between tries: three days in all (spec section 10), then it is parked.
const WAITS: [i64; 12] = [
    5 * SECOND,
    30 * SECOND,
    2 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    12 * HOUR,
    12 * HOUR,
    DAY,
];

/// The longest sleep between looks.
const LOOK: Duration = Duration::from_secs(1);

/// An endpoint that is gone for good says so by this status: it is not asked again (Standard Webhooks).
const GONE: u16 = 410;

/// Delivers until told to stop; what is under way is finished first.
pub async fn run(ctx: Ctx, outbound: Outbound, mut stop: watch::Receiver<bool>) {
    let mut under_way = JoinSet::new();
    let mut busy = BTreeMap::<WebhookId, u32>::new();
    loop {
        let mut more = false;
        match claim(&ctx, &busy).await {
            Ok((due, is_more)) => {
                more = is_more;
                for (due, endpoint) in due {
                    *busy.entry(due.webhook).or_default() += 1;
                    let (ctx, outbound) = (ctx.clone(), outbound.clone());
                    under_way.spawn(async move {
                        let webhook = due.webhook;
                        deliver(&ctx, &outbound, due, &endpoint).await;
                        webhook
                    });
                }
            }
            Err(error) => tracing::error!(%error, "events can't be claimed for delivery"),
        }
        tokio::select! {
            Some(done) = under_way.join_next() => free(&mut busy, &done),
            () = ctx.events_due.notified() => {}
            () = tokio::time::sleep(if more { Duration::ZERO } else { LOOK }) => {}
            _ = stop.changed() => break,
        }
        while let Some(done) = under_way.try_join_next() {
            free(&mut busy, &done);
        }
    }
    while under_way.join_next().await.is_some() {}
}

fn free(busy: &mut BTreeMap<WebhookId, u32>, done: &Result<WebhookId, tokio::task::JoinError>) {
    // One that panicked is not known by name: its place stays taken, and its lease brings the delivery back.
    if let Ok(webhook) = done
        && let Some(count) = busy.get_mut(webhook)
    {
        *count = count.saturating_sub(1);
    }
}

/// Deliveries with their endpoints, and whether there is more to hand out.
type Claimed = (Vec<(DueDelivery, Webhook)>, bool);

/// Hands out what is due, and claims what there is room for.
async fn claim(ctx: &Ctx, busy: &BTreeMap<WebhookId, u32>) -> Result<Claimed, StoreError> {
    let projects = ctx.projects.all();
    let HandedOut { more, unread } =
        ctx.store.run(HandOutEvents { projects: projects.clone(), now: ctx.clock.now() }).await?;
    if unread > 0 {
        tracing::warn!(unread, "events of a newer version wait for a node that can read them");
    }
    let endpoints: BTreeMap<WebhookId, (ProjectId, Webhook)> = projects
        .iter()
        .flat_map(|project| project.webhooks.iter().map(|(id, webhook)| (*id, (project.id, webhook.clone()))))
        .filter(|(_, (_, webhook))| webhook.enabled)
        .collect();
    let room = |id: &WebhookId| AT_ONCE.saturating_sub(busy.get(id).copied().unwrap_or_default());
    let wanted: Vec<_> =
        endpoints.iter().map(|(id, (project, _))| (*project, *id, room(id))).filter(|(.., room)| *room > 0).collect();
    if wanted.is_empty() {
        return Ok((Vec::new(), more));
    }
    let claim = ClaimDeliveries { endpoints: wanted, now: ctx.clock.now(), lease: LEASE };
    let due = ctx.store.run(claim).await?;
    let with_endpoint = |due: DueDelivery| endpoints.get(&due.webhook).map(|(_, to)| (due, to.clone()));
    Ok((due.into_iter().filter_map(with_endpoint).collect(), more))
}

async fn deliver(ctx: &Ctx, outbound: &Outbound, due: DueDelivery, endpoint: &Webhook) {
    let answer = send(ctx, outbound, &due, endpoint).await;
    let now = ctx.clock.now();
    let (outcome, word) = match &answer {
        Ok(status) if (200..300).contains(status) => (Outcome::Delivered, "delivered"),
        Ok(GONE) => (Outcome::Parked, "parked"),
        _ => retry(ctx, due.attempt, now).map_or((Outcome::Parked, "parked"), |at| (Outcome::RetryAt(at), "retried")),
    };
    metrics::counter!("countersign_webhook_deliveries_total", "outcome" => word).increment(1);
    if outcome != Outcome::Delivered {
        let (event, endpoint, attempt) = (due.id.to_string(), endpoint.name.as_str(), due.attempt);
        match &answer {
            Ok(status) => tracing::warn!(event, endpoint, attempt, status, "an endpoint did not take an event"),
            Err(error) => tracing::warn!(event, endpoint, attempt, error, "an endpoint did not take an event"),
        }
    }
    let operation = FinishDelivery {
        project: due.project,
        webhook: due.webhook,
        event: due.id,
        attempt: due.attempt,
        status: answer.as_ref().ok().copied(),
        fault: answer.err(),
        outcome,
        now,
    };
    // If this can't be written, the lease ends and the event goes out once more: twice beats never.
    if let Err(error) = ctx.store.run(operation).await {
        tracing::error!(event = %due.id, %error, "what became of a delivery can't be written");
    }
}

/// Makes one delivery: the status of the answer, or why there is none.
async fn send(ctx: &Ctx, outbound: &Outbound, due: &DueDelivery, endpoint: &Webhook) -> Result<u16, String> {
    let body = webhook::body(due).map_err(|_| "the event can't be written as JSON".to_owned())?;
    let secrets = webhook::secrets(&ctx.key, due.project, (due.webhook, endpoint));
    let seconds = ctx.clock.now().millis().div_euclid(SECOND);
    let request = webhook::request(outbound, endpoint, &secrets, (&due.id.to_string(), seconds), body);
    let request = request.ok_or_else(|| "the request can't be put together".to_owned())?;
    outbound.send_for_status(request).await.map(|status| status.as_u16()).map_err(|error| error.to_string())
}

/// When to try again, if ever. Spread by a tenth, so that what failed together doesn't come back together.
fn retry(ctx: &Ctx, attempt: u32, now: Timestamp) -> Option<Timestamp> {
    let wait = WAITS.get(usize::try_from(attempt).ok()?.checked_sub(1)?)?;
    let [chance] = ctx.rng.bytes::<1>();
    Some(now.plus(wait + wait / 10 * i64::from(chance) / 255))
}
