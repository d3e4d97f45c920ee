//! How often browsers behind one address are evaluated: never once more than the project allows, on any number of nodes.

use std::sync::Arc;

use countersign_engine::{config::Project, environment::Environment, signal::Signals, time::SECOND};
use countersign_postgres_cluster::Cluster;
use countersign_store::{
    PostgresOptions, Store,
    op::{Evaluate, Evaluated, EvaluationById, Moment, TooMany},
};
use futures_util::future::join_all;

use crate::product::{NOW, moment, of_a_crowd, on_every_database, project, signals};

/// What the browser of that number asks, so many milliseconds after the beginning, for an action of its own.
async fn ask(store: &Store, project: &Arc<Project>, n: u64, ms: i64) -> Result<Evaluated, TooMany> {
    let action = countersign_engine::text::ActionName::parse(&format!("a{}", n % 40)).unwrap();
    run(store, project, Signals { action, ..of_a_crowd(n % 23, n % 61) }, (n, ms), false).await
}

async fn run(
    store: &Store,
    project: &Arc<Project>,
    signals: Signals,
    (n, ms): (u64, i64),
    by_server: bool,
) -> Result<Evaluated, TooMany> {
    let moment = Moment { now: NOW.plus(ms), ..moment(n) };
    let project = Arc::clone(project);
    store.run(Evaluate { project, environment: Environment::Development, signals, moment, by_server }).await.unwrap()
}

/// A project with room for fewer than come.
fn limited() -> Arc<Project> {
    let mut project = Arc::into_inner(project("[]")).unwrap();
    project.settings.evaluations_per_minute = 120;
    Arc::new(project)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_come_at_once_as_many_are_evaluated_as_may_be() {
    on_every_database(async |store: Store| {
        let project = limited();
        let most = project.settings.evaluations_per_minute;
        let all = join_all((0..400).map(|n| ask(&store, &project, n, 400))).await;
        let done: Vec<_> = all.iter().flatten().collect();
        assert_eq!(done.len(), usize::try_from(most).unwrap());
        assert!(all.iter().filter_map(|a| a.as_ref().err()).all(|refused| refused.retry_after == 60));
        // What was refused has left nothing behind.
        for (n, answer) in (0..400).zip(&all) {
            let id = moment(n).evaluation_id;
            let kept = store.read(EvaluationById { project: project.id, id, now: NOW }).await.unwrap();
            assert_eq!(kept.is_some(), answer.is_ok());
        }
        // The wait is as long as was said, and not longer.
        assert_eq!(ask(&store, &project, 500, 59_999).await.unwrap_err().retry_after, 1);
        ask(&store, &project, 501, 60 * SECOND).await.unwrap();
        // Nobody else is kept waiting: not another address, not the site's own server.
        let full = join_all((600..800).map(|n| ask(&store, &project, n, 60 * SECOND))).await;
        assert!(full.iter().any(Result::is_err));
        run(&store, &project, signals("login", "eve", 99), (900, 60 * SECOND), false).await.unwrap();
        run(&store, &project, of_a_crowd(1, 1), (901, 60 * SECOND), true).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_share_a_database_count_together() {
    let (cluster, mut nodes) = (Cluster::shared().unwrap(), Vec::new());
    let url = cluster.database().unwrap();
    for _ in 0..3 {
        nodes.push(Store::connect(&url, PostgresOptions::default()).await.unwrap());
    }
    let project = limited();
    let all = join_all((0..400).map(|n| ask(&nodes[usize::try_from(n % 3).unwrap()], &project, n, 0))).await;
    let done = u32::try_from(all.iter().flatten().count()).unwrap();
    assert_eq!(done, project.settings.evaluations_per_minute);
    for node in nodes {
        node.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_sets_no_limit_has_none() {
    on_every_database(async |store: Store| {
        let mut project = Arc::into_inner(project("[]")).unwrap();
        project.settings.evaluations_per_minute = 0;
        let project = Arc::new(project);
        let all = join_all((0..300).map(|n| ask(&store, &project, n, 0))).await;
        assert!(all.iter().all(Result::is_ok));
    })
    .await;
}
