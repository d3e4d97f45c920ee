//! `GET /v3/conversions`: who came from a shared account and signed up.

use serde_json::{Value, json};

use crate::{app::TestApp, people::Browser};

const DAY_MS: i64 = 86_400_000;

/// A third browser at ada's account, which is shown that two are all there may be.
async fn turned_away(app: &TestApp) -> Browser<'_> {
    let watch = json!({"user": "ada", "email": "ada@example.com"});
    for browser in [app.browser(), app.browser()] {
        assert!(browser.evaluate("watch", watch.clone()).await.redirect.is_none());
    }
    let third = app.browser();
    let told = third.evaluate("watch", watch).await;
    third.open(&told.page()).await;
    app.pass(1_000).await;
    third
}

async fn figures(app: &TestApp) -> (Value, Value) {
    let told = app.site().get("/v3/conversions").await.expect(200);
    (told["shown"].clone(), told["converted"].clone())
}

/// Signs up, proving the address if it isn't yet.
async fn signs_up(browser: &Browser<'_>, user: &str) {
    let email = format!("{user}@example.com");
    let told = browser.evaluate("signup", json!({"user": user, "email": email})).await;
    if told.redirect.is_some() {
        browser.pass(&told, &email).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_shown_the_page_and_signs_up_is_counted_once() {
    let app = TestApp::start().await;
    let browser = turned_away(&app).await;
    assert_eq!(figures(&app).await, (json!(1), json!(0)));
    let told = browser.evaluate("signup", json!({"user": "carl", "email": "carl@example.com"})).await;
    assert_eq!(figures(&app).await, (json!(1), json!(0)), "not before it is proven");
    browser.pass(&told, "carl@example.com").await;
    assert_eq!(figures(&app).await, (json!(1), json!(1)));
    signs_up(&browser, "carl").await;
    assert_eq!(figures(&app).await, (json!(1), json!(1)), "once");
    // Somebody else in the same browser, whom the site's server vouches for: let in at once.
    app.site()
        .post("/v3/user/dora/update", &json!({"email": "d@example.com", "email_verified": true}))
        .await
        .expect(204);
    let told = browser.evaluate("signup", json!({"user": "dora", "email": "d@example.com"})).await;
    assert!(told.redirect.is_none());
    let told = app.site().get("/v3/conversions").await.expect(200);
    let today = told["to"].clone();
    assert_eq!(told["by_day"], json!([{"day": today, "shown": 1, "converted": 2}]));
    let others = app.site_with(&app.other.development).get("/v3/conversions").await.expect(200);
    assert_eq!((others["shown"].clone(), others["by_day"].clone()), (json!(0), json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_counted() {
    let app = TestApp::start().await;
    // Known before, in whatever browser.
    let early = app.browser();
    signs_up(&early, "early").await;
    app.pass(1_000).await;
    let browser = turned_away(&app).await;
    signs_up(&browser, "early").await;
    // The account's own user, and somebody in a browser that was never shown the page.
    signs_up(&browser, "ada").await;
    signs_up(&app.browser(), "stranger").await;
    // Something else than a sign-up.
    browser.evaluate("post", json!({"user": "poster"})).await;
    assert_eq!(figures(&app).await, (json!(1), json!(0)));
    // After thirty days and a moment.
    app.pass(30 * DAY_MS + 1_000).await;
    signs_up(&browser, "late").await;
    let told = app.site().get("/v3/conversions?from=2025-11-01").await.expect(200);
    assert_eq!(told["converted"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_cannot_be_asked_for_are_refused() {
    let app = TestApp::start().await;
    let site = app.site();
    for query in
        ["from=yesterday", "to=2026-13-01", "from=2026-02-02&to=2026-02-01", "from=2024-01-01&to=2025-01-01", "days=3"]
    {
        site.get(&format!("/v3/conversions?{query}")).await.refused(400, "invalid_form");
    }
    let told = site.get("/v3/conversions?from=2024-01-01&to=2024-12-31").await.expect(200);
    assert_eq!((told["from"].clone(), told["to"].clone()), (json!("2024-01-01"), json!("2024-12-31")));
}
