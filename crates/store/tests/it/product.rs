//! The product's own operations, on its own schema: what a race, a replay or a forgotten guard would break.

use std::sync::Arc;

use countersign_engine::{
    challenge::{Attempt, Channel, Status},
    config::{Project, Settings},
    consume::Expect,
    environment::Environment,
    evaluation::Verdict,
    id::{BrowserId, ChallengeId, DeviceId, EvaluationId, MessageId, PolicyId, ProjectId, UserId},
    policy::{Policy, PolicySet},
    signal::{Agent, Background, DeviceType, Signals},
    text::{ActionName, Contact, Email, ExternalId},
    time::{MINUTE, Timestamp},
};
use countersign_postgres_cluster::Cluster;
use countersign_store::{
    PostgresOptions, SqliteOptions, Store,
    op::{
        self, AttemptCode, ChallengeById, ChallengeStep, Consume, ConsumeOutcome, Evaluate, Evaluated, EvaluationById,
        Moment, NewMessage, OpenChallenge, Retire, SendCode, StepOutcome, UpdateUser, Updated, UserSelector,
        UserUpdate,
    },
};
use futures_util::future::join_all;

pub const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);
const BROWSER: [u8; 32] = [7; 32];

pub fn random(n: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&n.to_be_bytes());
    bytes
}

pub fn moment(n: u64) -> Moment {
    let ms = NOW.millis();
    Moment {
        now: NOW,
        evaluation_id: EvaluationId::new(ms, random(n)),
        challenge_id: ChallengeId::new(ms, random(n)),
        user_id: UserId::new(ms, random(n)),
        device_id: DeviceId::new(ms, random(n)),
    }
}

pub fn project(policies: &str) -> Arc<Project> {
    let policies: Vec<Policy> = serde_json::from_str(policies).unwrap();
    let policies: Vec<_> =
        policies.into_iter().enumerate().map(|(i, p)| (PolicyId::new(1, random(i as u64)), p)).collect();
    let config = serde_json::json!({"name": "email", "success_url": "https://shop.example/verified"});
    Arc::new(Project {
        id: ProjectId::new(1, random(1)),
        slug: "shop".into(),
        revision: 1,
        settings: Settings::default(),
        keys: Vec::new(),
        webhooks: Vec::new(),
        challenge_configs: [("email".to_owned(), serde_json::from_value(config).unwrap())].into(),
        lists: std::collections::BTreeMap::new(),
        development: PolicySet::compile(&policies, Environment::Development),
        production: PolicySet::compile(&policies, Environment::Production),
        risks: countersign_engine::risk::RiskSet::default(),
        policies: policies.into_iter().collect(),
    })
}

/// What comes from one browser of a user. No two browsers share an address or a mail domain: what makes them wait for each
/// other is the user alone.
pub fn signals(action: &str, user: &str, browser: u64) -> Signals {
    Signals {
        action: ActionName::parse(action).unwrap(),
        user: Some(ExternalId::parse(user).unwrap()),
        email: Some(Contact::email(&format!("ada@shop{browser}.example"))),
        phone: None,
        metadata: None,
        groups: Vec::new(),
        ip: Some(std::net::Ipv4Addr::from_bits(0xC633_0000 | u32::try_from(browser).unwrap()).into()),
        place: None,
        agent: Agent { browser: None, os: None, device_type: Some(DeviceType::Computer) },
        fingerprint: None,
        browser: Some(BrowserId::new(1, random(browser))),
        browser_known: true,
        page_url: None,
        email_is_webmail: None,
        background: Background::default(),
        degraded: Vec::new(),
    }
}

pub async fn evaluate(store: &Store, project: &Arc<Project>, signals: Signals, n: u64) -> Evaluated {
    let op = Evaluate {
        project: Arc::clone(project),
        environment: Environment::Development,
        signals,
        moment: moment(n),
        by_server: true,
    };
    store.run(op).await.unwrap().unwrap()
}

/// Runs a test on a new, empty database of every kind.
pub async fn on_every_database<F: Future<Output = ()>>(test: impl Fn(Store) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("test.db"), SqliteOptions::default()).unwrap();
    test(store.clone()).await;
    store.close().await;
    let cluster = Cluster::shared().unwrap();
    let store = Store::connect(&cluster.database().unwrap(), PostgresOptions::default()).await.unwrap();
    test(store.clone()).await;
    store.close().await;
}

pub const CAP: &str =
    r#"[{"name":"cap","environment":"development","actions":["access"],"when":"device_count > 3","then":"deny"}]"#;
pub const RATE: &str =
    r#"[{"name":"rate","environment":"development","when":"event_count.ip.login.1h > 40","then":"deny"}]"#;
pub const CHALLENGE: &str = r#"[{"name":"challenge","environment":"development","then":{"verdict":"challenge","challenge_config":"email","type":"account_takeover"}}]"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_understood_and_numbered_in_order() {
    on_every_database(|store| async move {
        store.prepare(op::statements()).await.unwrap();
        assert!(op::statements().count() > 30);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_free_device_slot_goes_to_one_of_those_who_race_for_it() {
    for round in 0..20 {
        on_every_database(|store| async move {
            let project = project(CAP);
            let racers = (0..12).map(|n| evaluate(&store, &project, signals("access", "u1", n), round * 100 + n));
            let verdicts: Vec<_> = join_all(racers).await.into_iter().map(|done| done.evaluation.verdict).collect();
            assert_eq!(verdicts.iter().filter(|v| **v == Verdict::Allow).count(), 3, "{verdicts:?}");
            // Whoever was refused took no slot: the three that are attached stay welcome.
            let again = evaluate(&store, &project, signals("access", "u1", 99), round * 100 + 50).await;
            assert_eq!(again.evaluation.verdict, Verdict::Deny);
            assert_eq!(again.evaluation.checks["device_count"], 4);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_consumes_one_wins() {
    on_every_database(|store| async move {
        let project = project("[]");
        let id = evaluate(&store, &project, signals("login", "u1", 1), 1).await.evaluation.id;
        let consume = |n: u16| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&n.to_be_bytes());
            Consume { project: project.id, id, expect: Expect::default(), key, window_minutes: 60, now: NOW }
        };
        let outcomes = join_all((0..1_000).map(|n| store.run(consume(n)))).await;
        let won = outcomes.iter().filter(|o| matches!(o, Ok(ConsumeOutcome::Claimed(_)))).count();
        let lost = outcomes.iter().filter(|o| matches!(o, Ok(ConsumeOutcome::AlreadyConsumed(_)))).count();
        assert_eq!((won, lost), (1, 999));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_with_the_same_key_gets_the_first_answer_for_a_day() {
    on_every_database(|store| async move {
        let project = project("[]");
        let id = evaluate(&store, &project, signals("login", "u1", 1), 1).await.evaluation.id;
        let consume = |key: u8, minutes: i64| Consume {
            project: project.id,
            id,
            expect: Expect::default(),
            key: [key; 32],
            window_minutes: 60,
            now: NOW.plus(minutes * MINUTE),
        };
        let first = store.run(consume(1, 1)).await.unwrap();
        let ConsumeOutcome::Claimed(first) = first else { panic!("{first:?}") };
        let repeat = store.run(consume(1, 24 * 60)).await.unwrap();
        let ConsumeOutcome::Claimed(repeat) = repeat else { panic!("{repeat:?}") };
        assert_eq!(first.0.consumed_at, repeat.0.consumed_at);
        assert!(matches!(store.run(consume(2, 2)).await.unwrap(), ConsumeOutcome::AlreadyConsumed(_)));
        assert!(matches!(store.run(consume(1, 25 * 60)).await.unwrap(), ConsumeOutcome::AlreadyConsumed(_)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_guesses_at_once_are_five_guesses() {
    for round in 0..10_u8 {
        on_every_database(|store| async move {
            let project = project(CHALLENGE);
            let done = evaluate(&store, &project, signals("login", "u1", 1), 1).await;
            let id = done.evaluation.challenge_id.unwrap();
            let step = ChallengeStep { project: project.id, id, browser: BROWSER, now: NOW };
            assert!(matches!(store.run(OpenChallenge(step)).await.unwrap(), StepOutcome::Done(..)));
            let send = SendCode {
                project: project.id,
                id,
                browser: BROWSER,
                channel: Channel::Email,
                code_hash: [200; 32],
                message: NewMessage { id: MessageId::new(1, random(1)), sealed: vec![1] },
                network: None,
                sends_per_hour: 100,
                now: NOW,
            };
            assert!(matches!(store.run(send).await.unwrap(), StepOutcome::Done(..)));
            // The right one comes somewhere among the wrong ones.
            let guess = |n: u8| {
                let hash = if n == round * 19 { [200; 32] } else { [n.min(199); 32] };
                AttemptCode { project: project.id, id, browser: BROWSER, hash, devices_since: NOW, now: NOW }
            };
            let outcomes = join_all((0..200).map(|n| store.run(guess(n)))).await;
            let compared = outcomes.iter().filter(|o| matches!(o, Ok(StepOutcome::Done(..)))).count();
            let right = outcomes.iter().filter(|o| matches!(o, Ok(StepOutcome::Done(_, Attempt::Right)))).count();
            assert!(compared <= 5, "{compared} were compared");
            let (_, challenge) =
                store.read(ChallengeById { projects: vec![project.id], id, now: NOW }).await.unwrap().unwrap();
            let wanted = if right == 1 { Status::Completed } else { Status::Failed };
            assert_eq!((challenge.status(), challenge.attempts as usize), (wanted, compared));
        })
        .await;
    }
}

/// What comes from one browser of a user behind an address and with a mail domain that many share.
pub fn of_a_crowd(user: u64, browser: u64) -> Signals {
    let ip = Some(std::net::Ipv4Addr::new(203, 0, 113, 9).into());
    Signals { ip, email: Some(Contact::email("ada@mail.example")), ..signals("login", &format!("user{user}"), browser) }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_come_at_once_from_one_address_are_counted_one_after_the_other() {
    on_every_database(async |store: Store| {
        let project = project(RATE);
        let all = join_all((0..400).map(|n| evaluate(&store, &project, of_a_crowd(n % 23, n % 61), n))).await;
        let allowed = all.iter().filter(|e| e.evaluation.verdict == Verdict::Allow).count();
        assert_eq!(allowed, 40);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_goes_and_what_it_taught_stays() {
    const WEEK: i64 = 7 * countersign_engine::time::DAY;
    on_every_database(async |store: Store| {
        let project = project(CHALLENGE);
        let at = |weeks: i64, n: u64| {
            let now = NOW.plus(weeks * WEEK);
            let ids = moment(n);
            Moment {
                now,
                evaluation_id: EvaluationId::new(now.millis(), random(n)),
                challenge_id: ChallengeId::new(now.millis(), random(n)),
                ..ids
            }
        };
        let evaluate = async |moment: Moment| {
            let op = Evaluate {
                project: Arc::clone(&project),
                environment: Environment::Development,
                signals: signals("login", "ada", 1),
                moment,
                by_server: true,
            };
            store.run(op).await.unwrap().unwrap().evaluation.id
        };
        // The first comes before there is a partition for it, as after an upgrade.
        let oldest = evaluate(at(-9, 1)).await;
        store.tend(NOW.plus(-5 * WEEK), None).await.unwrap();
        let old = evaluate(at(-5, 2)).await;
        store.tend(NOW, None).await.unwrap();
        let (young, before) = (evaluate(at(0, 3)).await, NOW.plus(-2 * WEEK));
        store.tend(NOW, Some(before)).await.unwrap();
        while store.run(Retire { project: project.id, before }).await.unwrap() > 0 {}
        let is_there =
            async |id| store.read(EvaluationById { project: project.id, id, now: NOW }).await.unwrap().is_some();
        assert_eq!((is_there(oldest).await, is_there(old).await, is_there(young).await), (false, false, true));
        let has_challenge = async |moment: Moment| {
            let op = ChallengeById { projects: vec![project.id], id: moment.challenge_id, now: NOW };
            store.read(op).await.unwrap().is_some()
        };
        assert_eq!((has_challenge(at(-5, 2)).await, has_challenge(at(0, 3)).await), (false, true));
        let again = store
            .run(Evaluate {
                project: Arc::clone(&project),
                environment: Environment::Development,
                signals: signals("login", "ada", 1),
                moment: at(0, 4),
                by_server: true,
            })
            .await
            .unwrap()
            .unwrap();
        assert_eq!(again.evaluation.checks.get("is_new_user").and_then(serde_json::Value::as_bool), Some(false));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_found_in_two_ways_at_once_is_counted_as_one() {
    const RATE: &str =
        r#"[{"name":"rate","environment":"development","when":"event_count.user.login.1h > 10","then":"deny"}]"#;
    let test = async |store: Store| {
        let project = project(RATE);
        let known = Email::parse("ada@shop.example").unwrap();
        let update = UpdateUser {
            project: project.id,
            user: UserSelector::External(ExternalId::parse("ada").unwrap()),
            update: UserUpdate { email: Some(Some(known)), ..UserUpdate::default() },
            new_id: moment(1).user_id,
            now: NOW,
        };
        assert_eq!(store.run(update).await.unwrap(), Updated::Done);
        let signals = |n: u64| {
            let by_id = signals("login", "ada", n);
            let by_email = Signals { user: None, email: Some(Contact::email("ada@shop.example")), ..by_id.clone() };
            if n.is_multiple_of(2) { by_id } else { by_email }
        };
        let all = join_all((2..80).map(|n| evaluate(&store, &project, signals(n), n))).await;
        assert!(all.iter().all(|e| e.evaluation.user.as_ref().unwrap().id == moment(1).user_id));
        assert_eq!(all.iter().filter(|e| e.evaluation.verdict == Verdict::Allow).count(), 10);
    };
    on_every_database(test).await;
    // With one writer both ways share a transaction.
    let cluster = Cluster::shared().unwrap();
    let options = PostgresOptions { writers: 1, ..PostgresOptions::default() };
    let store = Store::connect(&cluster.database().unwrap(), options).await.unwrap();
    test(store.clone()).await;
    store.close().await;
}
