//! Codes: whose they are, how long they live, how often they may be wrong.

use serde_json::json;

use crate::app::{MINUTE, TestApp};

/// A code that is not `code`.
fn other_than(code: &str, by: usize) -> String {
    format!("{:06}", (code.parse::<usize>().unwrap() + by) % 1_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_opens_its_own_challenge_only() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.browser(), app.browser());
    let (of_ada, of_eve) = (ada.log_in("ada").await, eve.log_in("eve").await);
    ada.ask_for_code(&of_ada, "email").await;
    eve.ask_for_code(&of_eve, "email").await;
    let code_of_ada = app.mail.nth_to("ada@example.com", 1).await.code();
    let code_of_eve = app.mail.nth_to("eve@example.com", 1).await.code();
    assert_ne!(code_of_ada, code_of_eve);
    assert!(eve.try_code(&of_eve, &code_of_ada).await.location().ends_with("?notice=wrong"));
    assert!(eve.try_code(&of_eve, &code_of_eve).await.location().starts_with("https://"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_wrong_codes_the_right_one_fails() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    for wrong in 1..=5 {
        assert!(browser.try_code(&told, &other_than(&code, wrong)).await.location().ends_with("?notice=wrong"));
        let page = browser.open(&format!("{}?notice=wrong", told.page())).await;
        let left = format!("You have {} tries left", 5 - wrong);
        match wrong {
            1 => assert!(!page.html().contains("tries left"), "nobody is hurried by their first slip"),
            2..=3 => assert!(page.html().contains(&left), "{}", page.html()),
            4 => assert!(page.html().contains("You have one try left")),
            _ => assert_eq!(page.heading(), "Too many wrong codes"),
        }
    }
    let challenge = app.site().challenge(&told.challenge()).await;
    assert_eq!((&challenge["status"], &challenge["verify_attempts"]), (&json!("failed"), &json!(5)));
    assert_eq!(app.site().consume(&told.evaluation).await.expect(200)["challenge"]["status"], "failed");
    // The page has no form any more; its old token is still known to whoever kept it.
    let page = browser.open(&told.page()).await;
    assert!(!page.html().contains("<form"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_code_after_the_last_wrong_one_is_refused_even_with_the_forms_token() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    let csrf = browser.open(&told.page()).await.csrf();
    let try_code = async |code: &str| {
        let page = browser.submit(&format!("{}/verify", told.page()), &[("csrf", &csrf), ("code", code)]).await;
        page.location().to_owned()
    };
    for wrong in 1..=5 {
        try_code(&other_than(&code, wrong)).await;
    }
    assert_eq!(try_code(&code).await, told.page());
    let resend = browser.send_code(&told, &csrf, "email").await;
    assert_eq!(resend.location(), told.page());
    let challenge = app.site().challenge(&told.challenge()).await;
    assert_eq!((&challenge["status"], &challenge["verify_attempts"]), (&json!("failed"), &json!(5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tries_count_over_all_codes_of_a_challenge() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let first = app.mail.nth_to("ada@example.com", 1).await.code();
    for wrong in 1..=4 {
        browser.try_code(&told, &other_than(&first, wrong)).await;
    }
    app.pass(MINUTE).await;
    browser.ask_for_code(&told, "email").await;
    let second = app.mail.nth_to("ada@example.com", 2).await.code();
    browser.try_code(&told, &other_than(&second, 1)).await;
    assert_eq!(browser.open(&told.page()).await.heading(), "Too many wrong codes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_code_kills_the_old_one() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let old = app.mail.nth_to("ada@example.com", 1).await.code();
    app.pass(30_000).await;
    assert!(browser.ask_for_code(&told, "email").await.location().ends_with("?notice=new_code"));
    let new = app.mail.nth_to("ada@example.com", 2).await.code();
    assert_ne!(old, new);
    assert!(browser.try_code(&told, &old).await.location().ends_with("?notice=wrong"));
    assert!(browser.try_code(&told, &new).await.location().starts_with("https://"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_ten_minutes() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    app.pass(10 * MINUTE).await;
    let late = browser.try_code(&told, &code).await;
    assert!(late.location().ends_with("?notice=expired"));
    let page = browser.open(late.location()).await;
    assert!(page.html().contains("That code has expired"), "{}", page.html());
    browser.send_code(&told, &page.csrf(), "email").await;
    let fresh = app.mail.nth_to("ada@example.com", 2).await.code();
    app.pass(10 * MINUTE - 1).await;
    let passed = browser.try_code(&told, &fresh).await;
    assert!(passed.location().starts_with("https://"), "{}", passed.location());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    let csrf = browser.open(&told.page()).await.csrf();
    let fields = [("csrf", csrf.as_str()), ("code", &code)];
    let verify = format!("{}/verify", told.page());
    assert!(browser.submit(&verify, &fields).await.location().starts_with("https://"));
    assert_eq!(browser.submit(&verify, &fields).await.location(), told.page());
    assert_eq!(app.site().challenge(&told.challenge()).await["verify_attempts"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_code_is_not_counted() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    app.mail.nth_to("ada@example.com", 1).await;
    for slip in ["", "12345", "1234567", "abcdef", &"9".repeat(10_000)] {
        assert!(browser.try_code(&told, slip).await.location().ends_with("?notice=wrong"), "{slip}");
    }
    assert_eq!(app.site().challenge(&told.challenge()).await["verify_attempts"], 0);
}
