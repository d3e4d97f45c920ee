//! "This wasn't me".

use serde_json::json;

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn opening_the_link_changes_nothing_and_its_button_fails_the_challenge() {
    let app = TestApp::start().await;
    let (attacker, owner) = (app.browser(), app.browser());
    let told = attacker.log_in("ada").await;
    attacker.ask_for_code(&told, "email").await;
    let mail = app.mail.nth_to("ada@example.com", 1).await;
    for _ in 0..3 {
        assert_eq!(owner.open(&mail.report_path()).await.heading(), "Was this not you?");
    }
    assert_eq!(app.site().challenge(&told.challenge()).await["status"], "code_sent");

    let (path, token) = mail.report_path().split_once("?token=").map(|(p, t)| (p.to_owned(), t.to_owned())).unwrap();
    assert_eq!(owner.submit(&path, &[("token", &token)]).await.heading(), "Stopped");
    let evaluation = app.site().evaluation(&told.evaluation).await;
    assert_eq!(evaluation["challenge"]["status"], "failed");
    assert_eq!(evaluation["feedback"]["label"], "fraud", "{evaluation}");
    assert_eq!(attacker.open(&told.page()).await.heading(), "This was reported");
    let consumed = app.site().consume(&told.evaluation).await.expect(200);
    assert_eq!((&consumed["consumed"], &consumed["challenge"]["status"]), (&json!(true), &json!("failed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_dead_once_reported() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let mail = app.mail.nth_to("ada@example.com", 1).await;
    let csrf = browser.open(&told.page()).await.csrf();
    let (path, token) = mail.report_path().split_once("?token=").map(|(p, t)| (p.to_owned(), t.to_owned())).unwrap();
    app.browser().submit(&path, &[("token", &token)]).await;
    let fields = [("csrf", csrf.as_str()), ("code", &mail.code())];
    assert_eq!(browser.submit(&format!("{}/verify", told.page()), &fields).await.location(), told.page());
    assert_eq!(app.site().challenge(&told.challenge()).await["status"], "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_finds_nothing() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.browser(), app.browser());
    let (of_ada, of_eve) = (ada.log_in("ada").await, eve.log_in("eve").await);
    ada.ask_for_code(&of_ada, "email").await;
    let mail = app.mail.nth_to("ada@example.com", 1).await;
    let token_of_ada = mail.report_path().split_once("?token=").unwrap().1.to_owned();
    for token in ["", "x", &token_of_ada] {
        let path = format!("{}/report", of_eve.page());
        assert_eq!(app.browser().open(&format!("{path}?token={token}")).await.answer.status, 404);
        assert_eq!(app.browser().submit(&path, &[("token", token)]).await.answer.status, 404);
    }
    assert_eq!(app.site().challenge(&of_eve.challenge()).await["status"], "created");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_says_what_is_confirmed() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let mail = app.mail.nth_to("ada@example.com", 1).await;
    for part in ["The Shop", "Log in", "Chrome", "Windows", "1 July 2026", "12:00"] {
        assert!(mail.text.contains(part), "{part} in {}", mail.text);
        assert!(mail.html.contains(part), "{part} in {}", mail.html);
    }
}
