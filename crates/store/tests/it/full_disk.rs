//! PostgreSQL's disk is full: what is told, what is left behind, and what happens once there is room.

use std::{sync::Arc, time::Instant};

use countersign_engine::{consume::Expect, environment::Environment};
use countersign_postgres_cluster::Cluster;
use countersign_store::{
    PostgresOptions, Store, StoreError,
    op::{Consume, ConsumeOutcome, Evaluate, EvaluationById},
};
use futures_util::future::join_all;

use crate::product::{NOW, evaluate, moment, project, signals};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_at_once_leaves_nothing_half_written_and_heals() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let (_, database) = url.rsplit_once('/').unwrap();
    let (store, project) = (Store::connect(&url, PostgresOptions::default()).await.unwrap(), project("[]"));
    let before = evaluate(&store, &project, signals("login", "ada", 1), 1).await;
    // The disk fills up half way: the evaluation finds no room after its user and devices did. The server says what it
    // says when a file can't grow.
    cluster
        .sql(
            database,
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION \
             'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$; \
             CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON evaluations FOR EACH ROW EXECUTE FUNCTION no_room()",
        )
        .unwrap();
    let started = Instant::now();
    let op = |n| Evaluate {
        project: Arc::clone(&project),
        environment: Environment::Development,
        signals: signals("login", "new", n),
        moment: moment(n),
        by_server: true,
    };
    let refused = join_all((10..60).map(|n| store.run(op(n)))).await;
    assert!(
        refused.iter().all(|r| matches!(r, Err(StoreError::Unavailable(what)) if what.contains("53100"))),
        "{refused:?}"
    );
    let claim = Consume {
        project: project.id,
        id: before.evaluation.id,
        expect: Expect::default(),
        key: [1; 32],
        window_minutes: 60,
        now: NOW,
    };
    assert!(matches!(store.run(claim.clone()).await, Err(StoreError::Unavailable(_))));
    // Trying again would only be refused again: whoever asks is told, and not kept waiting.
    assert!(started.elapsed() < PostgresOptions::default().patience, "{:?}", started.elapsed());
    // What is written elsewhere, and what is read, goes on.
    let found = store.read(EvaluationById { project: project.id, id: before.evaluation.id, now: NOW }).await.unwrap();
    assert_eq!(found.unwrap().0.consumed_at, None);
    cluster.sql(database, "DROP TRIGGER no_room ON evaluations").unwrap();
    assert!(matches!(store.run(claim).await, Ok(ConsumeOutcome::Claimed(_))));
    let after = store.run(op(10)).await.unwrap().unwrap();
    assert_eq!(after.evaluation.checks["is_new_user"], serde_json::json!(true), "nothing was left of the refused ones");
}
