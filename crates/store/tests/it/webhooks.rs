//! Events are written with what they tell and delivered by one node at a time, whichever it is, until somebody took them.

use std::{collections::BTreeSet, sync::Arc};

use countersign_engine::{
    event::Webhook,
    id::{EventId, ProjectId, WebhookId},
    time::{DAY, MINUTE, Timestamp},
};
use countersign_postgres_cluster::Cluster;
use countersign_store::{
    Operation, PostgresOptions, Sql, Store, StoreError, Tx,
    op::{
        ChangeProject, ClaimDeliveries, Delivery, DueDelivery, FinishDelivery, ForgetEvents, HandOutEvents, Outcome,
        ReadDeliveries, Waiting,
    },
};
use futures_util::future::join_all;

use crate::product::{NOW, evaluate, on_every_database, project, signals};

const LEASE: i64 = 2 * MINUTE;

fn hook(n: u8) -> (WebhookId, Webhook) {
    let webhook = serde_json::json!({"name": format!("hook {n}"), "url": "https://shop.example/hook"});
    (WebhookId::from_bytes([n; 16]), serde_json::from_value(webhook).unwrap())
}

/// So many users come for the first time: a device of each takes its place.
async fn attach(store: &Store, users: u64) -> ProjectId {
    let mut project = Arc::into_inner(project("[]")).unwrap();
    project.webhooks = vec![hook(9)];
    let project = Arc::new(project);
    join_all((0..users).map(|n| evaluate(store, &project, signals("login", &format!("user-{n}"), n), n))).await;
    project.id
}

async fn hand_out(store: &Store, project: ProjectId, hooks: &[(WebhookId, Webhook)]) {
    hand_out_at(store, project, hooks, NOW).await;
}

/// How many events could not be read.
async fn hand_out_at(store: &Store, project: ProjectId, hooks: &[(WebhookId, Webhook)], now: Timestamp) -> u64 {
    hand_out_knowing(store, project, (hooks, 1), now).await
}

/// As a node that knows the project in that revision.
async fn hand_out_knowing(
    store: &Store,
    project: ProjectId,
    (hooks, revision): (&[(WebhookId, Webhook)], i64),
    now: Timestamp,
) -> u64 {
    let mut hearing = Arc::into_inner(crate::product::project("[]")).unwrap();
    (hearing.id, hearing.revision, hearing.webhooks) = (project, revision, hooks.to_vec());
    let operation = HandOutEvents { projects: vec![Arc::new(hearing)], now };
    let mut unread = 0;
    loop {
        let out = store.run(operation.clone()).await.unwrap();
        unread += out.unread;
        if !out.more {
            return unread;
        }
    }
}

async fn claim(store: &Store, project: ProjectId, to: WebhookId, most: u32, now: Timestamp) -> Vec<DueDelivery> {
    store.run(ClaimDeliveries { endpoints: vec![(project, to, most)], now, lease: LEASE }).await.unwrap()
}

fn finish(due: &DueDelivery, outcome: Outcome) -> FinishDelivery {
    let DueDelivery { project, webhook, id: event, attempt, .. } = due.clone();
    FinishDelivery { project, webhook, event, attempt, status: Some(200), fault: None, outcome, now: NOW }
}

async fn all(store: &Store, project: ProjectId) -> Vec<Delivery> {
    store.read(ReadDeliveries { project, most: 10_000 }).await.unwrap()
}

fn ids(due: &[DueDelivery]) -> BTreeSet<EventId> {
    due.iter().map(|one| one.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_hears_of_each_event_once_and_a_lease_that_ends_brings_it_back() {
    on_every_database(async |store: Store| {
        let (project, hooks) = (attach(&store, 250).await, [hook(1), hook(2)]);
        hand_out(&store, project, &hooks).await;
        hand_out(&store, project, &hooks).await;
        assert_eq!(all(&store, project).await.len(), 500);
        let first = claim(&store, project, hooks[0].0, 100, NOW).await;
        let rest = claim(&store, project, hooks[0].0, 1_000, NOW).await;
        assert_eq!((first.len(), rest.len()), (100, 150));
        assert!(ids(&first).is_disjoint(&ids(&rest)));
        assert!(first.iter().all(|due| due.attempt == 1 && due.external_id.as_ref().unwrap().starts_with("user-")));
        store.run(finish(&first[0], Outcome::Delivered)).await.unwrap();
        store.run(finish(&first[1], Outcome::Parked)).await.unwrap();
        assert!(claim(&store, project, hooks[0].0, 1_000, NOW.plus(LEASE - 1)).await.is_empty());
        let again = claim(&store, project, hooks[0].0, 1_000, NOW.plus(LEASE)).await;
        assert_eq!((again.len(), again.iter().all(|due| due.attempt == 2)), (248, true));
        // Who was thought dead and comes late says nothing about the try that another makes.
        let late = rest.iter().find(|due| due.id == again[0].id).unwrap_or(&first[2]);
        store.run(finish(late, Outcome::Parked)).await.unwrap();
        let counted = store.read(Waiting { project, webhook: hooks[0].0 }).await.unwrap();
        assert_eq!(counted, (248, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_claim_at_once_share_what_there_is() {
    let (cluster, mut nodes) = (Cluster::shared().unwrap(), Vec::new());
    let url = cluster.database().unwrap();
    for _ in 0..3 {
        nodes.push(Store::connect(&url, PostgresOptions::default()).await.unwrap());
    }
    let (project, hooks) = (attach(&nodes[0], 300).await, Arc::new([hook(1)]));
    join_all(nodes.iter().map(|node| hand_out(node, project, hooks.as_slice()))).await;
    let mut claimed = Vec::new();
    loop {
        let round = join_all(nodes.iter().map(|node| claim(node, project, hooks[0].0, 8, NOW))).await.concat();
        if round.is_empty() {
            break;
        }
        claimed.extend(round);
    }
    assert_eq!((claimed.len(), ids(&claimed).len()), (300, 300));
    for node in nodes {
        node.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_goes_with_its_deliveries() {
    on_every_database(async |store: Store| {
        let (project, hooks) = (attach(&store, 40).await, [hook(1)]);
        hand_out(&store, project, &hooks).await;
        assert_eq!(store.run(ForgetEvents { project, before: NOW }).await.unwrap(), 0);
        assert_eq!(all(&store, project).await.len(), 40);
        while store.run(ForgetEvents { project, before: NOW.plus(DAY) }).await.unwrap() > 0 {}
        assert!(all(&store, project).await.is_empty());
        assert!(claim(&store, project, hooks[0].0, 100, NOW).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_before_there_was_an_endpoint_is_not_told_to_one_that_comes_later() {
    on_every_database(async |store: Store| {
        let project = attach(&store, 10).await;
        hand_out(&store, project, &[]).await;
        hand_out(&store, project, &[hook(1)]).await;
        assert!(all(&store, project).await.is_empty());
        assert!(claim(&store, project, hook(1).0, 100, NOW).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_hears_is_not_written() {
    on_every_database(async |store: Store| {
        let project = project("[]");
        evaluate(&store, &project, signals("login", "ada", 1), 1).await;
        hand_out(&store, project.id, &[hook(1)]).await;
        assert!(all(&store, project.id).await.is_empty());
    })
    .await;
}

static RENAME: Sql = Sql::same(
    "UPDATE events SET kind = $1 WHERE project_id = $2 AND event_id = \
     (SELECT event_id FROM events WHERE project_id = $2 AND kind = $3 ORDER BY event_id LIMIT 1)",
);

/// Makes an event of a kind one of another.
struct Rename {
    project: ProjectId,
    from: &'static str,
    to: &'static str,
}

impl Operation for Rename {
    type Out = u64;

    async fn run<T: Tx>(&self, tx: &T) -> Result<u64, StoreError> {
        tx.claim(&RENAME, &[self.to.into(), (&self.project.to_bytes()).into(), self.from.into()]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_version_wrote_waits_for_it_and_holds_up_nothing_else() {
    on_every_database(async |store: Store| {
        let (project, hooks) = (attach(&store, 3).await, [hook(1)]);
        let rename = async |from, to| assert_eq!(store.run(Rename { project, from, to }).await.unwrap(), 1);
        rename("device.attached", "moon.landed").await;
        assert_eq!(hand_out_at(&store, project, &hooks, NOW).await, 1);
        assert_eq!(hand_out_at(&store, project, &hooks, NOW).await, 0, "it is put off, not looked at over and over");
        assert_eq!(all(&store, project).await.len(), 2);
        // One that another node has handed out.
        rename("device.attached", "sun.risen").await;
        assert_eq!(claim(&store, project, hooks[0].0, 10, NOW).await.len(), 1);
        rename("moon.landed", "device.attached").await;
        rename("sun.risen", "device.attached").await;
        let later = NOW.plus(MINUTE);
        assert_eq!(hand_out_at(&store, project, &hooks, later).await, 0);
        let rest = claim(&store, project, hooks[0].0, 10, later).await;
        assert_eq!((rest.len(), rest.iter().all(|due| due.attempt == 1)), (2, true));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_not_noticed_a_new_endpoint_hands_out_nothing_that_it_should_hear() {
    on_every_database(async |store: Store| {
        let project = attach(&store, 2).await;
        for base in 0..2 {
            let (changes, lists, slug, author) = (Vec::new(), Vec::new(), "shop".to_owned(), "operator".to_owned());
            let change = ChangeProject { project, slug, base, changes, lists, author, now: NOW };
            assert_eq!(store.run(change).await.unwrap(), Ok(base + 1));
        }
        hand_out_knowing(&store, project, (&[hook(1)], 1), NOW).await;
        assert!(all(&store, project).await.is_empty());
        hand_out_knowing(&store, project, (&[hook(1), hook(2)], 2), NOW).await;
        assert_eq!(all(&store, project).await.len(), 4);
    })
    .await;
}
