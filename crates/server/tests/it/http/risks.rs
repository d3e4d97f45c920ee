//! Risks, as evaluations show them and policies ask for them.

use serde_json::{Value, json};

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_risk_says_what_it_is_made_of_and_a_policy_may_ask_for_it() {
    let app = TestApp::start().await;
    let seen = async |simulate: Value| {
        let told = app.browser().evaluate("read", json!({"user": "ada", "simulate": simulate})).await;
        app.site().get(&format!("/v3/evaluations/{}?trace=true", told.evaluation)).await.expect(200)
    };
    let person = seen(json!({})).await;
    assert_eq!((&person["verdict"], &person["risks"]), (&json!("allow"), &json!([])));
    let robot = seen(json!({"user_agent": "Mozilla/5.0 HeadlessChrome/140.0.0.0"})).await;
    assert_eq!((&robot["verdict"], &robot["policy"]["name"]), (&json!("deny"), &json!("Robots")));
    let risk = &robot["risks"][0];
    let id = format!("{}.bot", robot["id"].as_str().unwrap());
    assert_eq!((&risk["id"], &risk["definition"], &risk["name"]), (&json!(id), &json!("bot"), &json!("Bot")));
    assert_eq!((&risk["severity"], &risk["score"]), (&json!("high"), &json!(70)));
    let wanted = json!([{"when": "is_automated", "weight": 45}, {"when": "is_headless", "weight": 25}]);
    assert_eq!(risk["indicators"], wanted);
    // The record alone tells what the policy saw.
    let asked = robot["trace"].as_array().unwrap().iter().find(|policy| policy["name"] == "Robots").unwrap();
    assert_eq!((&asked["when"]["saw"], &asked["when"]["truth"]), (&json!("high"), &json!("holds")));
    let unasked = person["trace"].as_array().unwrap().iter().find(|policy| policy["name"] == "Robots").unwrap();
    assert_eq!((&unasked["when"]["saw"], &unasked["when"]["truth"]), (&Value::Null, &json!("unknown")));
}
