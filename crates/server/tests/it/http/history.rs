//! What evaluations remember of users, and what later ones make of it.

use serde_json::{Value, json};

use crate::{
    app::{MINUTE, Options, TestApp},
    data::files::mmdb,
    people::Browser,
};

const FRANCE: &str = "193.252.19.3";
const GERMANY: &str = "88.198.0.1";
const DAY: i64 = 1_440 * MINUTE;

/// The checks of an evaluation.
async fn checks(app: &TestApp, browser: &Browser<'_>, action: &str, fields: Value) -> Value {
    let told = browser.evaluate(action, fields).await;
    app.site().evaluation(&told.evaluation).await["checks"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_trusted_from_a_passed_challenge_until_it_is_not() {
    let app = TestApp::with(Options { settings: Some(json!({"device_trust_days": 2})), ..Options::default() }).await;
    let (browser, site) = (app.browser(), app.site());
    let seen = async || {
        let checks = checks(&app, &browser, "post", json!({"user": "ada"})).await;
        (checks["device_is_trusted"].clone(), checks["days_since_challenge_passed"].clone())
    };
    let told = browser.log_in("ada").await;
    let before = site.evaluation(&told.evaluation).await["checks"].clone();
    assert_eq!((&before["device_is_trusted"], &before["days_since_challenge_passed"]), (&json!(false), &Value::Null));
    browser.pass(&told, "ada@example.com").await;
    assert_eq!(seen().await, (json!(true), json!(0)));
    // A visitor of another browser is not trusted along.
    let other = checks(&app, &app.browser(), "post", json!({"user": "ada"})).await;
    assert_eq!(other["device_is_trusted"], false);
    app.pass(2 * DAY - MINUTE).await;
    assert_eq!(seen().await, (json!(true), json!(1)));
    app.pass(2 * MINUTE).await;
    assert_eq!(seen().await, (json!(false), json!(2)));
    // Reported fraud ends it at once.
    let told = browser.evaluate("checkout", json!({"user": "ada", "email": "ada@example.com"})).await;
    browser.pass(&told, "ada@example.com").await;
    assert_eq!(seen().await, (json!(true), json!(0)));
    site.post(&format!("/v3/evaluations/{}/feedback", told.evaluation), &json!({"label": "fraud"})).await.expect(204);
    assert_eq!(seen().await.0, json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_challenges_are_counted_for_a_week_and_once() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let count = async || checks(&app, &browser, "post", json!({"user": "ada"})).await["failed_challenge_count"].clone();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let csrf = browser.open(&told.page()).await.csrf();
    for _ in 0..7 {
        browser.submit(&format!("{}/verify", told.page()), &[("csrf", &csrf), ("code", wrong)]).await;
    }
    assert_eq!(app.site().challenge(&told.challenge()).await["status"], "failed");
    assert_eq!(count().await, 1);
    app.pass(7 * DAY - MINUTE).await;
    assert_eq!(count().await, 1);
    app.pass(2 * MINUTE).await;
    assert_eq!(count().await, 0);
}

fn cities() -> Vec<u8> {
    let place = |code: &str, north: f64, east: f64| json!({"country": {"iso_code": code}, "location": {"latitude": north, "longitude": east}});
    mmdb("City", &[("193.252.0.0/16", place("FR", 48.8566, 2.3522)), ("88.198.0.0/16", place("DE", 52.52, 13.405))])
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_in_here_and_there_at_once_travels_impossibly() {
    let app = TestApp::with(Options { cities: Some(cities()), ..Options::default() }).await;
    let from = async |action: &str, ip: &str| {
        let checks = checks(
            &app,
            &app.browser(),
            action,
            json!({"user": "ada", "metadata": {"links": 11}, "simulate": {"ip": ip}}),
        )
        .await;
        (checks["impossible_travel"].clone(), checks["country_changed_today"].clone())
    };
    let both = |is: bool| (json!(is), json!(is));
    assert_eq!(from("browse", FRANCE).await, both(false));
    // Refused over there (a post with eleven links): the user was not there.
    assert_eq!(from("post", GERMANY).await, both(true));
    assert_eq!(from("browse", FRANCE).await, both(false));
    // Let in over there, and a moment later here.
    assert_eq!(from("browse", GERMANY).await, both(true));
    assert_eq!(from("browse", FRANCE).await, both(true));
    app.pass(60 * MINUTE).await;
    assert_eq!(from("browse", GERMANY).await, (json!(false), json!(true)), "878 km in an hour");
    app.pass(DAY + MINUTE).await;
    assert_eq!(from("browse", FRANCE).await, both(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_users_of_one_address_are_told_apart() {
    let app = TestApp::start().await;
    let verdicts = async |user: &str| {
        let told = app.browser().evaluate("crowd", json!({"user": user, "simulate": {"ip": FRANCE}})).await;
        let seen = app.site().evaluation(&told.evaluation).await;
        (seen["verdict"].clone(), seen["checks"]["ip_user_count"].clone())
    };
    for (user, verdict, count) in
        [("ada", "allow", 1), ("bob", "allow", 2), ("ada", "allow", 2), ("cy", "deny", 3), ("ada", "deny", 3)]
    {
        assert_eq!(verdicts(user).await, (json!(verdict), json!(count)), "{user}");
    }
    app.pass(61 * MINUTE).await;
    assert_eq!(verdicts("ada").await, (json!("allow"), json!(3)), "the window is an hour, the check's 30 days");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_mailbox_of_many_users_shows() {
    let app = TestApp::start().await;
    let count = async |user: &str, email: &str| {
        let fields = json!({"user": user, "email": email, "phone": "+33612345678"});
        let checks = checks(&app, &app.browser(), "post", fields).await;
        (checks["email_normalized_user_count"].clone(), checks["phone_user_count"].clone())
    };
    for (user, email, mailbox, phone) in [
        ("ada", "ada.lovelace@gmail.com", 1, 1),
        ("bob", "adalovelace+2@gmail.com", 2, 2),
        ("bob", "adalovelace+2@gmail.com", 2, 2),
        ("cy", "Ada.Love.Lace@googlemail.com", 3, 3),
        ("dan", "dan@gmail.com", 1, 4),
    ] {
        assert_eq!(count(user, email).await, (json!(mailbox), json!(phone)), "{user} {email}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_reports_and_where_it_runs_is_seen() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let fields = json!({
        "user": "ada", "page_url": "https://shop.example/cart?q=1",
        "signals": {"platform": "Win32", "native": {"rooted_android": true, "is_emulator": false}},
        "simulate": {"user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/147.0.0.0"},
    });
    let first = checks(&app, &browser, "post", fields.clone()).await;
    for (name, answer) in [
        ("rooted_android", json!(true)),
        ("is_emulator", json!(false)),
        ("ui_testing", Value::Null),
        ("signals_inconsistent", json!(true)),
        ("origin_is_new", json!(true)),
    ] {
        assert_eq!(first[name], answer, "{name} in {first}");
    }
    for (passed, is_new) in [(0, false), (89 * DAY, false), (89 * DAY, false), (91 * DAY, true)] {
        app.pass(passed).await;
        assert_eq!(checks(&app, &browser, "post", fields.clone()).await["origin_is_new"], is_new);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_may_be_put_on_a_list_and_asked_for() {
    let app = TestApp::start().await;
    let verdict = async |action: &str, ip: &str| {
        let told = app.browser().evaluate(action, json!({"user": "ada", "simulate": {"ip": ip}})).await;
        app.site().evaluation(&told.evaluation).await["verdict"].clone()
    };
    assert_eq!(verdict("visit", GERMANY).await, "allow");
    verdict("close", GERMANY).await;
    assert_eq!(verdict("visit", GERMANY).await, "deny");
    assert_eq!(verdict("visit", FRANCE).await, "allow");
}
