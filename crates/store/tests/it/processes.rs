//! Two who use one file at once: the server, and the command line beside it.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use countersign_store::{SqliteOptions, Store, StoreError};
use futures_util::future::join_all;

use crate::operation::{Claim, Contents, Fault, Hold, Put, SCHEMA, file, open};

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_gets_its_turn_beside_a_server_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder, SqliteOptions::default());
    let done = AtomicBool::new(false);
    let serve = async |lane: i64| {
        let mut id = lane;
        while !done.load(Ordering::Relaxed) {
            server.run(Put(id)).await.unwrap();
            id += 64;
        }
    };
    let apply = async {
        for id in 0..10 {
            // Opened anew each time, as commands do.
            let command = open(&folder, SqliteOptions::default());
            command.run(Put(-1 - id)).await.unwrap();
            command.close().await;
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all((0..64).map(serve)), apply);
    let (ids, total) = server.read(Contents).await.unwrap();
    assert_eq!(ids.iter().take_while(|id| **id < 0).count(), 10);
    assert_eq!(i64::try_from(ids.len()).unwrap(), total, "neither lost what the other counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_held_too_long_is_busy_once_and_not_once_for_each() {
    let folder = tempfile::tempdir().unwrap();
    let other = open(&folder, SqliteOptions::default());
    let patience = Duration::from_millis(200);
    let store = open(&folder, SqliteOptions { patience, ..SqliteOptions::default() });
    let (hold, begun, let_go) = Hold::new();
    let wait = async {
        tokio::task::block_in_place(|| begun.recv().unwrap());
        let started = std::time::Instant::now();
        let answers = join_all((0..200).map(|id| store.run(Put(id)))).await;
        assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Busy))), "{answers:?}");
        assert!(started.elapsed() < patience * 20, "{:?}", started.elapsed());
        // Reading needs no lock.
        store.read(Contents).await.unwrap();
        drop(let_go);
    };
    tokio::join!(other.run(hold), wait).0.unwrap();
    store.run(Put(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_failed_holds_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, SqliteOptions::default());
    let other = open(&folder, SqliteOptions { patience: Duration::ZERO, ..SqliteOptions::default() });
    for fault in [Fault::Err(1), Fault::Panic(1), Fault::RefusedWrite(1), Fault::Waits(1)] {
        store.run(fault).await.unwrap_err();
        other.run(Claim(1, "other".to_owned())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_leaves_the_whole_database_in_its_file_though_another_has_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let _other = open(&folder, SqliteOptions::default());
    let store = open(&folder, SqliteOptions::default());
    store.run(Put(1)).await.unwrap();
    store.close().await;
    let log = folder.path().join("store.db-wal");
    assert_eq!(log.metadata().unwrap().len(), 0);
}

const CHILD: &str = "COUNTERSIGN_STORE_TEST_OPENS";

/// The child of the test below: opens the file and adds what it was told to.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_opens_and_writes() {
    let Some(told) = std::env::var_os(CHILD) else { return };
    let told = told.into_string().unwrap();
    let (first, path) = told.split_once(' ').unwrap();
    let first: i64 = first.parse().unwrap();
    // Six writers on a machine that is busy with other tests: how long each waits is not what is asked here.
    let patient = SqliteOptions { patience: Duration::from_mins(1), ..SqliteOptions::default() };
    let store = Store::open_with(Path::new(path), patient, SCHEMA).unwrap();
    for id in first..first + 50 {
        store.run(Put(id)).await.unwrap();
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_make_the_same_file_at_once_share_it() {
    for _ in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let children: Vec<_> = (0..6)
            .map(|child| {
                std::process::Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "processes::child_that_opens_and_writes"])
                    .env(CHILD, format!("{} {}", child * 50, file(&folder).display()))
                    .stdout(std::process::Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        let store = open(&folder, SqliteOptions::default());
        assert_eq!(store.read(Contents).await.unwrap(), ((0..300).collect(), 300));
    }
}
