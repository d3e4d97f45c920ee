//! `POST /v3/evaluations/:id/feedback`.

use serde_json::json;

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn what_it_turned_out_to_be_is_kept_and_may_be_corrected() {
    let app = TestApp::start().await;
    let site = app.site();
    let told = app.browser().evaluate("post", json!({"user": "ada"})).await;
    let path = format!("/v3/evaluations/{}/feedback", told.evaluation);
    assert_eq!(site.evaluation(&told.evaluation).await["feedback"], json!(null));
    site.post(&path, &json!({"label": "fraud", "note": "charged back"})).await.expect(204);
    assert_eq!(site.evaluation(&told.evaluation).await["feedback"], json!({"label": "fraud", "note": "charged back"}));
    site.post(&path, &json!({"label": "legitimate"})).await.expect(204);
    assert_eq!(site.evaluation(&told.evaluation).await["feedback"], json!({"label": "legitimate", "note": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_that_cannot_be_is_refused() {
    let app = TestApp::start().await;
    let site = app.site();
    let told = app.browser().evaluate("post", json!({"user": "ada"})).await;
    let path = format!("/v3/evaluations/{}/feedback", told.evaluation);
    for (body, code, pointer) in [
        (json!({"label": ""}), "invalid_field", "/label"),
        (json!({"label": "Not A Word"}), "invalid_field", "/label"),
        (json!({"label": "x".repeat(65)}), "invalid_field", "/label"),
        (json!({"label": "fraud", "note": "x".repeat(1_001)}), "invalid_field", "/note"),
        (json!({"label": "fraud", "why": "x"}), "unknown_field", "/why"),
    ] {
        assert_eq!(site.post(&path, &body).await.refused(400, code)["pointer"], pointer, "{body}");
    }
    site.post(&path, &json!({})).await.refused(400, "missing_field");
    app.site_with(&app.other.development).post(&path, &json!({"label": "fraud"})).await.refused(404, "not_found");
    assert_eq!(site.evaluation(&told.evaluation).await["feedback"], json!(null));
}
