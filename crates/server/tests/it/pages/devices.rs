//! The owner of a shared account proves it and logs devices out.

use serde_json::json;

use crate::{
    app::TestApp,
    people::{Browser, Page, Told},
};

async fn watch(browser: &Browser<'_>) -> Told {
    browser.evaluate("watch", json!({"user": "ada", "email": "ada@example.com"})).await
}

async fn attached(app: &TestApp) -> Vec<String> {
    let devices = app.site().get("/v3/user/ada/devices").await.expect(200);
    let attached = devices.as_array().unwrap().iter().filter(|device| device["status"] == "attached");
    attached.map(|device| device["id"].as_str().unwrap().to_owned()).collect()
}

/// The devices that the page offers to log out.
fn offered(page: &Page) -> Vec<String> {
    let html = page.html();
    let ids = html.split("name=\"device\" value=\"").skip(1);
    ids.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

async fn log_out(browser: &Browser<'_>, told: &Told, csrf: &str, device: &str) -> Page {
    browser.submit(&format!("{}/devices", told.page()), &[("csrf", csrf), ("device", device)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_logs_a_device_out_and_goes_on() {
    let app = TestApp::start().await;
    let (first, second, third) = (app.browser(), app.browser(), app.browser());
    assert!(watch(&first).await.redirect.is_none());
    app.pass(1_000).await;
    assert!(watch(&second).await.redirect.is_none());
    app.pass(1_000).await;
    let told = watch(&third).await;
    let page = third.open(&told.page()).await;
    assert_eq!(page.heading(), "Is this your account?");
    assert!(page.html().contains("https://shop.example/signup"), "the other way out");

    assert_eq!(third.pass(&told, "ada@example.com").await.location(), told.page(), "not yet");
    let page = third.open(&told.page()).await;
    assert_eq!(page.heading(), "Too many devices");
    let challenge = app.site().challenge(&told.challenge()).await;
    assert_eq!(challenge["status"], "verified");
    assert_eq!(app.site().consume(&told.evaluation).await.expect(200)["consumed"], false);
    let devices = attached(&app).await;
    assert_eq!((offered(&page), devices.len()), (devices.clone(), 2), "its own is not offered");

    // Only its own page may, and only what is offered goes.
    assert_eq!(log_out(&third, &told, "wrong", &devices[0]).await.location(), told.page());
    for other in ["", "nonsense", "dev_00000000000000000000000000"] {
        assert_eq!(log_out(&third, &told, &page.csrf(), other).await.location(), told.page(), "{other}");
    }
    assert_eq!(attached(&app).await, devices);
    let done = log_out(&third, &told, &page.csrf(), &devices[1]).await;
    assert!(done.location().starts_with("https://shop.example/verified"), "{}", done.location());
    let now = attached(&app).await;
    assert!(now.len() == 2 && now.contains(&devices[0]) && !now.contains(&devices[1]), "{now:?}");
    assert_eq!(app.site().consume(&told.evaluation).await.expect(200)["consumed"], true);
    assert!(watch(&third).await.redirect.is_none(), "it has its place");
    assert!(watch(&first).await.redirect.is_some(), "and the one that was logged out has none");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_goes_on_when_a_device_has_left_by_itself() {
    let app = TestApp::start().await;
    let (first, second, third) = (app.browser(), app.browser(), app.browser());
    watch(&first).await;
    let other = watch(&second).await;
    let told = watch(&third).await;
    third.pass(&told, "ada@example.com").await;
    let body = json!({"client_id": second.client_id, "device_token": other.device_token});
    let request = crate::wire::Request::new("POST", "/v3/devices/detach").header("origin", crate::seed::SHOP);
    app.anon(request.header("content-type", "text/plain").body(body.to_string())).await.expect(204);
    let page = third.open(&told.page()).await;
    assert!(offered(&page).is_empty() && page.html().contains("Enough devices"), "{}", page.html());
    let csrf = page.csrf();
    let done = third.submit(&format!("{}/devices", told.page()), &[("csrf", &csrf)]).await;
    assert!(done.location().starts_with("https://shop.example/verified"), "{}", done.location());
    assert_eq!(attached(&app).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_proven_nothing_logs_nobody_out() {
    let app = TestApp::start().await;
    let (first, second, third) = (app.browser(), app.browser(), app.browser());
    watch(&first).await;
    watch(&second).await;
    let told = watch(&third).await;
    assert_eq!(third.ask_for_code(&told, "email").await.location(), told.page());
    let csrf = third.open(&told.page()).await.csrf();
    let devices = attached(&app).await;
    for device in ["", &devices[0]] {
        assert_eq!(log_out(&third, &told, &csrf, device).await.location(), told.page());
    }
    assert_eq!(attached(&app).await, devices);
    assert_eq!(app.site().challenge(&told.challenge()).await["status"], "code_sent");
    // The owner's page in another browser is nobody's.
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    assert_eq!(third.try_code(&told, &code).await.location(), told.page());
    let page = first.open(&told.page()).await;
    assert_eq!(page.heading(), "Go back to where you began");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_has_room_for_more_if_the_sites_server_says_that_it_is_one() {
    for (said_by_the_site, status) in [(false, "verified"), (true, "completed")] {
        let app = TestApp::start().await;
        let claimed = json!({"user": "ada", "email": "ada@example.com", "groups": ["family"]});
        for browser in [app.browser(), app.browser()] {
            assert!(browser.evaluate("watch", claimed.clone()).await.redirect.is_none());
            app.pass(1_000).await;
        }
        if said_by_the_site {
            app.site().post("/v3/user/ada/update", &json!({"groups": ["family"]})).await.expect(204);
        }
        let third = app.browser();
        let told = third.evaluate("watch", claimed.clone()).await;
        third.open(&told.page()).await;
        third.pass(&told, "ada@example.com").await;
        assert_eq!(app.site().challenge(&told.challenge()).await["status"], status);
    }
}
