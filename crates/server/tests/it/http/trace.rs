//! `GET /v3/evaluations/:id?trace=true`: what every policy saw, and how little is kept for it.

use countersign_store::op::EvaluationById;
use serde_json::json;

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_says_what_every_policy_saw_in_the_revision_that_decided() {
    let mut app = TestApp::start().await;
    let told = app.browser().evaluate("post", json!({"user": "ada", "metadata": {"links": 3}})).await;
    let plain = app.site().evaluation(&told.evaluation).await;
    assert!(plain.get("trace").is_none(), "it is long, and made when it is asked for");
    let path = format!("/v3/evaluations/{}?trace=true", told.evaluation);
    let traced = app.site().get(&path).await.expect(200);
    assert_eq!(
        traced["trace"].as_array().unwrap().iter().map(|policy| &policy["name"]).collect::<Vec<_>>(),
        ["Spam", "Tagged"]
    );
    assert_eq!(
        traced["trace"][0]["when"],
        json!({"field": "metadata.links", "op": "gt", "value": 10, "saw": 3, "truth": "fails"})
    );
    assert_eq!(traced["trace"][1]["when"]["truth"], "holds");
    // How close it was.
    let flip = json!({"verdict": "deny", "changes": [{"field": "metadata.links", "saw": 3, "needs": 11}]});
    assert_eq!(traced["flip"], flip);
    // What is changed later changes nothing of what was seen.
    app.project.add_a_policy(&app.ctx.store.clone()).await;
    app.ctx.projects.refresh(&app.ctx.store).await.unwrap();
    assert_eq!(app.site().get(&path).await.expect(200)["trace"], traced["trace"]);
    let path = path.replace("true", "yes");
    app.site().get(&path).await.refused(400, "invalid_form");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_an_evaluation_is_small() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let fields = json!({"user": "u_1024", "email": "ada.lovelace@mail.example", "metadata": {"plan": "pro"}});
    browser.evaluate("login", fields.clone()).await;
    let told = browser.evaluate("post", fields).await;
    let id = told.evaluation.parse().unwrap();
    let found = app.ctx.store.read(EvaluationById { project: app.project.id, id, now: app.clock.now() }).await.unwrap();
    let kept = serde_json::to_string(&found.unwrap().0.evaluation).unwrap();
    assert!(kept.len() < 1_536, "{} bytes: {kept}", kept.len());
}
