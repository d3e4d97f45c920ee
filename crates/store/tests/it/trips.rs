//! What an operation costs in round trips to PostgreSQL, and what becomes of one whose last answer is lost on the way.

use std::sync::Arc;

use countersign_engine::{consume::Expect, id::EvaluationId};
use countersign_postgres_cluster::Cluster;
use countersign_store::{
    PostgresOptions, Store, StoreError,
    op::{Consume, ConsumeOutcome, EvaluationById},
};

use crate::{
    product::{CHALLENGE, NOW, evaluate, project, signals},
    wire::Wire,
};

/// A server, and a node with one connection to write over and one to read over, at the end of a line.
async fn node() -> (Arc<Cluster>, Wire, Store) {
    let cluster = Cluster::shared().unwrap();
    let wire = Wire::to(cluster.port()).await;
    let url = wire.url(&cluster.database().unwrap());
    let options = PostgresOptions { writers: 1, readers: 1, ..PostgresOptions::default() };
    let store = Store::connect(&url, options).await.unwrap();
    (cluster, wire, store)
}

async fn consume(store: &Store, id: EvaluationId, key: u8, expect: Expect) -> Result<ConsumeOutcome, StoreError> {
    let project = project("[]").id;
    store.run(Consume { project, id, expect, key: [key; 32], window_minutes: 60, now: NOW }).await
}

fn expected() -> Expect {
    Expect { action: Some("login".to_owned()), ..Expect::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_takes_two_round_trips_and_a_consume_one() {
    let (_cluster, wire, store) = node().await;
    for policies in ["[]", CHALLENGE] {
        let project = project(policies);
        // A connection learns a statement when it is first used there.
        let mut known = Vec::new();
        for n in 1..=3 {
            known.push(
                evaluate(&store, &project, signals("login", "ada", 1), n + u64::from(policies != "[]") * 10).await,
            );
        }
        for (n, made) in known.iter().take(2).enumerate() {
            for key in [1, 2] {
                consume(&store, made.evaluation.id, key, if n == 0 { expected() } else { Expect::default() })
                    .await
                    .unwrap();
            }
        }
        let n = 4 + u64::from(policies != "[]") * 10;
        let (trips, _) = wire.trips_of(evaluate(&store, &project, signals("login", "ada", 1), n)).await;
        assert!(trips <= 2, "{trips} for an evaluation, policies {policies}");
    }
    // Claimed, claimed already, nothing to be claimed: one each.
    let plain = evaluate(&store, &project("[]"), signals("login", "bea", 2), 21).await.evaluation.id;
    let pending = evaluate(&store, &project(CHALLENGE), signals("login", "cleo", 3), 22).await.evaluation.id;
    let (trips, first) = wire.trips_of(consume(&store, plain, 1, Expect::default())).await;
    assert!(matches!(first, Ok(ConsumeOutcome::Claimed(_))), "{first:?}");
    assert_eq!(trips, 1);
    let (trips, again) = wire.trips_of(consume(&store, plain, 2, Expect::default())).await;
    assert!(matches!(again, Ok(ConsumeOutcome::AlreadyConsumed(_))), "{again:?}");
    assert_eq!(trips, 1);
    let (trips, waits) = wire.trips_of(consume(&store, pending, 1, Expect::default())).await;
    assert!(matches!(waits, Ok(ConsumeOutcome::Pending(_))), "{waits:?}");
    assert_eq!(trips, 1);
    // What must be compared is read first.
    let compared = evaluate(&store, &project("[]"), signals("login", "bea", 2), 23).await.evaluation.id;
    let (trips, claimed) = wire.trips_of(consume(&store, compared, 1, expected())).await;
    assert!(matches!(claimed, Ok(ConsumeOutcome::Claimed(_))), "{claimed:?}");
    assert_eq!(trips, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_commit_was_not_heard_of_is_the_callers_all_the_same() {
    let (_cluster, wire, store) = node().await;
    let project = project("[]");
    for (n, expect) in [(1, Expect::default()), (2, expected())] {
        // The last trip of a claim carries `COMMIT`; the server has carried it out, and nobody hears of it.
        let trips_before = i64::from(!expect.is_nothing());
        let warm = evaluate(&store, &project, signals("login", "ada", 1), n).await.evaluation.id;
        consume(&store, warm, 1, expect.clone()).await.unwrap();
        let id = evaluate(&store, &project, signals("login", "ada", 1), n + 10).await.evaluation.id;
        wire.cut_after(trips_before);
        let first = consume(&store, id, 1, expect.clone()).await;
        assert!(matches!(first, Ok(ConsumeOutcome::Claimed(_))), "{first:?}");
        let another = consume(&store, id, 2, expect).await;
        assert!(matches!(another, Ok(ConsumeOutcome::AlreadyConsumed(_))), "{another:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_whose_commit_was_not_heard_of_is_made_once() {
    let (_cluster, wire, store) = node().await;
    let project = project("[]");
    for n in 1..=3 {
        evaluate(&store, &project, signals("login", "ada", 1), n).await;
    }
    wire.cut_after(1);
    let made = evaluate(&store, &project, signals("login", "ada", 1), 4).await;
    let next = evaluate(&store, &project, signals("login", "ada", 1), 5).await;
    // Had it been run twice, it would have failed on its own id or been counted twice.
    let count = |of: &countersign_store::op::Evaluated| of.evaluation.checks.get("device_count").cloned();
    assert_eq!(count(&made), count(&next));
    let found = store.read(EvaluationById { project: project.id, id: made.evaluation.id, now: NOW }).await.unwrap();
    assert_eq!(found.map(|(stored, _)| stored.evaluation), Some(made.evaluation));
}
