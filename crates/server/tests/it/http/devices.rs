//! `POST /v3/devices/detach`.

use serde_json::json;

use crate::{
    app::TestApp,
    people::Browser,
    seed::SHOP,
    wire::{Answer, Request},
};

async fn detach(app: &TestApp, browser: &Browser<'_>, token: &str) -> Answer {
    let body = json!({"client_id": browser.client_id, "device_token": token});
    let request = Request::new("POST", "/v3/devices/detach").header("origin", SHOP);
    app.anon(request.header("content-type", "text/plain").body(body.to_string())).await
}

async fn attached(app: &TestApp, user: &str) -> usize {
    let devices = app.site().get(&format!("/v3/user/{user}/devices")).await.expect(200);
    devices.as_array().unwrap().iter().filter(|device| device["status"] == "attached").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_out_here_frees_the_device_of_everybody_who_used_it() {
    let app = TestApp::start().await;
    let (mine, other) = (app.browser(), app.browser());
    mine.evaluate("post", json!({"user": "ada"})).await;
    let told = mine.evaluate("post", json!({"user": "grace"})).await;
    other.evaluate("post", json!({"user": "ada"})).await;
    assert_eq!((attached(&app, "ada").await, attached(&app, "grace").await), (2, 1));
    let answer = detach(&app, &mine, &told.device_token).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "any page may ask");
    answer.expect(204);
    assert_eq!((attached(&app, "ada").await, attached(&app, "grace").await), (1, 0));
    detach(&app, &mine, &told.device_token).await.expect(204);
    // Whoever comes back is attached again.
    mine.evaluate("post", json!({"user": "ada"})).await;
    assert_eq!(attached(&app, "ada").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_of_this_project_detaches_nobody() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.evaluate("post", json!({"user": "ada"})).await;
    let mut altered = told.device_token.clone();
    altered.pop();
    for token in ["", "nonsense", altered.as_str()] {
        assert_eq!(detach(&app, &browser, token).await.expect(400)["pointer"], "/device_token", "{token}");
    }
    let mut foreign = app.browser();
    foreign.client_id.clone_from(&app.other.development.client_id);
    detach(&app, &foreign, &told.device_token).await.expect(400);
    foreign.client_id = "pk_dev_nobody".to_owned();
    assert_eq!(detach(&app, &foreign, &told.device_token).await.expect(401)["code"], "unknown_client");
    assert_eq!(attached(&app, "ada").await, 1);
}
