//! How often the browsers behind one address are evaluated: by `evaluations_per_minute`, and what they are told.

use serde_json::{Value, json};

use crate::{
    app::{Options, TestApp},
    people::Browser,
    wire::{Answer, Request},
};

async fn with_limit(most: u32) -> TestApp {
    let settings = json!({"name": "The Shop", "evaluations_per_minute": most});
    TestApp::with(Options { settings: Some(settings), ..Options::default() }).await
}

async fn ask(app: &TestApp, browser: &Browser<'_>, action: &str) -> Answer {
    app.anon(browser.request(&browser.body(action, &json!({"user": "ada"})))).await
}

fn wait(answer: &Answer) -> i64 {
    answer.refused(429, "too_many_requests");
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_as_long_as_was_said_is_evaluated_and_nobody_sooner() {
    let app = with_limit(3).await;
    let (browser, neighbour) = (app.browser(), app.browser());
    ask(&app, &browser, "post").await.expect(201);
    app.pass(20_000).await;
    for action in ["browse", "other"] {
        ask(&app, &browser, action).await.expect(201);
    }
    // A new action, a new browser and a forgotten token make no new address.
    browser.clear();
    let refused = ask(&app, &browser, "third").await;
    assert_eq!(wait(&refused), 40);
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"), "the page's script may read it");
    assert!(refused.header("access-control-expose-headers").unwrap().contains("retry-after"));
    ask(&app, &neighbour, "post").await.expect(201);
    app.pass(39_000).await;
    assert_eq!(wait(&ask(&app, &browser, "post").await), 1);
    app.pass(1_000).await;
    ask(&app, &browser, "post").await.expect(201);
    assert_eq!(wait(&ask(&app, &browser, "post").await), 20, "two more are free when the second lot is a minute old");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sites_own_server_is_not_limited() {
    let app = with_limit(1).await;
    let (browser, secret) = (app.browser(), app.project.development.secret.clone());
    let told: Value = json!({"action": "post", "user": "ada", "ip": browser.ip});
    for _ in 0..5 {
        app.anon(Request::new("POST", "/v3/evaluations").bearer(&secret).json(&told)).await.expect(201);
    }
    assert!((1..=60).contains(&wait(&ask(&app, &browser, "post").await)), "what it asks for counts all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_number_there_is_room_for_a_crowd_and_zero_means_any_number() {
    let app = TestApp::start().await;
    let browser = app.browser();
    for _ in 0..600 {
        ask(&app, &browser, "post").await.expect(201);
    }
    wait(&ask(&app, &browser, "post").await);
    let app = with_limit(0).await;
    let browser = app.browser();
    for _ in 0..610 {
        ask(&app, &browser, "post").await.expect(201);
    }
}
