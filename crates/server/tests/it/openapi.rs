//! What the server says of itself: the API's document, its problems, its health and its metrics.

use std::collections::BTreeSet;

use countersign_server::api::problem;
use serde_json::{Value, json};

use crate::{app::TestApp, wire::Request};

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_the_one_that_was_agreed_on() {
    let app = TestApp::start().await;
    let document = app.anon(Request::new("GET", "/v3/openapi.json")).await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    insta::assert_json_snapshot!("openapi", document);
}

/// Every `$ref` in a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(to)) = map.get("$ref") {
                found.insert(to.clone());
            }
            map.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_holds_together() {
    let app = TestApp::start().await;
    let document = app.anon(Request::new("GET", "/v3/openapi.json")).await.expect(200);
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for to in found {
        assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to} leads nowhere");
    }
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} stands twice");
            assert!(operation["summary"].is_string() || operation["description"].is_string(), "{method} {path}");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let named: Vec<&str> =
                parameters.iter().filter(|p| p["in"] == "path").filter_map(|p| p["name"].as_str()).collect();
            assert_eq!(path.matches('{').count(), named.len(), "{method} {path}: {named:?}");
            assert!(operation["responses"].as_object().is_some_and(|all| all.len() >= 2), "{method} {path}");
        }
    }
}

/// The API's routes as the server knows them: each answers, and no other method does.
const ROUTES: &[(&str, &str)] = &[
    ("get", "/v3/devices/events"),
    ("post", "/v3/devices/detach"),
    ("post", "/v3/evaluations"),
    ("get", "/v3/evaluations/{id}"),
    ("post", "/v3/evaluations/{id}/consume"),
    ("post", "/v3/evaluations/{id}/feedback"),
    ("get", "/v3/challenges/{id}"),
    ("get", "/v3/conversions"),
    ("get", "/v3/user/{id}/devices"),
    ("post", "/v3/user/{id}/update"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_documented_and_everything_documented_is_a_route() {
    let app = TestApp::start().await;
    let document = app.anon(Request::new("GET", "/v3/openapi.json")).await.expect(200);
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())))
        .collect();
    let known: BTreeSet<(String, String)> =
        ROUTES.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(documented, known);
    for (method, path) in documented {
        let path = path.replace("{id}", "x");
        let answer = app.anon(Request::new(&method.to_uppercase(), &path)).await;
        assert!(!matches!(answer.status, 404 | 405), "{method} {path}: {}", answer.text());
        let wrong = if method == "get" { "DELETE" } else { "PUT" };
        app.anon(Request::new(wrong, &path)).await.refused(405, "method_not_allowed");
    }
}

#[test]
fn no_route_of_the_api_escapes_the_table() {
    let source = include_str!("../../src/api/mod.rs");
    let routes = source.lines().filter(|line| line.trim_start().starts_with(".route(\"/v3/")).count();
    assert_eq!(routes, ROUTES.len() + 1, "the document itself is the one that is not in it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_problems_page_lists_every_code() {
    let app = TestApp::start().await;
    let answer = app.anon(Request::new("GET", "/docs/problems")).await;
    let page = answer.text();
    for kind in problem::ALL {
        assert!(page.contains(&format!("\n## `{}`\n\n{} · HTTP {}\n", kind.code, kind.title, kind.status.as_u16())));
        assert!(page.contains(kind.help));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_whether_it_lives_and_whether_it_may_be_asked() {
    let app = TestApp::start().await;
    assert_eq!(app.anon(Request::new("GET", "/health/live")).await.expect(200), json!({"status": "ok"}));
    let ready = app.anon(Request::new("GET", "/health/ready")).await.expect(200);
    assert_eq!(ready, json!({"status": "ok", "store": "ok", "draining": false}));
    app.ctx.draining.store(true, std::sync::atomic::Ordering::SeqCst);
    let draining = crate::wire::send(app.address, &Request::new("GET", "/health/ready")).await;
    assert_eq!(draining.expect(503)["draining"], true);
    assert_eq!(app.anon(Request::new("GET", "/health/live")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_the_names_that_dashboards_are_built_on() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.ask_for_code(&told, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    browser.try_code(&told, &code).await;
    app.site().consume(&told.evaluation).await.expect(200);
    app.pass(0).await;
    let text = app.anon(Request::new("GET", "/metrics")).await.text();
    let types: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    insta::assert_snapshot!("metrics", types.into_iter().collect::<Vec<_>>().join("\n"));
    for private in ["ada", &told.evaluation, &told.challenge(), browser.ip.as_str()] {
        assert!(!text.contains(private), "{private} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id_of_its_own() {
    let app = TestApp::start().await;
    let mut seen = BTreeSet::new();
    for path in
        ["/", "/health/live", "/metrics", "/v3/openapi.json", "/nowhere", "/v3/evaluations/x", "/js/v3/client.js"]
    {
        let answer = app.anon(Request::new("GET", path)).await;
        assert!(seen.insert(answer.header("x-request-id").unwrap().to_owned()), "{path}");
    }
}
