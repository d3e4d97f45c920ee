//! What is PostgreSQL's own: several nodes on one database, and a database that dies, stalls, refuses or is the wrong one.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use countersign_engine::{config::Project, consume::Expect, evaluation::Verdict, id::EvaluationId};
use countersign_postgres_cluster::{Cluster, Durability, Pooler};
use countersign_store::{
    Keys, OpenError, Operation, POSTGRES_MIGRATIONS, PostgresOptions, Store, StoreError, Tx,
    op::{ChangeProject, Consume, ConsumeOutcome, Evaluate, EvaluationById, Stale},
};
use futures_util::{StreamExt, future::join_all, stream};

use crate::{
    operation::{ClaimIfFree, Contents, Hold, Owner, POSTGRES_SCHEMA, Put},
    product::{CAP, NOW, RATE, evaluate, moment, of_a_crowd, project, signals},
};

/// How long the nodes may take to find the new primary.
const PATIENCE: Duration = Duration::from_mins(1);

async fn node(url: &str) -> Store {
    Store::connect(url, PostgresOptions::default()).await.unwrap()
}

/// Asks until there is an answer: what a site's server does when it is told to come back later. The operation is the
/// same each time, ids and idempotency key included.
async fn until_answered<T>(mut ask: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let started = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(StoreError::Unavailable(_) | StoreError::Busy) if started.elapsed() < PATIENCE => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn make(node: &Store, project: &Arc<Project>, n: u64) -> EvaluationId {
    let user = format!("user{}", n % 37);
    let op = || Evaluate {
        project: Arc::clone(project),
        environment: countersign_engine::environment::Environment::Development,
        signals: signals("login", &user, n % 101),
        moment: moment(n),
        by_server: true,
    };
    until_answered(async || node.run(op()).await).await.unwrap().evaluation.id
}

/// Whether this client is the one who claimed it.
async fn claim(node: &Store, project: &Project, id: EvaluationId, client: u8) -> bool {
    let op = || Consume {
        project: project.id,
        id,
        expect: Expect::default(),
        key: [client; 32],
        window_minutes: 60,
        now: NOW,
    };
    match until_answered(async || node.run(op()).await).await {
        ConsumeOutcome::Claimed(_) => true,
        ConsumeOutcome::AlreadyConsumed(_) => false,
        other => panic!("{other:?}"),
    }
}

/// Makes `count` evaluations, each claimed by 30 clients that race over all nodes; calls `disturb` with the number of
/// wins so far as they come. Answers the wins of each.
async fn race(nodes: &[Store], project: &Arc<Project>, from: u64, count: u64, wins: &AtomicUsize) -> Vec<usize> {
    let one = async |n: u64| {
        let mut turns = nodes.iter().cycle().skip(usize::try_from(n % 3).unwrap());
        let id = make(turns.next().unwrap(), project, n).await;
        let clients = turns.zip(0..30_u8).map(|(node, client)| claim(node, project, id, client));
        let won = join_all(clients).await.into_iter().filter(|won| *won).count();
        wins.fetch_add(won, Ordering::Relaxed);
        won
    };
    stream::iter(from..from + count).map(one).buffered(32).collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_who_race_over_three_nodes_one_wins_each_time() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let nodes = join_all((0..3).map(|_| node(&url))).await;
    let project = project("[]");
    let wins = race(&nodes, &project, 0, 1_000, &AtomicUsize::new(0)).await;
    assert_eq!(wins, vec![1; 1_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_and_a_promoted_replica_lose_nothing_and_honour_nothing_twice() {
    for round in 0..10 {
        let primary = Cluster::start(Durability::Processes, &["synchronous_standby_names = 'second'"]).unwrap();
        let replica = Cluster::replica(&primary, "second").unwrap();
        primary.sql("postgres", "CREATE DATABASE shop").unwrap();
        let url = format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/shop", primary.port(), replica.port());
        let nodes = join_all((0..3).map(|_| node(&url))).await;
        let (project, wins) = (project("[]"), AtomicUsize::new(0));
        let disturb = async {
            // In the thick of it, and each round elsewhere.
            while wins.load(Ordering::Relaxed) < 10 + round * 7 {
                tokio::task::yield_now().await;
            }
            tokio::task::block_in_place(|| {
                primary.kill().unwrap();
                replica.promote().unwrap();
            });
        };
        let (won, ()) = tokio::join!(race(&nodes, &project, 0, 150, &wins), disturb);
        assert_eq!(won, vec![1; 150], "round {round}");
        // Every one that was acknowledged, and every claim, is on the new primary.
        let ids = (0..150).map(|n| moment(n).evaluation_id);
        for id in ids {
            let found = nodes[0].read(EvaluationById { project: project.id, id, now: NOW }).await.unwrap();
            assert!(found.is_some_and(|(stored, _)| stored.consumed_at.is_some()), "{id} in round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stalls_is_told_in_time_and_used_again_afterwards() {
    let cluster = Cluster::start(Durability::Processes, &[]).unwrap();
    let patience = Duration::from_millis(600);
    let options = PostgresOptions { patience, ..PostgresOptions::default() };
    let store = Store::connect_with(&cluster.url("postgres"), options, POSTGRES_SCHEMA).await.unwrap();
    store.run(Put(0)).await.unwrap();
    cluster.stall(true).unwrap();
    let started = Instant::now();
    let answers = join_all((1..50).map(|id| store.run(Put(id)))).await;
    assert!(started.elapsed() < patience * 4, "{:?}", started.elapsed());
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_) | StoreError::Busy))));
    assert!(matches!(store.read(Contents).await, Err(StoreError::Unavailable(_))));
    cluster.stall(false).unwrap();
    until_answered(async || store.run(Put(100)).await).await;
    let (ids, total) = until_answered(async || store.read(Contents).await).await;
    assert!(ids.contains(&0) && ids.contains(&100));
    assert_eq!(i64::try_from(ids.len()).unwrap(), total, "whole operations only");
}

/// Stops in the middle of a transaction, the first time it runs: a node that is not heard of for a while.
struct Stalls(Put, Hold);

impl Operation for Stalls {
    type Out = ();

    fn keys(&self, keys: &mut Keys) {
        self.0.keys(keys);
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<(), StoreError> {
        self.0.run(tx).await?;
        self.1.run(tx).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stalls_with_keys_in_its_hands_stops_the_others_only_for_a_while() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let options = PostgresOptions { patience: Duration::from_secs(1), ..PostgresOptions::default() };
    let stalled = Store::connect_with(&url, options, POSTGRES_SCHEMA).await.unwrap();
    let other = Store::connect_with(&url, PostgresOptions::default(), POSTGRES_SCHEMA).await.unwrap();
    let (hold, begun, let_go) = Hold::new();
    let others = async {
        tokio::task::block_in_place(|| begun.recv().unwrap());
        for id in 1..20 {
            other.run(Put(id)).await.unwrap();
        }
        drop(let_go);
    };
    let (was_stalled, ()) = tokio::join!(stalled.run(Stalls(Put(0), hold)), others);
    let (ids, total) = other.read(Contents).await.unwrap();
    assert_eq!(i64::try_from(ids.len()).unwrap(), total);
    assert_eq!(ids.contains(&0), was_stalled.is_ok(), "what it was told is what was done");
    until_answered(async || stalled.run(Put(20)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_database_is_found_again_by_itself() {
    let cluster = Cluster::start(Durability::Processes, &[]).unwrap();
    let store =
        Store::connect_with(&cluster.url("postgres"), PostgresOptions::default(), POSTGRES_SCHEMA).await.unwrap();
    for round in 0..5 {
        let load = join_all((0..40).map(|id| {
            let store = &store;
            async move { until_answered(async || store.run(Put(round * 40 + id)).await).await }
        }));
        let restart = async {
            tokio::task::block_in_place(|| {
                cluster.kill().unwrap();
                cluster.run().unwrap();
            });
        };
        tokio::join!(load, restart);
    }
    let (ids, total) = store.read(Contents).await.unwrap();
    assert_eq!((ids, total), ((0..200).collect(), 200), "each was done, and done once");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_a_row_first_gets_it_and_nobody_waits_in_a_circle() {
    // Each evaluation holds a user, an address, a fingerprint and a mail domain; they share them in every combination.
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let nodes = join_all((0..2).map(|_| node(&url))).await;
    let project = project("[]");
    let started = Instant::now();
    let all = (0..600).map(|n| make(&nodes[usize::try_from(n % 2).unwrap()], &project, n));
    let ids: BTreeSet<_> = join_all(all).await.into_iter().collect();
    assert_eq!(ids.len(), 600);
    let name = url.rsplit('/').next().unwrap();
    let counted = format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{name}'");
    let deadlocks = cluster.sql("postgres", &counted).unwrap();
    assert_eq!(deadlocks, "0", "after {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_visit_that_races_with_itself_makes_one_user() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let nodes = join_all((0..3).map(|_| node(&url))).await;
    let project = project("[]");
    for round in 0..20_u64 {
        let visit = |n: u64| {
            let op = Evaluate {
                project: Arc::clone(&project),
                environment: countersign_engine::environment::Environment::Development,
                signals: signals("login", &format!("new{round}"), n),
                moment: moment(round * 100 + n),
                by_server: true,
            };
            nodes[usize::try_from(n % 3).unwrap()].run(op)
        };
        let done: Vec<_> = join_all((0..9).map(visit)).await.into_iter().map(|done| done.unwrap().unwrap()).collect();
        let users: BTreeSet<_> = done.iter().map(|done| done.evaluation.user.as_ref().unwrap().id).collect();
        let first = done.iter().filter(|done| done.evaluation.checks["is_new_user"] == true).count();
        assert_eq!((users.len(), first), (1, 1), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_make_one_schema() {
    let cluster = Cluster::shared().unwrap();
    for _ in 0..3 {
        let url = cluster.database().unwrap();
        let nodes = join_all((0..6).map(|_| Store::connect(&url, PostgresOptions::default()))).await;
        assert!(nodes.iter().all(Result::is_ok), "{nodes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_database_is_told_in_one_line_at_the_start() {
    let cluster = Cluster::shared().unwrap();
    let open = async |url: String| {
        let options = PostgresOptions { patience: Duration::from_secs(2), ..PostgresOptions::default() };
        let error = Store::connect(&url, options).await.unwrap_err();
        let line = error.to_string();
        assert!(!line.contains('\n') && !line.contains("s3cret"), "{line}");
        (error, line)
    };
    let port = cluster.port();
    let (_, line) = open(format!("postgres://postgres:s3cret@127.0.0.1:{port}/nowhere")).await;
    assert!(line.contains("nowhere") && line.contains("does not exist"), "{line}");
    let (_, line) = open(format!("postgres://nobody:s3cret@127.0.0.1:{port}/postgres")).await;
    assert!(line.contains("nobody"), "{line}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (_, line) = open(format!("postgres://postgres:s3cret@127.0.0.1:{closed}/postgres")).await;
    assert!(line.contains(&closed.to_string()) && line.contains("refused"), "{line}");
    let (_, line) = open("postgres://postgres:s3cret@".to_owned()).await;
    assert!(line.contains("must look like"), "{line}");
    // Somebody who listens and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (_, line) = open(format!("postgres://p:s3cret@{}/x", silent.local_addr().unwrap())).await;
    assert!(line.contains("too long") || line.contains("timed out"), "{line}");

    let url = cluster.database().unwrap();
    let name = url.rsplit('/').next().unwrap();
    cluster.sql(name, "CREATE TABLE recipes (name TEXT)").unwrap();
    assert!(matches!(open(url).await.0, OpenError::Foreign { .. }));

    let url = cluster.database().unwrap();
    let name = url.rsplit('/').next().unwrap();
    node(&url).await.close().await;
    cluster.sql(name, "INSERT INTO schema_migrations VALUES (999, 'newer', 'x')").unwrap();
    assert!(matches!(open(url.clone()).await.0, OpenError::Newer { found: 999, .. }));
    cluster
        .sql(name, "DELETE FROM schema_migrations WHERE number = 999; UPDATE schema_migrations SET checksum = 'x'")
        .unwrap();
    assert!(matches!(open(url).await.0, OpenError::Edited { number: 1, .. }));

    let url = cluster.database().unwrap();
    let name = url.rsplit('/').next().unwrap();
    cluster
        .sql(name, "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .unwrap();
    let (_, line) = open(url.replace("postgres@", "guest:s3cret@")).await;
    assert!(line.contains("permission denied"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_whose_caller_left_is_whole_or_not_there() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let options = PostgresOptions { writers: 1, ..PostgresOptions::default() };
    let store = Store::connect_with(&url, options, POSTGRES_SCHEMA).await.unwrap();
    let (hold, begun, let_go) = Hold::new();
    let leave = async {
        tokio::task::block_in_place(|| begun.recv().unwrap());
        for id in 0..50 {
            let mut asked = Box::pin(store.run(Put(id)));
            assert!(futures_util::poll!(&mut asked).is_pending());
        }
        drop(let_go);
    };
    tokio::join!(store.run(hold), leave).0.unwrap();
    store.run(Put(50)).await.unwrap();
    assert_eq!(store.read(Contents).await.unwrap(), (vec![50], 1));
}

/// The statements that don't name a project, each known: they find out which projects there are.
const ACROSS_PROJECTS: usize = 1;

#[test]
fn every_statement_is_keyed_by_its_project() {
    let keyed = |text: &str| {
        let inserts = text.starts_with("INSERT INTO") && text.contains("(project_id, ");
        inserts || text.contains("project_id = $")
    };
    let all: Vec<_> = countersign_store::op::statements().collect();
    let loose: Vec<_> = all.iter().filter(|sql| !keyed(sql.postgres())).map(|sql| sql.postgres()).collect();
    assert_eq!(loose.len(), ACROSS_PROJECTS, "{loose:#?}");
    let different = all.iter().filter(|sql| sql.sqlite() != sql.postgres()).count();
    assert!(different <= 2, "{different} statements differ between the databases");
    let lines = POSTGRES_MIGRATIONS.iter().flat_map(|step| step.sql.lines());
    let schema: String = lines.map(|line| line.split("--").next().unwrap()).collect();
    for word in ["SERIAL", "SEQUENCE", "IDENTITY", "REFERENCES", "UNIQUE"] {
        assert!(!schema.to_uppercase().contains(word), "{word}");
    }
    for key in schema.split("PRIMARY KEY (").skip(1) {
        assert!(key.starts_with("project_id"), "{}", key.lines().next().unwrap());
    }
}

/// Stands between a node and the database and cuts connections when they say `COMMIT`, as many as it was told to: before
/// it has passed the word on, or after.
async fn cutting_proxy(port: u16, before: bool, cuts: &'static AtomicUsize) -> u16 {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, copy},
        net::{TcpListener, TcpStream},
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move {
                let answers = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
                let mut bytes = vec![0; 65_536];
                while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
                    let heard = bytes.get(..length).unwrap();
                    let said = heard.windows(7).any(|window| window == b"COMMIT\0");
                    let cut =
                        said && cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
                    if cut {
                        answers.abort();
                    }
                    if !(cut && before) {
                        to_server.write_all(heard).await.unwrap();
                    }
                    if cut {
                        return;
                    }
                }
            });
        }
    });
    own
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_looked_up_and_never_guessed() {
    static CUTS: AtomicUsize = AtomicUsize::new(0);
    let cluster = Cluster::shared().unwrap();
    for before in [false, true] {
        let url = cluster.database().unwrap();
        let port = cutting_proxy(cluster.port(), before, &CUTS).await;
        let url = url.replace(&cluster.port().to_string(), &port.to_string());
        let options = PostgresOptions { writers: 1, ..PostgresOptions::default() };
        let store = Store::connect_with(&url, options, POSTGRES_SCHEMA).await.unwrap();
        for round in 0..4 {
            // The first commit is lost, and sometimes the one of the next try as well; what was committed is not tried again.
            CUTS.store(1 + usize::from(before && round % 3 == 0), Ordering::SeqCst);
            let done = join_all((0..20).map(|id| store.run(Put(round * 20 + id)))).await;
            assert!(done.iter().all(Result::is_ok), "{done:?}");
            assert_eq!(CUTS.load(Ordering::SeqCst), 0, "it was cut");
        }
        assert_eq!(store.read(Contents).await.unwrap(), ((0..80).collect(), 80), "each once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_isolates_otherwise_by_default_changes_nothing() {
    // Under these a transaction would see only what was there before it got its keys.
    for level in ["repeatable read", "serializable"] {
        let setting = format!("default_transaction_isolation = '{level}'");
        let cluster = Cluster::start(Durability::Processes, &[&setting]).unwrap();
        let url = cluster.url("postgres");
        let nodes = join_all((0..3).map(|_| node(&url))).await;
        let project = project(CAP);
        for round in 0..10_u64 {
            let visit = |n: u64| {
                let op = Evaluate {
                    project: Arc::clone(&project),
                    environment: countersign_engine::environment::Environment::Development,
                    signals: signals("access", &format!("user{round}"), n),
                    moment: moment(round * 100 + n),
                    by_server: true,
                };
                nodes.iter().cycle().nth(usize::try_from(n).unwrap()).unwrap().run(op)
            };
            let done: Vec<_> =
                join_all((0..9).map(visit)).await.into_iter().map(|done| done.unwrap().unwrap()).collect();
            let let_in = done.iter().filter(|done| done.evaluation.verdict == Verdict::Allow).count();
            assert_eq!(let_in, 3, "{level}, round {round}");
        }
    }
}

/// A column as `table.column kind nullable key`, in one spelling for both databases.
fn column(table: &str, name: &str, kind: &str, not_null: bool, key: i64) -> String {
    let kind = match kind.to_lowercase().as_str() {
        "blob" | "bytea" => "bytes",
        "integer" | "bigint" => "integer",
        "text" => "text",
        other => panic!("{table}.{name} is {other}"),
    };
    format!("{table}.{name} {kind} not_null={not_null} key={key}")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    Store::open(&path, countersign_store::SqliteOptions::default()).unwrap().close().await;
    let sqlite = rusqlite::Connection::open(&path).unwrap();
    let mut statement = sqlite
        .prepare(
            "SELECT t.name, c.name, c.type, c.\"notnull\", c.pk FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
             WHERE t.type = 'table'",
        )
        .unwrap();
    let text = |row: &rusqlite::Row<'_>, place: usize| row.get::<_, String>(place).unwrap();
    let rows = statement
        .query_map([], |row| {
            Ok(column(&text(row, 0), &text(row, 1), &text(row, 2), row.get::<_, i64>(3)? == 1, row.get(4)?))
        })
        .unwrap();
    let ours: BTreeSet<String> = rows.map(Result::unwrap).collect();

    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    node(&url).await.close().await;
    let listed = cluster
        .sql(
            url.rsplit('/').next().unwrap(),
            "SELECT c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull, \
             coalesce(array_position(i.indkey::int[], a.attnum::int) + 1, 0) FROM pg_class c \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
             LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition",
        )
        .unwrap();
    let theirs: BTreeSet<String> = listed
        .lines()
        .map(|line| {
            let [table, name, kind, not_null, key] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
            column(table, name, kind, not_null == "t", key.parse().unwrap())
        })
        .collect();
    // By which PostgreSQL's lost commits are found; SQLite's can't be lost.
    let own = |line: &&String| !line.starts_with("transactions.");
    assert!(ours.len() > 60);
    assert_eq!(ours.iter().collect::<Vec<_>>(), theirs.iter().filter(own).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_lends_connections_by_the_transaction_may_stand_in_between() {
    let cluster = Cluster::shared().unwrap();
    let pooler = Pooler::start(&cluster).unwrap();
    let url = pooler.url(&cluster, &cluster.database().unwrap());
    let store = Store::connect_with(&url, PostgresOptions::default(), POSTGRES_SCHEMA).await.unwrap();
    let done = join_all((0..200).map(|id| store.run(Put(id)))).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    for _ in 0..20 {
        assert_eq!(store.read(Contents).await.unwrap(), ((0..200).collect(), 200));
    }
    let url = pooler.url(&cluster, &cluster.database().unwrap());
    let nodes = join_all((0..3).map(|_| node(&url))).await;
    let won = race(&nodes, &project("[]"), 0, 50, &AtomicUsize::new(0)).await;
    assert_eq!(won, vec![1; 50]);
}

/// Each transaction that writes leaves its name.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_come_at_once_share_transactions() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let database = url.rsplit('/').next().unwrap();
    let store = node(&url).await;
    let project = project(RATE);
    // The statements of the first are prepared one by one.
    evaluate(&store, &project, of_a_crowd(0, 0), 0).await;
    join_all((1..=1_000).map(|n| evaluate(&store, &project, of_a_crowd(n % 211, n % 307), n))).await;
    let made: u32 = cluster.sql(database, "SELECT count(*) FROM transactions").unwrap().trim().parse().unwrap();
    assert!(made <= 50, "{made} transactions for 1,001 evaluations");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_configuration_is_announced_to_every_node_even_after_its_connections_broke() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let (one, other) = (node(&url).await, node(&url).await);
    let mut heard = other.announcements();
    // That it listens is the first that it says.
    let soon = async |heard: &mut tokio::sync::watch::Receiver<u64>| {
        tokio::time::timeout(PATIENCE, heard.changed()).await.unwrap().unwrap();
    };
    soon(&mut heard).await;
    let change = |base| ChangeProject {
        project: project(CAP).id,
        slug: "shop".into(),
        base,
        changes: Vec::new(),
        lists: Vec::new(),
        author: "test".into(),
        now: NOW,
    };
    assert_eq!(one.run(change(0)).await.unwrap(), Ok(1));
    soon(&mut heard).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN countersign'";
    cluster.sql(url.rsplit('/').next().unwrap(), end).unwrap();
    soon(&mut heard).await;
    assert_eq!(one.run(change(1)).await.unwrap(), Ok(2));
    soon(&mut heard).await;
    // What fails announces nothing.
    heard.mark_unchanged();
    assert_eq!(one.run(change(1)).await.unwrap(), Err(Stale));
    assert!(!heard.has_changed().unwrap());
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evaluations_lie_by_the_week_and_leave_by_the_week() {
    const WEEK: i64 = 7 * countersign_engine::time::DAY;
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let database = url.rsplit('/').next().unwrap();
    let count = |of: &str| cluster.sql(database, &format!("SELECT count(*) FROM {of}")).unwrap();
    let nodes = [node(&url).await, node(&url).await];
    // Nodes that start together make each partition once.
    join_all(nodes.iter().map(async |node| node.tend(NOW, None).await.unwrap())).await;
    let partitions = "pg_inherits WHERE inhparent = 'evaluations'::regclass";
    // This week's, four to come, and the rest.
    assert_eq!(count(partitions), "6");
    make(&nodes[0], &project(CAP), 1).await;
    assert_eq!((count("evaluations").as_str(), count("evaluations_rest").as_str()), ("1", "0"));
    // Half of a week is not let go of.
    assert_eq!(nodes[1].tend(NOW, Some(NOW)).await.unwrap(), 0);
    assert_eq!(nodes[1].tend(NOW, Some(NOW.plus(WEEK))).await.unwrap(), 1);
    assert_eq!((count("evaluations").as_str(), count(partitions).as_str()), ("0", "5"));
    for node in nodes {
        node.close().await;
    }
}

/// Without a key, so that all of them read that it is free: only the guard of the update stands between them.
#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_holds_no_longer_undoes_what_was_read_before() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let open = async || Store::connect_with(&url, PostgresOptions::default(), POSTGRES_SCHEMA).await.unwrap();
    let nodes = [open().await, open().await, open().await];
    for id in 0..20 {
        nodes[0].run(Put(id)).await.unwrap();
        let claims = (0..30).map(|who| nodes[who % 3].run(ClaimIfFree(id, who.to_string())));
        let won: Vec<bool> = join_all(claims).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> = (0..30).filter(|who| won[*who]).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(nodes[1].read(Owner(id)).await.unwrap(), Some(winners[0].to_string()));
    }
    for node in nodes {
        node.close().await;
    }
}
