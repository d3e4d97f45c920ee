//! What every database keeps. Each test is written once and runs on all of them.

use countersign_store::{Store, StoreError};
use futures_util::future::join_all;

use crate::operation::{ALL, Claim, Contents, Fault, Hold, Owner, Put, with_store};

/// Stops the writer, calls `submit` while it stands still so that all that is submitted forms one batch, and lets go.
async fn in_one_batch<T>(store: &Store, submit: impl AsyncFnOnce() -> T) -> T {
    let (hold, begun, let_go) = Hold::new();
    let submit = async {
        tokio::task::block_in_place(|| begun.recv().unwrap());
        let submitted = submit();
        futures_util::pin_mut!(submitted);
        // The first poll puts everything into the queue.
        assert!(futures_util::poll!(&mut submitted).is_pending());
        drop(let_go);
        submitted.await
    };
    tokio::join!(store.run(hold), submit).1
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_carried_out_in_the_order_in_which_they_came() {
    with_store(|store| async move {
        let answers = in_one_batch(&store, async || join_all((0..700).map(|id| store.run(Put(id)))).await).await;
        let counts: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(counts, (0..700).collect::<Vec<_>>());
        assert_eq!(store.read(Contents).await.unwrap(), ((0..700).collect(), 700));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_leaves_no_trace_and_takes_nobody_with_it() {
    with_store(|store| async move {
        let (good, bad) = in_one_batch(&store, async || {
            let before = join_all((0..20).map(|id| store.run(Put(id))));
            let faults = join_all([
                store.run(Fault::Err(100)),
                store.run(Fault::Panic(101)),
                store.run(Fault::RefusedWrite(102)),
                store.run(Fault::SwallowedClaim(103)),
                store.run(Fault::Waits(104)),
            ]);
            let after = join_all((20..40).map(|id| store.run(Put(id))));
            let (before, bad, after) = tokio::join!(before, faults, after);
            ([before, after].concat(), bad)
        })
        .await;
        let counts: Vec<_> = good.into_iter().map(Result::unwrap).collect();
        assert_eq!(counts, (0..40).collect::<Vec<_>>(), "each sees those before it, and none of the faults");
        assert!(matches!(bad[0], Err(StoreError::Corrupt { what: "for the test" })));
        assert!(bad[1..].iter().all(|answer| matches!(answer, Err(StoreError::Failed(_)))), "{bad:?}");
        assert_eq!(store.read(Contents).await.unwrap(), ((0..40).collect(), 40));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_alone_is_told_and_survived() {
    with_store(|store| async move {
        for fault in [Fault::Panic(1), Fault::RefusedWrite(1), Fault::SwallowedClaim(1), Fault::Waits(1)] {
            let Err(StoreError::Failed(what)) = store.run(fault).await else { panic!("it was taken for done") };
            assert!(!what.to_string().contains("INSERT"), "{what}");
        }
        store.run(Put(1)).await.unwrap();
        assert_eq!(store.read(Contents).await.unwrap(), (vec![1], 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_who_claim_at_once_one_wins() {
    with_store(|store| async move {
        store.run(Put(7)).await.unwrap();
        let claims = (0..1_000).map(|who| {
            let store = store.clone();
            #[expect(clippy::disallowed_methods, reason = "the claims must race on several threads")]
            tokio::spawn(async move { store.run(Claim(7, who.to_string())).await.unwrap() })
        });
        let won: Vec<_> = join_all(claims).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> = (0..1_000).filter(|who| won[*who]).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(store.read(Owner(7)).await.unwrap(), Some(winners[0].to_string()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_leaves_a_whole_operation_or_none() {
    with_store(|store| async move {
        let kept = in_one_batch(&store, async || {
            // Every other caller puts their operation into the queue and is gone.
            let callers = (0..100).map(async |id| {
                let mut asked = Box::pin(store.run(Put(id)));
                assert!(futures_util::poll!(&mut asked).is_pending());
                if id % 2 == 0 { Some(asked.await.map(|_| id)) } else { None }
            });
            join_all(callers).await
        })
        .await;
        let acknowledged: Vec<i64> = kept.into_iter().flatten().map(Result::unwrap).collect();
        let (ids, total) = store.read(Contents).await.unwrap();
        assert_eq!(i64::try_from(ids.len()).unwrap(), total);
        assert!(acknowledged.iter().all(|id| ids.contains(id)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_sees_one_moment_and_writes_nothing() {
    with_store(|store| async move {
        store.run(Put(1)).await.unwrap();
        let (hold, begun, let_go) = Hold::new();
        let writes = async {
            tokio::task::block_in_place(|| begun.recv().unwrap());
            store.run(Put(2)).await.unwrap();
            let now = store.read(Contents).await.unwrap();
            drop(let_go);
            now
        };
        let (seen, now) = tokio::join!(store.read(hold), writes);
        assert_eq!((seen.unwrap(), now), (vec![1], (vec![1, 2], 2)));
        assert!(matches!(store.read(Put(3)).await, Err(StoreError::Failed(_))));
        assert!(matches!(store.read(Claim(1, "me".to_owned())).await, Err(StoreError::Failed(_))));
        assert_eq!(store.read(Contents).await.unwrap(), (vec![1, 2], 2));
        assert_eq!(store.read(Owner(1)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_or_panics_spoils_no_connection() {
    with_store(|store| async move {
        for _ in 0..20 {
            store.read(Fault::Panic(1)).await.unwrap_err();
            store.read(Fault::Waits(1)).await.unwrap_err();
        }
        assert_eq!(store.read(Contents).await.unwrap(), (vec![], 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_finishes_what_is_queued_and_refuses_the_rest() {
    with_store(|store| async move {
        let closing = store.clone();
        let answers = in_one_batch(&store, async || {
            tokio::join!(join_all((0..300).map(|id| store.run(Put(id)))), closing.close()).0
        })
        .await;
        assert!(answers.iter().all(Result::is_ok));
        assert!(matches!(store.run(Put(300)).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.read(Contents).await, Err(StoreError::Unavailable(_))));
        assert_eq!(store.queue_depth(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_checked_without_being_run() {
    use countersign_store::Sql;
    static UNKNOWN: Sql = Sql::same("SELECT nothing FROM nowhere");
    static SWAPPED: Sql = Sql::same("SELECT n FROM totals WHERE n = $2 AND name = $1");
    static REPEATED: Sql = Sql::same("SELECT $1, $2, $1");
    with_store(|store| async move {
        store.prepare(ALL).await.unwrap();
        store.prepare([&REPEATED]).await.unwrap();
        assert!(store.prepare([&UNKNOWN]).await.unwrap_err().to_string().contains("nowhere"));
        assert!(store.prepare([&SWAPPED]).await.unwrap_err().to_string().contains("order"));
    })
    .await;
}
