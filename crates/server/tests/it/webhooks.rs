//! Endpoints hear of what happened: signed, once it is so, again until they take it, and nobody else in their place.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use countersign_engine::{
    event::Webhook,
    id::{EventId, WebhookId},
    time::DAY,
};
use countersign_server::{
    context::Clock,
    webhook,
    webhook_signature::{SignedHeaders, SigningKey},
};
use countersign_store::op::{Delivery, DeliveryState, ReadDeliveries, Replay};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

use crate::{
    app::{MINUTE, TestApp},
    people::Browser,
    receivers::Arrivals,
    wire::{PATIENCE, Request},
};

const HOUR: i64 = 60 * MINUTE;

/// What arrived at an endpoint.
#[derive(Clone, Debug)]
struct Heard {
    id: String,
    timestamp: String,
    signature: String,
    body: Vec<u8>,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn is_signed_with(&self, secret: &str, clock: &Clock) -> bool {
        let headers = SignedHeaders { id: &self.id, timestamp: &self.timestamp, signature: &self.signature };
        SigningKey::parse(secret).unwrap().verify(headers, &self.body, clock.now().millis() / 1_000).is_ok()
    }
}

/// An endpoint of the site's: keeps what it hears, and answers as it is told.
#[derive(Clone)]
struct Endpoint {
    address: SocketAddr,
    heard: Arrivals<Heard>,
    answers: Arc<Mutex<StatusCode>>,
    _tasks: Arc<JoinSet<()>>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, mut tasks) = (Arrivals::default(), JoinSet::new());
        let answers = Arc::new(Mutex::new(StatusCode::NO_CONTENT));
        let state = (heard.clone(), Arc::clone(&answers));
        let router = Router::new().route("/hook", post(take)).with_state(state);
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, heard, answers, _tasks: Arc::new(tasks) }
    }

    fn answer(&self, status: StatusCode) {
        *self.answers.lock().unwrap() = status;
    }

    /// What it heard so far of that type.
    fn of(&self, kind: &str) -> Vec<Heard> {
        self.heard.of(|one| one.json()["type"] == kind)
    }

    /// The `nth` of a type, counted from 1, as soon as it is there.
    async fn nth(&self, kind: &str, nth: usize) -> Heard {
        let found = self.heard.nth(nth, |one| one.json()["type"] == kind).await;
        let came = || self.heard.of(|_| true).iter().map(|one| one.json()["type"].clone()).collect::<Vec<_>>();
        found.unwrap_or_else(|| panic!("{kind} number {nth} never came, but {:?}", came()))
    }
}

type Keeps = (Arrivals<Heard>, Arc<Mutex<StatusCode>>);

async fn take(State((heard, answers)): State<Keeps>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let text = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
    let one = Heard {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp"),
        signature: text("webhook-signature"),
        body: body.to_vec(),
    };
    heard.add(one);
    // More than anybody would read: the status is answer enough.
    (*answers.lock().unwrap(), "x".repeat(200_000))
}

/// The document of an endpoint, with `more` over the usual.
fn document(endpoint: &Endpoint, more: &Value) -> Value {
    let mut document = json!({"name": "Shop", "url": format!("http://{}/hook", endpoint.address)});
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document
}

/// A server with one endpoint.
async fn with_endpoint(more: Value) -> (TestApp, Endpoint, WebhookId) {
    let (mut app, endpoint) = (TestApp::start().await, Endpoint::start().await);
    let id = set(&mut app, 1, &document(&endpoint, &more)).await;
    (app, endpoint, id)
}

async fn set(app: &mut TestApp, n: u8, document: &Value) -> WebhookId {
    let store = app.ctx.store.clone();
    let id = app.project.set_webhook(&store, n, document).await;
    app.ctx.projects.refresh(&store).await.unwrap();
    id
}

/// The endpoint's secrets, the newest first, as its operator is shown them.
fn secrets(app: &TestApp, id: WebhookId, document: &Value) -> Vec<String> {
    let webhook: Webhook = serde_json::from_value(document.clone()).unwrap();
    let secrets = webhook::secrets(&app.ctx.key, app.project.id, (id, &webhook));
    secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect()
}

async fn deliveries(app: &TestApp) -> Vec<Delivery> {
    app.ctx.store.read(ReadDeliveries { project: app.project.id, most: 100 }).await.unwrap()
}

/// Waits until the only delivery stands so.
async fn stands(app: &TestApp, wanted: impl Fn(&Delivery) -> bool) -> Delivery {
    let wait = async {
        loop {
            match deliveries(app).await.as_slice() {
                [one] if wanted(one) => return one.clone(),
                _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("the delivery never stood so")
}

async fn detach(app: &TestApp, browser: &Browser<'_>, token: &str) {
    let body = json!({"client_id": browser.client_id, "device_token": token});
    let request = Request::new("POST", "/v3/devices/detach").header("content-type", "text/plain");
    app.anon(request.header("origin", "https://shop.example").body(body.to_string())).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_told_from_its_first_code_to_its_end() {
    let (app, endpoint, id) = with_endpoint(json!({})).await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.pass(&told, "ada@example.com").await;
    let pending = endpoint.nth("challenge.pending", 1).await;
    let completed = endpoint.nth("challenge.completed", 1).await;
    let attached = endpoint.nth("device.attached", 1).await;
    let secret = secrets(&app, id, &document(&endpoint, &json!({}))).remove(0);
    for one in [&pending, &completed, &attached] {
        assert!(one.is_signed_with(&secret, &app.clock));
        assert_eq!(one.json()["id"], one.id, "what it is called on every try");
        assert_eq!((&one.json()["account"], &one.json()["user"]["id"]), (&json!("ada"), &json!("ada")));
    }
    let body = completed.json();
    assert_eq!(body["event"], "challenge.completed");
    assert_eq!(body["challenge"]["id"], told.challenge());
    assert_eq!(body["challenge"]["evaluation"], told.evaluation);
    assert_eq!(
        (&body["challenge"]["status"], &body["challenge"]["type"]),
        (&json!("completed"), &json!("account_takeover"))
    );
    assert_eq!(attached.json()["device"]["status"], "attached");
    // Neither codes nor addresses leave.
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    let all: Vec<u8> = endpoint.heard.of(|_| true).into_iter().flat_map(|one| one.body).collect();
    let all = String::from_utf8(all).unwrap();
    assert!(!all.contains(&code) && !all.contains("example.com"), "{all}");
    assert!(endpoint.of("evaluation.created").is_empty(), "only who asks for it hears it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_nobody_finishes_is_told_when_its_time_is_over_and_one_that_was_passed_is_not() {
    let (app, endpoint, _) = with_endpoint(json!({"events": ["challenge.expired", "challenge.skipped"]})).await;
    let left = app.browser().log_in("ada").await;
    let passed = app.browser();
    passed.pass(&passed.log_in("eve").await, "eve@example.com").await;
    app.pass(2 * HOUR).await;
    let expired = endpoint.nth("challenge.expired", 1).await.json();
    assert_eq!(
        (&expired["challenge"]["id"], &expired["challenge"]["status"]),
        (&json!(left.challenge()), &json!("expired"))
    );
    assert_eq!(deliveries(&app).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_told_with_the_device_that_loses_its_place() {
    let (app, endpoint, _) = with_endpoint(json!({})).await;
    let browser = app.browser();
    browser.pass(&browser.log_in("ada").await, "ada@example.com").await;
    let link = app.mail.nth_to("ada@example.com", 1).await.report_path();
    let (path, token) = link.split_once("?token=").unwrap();
    let reader = app.browser();
    for _ in 0..2 {
        reader.submit(path, &[("token", token)]).await;
    }
    let reported = endpoint.nth("challenge.reported", 1).await.json();
    assert_eq!(reported["account"], "ada");
    let detached = endpoint.nth("device.detached", 1).await.json();
    assert_eq!(detached["device"]["status"], "reported");
    assert_eq!(deliveries(&app).await.iter().filter(|one| one.kind == "challenge.reported").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_nobody_uses_is_told_when_its_time_has_come_and_not_before() {
    let (app, endpoint, _) = with_endpoint(json!({"events": ["device.detached"]})).await;
    let (left, used) = (app.browser(), app.browser());
    let come = async |browser: &Browser<'_>| {
        let told = browser.evaluate("post", json!({"user": "ada"})).await;
        app.site().evaluation(&told.evaluation).await["device"].clone()
    };
    let told = async |nth: usize| {
        let event = endpoint.nth("device.detached", nth).await.json();
        assert_eq!((&event["account"], &event["device"]["status"]), (&json!("ada"), &json!("unused")));
        event["device"]["id"].clone()
    };
    let (one, other) = (come(&left).await, come(&used).await);
    app.pass(5 * DAY).await;
    come(&used).await;
    app.pass(2 * DAY + MINUTE).await;
    assert_eq!(told(1).await, one);
    // It comes back and takes its place anew; the other is left now.
    assert_eq!(come(&left).await, one);
    app.pass(5 * DAY).await;
    assert_eq!(told(2).await, other);
    app.pass(3 * DAY).await;
    assert_eq!(told(3).await, one);
    assert_eq!(endpoint.of("device.detached").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_out_or_is_suspended_or_converts_is_told_of() {
    let (app, endpoint, _) = with_endpoint(json!({})).await;
    let browser = app.browser();
    let told = browser.evaluate("post", json!({"user": "ada"})).await;
    detach(&app, &browser, &told.device_token).await;
    assert_eq!(endpoint.nth("device.detached", 1).await.json()["device"]["status"], "detached");
    // Once suspended, a user stays so: that is told once, and that it is lifted.
    for _ in 0..2 {
        browser.evaluate("abuse", json!({"user": "bob"})).await;
    }
    assert_eq!(endpoint.nth("user.suspended", 1).await.json()["account"], "bob");
    let verdict = async |action: &str| {
        let told = browser.evaluate(action, json!({"user": "bob"})).await;
        app.site().evaluation(&told.evaluation).await["verdict"].clone()
    };
    assert_eq!(verdict("post").await, "suspend");
    for _ in 0..2 {
        app.site().post("/v3/user/bob/update", &json!({"suspended": false})).await.expect(204);
    }
    assert_eq!(endpoint.nth("user.unsuspended", 1).await.json()["account"], "bob");
    assert_eq!(verdict("post").await, "allow");
    // Shown the page of a shared account, and signed up.
    let watch = json!({"user": "carol", "email": "carol@example.com"});
    for browser in [app.browser(), app.browser()] {
        browser.evaluate("watch", watch.clone()).await;
    }
    let third = app.browser();
    third.open(&third.evaluate("watch", watch).await.page()).await;
    let update = json!({"email": "dora@example.com", "email_verified": true});
    app.pass(1_000).await;
    app.site().post("/v3/user/dora/update", &update).await.expect(204);
    for _ in 0..2 {
        third.evaluate("signup", json!({"user": "dora", "email": "dora@example.com"})).await;
    }
    let converted = endpoint.nth("user.converted", 1).await.json();
    assert_eq!(converted["account"], "dora");
    assert!(converted["converted_from"].as_str().unwrap().starts_with("usr_"));
    let count = async |kind: &str| deliveries(&app).await.iter().filter(|one| one.kind == kind).count();
    assert_eq!(
        (count("user.suspended").await, count("user.unsuspended").await, count("user.converted").await),
        (1, 1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn evaluations_are_told_to_whoever_asks_for_them_with_the_verdicts_they_want() {
    let (app, endpoint, _) =
        with_endpoint(json!({"events": ["evaluation.created"], "verdicts": ["deny", "suspend"]})).await;
    let browser = app.browser();
    browser.evaluate("post", json!({"user": "ada", "metadata": {"links": 1}})).await;
    let denied = browser.evaluate("post", json!({"user": "ada", "metadata": {"links": 11}})).await;
    let heard = endpoint.nth("evaluation.created", 1).await.json();
    assert_eq!(heard["evaluation"]["id"], denied.evaluation);
    assert_eq!(
        (&heard["evaluation"]["verdict"], &heard["evaluation"]["environment"]),
        (&json!("deny"), &json!("development"))
    );
    assert_eq!(deliveries(&app).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_over_its_budget_is_told_once_and_only_watches() {
    let (mut app, endpoint) = (TestApp::start().await, Endpoint::start().await);
    let store = app.ctx.store.clone();
    let fuse = json!({
        "name": "Fuse", "environment": "development", "actions": ["search"], "then": "deny",
        "budget": {"at_most": 2, "window": "1h"},
    });
    app.project.add_policy(&store, 7, &fuse).await;
    set(&mut app, 1, &document(&endpoint, &json!({"events": ["policy.over_budget"]}))).await;
    let mut verdicts = Vec::new();
    let browser = app.browser();
    for _ in 0..4 {
        let told = browser.evaluate("search", json!({"user": "ada"})).await;
        let evaluation = app.site().evaluation(&told.evaluation).await;
        verdicts.push((evaluation["verdict"].clone(), evaluation["considered"][0]["over_budget"].clone()));
    }
    let (deny, watch) = ((json!("deny"), json!(false)), (json!("allow"), json!(true)));
    assert_eq!(verdicts, [deny.clone(), deny, watch.clone(), watch]);
    let heard = endpoint.nth("policy.over_budget", 1).await.json();
    assert_eq!((&heard["policy"]["name"], &heard["evaluation"]["action"]), (&json!("Fuse"), &json!("search")));
    app.pass(HOUR + MINUTE).await;
    let told = browser.evaluate("search", json!({"user": "ada"})).await;
    assert_eq!(app.site().evaluation(&told.evaluation).await["verdict"], "deny");
    assert_eq!(deliveries(&app).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_comes_again_by_the_same_name_for_three_days_and_can_be_sent_again() {
    let (app, endpoint, id) = with_endpoint(json!({"events": ["device.attached"]})).await;
    endpoint.answer(StatusCode::INTERNAL_SERVER_ERROR);
    app.browser().evaluate("post", json!({"user": "ada"})).await;
    let first = endpoint.nth("device.attached", 1).await;
    let (mut tries, mut waited) = (1, 0);
    loop {
        let one =
            stands(&app, |one| one.attempts == tries && one.status == Some(500) && !is_under_way(one, &app)).await;
        let DeliveryState::Waiting(at) = one.state else { break };
        let wait = at.since(app.clock.now());
        waited += wait;
        // Not a moment too early.
        app.jump(wait - 1);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(endpoint.of("device.attached").len(), usize::try_from(tries).unwrap());
        app.jump(1);
        tries += 1;
        let again = endpoint.nth("device.attached", usize::try_from(tries).unwrap()).await;
        assert_eq!((&again.id, &again.body), (&first.id, &first.body));
        assert!(again.timestamp > first.timestamp, "its time is that of the try");
    }
    assert!((70 * HOUR..90 * HOUR).contains(&waited) && tries == 13, "{tries} tries in {waited} ms");
    let event: EventId = first.id.parse().unwrap();
    endpoint.answer(StatusCode::OK);
    for event in [None, Some(event)] {
        let replay = Replay { project: app.project.id, webhook: id, event, now: app.clock.now() };
        assert_eq!(app.ctx.store.run(replay).await.unwrap(), 1);
        app.jump(0);
        tries += 1;
        assert_eq!(endpoint.nth("device.attached", usize::try_from(tries).unwrap()).await.id, first.id);
        stands(&app, |one| matches!(one.state, DeliveryState::Delivered(_)) && one.status == Some(200)).await;
    }
    let nothing = Replay { project: app.project.id, webhook: id, event: None, now: app.clock.now() };
    assert_eq!(app.ctx.store.run(nothing).await.unwrap(), 0);
}

/// A delivery that somebody is making is leased for two minutes.
fn is_under_way(one: &Delivery, app: &TestApp) -> bool {
    let now = app.clock.now();
    matches!(one.state, DeliveryState::Waiting(at) if one.tried_at.is_some_and(|tried| at.since(tried) == 2 * MINUTE && tried == now))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_left_alone_and_one_that_hangs_holds_nobody_up() {
    let (mut app, gone, _) = with_endpoint(json!({"events": ["device.attached"]})).await;
    gone.answer(StatusCode::GONE);
    app.browser().evaluate("post", json!({"user": "ada"})).await;
    gone.nth("device.attached", 1).await;
    let one = stands(&app, |one| one.state == DeliveryState::Parked).await;
    assert_eq!((one.attempts, one.status), (1, Some(410)));
    // Takes the connection, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = json!({"name": "Silent", "url": format!("http://{}/hook", silent.local_addr().unwrap())});
    set(&mut app, 2, &hanging).await;
    gone.answer(StatusCode::OK);
    for n in 0..20 {
        app.browser().evaluate("post", json!({"user": format!("user-{n}")})).await;
    }
    gone.nth("device.attached", 21).await;
    let silent_ones: Vec<_> =
        deliveries(&app).await.into_iter().filter(|one| one.webhook.to_bytes() == [2; 16]).collect();
    assert_eq!(silent_ones.len(), 20);
    assert!(silent_ones.iter().filter(|one| one.attempts > 0).count() <= 16, "only so many are under way");
    assert!(!silent_ones.iter().any(|one| matches!(one.state, DeliveryState::Delivered(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_are_good_while_they_are_changed() {
    let (mut app, endpoint, id) = with_endpoint(json!({"events": ["device.attached"]})).await;
    let first = document(&endpoint, &json!({"events": ["device.attached"]}));
    let second = document(&endpoint, &json!({"events": ["device.attached"], "secret_version": 2}));
    let third = document(&endpoint, &json!({"events": ["device.attached"], "secret_version": 3}));
    let (before, after) = (secrets(&app, id, &first), secrets(&app, id, &second));
    assert_eq!((before.len(), &after[1]), (1, &before[0]));
    set(&mut app, 1, &second).await;
    app.browser().evaluate("post", json!({"user": "ada"})).await;
    let heard = endpoint.nth("device.attached", 1).await;
    assert!(heard.is_signed_with(&before[0], &app.clock) && heard.is_signed_with(&after[0], &app.clock));
    set(&mut app, 1, &third).await;
    app.browser().evaluate("post", json!({"user": "eve"})).await;
    let heard = endpoint.nth("device.attached", 2).await;
    assert!(!heard.is_signed_with(&before[0], &app.clock) && heard.is_signed_with(&after[0], &app.clock));
    // Another endpoint's secret is another one, and so is another project's.
    let other = WebhookId::from_bytes([2; 16]);
    assert_ne!(secrets(&app, other, &first), before);
    let webhook: Webhook = serde_json::from_value(first).unwrap();
    let elsewhere = webhook::secrets(&app.ctx.key, app.other.id, (id, &webhook));
    assert_ne!(elsewhere[0].expose_secret(), before[0]);
}
