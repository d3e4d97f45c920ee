//! Moving: from any database to any other and back, and every way in which that must stop.

use std::{panic::AssertUnwindSafe, path::Path};

use countersign_engine::consume::Expect;
use countersign_postgres_cluster::Cluster;
use countersign_store::{
    MIGRATIONS, MoveError, OpenError, PostgresOptions, Progress, SqliteOptions, Stage, Store, migrate_store,
    op::{Consume, ConsumeOutcome},
};
use futures_util::FutureExt;

use crate::product::{CHALLENGE, NOW, evaluate, project, signals};

/// Rows of every table, with what travels badly: nothing, no text, bytes that are no text, the ends of the integers, keys
/// that languages sort otherwise.
const ODD: &str = "INSERT INTO projects VALUES ('\\x00ff', 'é', 9223372036854775807, -9223372036854775808, 0);
    INSERT INTO documents VALUES ('\\x00', '', '\\x', 1, E'a\\nb\\\\N', NULL, '\"', 0), ('\\x00', '', '\\x', 2, '', '', '', 0);
    INSERT INTO list_entries SELECT '\\x01', '\\x02', v, NULL, NULL, 0 FROM unnest(ARRAY['', 'B', 'a', 'é', 'Z', '\u{1F600}', 'a b', 'ab']) v;
    INSERT INTO users VALUES ('\\x01', '\\x', NULL, '', NULL, NULL, NULL, '{}', '[]', NULL, 0, '\\x', 0, 0);
    INSERT INTO user_refs VALUES ('\\x01', 'id', 'É', '\\xff');
    INSERT INTO devices VALUES ('\\x', '\\x', '\\x', '\\x', NULL, NULL, '', 1, NULL, '\\x5c78', 0, 0);
    INSERT INTO open_challenges VALUES ('\\xffff', '\\xff', '\\xfe', '\\xfd');
    INSERT INTO messages VALUES ('\\x01', '\\x01', '\\x01', -1, '\\x0000', 0, 0, 0);";

fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// Every row, as PostgreSQL tells it, whatever the order in which they came.
fn contents(cluster: &Cluster, url: &str) -> Vec<String> {
    let ours = |line: &&str| {
        !line.contains("COPY public.transactions")
            && !line.starts_with("\\restrict")
            && !line.starts_with("\\unrestrict")
    };
    let dump = cluster.dump(url).unwrap();
    let mut lines: Vec<String> = dump.lines().filter(ours).map(ToOwned::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// A database with rows of every kind, that nobody has open.
async fn source(cluster: &Cluster) -> String {
    let url = cluster.database().unwrap();
    let store = Store::connect(&url, PostgresOptions::default()).await.unwrap();
    let project = project(CHALLENGE);
    for n in 0..40 {
        evaluate(&store, &project, signals("login", &format!("user{}", n % 7), n), n).await;
    }
    store.close().await;
    cluster.sql(name(&url), ODD).unwrap();
    // What nobody may ask for any more; it doesn't travel.
    cluster.sql(name(&url), "DELETE FROM transactions").unwrap();
    url
}

fn sqlite(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

async fn moved(from: &str, to: &str) -> u64 {
    migrate_store(from, to, |_| {}).await.unwrap().tables.iter().map(|table| table.rows).sum()
}

async fn refused(from: &str, to: &str) -> MoveError {
    let error = migrate_store(from, to, |_| {}).await.unwrap_err();
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

/// Stops a move by a panic of who hears of its progress, when `stop` says so: as far as the databases know, a kill.
async fn stopped(from: &str, to: &str, mut stop: impl FnMut(&Progress) -> bool) {
    let report = |progress: &Progress| assert!(!stop(progress), "stopped by the test");
    let moving = AssertUnwindSafe(migrate_store(from, to, report)).catch_unwind();
    assert!(moving.await.is_err(), "it ended before it was stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_over_every_pair_of_databases_is_the_same() {
    let cluster = Cluster::shared().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = source(&cluster).await;
    let [first, second] = ["first.db", "second.db"].map(|name| sqlite(&folder.path().join("new").join(name)));
    let (third, fourth) = (cluster.database().unwrap(), cluster.database().unwrap());
    let rows = moved(&url, &first).await;
    assert!(rows > 200, "{rows}");
    assert_eq!(moved(&first, &second).await, rows);
    assert_eq!(moved(&second, &third).await, rows);
    assert_eq!(moved(&third, &fourth).await, rows);
    let wanted = contents(&cluster, &url);
    assert!(wanted.iter().any(|line| line.contains('\u{1F600}')), "{wanted:#?}");
    assert_eq!(contents(&cluster, &third), wanted);
    assert_eq!(contents(&cluster, &fourth), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_database_goes_on_where_the_other_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = Store::open(&file, SqliteOptions::default()).unwrap();
    let project = project("[]");
    let id = evaluate(&store, &project, signals("login", "ada", 1), 1).await.evaluation.id;
    let claim = |key| Consume {
        project: project.id,
        id,
        expect: Expect::default(),
        key: [key; 32],
        window_minutes: 60,
        now: NOW,
    };
    assert!(matches!(store.run(claim(1)).await.unwrap(), ConsumeOutcome::Claimed(_)));
    store.close().await;
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    moved(&sqlite(&file), &url).await;
    let store = Store::connect(&url, PostgresOptions::default()).await.unwrap();
    assert!(matches!(store.run(claim(2)).await.unwrap(), ConsumeOutcome::AlreadyConsumed(_)));
    let again = evaluate(&store, &project, signals("login", "ada", 1), 2).await;
    assert_eq!(again.evaluation.checks["is_new_device"], serde_json::json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_stopped_opens_for_no_server_and_goes_on() {
    let cluster = Cluster::shared().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = source(&cluster).await;
    let file = folder.path().join("store.db");
    let (middle, back) = (sqlite(&file), cluster.database().unwrap());
    let at_devices = |progress: &Progress| progress.table == "documents" && progress.rows > 40;
    let at_the_end = |progress: &Progress| progress.stage == Stage::Verifying && progress.rows > 0;
    stopped(&url, &middle, at_devices).await;
    let error = Store::open(&file, SqliteOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::Moving { .. }) && !error.to_string().contains('\n'), "{error}");
    // Half a database is no source either, and this half belongs to its own.
    assert!(matches!(refused(&middle, &back).await, MoveError::Open(OpenError::Moving { .. })));
    let other = source(&cluster).await;
    assert!(matches!(refused(&other, &middle).await, MoveError::OtherSource { .. }));
    // What was copied isn't copied again.
    let mut first = None;
    stopped(&url, &middle, move |progress| {
        let from = *first.get_or_insert(progress.rows);
        assert!(from > 40, "it began anew");
        at_the_end(progress)
    })
    .await;
    moved(&url, &middle).await;
    Store::open(&file, SqliteOptions::default()).unwrap().close().await;

    stopped(&middle, &back, at_devices).await;
    let error = Store::connect(&back, PostgresOptions::default()).await.unwrap_err();
    assert!(matches!(error, OpenError::Moving { .. }), "{error}");
    moved(&middle, &back).await;
    assert_eq!(contents(&cluster, &back), contents(&cluster, &url));
    Store::connect(&back, PostgresOptions::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_changed_on_either_side_is_found() {
    let cluster = Cluster::shared().unwrap();
    let changes = [
        ("users", "UPDATE users SET email = 'eve@example.com' WHERE email = ''"),
        (
            "evaluations",
            "DELETE FROM evaluations WHERE evaluation_id = (SELECT evaluation_id FROM evaluations LIMIT 1)",
        ),
        ("messages", "INSERT INTO messages VALUES ('\\x', '\\x', '\\x', 1, '\\x', 0, 0, 0)"),
        ("links", "UPDATE links SET trusted = 1 - trusted"),
    ];
    for (place, (table, change)) in changes.into_iter().enumerate() {
        let (from, to) = (source(&cluster).await, cluster.database().unwrap());
        let side = if place % 2 == 0 { from.clone() } else { to.clone() };
        let mut once = Some(());
        let report = |progress: &Progress| {
            if progress.stage == Stage::Verifying && once.take().is_some() {
                cluster.sql(name(&side), change).unwrap();
            }
        };
        let error = migrate_store(&from, &to, report).await.unwrap_err();
        assert!(matches!(&error, MoveError::Differs { table: found, .. } if found == table), "{error}");
        assert!(error.to_string().contains(table) && !error.to_string().contains('\n'), "{error}");
        let opened = Store::connect(&to, PostgresOptions::default()).await;
        assert!(matches!(opened, Err(OpenError::Moving { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_holds_something_is_left_as_it_is() {
    let cluster = Cluster::shared().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let from = source(&cluster).await;

    let used = source(&cluster).await;
    let before = contents(&cluster, &used);
    assert!(matches!(refused(&from, &used).await, MoveError::NotEmpty { .. }));
    assert_eq!(contents(&cluster, &used), before);

    // One that an older version uses isn't brought up to date either.
    let file = folder.path().join("old.db");
    Store::open_with(&file, SqliteOptions::default(), &MIGRATIONS[..1]).unwrap().close().await;
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute_batch("INSERT INTO user_refs VALUES (x'01', 'id', 'ada', x'02')").unwrap();
    connection.close().unwrap();
    let error = refused(&from, &sqlite(&file)).await;
    assert!(matches!(&error, MoveError::NotEmpty { table, .. } if table == "user_refs"), "{error}");
    Store::open_with(&file, SqliteOptions::default(), &MIGRATIONS[..1]).unwrap().close().await;
    let error = refused(&sqlite(&file), &cluster.database().unwrap()).await;
    assert!(matches!(error, MoveError::Outdated { found: 1, .. }), "{error}");

    let theirs = cluster.database().unwrap();
    cluster.sql(name(&theirs), "CREATE TABLE recipes (name TEXT)").unwrap();
    assert!(matches!(refused(&from, &theirs).await, MoveError::Open(OpenError::Foreign { .. })));
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    let before = std::fs::read(&other).unwrap();
    assert!(matches!(refused(&from, &sqlite(&other)).await, MoveError::Open(OpenError::Foreign { .. })));
    assert_eq!(std::fs::read(&other).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_a_server_has_open_is_neither_source_nor_target() {
    let cluster = Cluster::shared().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let (url, empty) = (cluster.database().unwrap(), cluster.database().unwrap());
    let server = Store::open(&file, SqliteOptions::default()).unwrap();
    assert!(matches!(refused(&sqlite(&file), &empty).await, MoveError::InUse { .. }));
    assert!(matches!(refused(&empty, &sqlite(&file)).await, MoveError::Outdated { .. }));
    server.close().await;
    let node = Store::connect(&url, PostgresOptions::default()).await.unwrap();
    assert!(matches!(refused(&sqlite(&file), &url).await, MoveError::InUse { .. }));
    assert!(matches!(refused(&url, &empty).await, MoveError::InUse { .. }));
    let server = Store::open(&file, SqliteOptions::default()).unwrap();
    node.close().await;
    assert!(matches!(refused(&url, &sqlite(&file)).await, MoveError::InUse { .. }));
    server.close().await;
    // While it is moved no server comes in between.
    let mut tried = None;
    let report = |_: &Progress| {
        tried.get_or_insert_with(|| Store::open(&file, SqliteOptions::default()).is_err());
    };
    migrate_store(&sqlite(&file), &url, report).await.unwrap();
    assert_eq!(tried, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_move_into_one_target_the_second_goes_on_alone() {
    let cluster = Cluster::shared().unwrap();
    let (from, to) = (source(&cluster).await, cluster.database().unwrap());
    let mut once = Some(());
    let report = |progress: &Progress| {
        if progress.rows > 0 && once.take().is_some() {
            // What the second one does first.
            cluster.sql(name(&to), "UPDATE moving SET turn = turn + 1").unwrap();
        }
    };
    let error = migrate_store(&from, &to, report).await.unwrap_err();
    assert!(matches!(error, MoveError::TakenOver { .. }), "{error}");
    moved(&from, &to).await;
    assert_eq!(contents(&cluster, &to), contents(&cluster, &from));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_names_is_told_in_one_line_without_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    Store::open(&file, SqliteOptions::default()).unwrap().close().await;
    let good = sqlite(&file);
    let nowhere = sqlite(&folder.path().join("nowhere.db"));
    for wrong in ["", "sqlite:", "store.db", "mysql://shop:s3cret@db/x", "postgres://shop:s3cret@db:port/x"] {
        for (from, to) in [(wrong, &*nowhere), (&*good, wrong)] {
            let told = refused(from, to).await.to_string();
            assert!(told.contains("postgres://") && !told.contains("s3cret"), "{told}");
        }
    }
    assert!(matches!(refused(&nowhere, &good).await, MoveError::Missing { .. }));
    assert!(matches!(refused(&good, &good).await, MoveError::Same { .. }));
    assert!(!folder.path().join("nowhere.db").exists());
    let closed = refused(&good, "postgres://shop:s3cret@127.0.0.1:1/x").await.to_string();
    assert!(closed.contains("127.0.0.1:1") && !closed.contains("s3cret"), "{closed}");
}
