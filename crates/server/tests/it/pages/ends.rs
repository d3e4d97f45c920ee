//! How a challenge ends without being passed, and what its page says then.

use serde_json::json;

use crate::app::{MINUTE, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_challenge_says_so_and_takes_nothing() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    app.pass(25 * MINUTE).await;
    browser.ask_for_code(&told, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    let csrf = browser.open(&told.page()).await.csrf();
    app.pass(5 * MINUTE).await;
    let late = browser.submit(&format!("{}/verify", told.page()), &[("csrf", &csrf), ("code", &code)]).await;
    assert_eq!(late.location(), told.page());
    assert_eq!(browser.open(&told.page()).await.heading(), "This took too long");
    let challenge = app.site().challenge(&told.challenge()).await;
    assert_eq!((&challenge["status"], &challenge["verify_attempts"]), (&json!("expired"), &json!(0)));
    assert_eq!(challenge["actions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_challenge_of_the_same_user_and_device_takes_its_place() {
    let app = TestApp::start().await;
    let (browser, elsewhere) = (app.browser(), app.browser());
    let older = browser.log_in("ada").await;
    browser.ask_for_code(&older, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    let csrf = browser.open(&older.page()).await.csrf();
    let newer = browser.log_in("ada").await;
    let of_another_device = elsewhere.log_in("ada").await;
    assert_eq!(browser.open(&older.page()).await.heading(), "There’s a newer one");
    let late = browser.submit(&format!("{}/verify", older.page()), &[("csrf", &csrf), ("code", &code)]).await;
    assert_eq!(late.location(), older.page());
    for (told, status) in [(&older, "overridden"), (&newer, "created"), (&of_another_device, "created")] {
        assert_eq!(app.site().challenge(&told.challenge()).await["status"], status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_may_be_skipped_as_often_as_its_config_says() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let fields = json!({"user": "ada", "email": "ada@example.com"});
    for round in 1..=3 {
        let told = browser.evaluate("profile", fields.clone()).await;
        let csrf = browser.open(&told.page()).await.csrf();
        let answer = browser.submit(&format!("{}/skip", told.page()), &[("csrf", &csrf)]).await;
        let status = app.site().challenge(&told.challenge()).await["status"].clone();
        if round <= 2 {
            let wanted = format!("https://shop.example/verified?from=a%20b&n=1&evaluation={}", told.evaluation);
            assert_eq!((answer.location(), &status), (wanted.as_str(), &json!("skipped")));
            assert_eq!(browser.open(&told.page()).await.heading(), "Skipped");
        } else {
            assert_eq!((answer.location(), &status), (told.page().as_str(), &json!("presented")));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_may_not_be_skipped_is_not() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    let csrf = browser.open(&told.page()).await.csrf();
    let answer = browser.submit(&format!("{}/skip", told.page()), &[("csrf", &csrf)]).await;
    assert_eq!(answer.location(), told.page());
    assert_eq!(app.site().challenge(&told.challenge()).await["status"], "presented");
}
