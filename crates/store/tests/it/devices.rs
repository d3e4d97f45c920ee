//! The last place for a device, raced for by owners who have proven themselves.

use std::sync::Arc;

use countersign_engine::{
    challenge::{Channel, DeviceLimit, Status},
    config::Project,
    environment::Environment,
    evaluation::{Evaluation, Verdict},
    id::{BrowserId, ChallengeId, MessageId},
    signal::Signals,
    text::ExternalId,
    time::{MINUTE, Timestamp},
};
use countersign_store::{
    Store,
    op::{
        AttemptCode, ChallengeDevices, ChallengeStep, Evaluate, KeepPresence, LogOutDevice, LogoutsSince, Moment,
        NewMessage, OpenChallenge, Present, SendCode, StepOutcome, UserDevices, UserSelector,
    },
};

use crate::product::{NOW, moment, on_every_database, project, random, signals};

const SHARED: &str = r#"[{"name":"shared","environment":"development","when":"device_count > 1","then":{"verdict":"challenge","challenge_config":"email","type":"account_sharing"}}]"#;

/// When challenges go on.
const LATER: Timestamp = Timestamp::from_millis(1_764_000_060_000);

/// Races for the last place.
const ROUNDS: u64 = 200;

/// One device is quiet, a second is asked, and two may be.
fn limited() -> Arc<Project> {
    let mut project = project(SHARED);
    let config = Arc::get_mut(&mut project).unwrap().challenge_configs.get_mut("email").unwrap();
    config.device_limit = DeviceLimit { overall: Some(2), ..DeviceLimit::default() };
    project
}

/// The `n`th evaluation, at its own millisecond.
async fn evaluate(store: &Store, project: &Arc<Project>, signals: Signals, n: u64) -> Evaluation {
    let op = Evaluate {
        project: Arc::clone(project),
        environment: Environment::Development,
        signals,
        moment: Moment { now: NOW.plus(i64::try_from(n).unwrap()), ..moment(n) },
        by_server: true,
    };
    store.run(op).await.unwrap().unwrap().evaluation
}

fn step(project: &Project, id: ChallengeId, n: u64) -> ChallengeStep {
    ChallengeStep { project: project.id, id, browser: cookie(n), now: LATER }
}

fn cookie(n: u64) -> [u8; 32] {
    let mut cookie = [0; 32];
    cookie[..8].copy_from_slice(&n.to_be_bytes());
    cookie
}

/// A browser that is challenged, and whose code is out.
async fn challenged(store: &Store, project: &Arc<Project>, user: &str, n: u64) -> ChallengeId {
    let done = evaluate(store, project, signals("access", user, n), n).await;
    assert_eq!(done.verdict, Verdict::Challenge);
    let id = done.challenge_id.unwrap();
    assert!(matches!(store.run(OpenChallenge(step(project, id, n))).await.unwrap(), StepOutcome::Done(..)));
    let send = SendCode {
        project: project.id,
        id,
        browser: cookie(n),
        channel: Channel::Email,
        code_hash: [7; 32],
        message: NewMessage { id: MessageId::new(1, random(n)), sealed: vec![1] },
        network: None,
        sends_per_hour: 1_000_000,
        now: LATER,
    };
    assert!(matches!(store.run(send).await.unwrap(), StepOutcome::Done(..)));
    id
}

/// Tries the right code.
async fn prove(store: &Store, project: &Project, id: ChallengeId, n: u64) -> Status {
    let op = AttemptCode { project: project.id, id, browser: cookie(n), hash: [7; 32], devices_since: NOW, now: LATER };
    match store.run(op).await.unwrap() {
        StepOutcome::Done(challenge, _) => challenge.status(),
        other => panic!("{other:?}"),
    }
}

async fn log_out(store: &Store, project: &Project, (id, n): (ChallengeId, u64)) -> Status {
    let seats = ChallengeDevices { project: project.id, id, since: NOW, now: LATER };
    let device = store.read(seats).await.unwrap().others.last().map(|device| device.id);
    let op = LogOutDevice { step: step(project, id, n), device, since: NOW };
    match store.run(op).await.unwrap() {
        StepOutcome::Done(challenge, ()) => challenge.status(),
        other => panic!("{other:?}"),
    }
}

async fn attached(store: &Store, project: &Project, user: &str) -> usize {
    let user = UserSelector::External(ExternalId::parse(user).unwrap());
    let (_, devices) = store.read(UserDevices { project: project.id, user }).await.unwrap().unwrap();
    devices.iter().filter(|device| device.attached).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_who_race_for_the_last_place_one_gets_it_every_time() {
    on_every_database(|store| async move {
        let project = limited();
        for round in 0..ROUNDS {
            let (user, n) = (format!("u{round}"), round * 10);
            let first = evaluate(&store, &project, signals("access", &user, n), n).await;
            assert_eq!(first.verdict, Verdict::Allow);
            // Three devices, two of them at the door, one place.
            let (b, c) =
                (challenged(&store, &project, &user, n + 1).await, challenged(&store, &project, &user, n + 2).await);
            let raced = tokio::join!(prove(&store, &project, b, n + 1), prove(&store, &project, c, n + 2));
            let waits = match raced {
                (Status::Completed, Status::Verified) => (c, n + 2),
                (Status::Verified, Status::Completed) => (b, n + 1),
                other => panic!("round {round}: {other:?}"),
            };
            assert_eq!(attached(&store, &project, &user).await, 2);
            assert_eq!(log_out(&store, &project, waits).await, Status::Completed);
            assert_eq!(attached(&store, &project, &user).await, 2);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_logged_out_is_told_once_unless_somebody_else_has_come_after() {
    on_every_database(|store| async move {
        let project = limited();
        let browser = BrowserId::new(1, random(1));
        let present = |told| KeepPresence {
            project: project.id,
            present: vec![Present { browser, network: "192.0.2.1".to_owned(), asn: None, told }],
            now: LATER,
        };
        for (user, takes_over) in [("ada", false), ("grace", true)] {
            let from = if takes_over { 100 } else { 0 };
            evaluate(&store, &project, signals("access", user, 1), from + 1).await;
            if takes_over {
                let later = evaluate(&store, &project, signals("access", "linus", 1), from + 50).await;
                assert_eq!(later.verdict, Verdict::Allow);
            }
            for n in [2, 3] {
                let id = challenged(&store, &project, user, from + n).await;
                let status = prove(&store, &project, id, from + n).await;
                if n == 3 {
                    assert_eq!(status, Status::Verified);
                    assert_eq!(log_out(&store, &project, (id, from + n)).await, Status::Completed);
                }
            }
        }
        let told = store.read(LogoutsSince { project: project.id, since: NOW.plus(-1) }).await.unwrap();
        let missed = store.run(present(0)).await.unwrap();
        assert_eq!((told.len(), &told), (1, &missed), "ada's, and not grace's: linus is there");
        assert_eq!(store.run(present(told[0].1)).await.unwrap(), vec![]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_logged_out_by_the_owner_is_no_longer_one_of_the_people_who_use_the_account() {
    const THIRD: &str = r#"[{"name":"third","environment":"development","when":"device_count > 2","then":{"verdict":"challenge","challenge_config":"email","type":"account_sharing"}}]"#;
    on_every_database(|store| async move {
        let mut project = project(THIRD);
        let config = Arc::get_mut(&mut project).unwrap().challenge_configs.get_mut("email").unwrap();
        config.device_limit = DeviceLimit { overall: Some(2), ..DeviceLimit::default() };
        let used = async |browser, minutes: i64, n: u64| {
            let now = NOW.plus(minutes * MINUTE);
            let op = Evaluate {
                project: Arc::clone(&project),
                environment: Environment::Development,
                signals: signals("access", "ada", browser),
                moment: Moment { now, ..moment(n) },
                by_server: true,
            };
            store.run(op).await.unwrap().unwrap().evaluation
        };
        // Two evenings, two houses.
        for (n, (browser, minutes)) in (100..).zip([(1, -1_470), (2, -1_455), (1, -1_440), (1, -30), (2, 0), (1, 1)]) {
            assert_eq!(used(browser, minutes, n).await.verdict, Verdict::Allow);
        }
        assert_eq!(used(1, 1, 106).await.checks["people_estimate_low"], 2);
        let third = challenged(&store, &project, "ada", 3).await;
        assert_eq!(prove(&store, &project, third, 3).await, Status::Verified);
        assert_eq!(log_out(&store, &project, (third, 3)).await, Status::Completed);
        assert_eq!(used(1, 2, 107).await.checks["people_estimate_low"], 1);
    })
    .await;
}
