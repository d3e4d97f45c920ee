//! A killed process loses nothing that it had acknowledged.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicI64, Ordering},
};

use countersign_store::{SqliteOptions, Store};
use futures_util::future::join_all;

use crate::operation::{Contents, Put, SCHEMA, file, open};

const CHILD: &str = "COUNTERSIGN_STORE_TEST_CRASH";

/// The child of the test below: writes from 32 callers for ever, and says each id once it is acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_writes_until_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = Store::open_with(Path::new(&path), SqliteOptions::default(), SCHEMA).unwrap();
    let (ids, _) = store.read(Contents).await.unwrap();
    let next = AtomicI64::new(ids.last().map_or(0, |last| last + 1));
    let write = async |_| loop {
        let id = next.fetch_add(1, Ordering::Relaxed);
        store.run(Put(id)).await.unwrap();
        // In one write, so that a kill can't tear a line that the parent would take for another id.
        std::io::stdout().write_all(format!("\nacknowledged {id}.\n").as_bytes()).unwrap();
    };
    join_all((0..32).map(write)).await;
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_that_writes_until_killed", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The ids in the child's lines; an incomplete last line is not one.
fn acknowledged(line: &str) -> Option<i64> {
    line.strip_prefix("acknowledged ")?.strip_suffix('.')?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_lose_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    for round in 0..20 {
        let mut child = start(&file(&folder));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // At another moment each time: after so many acknowledgements.
        told.extend(lines.by_ref().filter_map(|line| acknowledged(&line)).take(50 + 37 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died counts as well.
        told.extend(lines.filter_map(|line| acknowledged(&line)));

        let store = open(&folder, SqliteOptions::default());
        let (ids, total) = store.read(Contents).await.unwrap();
        let lost: Vec<_> = told.iter().filter(|id| ids.binary_search(id).is_err()).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        assert_eq!(i64::try_from(ids.len()).unwrap(), total, "an operation was kept by half");
        store.close().await;
        let check: String = rusqlite::Connection::open(file(&folder))
            .and_then(|connection| connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)))
            .unwrap();
        assert_eq!(check, "ok");
    }
    assert!(told.len() > 20 * 50);
}
