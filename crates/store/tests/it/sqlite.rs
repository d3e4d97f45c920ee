//! What is SQLite's own: the queue's bound, the log's growth, copies, and a disk that fails.

use std::{path::Path, process::Command, time::Duration};

use countersign_store::{SqliteOptions, Store, StoreError};
use futures_util::future::join_all;

use crate::operation::{Contents, Hold, Put, SCHEMA, file, open};

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_answers_busy_and_forgets_nobody_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, SqliteOptions { queue: 10, ..SqliteOptions::default() });
    let (hold, begun, let_go) = Hold::new();
    let load = async {
        tokio::task::block_in_place(|| begun.recv().unwrap());
        let mut asked = Box::pin(join_all((0..15).map(|id| store.run(Put(id)))));
        assert!(futures_util::poll!(&mut asked).is_pending());
        assert_eq!(store.queue_depth(), 10);
        drop(let_go);
        asked.await
    };
    let answers = tokio::join!(store.run(hold), load).1;
    let busy = answers.iter().filter(|answer| matches!(answer, Err(StoreError::Busy))).count();
    assert_eq!((busy, answers.iter().filter(|answer| answer.is_ok()).count()), (5, 10));
    assert_eq!(store.read(Contents).await.unwrap().1, 10);
    assert_eq!(store.queue_depth(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_caller_hung_up_is_not_lent_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, SqliteOptions { readers: 1, ..SqliteOptions::default() });
    let (hold, begun, let_go) = Hold::new();
    let mut asked = Box::pin(store.read(hold));
    assert!(futures_util::poll!(&mut asked).is_pending());
    tokio::task::block_in_place(|| begun.recv().unwrap());
    drop(asked);
    let mut next = Box::pin(store.read(Contents));
    // That nothing happens has no event: a tenth of a second is a thousand times what a read takes.
    let early = tokio::time::timeout(Duration::from_millis(100), &mut next).await;
    assert!(early.is_err(), "the only connection is still in use: {early:?}");
    drop(let_go);
    next.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_read_lets_the_log_grow_only_until_it_ends() {
    const LIMIT: u64 = 64 << 20;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("store.db-wal");
    let store = open(&folder, SqliteOptions::default());
    let (hold, begun, let_go) = Hold::new();
    let writes = async {
        tokio::task::block_in_place(|| begun.recv().unwrap());
        // Each commit writes a few pages; a batch shares them, so these go one by one in rounds until the log is long.
        let mut id = 0;
        while size(&log) < LIMIT + (8 << 20) {
            join_all((0..32).map(|n| store.run(Large(id + n)))).await.into_iter().for_each(|answer| answer.unwrap());
            id += 32;
        }
        drop(let_go);
        id
    };
    let (seen, id) = tokio::join!(store.read(hold), writes);
    assert_eq!(seen.unwrap(), Vec::<i64>::new());
    // The next commit folds the log back; the one after it starts the log over, cut to its limit.
    for n in 0..3 {
        store.run(Large(id + n)).await.unwrap();
    }
    assert!(size(&log) <= LIMIT, "{}", size(&log));
    store.close().await;
    assert_eq!(size(&log), 0);
}

/// An entry of 64 KiB.
struct Large(i64);

impl countersign_store::Operation for Large {
    type Out = ();

    async fn run<T: countersign_store::Tx>(&self, tx: &T) -> Result<(), StoreError> {
        static INSERT: countersign_store::Sql =
            countersign_store::Sql::same("INSERT INTO entries (id, body) VALUES ($1, $2)");
        tx.write(&INSERT, &[self.0.into(), vec![7; 64 << 10].as_slice().into()]);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_under_load_is_one_moment_and_opens() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, SqliteOptions::default());
    let to = folder.path().join("copy.db");
    let before = join_all((0..2_000).map(|id| store.run(Put(id)))).await;
    assert!(before.iter().all(Result::is_ok));
    let writes = join_all((2_000..4_000).map(|id| store.run(Put(id))));
    let (written, backed_up) = tokio::join!(writes, store.backup(&to));
    backed_up.unwrap();
    assert!(written.iter().all(Result::is_ok));
    let copy = Store::open_with(&to, SqliteOptions::default(), SCHEMA).unwrap();
    let (ids, total) = copy.read(Contents).await.unwrap();
    assert!(total >= 2_000, "what was acknowledged before is in it");
    assert_eq!(ids, (0..total).collect::<Vec<_>>());
    copy.run(Put(9_999)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_replaces_nothing_and_leaves_no_half() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, SqliteOptions::default());
    let to = folder.path().join("copy.db");
    std::fs::write(&to, "last week's").unwrap();
    assert!(matches!(store.backup(&to).await, Err(StoreError::Unavailable(_))));
    assert_eq!(std::fs::read(&to).unwrap(), b"last week's");
    let nowhere = folder.path().join("missing").join("copy.db");
    assert!(matches!(store.backup(&nowhere).await, Err(StoreError::Unavailable(_))));
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("partial")), "{names:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, SqliteOptions::default());
    store.run(Put(1)).await.unwrap();
    store.backup(&folder.path().join("copy.db")).await.unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
}

const FULL_DISK: &str = "COUNTERSIGN_STORE_TEST_FULL_DISK";

/// The child of the test below: writes until the disk is full, then says how far it got.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_fills_its_disk() {
    let Some(path) = std::env::var_os(FULL_DISK) else { return };
    let store = Store::open_with(Path::new(&path), SqliteOptions::default(), SCHEMA).unwrap();
    let mut id = 0;
    let error = loop {
        match store.run(Put(id)).await {
            Ok(_) => id += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let together = join_all((0..50).map(|n| store.run(Put(1_000_000 + n)))).await;
    assert!(together.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))), "{together:?}");
    assert_eq!(store.read(Contents).await.unwrap(), ((0..id).collect(), id));
    println!("\nacknowledged {id}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    // No file may pass 256 KiB (in blocks of 512 bytes), and trying to is an error, not a signal.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$0\" --exact sqlite::child_that_fills_its_disk --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env(FULL_DISK, file(&folder))
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{output}{}", String::from_utf8_lossy(&child.stderr));
    let acknowledged = output.lines().find_map(|line| line.strip_prefix("acknowledged ")).unwrap().parse().unwrap();
    assert!(acknowledged > 0);
    let store = open(&folder, SqliteOptions { patience: Duration::from_secs(1), ..SqliteOptions::default() });
    assert_eq!(store.read(Contents).await.unwrap(), ((0..acknowledged).collect(), acknowledged));
    store.run(Put(acknowledged)).await.unwrap();
}
