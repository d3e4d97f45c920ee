//! Opening: migrations run forward, once, and a file that is not for this version is left as it is.

use countersign_store::{MIGRATIONS, Migration, OpenError, SqliteOptions, Store};

use crate::operation::{Contents, Put, SCHEMA, file, open};

const SECOND: Migration = Migration { number: 2, name: "more", sql: "CREATE TABLE more (id INTEGER) STRICT" };

fn reopen(folder: &tempfile::TempDir, migrations: &[Migration]) -> Result<Store, OpenError> {
    Store::open_with(&file(folder), SqliteOptions::default(), migrations)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_products_own_schema_opens_twice() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        Store::open(&folder.path().join("new").join("folder").join("store.db"), SqliteOptions::default())
            .unwrap()
            .close()
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_step_is_taken_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, SqliteOptions::default());
    store.run(Put(1)).await.unwrap();
    store.close().await;
    let store = reopen(&folder, &[SCHEMA[0], SECOND]).unwrap();
    assert_eq!(store.read(Contents).await.unwrap(), (vec![1], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_stops_the_start_in_one_line_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    reopen(&folder, &[SCHEMA[0], SECOND]).unwrap().close().await;
    let before = std::fs::read(file(&folder)).unwrap();
    let error = reopen(&folder, SCHEMA).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }));
    assert!(!error.to_string().contains('\n') && error.to_string().contains("newer"), "{error}");
    assert_eq!(std::fs::read(file(&folder)).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_step_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder, SqliteOptions::default()).close().await;
    let edited = Migration { sql: "CREATE TABLE entries (id TEXT) STRICT", ..SCHEMA[0] };
    let error = reopen(&folder, &[edited]).unwrap_err();
    assert!(matches!(error, OpenError::Edited { number: 1, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_leaves_nothing_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let broken = Migration { sql: "CREATE TABLE half (id INTEGER) STRICT; SELECT nothing FROM nowhere;", ..SECOND };
    assert!(matches!(reopen(&folder, &[SCHEMA[0], broken]), Err(OpenError::Unusable { .. })));
    // Nor of those before it: an upgrade is whole, or the version before goes on with what is there.
    assert!(matches!(reopen(&folder, &[]).map(drop), Ok(())));
    let mended = Migration { sql: "CREATE TABLE half (id INTEGER) STRICT", ..SECOND };
    reopen(&folder, &[SCHEMA[0], mended]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let other = rusqlite::Connection::open(file(&folder)).unwrap();
    other.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    assert!(matches!(reopen(&folder, SCHEMA), Err(OpenError::Foreign { .. })));
    std::fs::write(folder.path().join("notes.txt"), "not a database, but long enough to look like one".repeat(100))
        .unwrap();
    let notes = Store::open(&folder.path().join("notes.txt"), SqliteOptions::default());
    assert!(matches!(notes, Err(OpenError::Unusable { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_first_schema_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    Store::open_with(&file(&folder), SqliteOptions::default(), &MIGRATIONS[..1]).unwrap().close().await;
    let store = Store::open(&file(&folder), SqliteOptions::default()).unwrap();
    store.prepare(countersign_store::op::statements()).await.unwrap();
}
