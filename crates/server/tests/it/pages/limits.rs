//! How many codes are sent: to a challenge, and to a destination, user, address and project across challenges.

use serde_json::json;

use crate::{
    app::{MINUTE, Options, TestApp},
    people::{Browser, Page},
};

const HOUR: i64 = 60 * MINUTE;

#[tokio::test(flavor = "multi_thread")]
async fn the_wait_doubles_and_the_fifth_code_is_the_last() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    let csrf = browser.open(&told.page()).await.csrf();
    for (sent, wait) in [(1, 30_000), (2, 60_000), (3, 120_000), (4, 240_000)] {
        assert!(!browser.send_code(&told, &csrf, "email").await.location().ends_with("too_soon"));
        app.mail.nth_to("ada@example.com", sent).await;
        app.pass(wait - 1).await;
        let early = browser.send_code(&told, &csrf, "email").await;
        assert!(early.location().ends_with("?notice=too_soon"), "{sent}: {}", early.location());
        app.pass(1).await;
    }
    assert!(browser.send_code(&told, &csrf, "email").await.location().ends_with("new_code"));
    let last = app.mail.nth_to("ada@example.com", 5).await;
    app.pass(9 * MINUTE).await;
    let sixth = browser.send_code(&told, &csrf, "email").await;
    assert_eq!((sixth.answer.status, sixth.heading().as_str()), (429, "Too many codes"));
    assert!(browser.open(&told.page()).await.html().contains("No more codes can be sent"));
    assert!(browser.try_code(&told, &last.code()).await.location().starts_with("https://"), "the last one still works");
    assert_eq!(app.mail.all_to("ada@example.com").len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_how_long_to_wait() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let html = browser.open(&told.page()).await.html();
    assert!(html.contains("data-wait=\"30\""), "{html}");
    app.pass(12_000).await;
    assert!(browser.open(&told.page()).await.html().contains("data-wait=\"18\""));
    app.pass(18_000).await;
    assert!(!browser.open(&told.page()).await.html().contains("data-wait"));
}

/// A new challenge of `user` for `email`, and the answer to asking for its first code.
async fn fresh_code(browser: &Browser<'_>, user: &str, email: &str) -> Page {
    let told = browser.evaluate("login", json!({"user": user, "email": email})).await;
    browser.ask_for_code(&told, "email").await
}

#[track_caller]
fn is_limited(page: &Page) {
    assert_eq!((page.answer.status, page.heading().as_str()), (429, "Too many codes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_gets_ten_codes_an_hour_whoever_asks() {
    let app = TestApp::start().await;
    let spelled = ["ada@example.com", "ADA@example.com", "ada@EXAMPLE.com"];
    for n in 0..10 {
        assert_eq!(fresh_code(&app.browser(), &format!("user{n}"), spelled[n % 3]).await.answer.status, 303, "{n}");
    }
    is_limited(&fresh_code(&app.browser(), "user10", "ada@example.com").await);
    assert_eq!(fresh_code(&app.browser(), "user11", "bob@example.com").await.answer.status, 303);
    app.pass(HOUR).await;
    assert_eq!(fresh_code(&app.browser(), "user12", "ada@example.com").await.answer.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_gets_fifteen_codes_an_hour_from_wherever() {
    let app = TestApp::start().await;
    for n in 0..15 {
        let page = fresh_code(&app.browser(), "ada", &format!("ada{}@example.com", n % 3)).await;
        assert_eq!(page.answer.status, 303, "{n}");
    }
    is_limited(&fresh_code(&app.browser(), "ada", "ada3@example.com").await);
    app.pass(HOUR).await;
    assert_eq!(fresh_code(&app.browser(), "ada", "ada4@example.com").await.answer.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_network_address_gets_thirty_codes_an_hour_for_whomever() {
    let app = TestApp::start().await;
    let from_there = || {
        let mut browser = app.browser();
        browser.ip = "203.0.113.7".to_owned();
        browser
    };
    for n in 0..30 {
        let page = fresh_code(&from_there(), &format!("user{n}"), &format!("user{n}@example.com")).await;
        assert_eq!(page.answer.status, 303, "{n}");
    }
    is_limited(&fresh_code(&from_there(), "user30", "user30@example.com").await);
    assert_eq!(fresh_code(&app.browser(), "user31", "user31@example.com").await.answer.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projects_fuse_stops_every_code_and_no_evaluation() {
    let app = TestApp::with(Options {
        settings: Some(json!({"name": "The Shop", "sends_per_hour": 3})),
        ..Options::default()
    })
    .await;
    for n in 0..3 {
        let page = fresh_code(&app.browser(), &format!("user{n}"), &format!("user{n}@example.com")).await;
        assert_eq!(page.answer.status, 303);
    }
    let (browser, user) = (app.browser(), "user3");
    let told = browser.log_in(user).await;
    is_limited(&browser.ask_for_code(&told, "email").await);
    assert_eq!(app.site().challenge(&told.challenge()).await["status"], "presented", "a refused send changes nothing");
    assert!(app.mail.all_to("user3@example.com").is_empty());
    app.pass(HOUR).await;
    let told = browser.log_in(user).await;
    assert_eq!(browser.ask_for_code(&told, "email").await.answer.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_messages_have_tighter_limits_of_their_own() {
    let app = TestApp::start().await;
    let text = async |n: usize| {
        let browser = app.browser();
        let user = format!("user{n}");
        let email = format!("{user}@example.com");
        let told = browser.evaluate("checkout", json!({"user": user, "email": email, "phone": "+33612345678"})).await;
        (browser.ask_for_code(&told, "sms").await, browser, told)
    };
    for n in 0..6 {
        assert_eq!(text(n).await.0.answer.status, 303, "{n}");
    }
    let (page, browser, told) = text(6).await;
    is_limited(&page);
    let csrf = browser.open(&told.page()).await.csrf();
    assert_eq!(browser.send_code(&told, &csrf, "email").await.answer.status, 303, "mail is still open");
}
