//! How often a policy gives its verdict: never once more than its budget allows, on any number of nodes.

use std::sync::Arc;

use countersign_engine::{config::Project, environment::Environment, evaluation::Verdict, time::HOUR};
use countersign_postgres_cluster::Cluster;
use countersign_store::{
    PostgresOptions, Store,
    op::{Evaluate, Evaluated, Moment},
};
use futures_util::future::join_all;

use crate::product::{NOW, moment, on_every_database, project, signals};

/// Everybody is denied, within a budget.
fn fused(budget: &str) -> Arc<Project> {
    project(&format!(
        r#"[{{"name": "Fuse", "environment": "development", "then": "deny", "budget": {{{budget}, "window": "1h"}}}}]"#
    ))
}

async fn ask(store: &Store, project: &Arc<Project>, n: u64, ms: i64) -> Evaluated {
    let moment = Moment { now: NOW.plus(ms), ..moment(n) };
    // Each another user from another address: nothing but the budget makes them wait for each other.
    let signals = signals("login", &format!("user-{n}"), n);
    let (project, environment) = (Arc::clone(project), Environment::Development);
    store.run(Evaluate { project, environment, signals, moment, by_server: true }).await.unwrap().unwrap()
}

fn denied(all: &[Evaluated]) -> usize {
    all.iter().filter(|one| one.evaluation.verdict == Verdict::Deny).count()
}

fn alerts(all: &[Evaluated]) -> usize {
    all.iter().map(|one| one.alerts.len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_come_at_once_as_many_are_denied_as_the_budget_allows() {
    on_every_database(async |store: Store| {
        let project = fused(r#""at_most": 37"#);
        let all = join_all((0..300).map(|n| ask(&store, &project, n, 0))).await;
        assert_eq!((denied(&all), alerts(&all)), (37, 1));
        let later = join_all((300..400).map(|n| ask(&store, &project, n, 2 * HOUR))).await;
        assert_eq!((denied(&later), alerts(&later)), (37, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_kept_to_however_many_come_at_once() {
    on_every_database(async |store: Store| {
        let project = fused(r#""percent": 10"#);
        let all = join_all((0..300).map(|n| ask(&store, &project, n, 0))).await;
        assert_eq!((denied(&all), alerts(&all)), (30, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_share_a_database_spend_one_budget() {
    let (cluster, mut nodes) = (Cluster::shared().unwrap(), Vec::new());
    let url = cluster.database().unwrap();
    for _ in 0..3 {
        nodes.push(Store::connect(&url, PostgresOptions::default()).await.unwrap());
    }
    let project = fused(r#""at_most": 37"#);
    let all = join_all((0..300).map(|n| ask(&nodes[usize::try_from(n % 3).unwrap()], &project, n, 0))).await;
    assert_eq!((denied(&all), alerts(&all)), (37, 1));
    for node in nodes {
        node.close().await;
    }
}
