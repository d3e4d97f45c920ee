//! `GET /v3/challenges/:id`.

use serde_json::json;

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_reads_as_the_public_reference_has_it() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.evaluate("profile", json!({"user": "ada", "email": "ada@example.com"})).await;
    let seen = app.site().challenge(&told.challenge()).await;
    assert_eq!((&seen["id"], &seen["evaluation"]), (&json!(told.challenge()), &json!(told.evaluation)));
    assert_eq!(
        (&seen["status"], &seen["type"], &seen["challenge_mode"]),
        (&json!("created"), &json!("account_takeover"), &json!("hosted"))
    );
    assert_eq!((&seen["channels"], &seen["delivery_status"]), (&json!([]), &json!(null)));
    assert_eq!(seen["actions"], json!(["view", "verify", "skip"]));
    assert_eq!(seen["user"]["id"], "ada");
    assert_eq!(seen["origin_url"], "https://shop.example/page", "queries are not kept");
    assert_eq!((&seen["email_verified"], &seen["phone_verified"]), (&json!(false), &json!(false)));
    assert_eq!(seen["expires_at"], "2026-07-01T12:30:00.000Z");
    assert_eq!((&seen["createdAt"], &seen["updatedAt"]), (&seen["created_at"], &seen["updated_at"]));

    app.pass(1_000).await;
    browser.pass(&told, "ada@example.com").await;
    app.pass(0).await;
    let seen = app.site().challenge(&told.challenge()).await;
    assert_eq!((&seen["status"], &seen["channels"]), (&json!("completed"), &json!(["email"])));
    assert_eq!((&seen["verify_attempts"], &seen["email_verified"]), (&json!(1), &json!(true)));
    assert_eq!(seen["actions"], json!([]));
    assert_eq!(seen["updatedAt"], "2026-07-01T12:00:01.000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_for_its_projects_server_only() {
    let app = TestApp::start().await;
    let told = app.browser().log_in("ada").await;
    let path = format!("/v3/challenges/{}", told.challenge());
    app.site_with(&app.project.production).get(&path).await.expect(200);
    app.site_with(&app.other.production).get(&path).await.refused(404, "not_found");
    app.site().get("/v3/challenges/chl_00000000000000000000000000").await.refused(404, "not_found");
    app.site().get(&format!("/v3/challenges/{}", told.evaluation)).await.refused(400, "invalid_id");
}
