//! Every field of every body that the API's document describes, given what it can't be: refused by name, in words for
//! somebody who writes JSON.

use serde_json::{Value, json};

use crate::{app::TestApp, seed::SHOP, wire::Request};

/// A field: how to get there, and whether an object is wanted.
#[derive(Debug)]
struct Field {
    pointer: String,
    is_object: bool,
}

/// The schema itself, whatever it is wrapped in.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let wrapped = schema.get("oneOf").or(schema.get("anyOf")).and_then(Value::as_array);
    if let Some(inner) = wrapped.and_then(|all| all.iter().find(|one| one["type"] != "null")) {
        return resolve(document, inner);
    }
    let reference = schema["$ref"].as_str().and_then(|to| document.pointer(to.trim_start_matches('#')));
    reference.map_or(schema, |schema| resolve(document, schema))
}

/// All fields of an object, and theirs.
fn fields(document: &Value, schema: &Value, above: &str, found: &mut Vec<Field>) {
    let schema = resolve(document, schema);
    if schema.get("items").is_some() {
        fields(document, &schema["items"], &format!("{above}/0"), found);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let pointer = format!("{above}/{name}");
        let is_object = resolve(document, field).get("properties").is_some();
        fields(document, field, &pointer, found);
        found.push(Field { pointer, is_object });
    }
}

/// A body that has this value there and nothing else.
fn body(pointer: &str, value: &Value) -> Value {
    pointer
        .rsplit('/')
        .filter(|part| !part.is_empty())
        .fold(value.clone(), |inner, part| if part == "0" { json!([inner]) } else { json!({part: inner}) })
}

/// Words that only who wrote the server understands, or that repeat what was sent.
const NOT_OURS: &[&str] =
    &["expected", "struct", "u32", "f64", "sequence", "a map", "variant", "enum", "-1.5", "nonsense"];

#[tokio::test(flavor = "multi_thread")]
async fn no_field_takes_what_it_cannot_be_and_each_says_what_it_takes() {
    let app = TestApp::start().await;
    let document = app.anon(Request::new("GET", "/v3/openapi.json")).await.expect(200);
    let (mut refused, mut objects) = (0, 0);
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(content) = methods["post"]["requestBody"]["content"].as_object() else { continue };
        let mut all = Vec::new();
        fields(&document, &content.values().next().unwrap()["schema"], "", &mut all);
        assert!(!all.is_empty(), "{path}");
        let by_browser = path == "/v3/devices/detach";
        let path = path.replace("{id}", if path.contains("user") { "ada" } else { "evl_01jd3q4x8m5z9v7w2k6t1r0nbc" });
        for Field { pointer, is_object } in all {
            for value in [json!([]), json!({}), json!("nonsense"), json!(true), json!(-1.5), json!([[]])] {
                let request = Request::new("POST", &path).json(&body(&pointer, &value));
                let secret = &app.project.development.secret;
                let request = if by_browser { request.header("origin", SHOP) } else { request.bearer(secret) };
                let answer = app.anon(request).await;
                let problem = if answer.status < 400 { Value::Null } else { answer.json() };
                let what = format!("{path} {pointer} {value}: {problem}");
                assert!(!(is_object && value.is_array() && problem["code"] != "invalid_field"), "{what}");
                if problem["code"] != "invalid_field" {
                    continue;
                }
                refused += 1;
                objects += usize::from(is_object && value.is_array());
                let detail = problem["detail"].as_str().unwrap();
                assert!(!NOT_OURS.iter().any(|word| detail.contains(word)), "{what}");
                let told = problem["pointer"].as_str().unwrap();
                assert!(!told.is_empty() && (told.starts_with(&pointer) || pointer.starts_with(told)), "{what}");
            }
        }
    }
    // Fewer would mean that the document was not understood.
    assert!(refused > 200 && objects >= 20, "{refused} refused, {objects} of them objects");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_field_takes_is_said_in_plain_words() {
    let app = TestApp::start().await;
    let secret = app.project.development.secret.clone();
    for (path, sent, code, pointer, words) in [
        ("evaluations", json!({"action": 1}), "invalid_field", "/action", "must be text."),
        ("evaluations", json!({"signals": []}), "invalid_field", "/signals", "must be an object."),
        (
            "evaluations",
            json!({"signals": {"screen": [1, 2]}}),
            "invalid_field",
            "/signals/screen",
            "must be an object.",
        ),
        (
            "evaluations",
            json!({"signals": {"brands": [["a", "1"]]}}),
            "invalid_field",
            "/signals/brands/0",
            "must be an object.",
        ),
        ("evaluations", json!({"signals": {"brands": {}}}), "invalid_field", "/signals/brands", "must be a list."),
        (
            "evaluations",
            json!({"signals": {"cpu": -1}}),
            "invalid_field",
            "/signals/cpu",
            "must be a whole number from 0 to 4294967295.",
        ),
        ("evaluations", json!({"signals": {"memory": "8"}}), "invalid_field", "/signals/memory", "must be a number."),
        (
            "evaluations",
            json!({"signals": {"mobile": 1}}),
            "invalid_field",
            "/signals/mobile",
            "must be true or false.",
        ),
        ("evaluations", json!({"ip": "nowhere"}), "invalid_field", "/ip", "must be an IP address."),
        ("evaluations", json!({"ip": 1}), "invalid_field", "/ip", "must be an IP address."),
        ("evaluations", json!({"metadata": []}), "invalid_field", "/metadata", "must be an object."),
        (
            "evaluations",
            json!({"signals": {"storage": {"a`b, expected c": 1}}}),
            "unknown_field",
            "/signals/storage/a`b, expected c",
            "Known here: `cookies`, `local`, `indexed_db`.",
        ),
        (
            "evaluations",
            json!({"signals": {"screen": {"width": 1}}}),
            "missing_field",
            "/signals/screen/height",
            "`height` is missing.",
        ),
        (
            "user/ada/update",
            json!({"groups": [["staff"]]}),
            "invalid_field",
            "/groups",
            "must be an id, an object with an `id`, or a list of these.",
        ),
        (
            "user/ada/update",
            json!({"groups": 1}),
            "invalid_field",
            "/groups",
            "must be an id, an object with an `id`, or a list of these.",
        ),
    ] {
        let request = Request::new("POST", &format!("/v3/{path}")).bearer(&secret).json(&sent);
        let problem = app.anon(request).await.refused(400, code);
        assert_eq!(problem["pointer"], pointer, "{problem}");
        assert!(problem["detail"].as_str().unwrap().starts_with(words), "{problem}");
    }
    for groups in [json!("staff"), json!({"id": "staff", "name": "Staff"}), json!(["a", {"id": "b"}]), json!([])] {
        let request = Request::new("POST", "/v3/user/ada/update").bearer(&secret).json(&json!({"groups": groups}));
        app.anon(request).await.expect(204);
    }
}
