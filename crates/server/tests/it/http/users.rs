//! `GET /v3/user/:id/devices` and `POST /v3/user/:id/update`.

use serde_json::json;

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_goes_by_the_sites_id_and_by_ours() {
    let app = TestApp::start().await;
    let site = app.site();
    let told = app.browser().evaluate("post", json!({"user": "ada"})).await;
    let ours = site.evaluation(&told.evaluation).await["user"]["countersign_id"].as_str().unwrap().to_owned();
    let by_theirs = site.get("/v3/user/ada/devices").await.expect(200);
    let by_ours = site.get(&format!("/v3/user/{ours}/devices")).await.expect(200);
    assert_eq!(by_theirs, by_ours);
    let [device] = by_theirs.as_array().unwrap().as_slice() else { panic!("one device: {by_theirs}") };
    assert_eq!((&device["user"], &device["status"]), (&json!("ada"), &json!("attached")));
    assert_eq!((&device["info"]["browser"], &device["info"]["device"]["type"]), (&json!("Chrome"), &json!("computer")));
    assert_eq!((&device["createdAt"], &device["updatedAt"]), (&device["created_at"], &device["updated_at"]));
    assert_eq!(device["attached_at"], "2026-07-01T12:00:00.000Z");

    site.post(&format!("/v3/user/{ours}/update"), &json!({"email": "ada@example.com"})).await.expect(204);
    let told = app.browser().evaluate("login", json!({"user": "ada"})).await;
    assert_eq!(site.evaluation(&told.evaluation).await["user"]["email"], "ada@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_every_kind_that_sites_have_work() {
    let app = TestApp::start().await;
    let site = app.site();
    for (id, path) in [
        ("42", "42"),
        ("ada@example.com", "ada%40example.com"),
        ("a/b c", "a%2Fb%20c"),
        ("émilie", "%C3%A9milie"),
        ("..", "%2E%2E"),
        ("auth0|5f7c8ec7c33c6c004bbafe82", "auth0%7C5f7c8ec7c33c6c004bbafe82"),
    ] {
        app.browser().evaluate("post", json!({"user": id})).await;
        let devices = site.get(&format!("/v3/user/{path}/devices")).await.expect(200);
        assert_eq!((devices.as_array().unwrap().len(), &devices[0]["user"]), (1, &json!(id)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_partial_and_null_takes_away() {
    let app = TestApp::start().await;
    let (site, browser) = (app.site(), app.browser());
    let update = async |body: serde_json::Value| site.post("/v3/user/ada/update", &body).await.expect(204);
    let user = async || {
        let told = browser.evaluate("post", json!({"user": "ada"})).await;
        site.evaluation(&told.evaluation).await["user"].clone()
    };
    update(json!({"email": "ada@example.com", "phone": "+33612345678", "metadata": {"plan": "pro", "seats": 2}})).await;
    update(json!({"metadata": {"seats": 3}})).await;
    let seen = user().await;
    assert_eq!((&seen["email"], &seen["phone"]), (&json!("ada@example.com"), &json!("+33612345678")));
    assert_eq!(seen["metadata"], json!({"plan": "pro", "seats": 3}));
    update(json!({"phone": null, "metadata": {"plan": null}})).await;
    let seen = user().await;
    assert_eq!((&seen["phone"], &seen["metadata"]), (&json!(null), &json!({"seats": 3})));
    update(json!({})).await;
    assert_eq!(user().await, seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_address_needs_no_challenge() {
    let app = TestApp::start().await;
    let (site, browser) = (app.site(), app.browser());
    site.post("/v3/user/ada/update", &json!({"email_verified": true})).await.refused(422, "nothing_to_verify");
    site.post("/v3/user/ada/update", &json!({"phone_verified": true})).await.refused(422, "nothing_to_verify");
    site.post("/v3/user/ada/update", &json!({"email": "ada@example.com", "email_verified": true})).await.expect(204);
    let sign_up = json!({"user": "ada", "email": "ada@example.com"});
    assert!(browser.evaluate("signup", sign_up).await.redirect.is_none());
    site.post("/v3/user/ada/update", &json!({"email": "ada@example.org"})).await.expect(204);
    let moved = json!({"user": "ada", "email": "ada@example.org"});
    assert!(browser.evaluate("signup", moved).await.redirect.is_some(), "a new address is not verified yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_may_be_ids_or_objects() {
    let app = TestApp::start().await;
    let site = app.site();
    for groups in [
        json!("staff"),
        json!(["staff", "eu"]),
        json!({"id": "staff", "name": "Staff"}),
        json!([{"id": "eu", "metadata": {"a": 1}}]),
    ] {
        site.post("/v3/user/ada/update", &json!({"groups": groups})).await.expect(204);
    }
    for groups in
        [json!(1), json!([""]), json!(["x".repeat(101)]), json!((0..33).map(|n| n.to_string()).collect::<Vec<_>>())]
    {
        site.post("/v3/user/ada/update", &json!({"groups": groups})).await.refused(400, "invalid_field");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_cannot_be_changes_nothing() {
    let app = TestApp::start().await;
    let site = app.site();
    site.post("/v3/user/ada/update", &json!({"metadata": {"a": 1}})).await.expect(204);
    let big: serde_json::Map<_, _> = (0..50).map(|n| (format!("k{n}"), json!(n))).collect();
    for (body, code, pointer) in [
        (json!({"email": "no address"}), "invalid_field", "/email"),
        (json!({"phone": "0612345678"}), "invalid_field", "/phone"),
        (json!({"email_verified": "yes"}), "invalid_field", "/email_verified"),
        (json!({"metadata": [1]}), "invalid_field", "/metadata"),
        (json!({"metadata": big}), "invalid_field", "/metadata"),
        (json!({"name": "Ada"}), "unknown_field", "/name"),
    ] {
        assert_eq!(site.post("/v3/user/ada/update", &body).await.refused(400, code)["pointer"], pointer, "{body}");
    }
    let told = app.browser().evaluate("post", json!({"user": "ada"})).await;
    let seen = site.evaluation(&told.evaluation).await["user"].clone();
    assert_eq!((&seen["email"], &seen["metadata"]), (&json!(null), &json!({"a": 1})));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_other_projects_and_nobodies_are_not_found() {
    let app = TestApp::start().await;
    app.browser().evaluate("post", json!({"user": "ada"})).await;
    app.site().get("/v3/user/eve/devices").await.refused(404, "not_found");
    app.site_with(&app.other.development).get("/v3/user/ada/devices").await.refused(404, "not_found");
    let ours = "usr_00000000000000000000000000";
    app.site().post(&format!("/v3/user/{ours}/update"), &json!({})).await.refused(404, "not_found");
}
