//! `POST /v3/evaluations/:id/consume`: the words of the specification, one test each.

use serde_json::{Value, json};

use crate::{
    app::{MINUTE, TestApp},
    wire::Request,
};

/// Fields that the public reference's callers read.
fn is_whole(evaluation: &Value) -> bool {
    ["id", "action", "verdict", "user", "challenge", "metadata", "consumed", "consumed_at", "created_at", "createdAt"]
        .iter()
        .all(|field| evaluation.get(field).is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_evaluation_is_claimed_once_and_refused_for_ever() {
    let app = TestApp::start().await;
    let told = app.browser().evaluate("post", json!({"user": "ada", "metadata": {"links": 1}})).await;
    let claimed = app.site().consume(&told.evaluation).await.expect(200);
    assert_eq!((&claimed["consumed"], &claimed["verdict"]), (&json!(true), &json!("allow")));
    assert!(is_whole(&claimed), "{claimed}");
    for wait in [0, MINUTE, 61 * MINUTE, 400 * 24 * 60 * MINUTE] {
        app.pass(wait).await;
        let refusal = app.site().consume(&told.evaluation).await.refused(409, "already_consumed");
        assert_eq!(refusal["consumed_at"], claimed["consumed_at"]);
    }
    let read = app.site().evaluation(&told.evaluation).await;
    assert_eq!((&read["consumed"], &read["consumed_at"]), (&json!(true), &claimed["consumed_at"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_evaluation_is_claimed_too() {
    let app = TestApp::start().await;
    let told = app.browser().evaluate("post", json!({"user": "ada", "metadata": {"links": 11}})).await;
    let claimed = app.site().consume(&told.evaluation).await.expect(200);
    assert_eq!((&claimed["consumed"], &claimed["verdict"]), (&json!(true), &json!("deny")));
    app.site().consume(&told.evaluation).await.refused(409, "already_consumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_challenge_claims_nothing_and_can_still_be_passed() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    let told = browser.log_in("ada").await;
    let pending = async |status: &str| {
        let answer = site.consume(&told.evaluation).await.expect(200);
        assert_eq!((&answer["consumed"], &answer["consumed_at"]), (&json!(false), &Value::Null));
        assert_eq!((&answer["verdict"], &answer["challenge"]["status"]), (&json!("challenge"), &json!(status)));
        assert_eq!(answer["redirect"], told.redirect.clone().unwrap());
        assert!(is_whole(&answer), "{answer}");
    };
    pending("created").await;
    let page = browser.open(&told.page()).await;
    pending("presented").await;
    browser.send_code(&told, &page.csrf(), "email").await;
    pending("code_sent").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    browser.try_code(&told, &code).await;

    let claimed = site.consume(&told.evaluation).await.expect(200);
    assert_eq!((&claimed["consumed"], &claimed["challenge"]["status"]), (&json!(true), &json!("completed")));
    assert_eq!(claimed["verdict"], "challenge", "the verdict is a snapshot");
    site.consume(&told.evaluation).await.refused(409, "already_consumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_channel_of_two_is_still_pending() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    site.post("/v3/user/ada/update", &json!({"email": "ada@example.com", "phone": "+33612345678"})).await.expect(204);
    let told = browser.evaluate("transfer", json!({"user": "ada"})).await;
    browser.pass(&told, "ada@example.com").await;
    let half = site.consume(&told.evaluation).await.expect(200);
    assert_eq!((&half["consumed"], &half["challenge"]["status"]), (&json!(false), &json!("verified")));
    browser.ask_for_code(&told, "sms").await;
    let code = app.sms.nth_to("+33612345678", 1).await.code();
    browser.try_code(&told, &code).await;
    let whole = site.consume(&told.evaluation).await.expect(200);
    assert_eq!((&whole["consumed"], &whole["challenge"]["status"]), (&json!(true), &json!("completed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_ended_badly_is_claimed_and_says_so() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());

    let expired = browser.log_in("ada").await;
    app.pass(30 * MINUTE).await;
    let answer = site.consume(&expired.evaluation).await.expect(200);
    assert_eq!((&answer["consumed"], &answer["challenge"]["status"]), (&json!(true), &json!("expired")));

    let overridden = browser.log_in("ada").await;
    let newer = browser.log_in("ada").await;
    let answer = site.consume(&overridden.evaluation).await.expect(200);
    assert_eq!((&answer["consumed"], &answer["challenge"]["status"]), (&json!(true), &json!("overridden")));
    let answer = site.consume(&newer.evaluation).await.expect(200);
    assert_eq!((&answer["consumed"], &answer["challenge"]["status"]), (&json!(false), &json!("created")));

    let skipped = browser.evaluate("profile", json!({"user": "eve", "email": "eve@example.com"})).await;
    let csrf = browser.open(&skipped.page()).await.csrf();
    browser.submit(&format!("{}/skip", skipped.page()), &[("csrf", &csrf)]).await;
    let answer = site.consume(&skipped.evaluation).await.expect(200);
    assert_eq!((&answer["consumed"], &answer["challenge"]["status"]), (&json!(true), &json!("skipped")));

    for evaluation in [expired.evaluation, overridden.evaluation, skipped.evaluation] {
        site.consume(&evaluation).await.refused(409, "already_consumed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_expected_is_compared_before_anything_is_claimed() {
    let app = TestApp::start().await;
    let site = app.site();
    let metadata = json!({"links": 1, "cart": {"items": [1, {"sku": "a"}], "total": 10}});
    let fields = json!({"user": "ada", "email": "Ada@Example.com", "phone": "+33612345678", "metadata": metadata});
    let told = app.browser().evaluate("post", fields).await;
    for (expect, fields) in [
        (json!({"action": "login"}), json!(["action"])),
        (json!({"user": {"id": "eve"}}), json!(["user.id"])),
        (json!({"user": {"id": null}}), json!(["user.id"])),
        (json!({"user": {"email": "eve@example.com"}}), json!(["user.email"])),
        (json!({"user": {"phone": "+33600000000"}}), json!(["user.phone"])),
        (json!({"metadata": {"links": 1}}), json!(["metadata"])),
        (json!({"metadata": null}), json!(["metadata"])),
        (json!({"metadata": {"links": 1, "cart": {"items": [{"sku": "a"}, 1], "total": 10}}}), json!(["metadata"])),
        (json!({"challenge_status": "completed"}), json!(["challenge_status"])),
        (
            json!({"action": "login", "user": {"id": "eve"}, "challenge_status": "failed"}),
            json!(["action", "user.id", "challenge_status"]),
        ),
    ] {
        let refusal = site.consume_expecting(&told.evaluation, expect).await.refused(422, "integrity_mismatch");
        assert_eq!(refusal["fields"], fields);
        assert_eq!(site.evaluation(&told.evaluation).await["consumed"], false, "nothing was claimed");
    }
    let right = json!({
        "action": "post",
        "user": {"id": "ada", "email": "ada@EXAMPLE.com", "phone": "+33 6 12 34 56 78"},
        "metadata": {"cart": {"total": 10.0, "items": [1, {"sku": "a"}]}, "links": 1},
        "challenge_status": null,
    });
    assert_eq!(site.consume_expecting(&told.evaluation, right).await.expect(200)["consumed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expected_status_guards_a_challenge() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    let told = browser.log_in("ada").await;
    let completed = json!({"challenge_status": "completed", "user": {"id": "ada"}});
    site.consume_expecting(&told.evaluation, completed.clone()).await.refused(422, "integrity_mismatch");
    browser.pass(&told, "ada@example.com").await;
    assert_eq!(site.consume_expecting(&told.evaluation, completed).await.expect(200)["consumed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_closes_an_hour_after_the_evaluation_or_the_challenges_end() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    let early = browser.evaluate("post", json!({"user": "ada"})).await;
    let late = browser.evaluate("post", json!({"user": "ada"})).await;
    app.pass(60 * MINUTE).await;
    assert_eq!(site.consume(&early.evaluation).await.expect(200)["consumed"], true);
    app.pass(1).await;
    site.consume(&late.evaluation).await.refused(410, "expired");
    assert_eq!(site.evaluation(&late.evaluation).await["consumed"], false);

    let told = app.browser().log_in("bob").await;
    let passing = app.browser();
    app.pass(29 * MINUTE).await;
    passing.pass(&told, "bob@example.com").await;
    app.pass(60 * MINUTE).await;
    assert_eq!(site.consume(&told.evaluation).await.expect(200)["challenge"]["status"], "completed");

    let abandoned = app.browser().log_in("eve").await;
    app.pass((30 + 60) * MINUTE + 1).await;
    site.consume(&abandoned.evaluation).await.refused(410, "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connections_call_can_be_repeated_for_a_day() {
    let app = TestApp::start().await;
    let site = app.site();
    let told = app.browser().evaluate("post", json!({"user": "ada", "metadata": {"links": 2}})).await;
    let first = site.consume_with_key(&told.evaluation, "order-1").await.expect(200);
    for _ in 0..3 {
        app.pass(7 * 60 * MINUTE).await;
        assert_eq!(site.consume_with_key(&told.evaluation, "order-1").await.expect(200), first);
    }
    site.consume_with_key(&told.evaluation, "order-2").await.refused(409, "already_consumed");
    site.consume(&told.evaluation).await.refused(409, "already_consumed");
    app.pass(4 * 60 * MINUTE).await;
    site.consume_with_key(&told.evaluation, "order-1").await.refused(409, "already_consumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_claims_each_evaluation_by_itself() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    let (one, two) = (browser.evaluate("post", json!({})).await, browser.evaluate("post", json!({})).await);
    let first = site.consume_with_key(&one.evaluation, "k").await.expect(200);
    let second = site.consume_with_key(&two.evaluation, "k").await.expect(200);
    assert_eq!((&first["id"], &second["id"]), (&json!(one.evaluation), &json!(two.evaluation)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_used_while_pending_still_claims_later() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    let told = browser.log_in("ada").await;
    assert_eq!(site.consume_with_key(&told.evaluation, "k").await.expect(200)["consumed"], false);
    browser.pass(&told, "ada@example.com").await;
    assert_eq!(site.consume_with_key(&told.evaluation, "k").await.expect(200)["consumed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_bodies_that_cannot_be_are_refused_and_claim_nothing() {
    let app = TestApp::start().await;
    let site = app.site();
    let told = app.browser().evaluate("post", json!({"user": "ada"})).await;
    let path = format!("/v3/evaluations/{}/consume", told.evaluation);
    for key in [String::new(), "x".repeat(256), "naïve".to_owned()] {
        site.consume_with_key(&told.evaluation, &key).await.refused(400, "invalid_header");
    }
    let refusal = site.post(&path, &json!({"expect": {"user": {"name": "x"}}})).await.refused(400, "unknown_field");
    assert_eq!(refusal["pointer"], "/expect/user/name");
    let refusal = site.post(&path, &json!({"expect": {"challenge_status": "won"}})).await.refused(400, "invalid_field");
    assert_eq!(refusal["pointer"], "/expect/challenge_status");
    for body in [json!([]), json!([{"action": "post"}]), json!("expect"), json!(null)] {
        site.post(&path, &body).await.refused(400, "invalid_json");
    }
    site.app.anon(Request::new("POST", &path)).await.refused(401, "unauthorized");
    app.site_with(&app.other.development).consume(&told.evaluation).await.refused(404, "not_found");
    assert_eq!(site.evaluation(&told.evaluation).await["consumed"], false);
    assert_eq!(site.consume_with_key(&told.evaluation, &"x".repeat(255)).await.expect(200)["consumed"], true);
}
