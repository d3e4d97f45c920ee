//! A challenge belongs to the browser that opened it first, and its forms to its own page.

use serde_json::json;

use crate::{app::TestApp, wire::Request};

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_link_is_refused_in_another_browser() {
    let app = TestApp::start().await;
    let (attacker, victim) = (app.browser(), app.browser());
    let told = attacker.log_in("ada").await;
    attacker.ask_for_code(&told, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();

    let page = victim.open(&told.page()).await;
    assert_eq!(page.heading(), "Go back to where you began");
    assert!(!page.html().contains("<form"), "{}", page.html());
    let stolen = attacker.open(&told.page()).await.csrf();
    for path in ["verify", "send", "skip", "phone"] {
        let fields = [("csrf", stolen.as_str()), ("code", &code), ("channel", "email"), ("phone", "+33612345678")];
        let answer = victim.submit(&format!("{}/{path}", told.page()), &fields).await;
        assert_eq!(answer.location(), told.page(), "{path}");
    }
    let challenge = app.site().challenge(&told.challenge()).await;
    assert_eq!((&challenge["status"], &challenge["verify_attempts"]), (&json!("code_sent"), &json!(0)));
    assert!(attacker.try_code(&told, &code).await.location().starts_with("https://"));
    let page = victim.open(&told.page()).await;
    assert_eq!(page.heading(), "That’s you, thank you");
    assert!(!page.html().contains(&told.evaluation), "the result is for the browser that earned it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_lost_its_cookie_is_another_browser() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.open(&told.page()).await;
    browser.clear();
    assert_eq!(browser.open(&told.page()).await.heading(), "Go back to where you began");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_looks_ahead_binds_nothing() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    for (method, header, value) in [
        ("HEAD", "accept", "*/*"),
        ("GET", "sec-purpose", "prefetch"),
        ("GET", "sec-purpose", "prefetch;prerender"),
        ("GET", "purpose", "prefetch"),
        ("GET", "x-moz", "prefetch"),
    ] {
        let answer = app.browser().follow(Request::new(method, &told.page()).header(header, value)).await.answer;
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{method} {header}");
        assert_eq!(app.site().challenge(&told.challenge()).await["status"], "created", "{method} {header}");
    }
    assert_eq!(browser.open(&told.page()).await.heading(), "Confirm it’s you");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_its_pages_token_does_nothing() {
    let app = TestApp::start().await;
    let (browser, stranger) = (app.browser(), app.browser());
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    let other = browser.evaluate("profile", json!({"user": "eve", "email": "eve@example.com"})).await;
    let of_another_challenge = browser.open(&other.page()).await.csrf();
    let foreign = stranger.log_in("bob").await;
    let of_another_browser = stranger.open(&foreign.page()).await.csrf();
    for csrf in ["", "x", &of_another_challenge, &of_another_browser] {
        for path in ["verify", "send", "skip", "phone"] {
            let fields = [("csrf", csrf), ("code", &code), ("channel", "email"), ("phone", "+33612345678")];
            assert_eq!(browser.submit(&format!("{}/{path}", told.page()), &fields).await.location(), told.page());
        }
    }
    let missing = browser.submit(&format!("{}/verify", told.page()), &[("code", &code)]).await;
    assert_eq!(missing.location(), told.page());
    let challenge = app.site().challenge(&told.challenge()).await;
    assert_eq!((&challenge["status"], &challenge["verify_attempts"]), (&json!("code_sent"), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_sent_by_another_site_does_nothing() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    let csrf = browser.open(&told.page()).await.csrf();
    let own = format!("http://{}", app.address);
    let with = async |header: &str, value: &str| {
        let request = Request::new("POST", &format!("{}/verify", told.page())).header(header, value);
        browser.follow(request.form(&[("csrf", &csrf), ("code", &code)])).await.location().to_owned()
    };
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1:1"),
    ] {
        assert_eq!(with(header, value).await, told.page(), "{header}: {value}");
        assert_eq!(app.site().challenge(&told.challenge()).await["verify_attempts"], 0, "{header}: {value}");
    }
    assert!(with("origin", &own).await.starts_with("https://shop.example/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_of_another_project_is_out_of_reach() {
    let app = TestApp::start().await;
    let told = app.browser().log_in("ada").await;
    let other = app.site_with(&app.other.development);
    other.get(&format!("/v3/challenges/{}", told.challenge())).await.refused(404, "not_found");
    other.get(&format!("/v3/evaluations/{}", told.evaluation)).await.refused(404, "not_found");
}
