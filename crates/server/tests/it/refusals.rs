//! Bad input of every kind: the right refusal, in the documented form, and never an accident of ours.

use std::{collections::BTreeSet, time::Duration};

use countersign_server::api::problem;
use serde_json::{Value, json};

use crate::{
    app::{MINUTE, Options, TestApp},
    people::Browser,
    seed::SHOP,
    wire::{self, PATIENCE, Request},
};

/// An evaluation request of `browser` with this raw body.
fn raw(body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", "/v3/evaluations").header("origin", SHOP).header("content-type", "text/plain").body(body)
}

/// A valid body with `fields` over it.
fn with(browser: &Browser<'_>, fields: &Value) -> Request {
    raw(browser.body("post", fields).to_string())
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_cannot_be_read() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let valid = browser.body("post", &json!({})).to_string();
    let metadata = |inner: &str| valid.replacen('{', &format!("{{\"metadata\":{inner},"), 1);
    for (what, body, status, code) in [
        ("nothing", String::new(), 400, "invalid_json"),
        ("blanks", "  \n".to_owned(), 400, "invalid_json"),
        ("no object", "42".to_owned(), 400, "invalid_json"),
        ("an array", "[]".to_owned(), 400, "invalid_json"),
        ("an array of fields in order", format!("[\"{}\", \"post\"]", browser.client_id), 400, "invalid_json"),
        ("null", "null".to_owned(), 400, "invalid_json"),
        ("truncated", valid[..valid.len() - 1].to_owned(), 400, "invalid_json"),
        ("truncated inside a text", "{\"action\": \"lo".to_owned(), 400, "invalid_json"),
        ("two objects", format!("{valid}{valid}"), 400, "invalid_json"),
        ("a form", "action=login".to_owned(), 400, "invalid_json"),
        ("single quotes", "{'action': 'login'}".to_owned(), 400, "invalid_json"),
        ("a duplicate key", valid.replacen('{', "{\"action\":\"login\",", 1), 400, "invalid_field"),
        ("deep nesting", metadata(&format!("{{\"a\":{}}}", nested(10_000))), 400, "invalid_json"),
        ("deep nesting where none belongs", nested(10_000), 400, "invalid_json"),
        ("a lone surrogate", "{\"action\": \"\\ud800\"}".to_owned(), 400, "invalid_json"),
        ("a number beyond all", metadata("{\"a\":1e999}"), 400, "invalid_json"),
        ("not a number", metadata("{\"a\":NaN}"), 400, "invalid_json"),
        ("a megabyte", format!("{{\"action\":\"{}\"}}", "x".repeat(1024 * 1024)), 413, "body_too_large"),
        ("a byte too many", " ".repeat(65_537), 413, "body_too_large"),
    ] {
        let answer = app.anon(raw(body)).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        answer.refused(status, code);
    }
    for (what, bytes) in [
        ("invalid UTF-8", b"{\"action\":\"\xff\xfe\"}".to_vec()),
        ("UTF-16", "{\"action\":\"login\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("zeros", vec![0; 100]),
        ("overlong", b"{\"action\":\"\xc0\xaf\"}".to_vec()),
    ] {
        let refusal = app.anon(raw(bytes)).await.refused(400, "invalid_json");
        assert!(refusal.get("pointer").is_none(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_cannot_be_are_pointed_at() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let keys: serde_json::Map<_, _> = (0..51).map(|n| (format!("k{n}"), json!(n))).collect();
    for (fields, code, pointer) in [
        (json!({"action": "Log in"}), "invalid_field", "/action"),
        (json!({"action": ""}), "invalid_field", "/action"),
        (json!({"action": "x".repeat(65)}), "invalid_field", "/action"),
        (json!({"action": 1}), "invalid_field", "/action"),
        (json!({"action": null}), "invalid_field", "/action"),
        (json!({"user": ""}), "invalid_field", "/user"),
        (json!({"user": {"id": "ada"}}), "invalid_field", "/user"),
        (json!({"user": "x".repeat(1_000)}), "invalid_field", "/user"),
        (json!({"user": "a\u{0}b"}), "invalid_field", "/user"),
        (json!({"email": ["a@b.example"]}), "invalid_field", "/email"),
        (json!({"email": "x".repeat(321)}), "invalid_field", "/email"),
        (json!({"phone": "1".repeat(65)}), "invalid_field", "/phone"),
        (json!({"metadata": "text"}), "invalid_field", "/metadata"),
        (json!({"metadata": keys}), "invalid_field", "/metadata"),
        (json!({"metadata": {"a": "x".repeat(4_096)}}), "invalid_field", "/metadata"),
        (json!({"groups": "staff"}), "invalid_field", "/groups"),
        (json!({"groups": vec!["x"; 33]}), "invalid_field", "/groups"),
        (json!({"signals": {"cpu": -1}}), "invalid_field", "/signals/cpu"),
        (json!({"signals": {"cpu": 1e300}}), "invalid_field", "/signals/cpu"),
        (json!({"signals": {"gpu": "x".repeat(257)}}), "invalid_field", "/signals/gpu"),
        (json!({"signals": {"screen": {"width": "wide", "height": 1}}}), "invalid_field", "/signals/screen/width"),
        (
            json!({"signals": {"brands": [{"brand": "a", "version": "1"}, {"brand": 1}]}}),
            "invalid_field",
            "/signals/brands/1/brand",
        ),
        (json!({"device_token": "x".repeat(513)}), "invalid_field", "/device_token"),
        (json!({"page_url": "x".repeat(2_049)}), "invalid_field", "/page_url"),
        (json!({"ip": "203.0.113.1"}), "invalid_field", "/ip"),
        (json!({"user_agent": "x"}), "invalid_field", "/user_agent"),
        (json!({"simulate": {"ip": "nowhere"}}), "invalid_field", "/simulate/ip"),
        (json!({"verdict": "allow"}), "unknown_field", "/verdict"),
        (json!({"signals": {"iq": 140}}), "unknown_field", "/signals/iq"),
        (
            json!({"signals": {"screen": {"width": 1, "height": 1, "a/b~c": 1}}}),
            "unknown_field",
            "/signals/screen/a~1b~0c",
        ),
    ] {
        let refusal = app.anon(with(&browser, &fields)).await.refused(400, code);
        assert_eq!(refusal["pointer"], pointer, "{fields}");
    }
    let refusal =
        app.anon(raw(json!({"client_id": browser.client_id}).to_string())).await.refused(400, "missing_field");
    assert!(refusal["detail"].as_str().unwrap().contains("action"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_looks_wrong_is_evaluated() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let keys: serde_json::Map<_, _> = (0..50).map(|n| (format!("k{n}"), json!(n))).collect();
    for fields in [
        json!({"email": "no address"}),
        json!({"phone": "call me"}),
        json!({"metadata": keys}),
        json!({"metadata": {"a": 123_456_789_012_345_678_u64, "b": -1.5e300, "c": [[[[{"d": null}]]]]}}),
        json!({"device_token": "not one of ours"}),
        json!({"page_url": "not a URL"}),
        json!({"user": "🦀 \u{202e}evil"}),
        json!({"signals": {}}),
    ] {
        app.anon(with(&browser, &fields)).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_ask_is_told_so() {
    let mut app = TestApp::start().await;
    let body = app.browser().body("post", &json!({})).to_string();
    let from = |origin: &str| {
        let request = Request::new("POST", "/v3/evaluations").body(body.clone());
        if origin.is_empty() { request } else { request.header("origin", origin) }
    };
    for origin in [
        "",
        "null",
        "https://evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil.example",
        "https://shop.example/",
        "SHOP",
    ] {
        app.anon(from(origin)).await.refused(403, "origin_not_allowed");
    }
    let unknown = body.replace(&app.project.development.client_id, "pk_dev_unknown");
    assert_eq!(app.anon(raw(unknown)).await.refused(401, "unknown_client")["pointer"], "/client_id");
    let without = json!({"action": "post"}).to_string();
    assert_eq!(app.anon(raw(without)).await.refused(400, "missing_field")["pointer"], "/client_id");

    let told = app.browser().evaluate("post", json!({})).await;
    let path = format!("/v3/evaluations/{}", told.evaluation);
    let secret = app.project.development.secret.clone();
    let mistyped = format!("{}x", &secret[..secret.len() - 1]);
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic c2s6",
        &secret,
        &format!("Bearer {mistyped}"),
        &format!("Bearer {}", app.project.development.client_id),
        "Bearer sk_dev_\u{e9}",
    ] {
        app.anon(Request::new("GET", &path).header("authorization", value)).await.refused(401, "unauthorized");
        app.anon(raw(body.clone()).header("authorization", value)).await.refused(401, "unauthorized");
    }
    app.anon(Request::new("GET", &path).header("authorization", format!("bearer {secret}"))).await.expect(200);

    app.project.delete_development_key(&app.ctx.store.clone()).await;
    let gone = async {
        while app.anon(Request::new("GET", &path).bearer(&secret)).await.status != 401 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("a deleted key stops within seconds");
    app.anon(raw(body)).await.refused(401, "unknown_client");
    app.site_with(&app.project.production).get(&path).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_that_are_not_there() {
    let app = TestApp::start().await;
    for path in [
        "/nowhere",
        "/v3",
        "/v3/",
        "/v4/evaluations",
        "/v3/evaluations/",
        "/V3/evaluations",
        "/v3//evaluations",
        "/assets/../Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/..%5c..%5cetc",
        "/assets/unknown.css",
        "/.env",
        "/challenge/x/y/z",
    ] {
        app.anon(Request::new("GET", path)).await.refused(404, "not_found");
    }
    for (method, path) in [
        ("GET", "/v3/evaluations"),
        ("DELETE", "/v3/evaluations"),
        ("PUT", "/v3/evaluations/x/consume"),
        ("GET", "/v3/evaluations/x/consume"),
        ("POST", "/v3/openapi.json"),
        ("PATCH", "/health/live"),
        ("BREW", "/v3/evaluations"),
        ("POST", "/challenge/x"),
        ("GET", "/challenge/x/verify"),
    ] {
        app.anon(Request::new(method, path)).await.refused(405, "method_not_allowed");
    }
    let site = app.site();
    for id in [
        "x",
        "evl_",
        "chl_00000000000000000000000000",
        "evl_0000000000000000000000000",
        "evl_000000000000000000000000000",
        "EVL_00000000000000000000000000",
        "evl_0000000000000000000000000I",
        "evl_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "%00",
        "evl_%F0%9F%A6%80",
        &"x".repeat(10_000),
    ] {
        site.get(&format!("/v3/evaluations/{id}")).await.refused(400, "invalid_id");
        site.consume(id).await.refused(400, "invalid_id");
    }
    for bad in ["%ff", "evl_%c3%28"] {
        let answer = site.get(&format!("/v3/evaluations/{bad}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/problem+json")), "{bad}");
    }
    site.get("/v3/evaluations/evl_00000000000000000000000000").await.refused(404, "not_found");
    site.get("/v3/user/%00/devices").await.refused(400, "invalid_id");
    site.get(&format!("/v3/user/{}/devices", "x".repeat(1_000))).await.refused(400, "invalid_id");
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_cannot_be_read() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.open(&told.page()).await;
    let path = format!("{}/verify", told.page());
    for (kind, body) in [
        ("application/json", b"{}".to_vec()),
        ("", b"code=1".to_vec()),
        ("multipart/form-data; boundary=x", b"--x--".to_vec()),
        ("\x0b\x0c", b"code=1".to_vec()),
        ("application/x-www-form-urlencoded", b"code=1&code=2".to_vec()),
    ] {
        let answer = browser.follow(Request::new("POST", &path).header("content-type", kind).body(body)).await.answer;
        assert!((400..500).contains(&answer.status), "{kind}: {answer:?}");
    }
    for body in [b"code=%ff%fe".to_vec(), vec![0; 64], b"&&&===".to_vec(), vec![b'&'; 60_000]] {
        let request = Request::new("POST", &path).header("content-type", "application/x-www-form-urlencoded");
        let answer = browser.follow(request.body(body)).await.answer;
        assert!((300..500).contains(&answer.status), "{answer:?}");
    }
    let large = Request::new("POST", &path).form(&[("code", &"1".repeat(100_000))]);
    browser.follow(large).await.answer.refused(413, "body_too_large");
    assert_eq!(app.site().challenge(&told.challenge()).await["verify_attempts"], 0);
}

/// Requests that are broken as HTTP: the protocol's own refusal, or a hang-up; and the server goes on.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_http() {
    let app = TestApp::start().await;
    let many = (0..200).fold(Request::new("GET", "/health/live"), |request, n| request.header(&format!("x-{n}"), "v"));
    for (what, bytes) in [
        ("a header of 64 KiB", Request::new("GET", "/health/live").header("x-long", "x".repeat(65_536)).bytes()),
        ("a header of 1 MiB", Request::new("GET", "/health/live").header("x-long", "x".repeat(1 << 20)).bytes()),
        ("200 headers", many.bytes()),
        ("a NUL in a header", Request::new("GET", "/health/live").header("x-nul", b"a\0b").bytes()),
        ("a NUL in the path", b"GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("a space in the path", b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("lengths that differ", b"POST /v3/evaluations HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!".to_vec()),
        ("a negative length", b"POST /v3/evaluations HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec()),
        ("both framings", b"POST /v3/evaluations HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n".to_vec()),
        ("a chunk that is none", b"POST /v3/evaluations HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec()),
        ("a path of 100 KB", Request::new("GET", &format!("/{}", "x".repeat(100_000))).bytes()),
    ] {
        let said = said_to(&app, &bytes).await;
        let status = said.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        assert!(status.is_none_or(|status| (400..500).contains(&status) || what.contains("64 KiB") && status == 200), "{what}: {said}");
        app.anon(Request::new("GET", "/health/live")).await.expect(200);
    }
}

/// What the server says to these bytes, until it hangs up or we do.
async fn said_to(app: &TestApp, bytes: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let _ = stream.write_all(bytes).await;
    // The write side is closed: who waits for more knows that none will come.
    let _ = stream.shutdown().await;
    let mut said = Vec::new();
    let mut chunk = [0; 4_096];
    let read = async {
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            said.extend_from_slice(&chunk[..read]);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the server lets go");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_can_be_provoked() {
    let settings = Some(json!({"name": "The Shop", "evaluations_per_minute": 2}));
    let app = TestApp::with(Options { settings, ..Options::default() }).await;
    let (browser, site) = (app.browser(), app.site());
    let told = browser.evaluate("post", json!({"user": "ada"})).await;
    let late = browser.evaluate("post", json!({"user": "ada"})).await;
    let consume = format!("/v3/evaluations/{}/consume", told.evaluation);
    let mut live = app.browser();
    live.client_id.clone_from(&app.project.production.client_id);
    let foreign = Request::new("POST", "/v3/evaluations").body(browser.body("post", &json!({})).to_string());
    let mut seen = vec![
        app.anon(raw("{")).await,
        app.anon(Request::new("POST", "/challenge/x/verify").json(&json!({}))).await,
        app.anon(with(&browser, &json!({"action": 1}))).await,
        app.anon(with(&browser, &json!({"what": 1}))).await,
        app.anon(raw("{}")).await,
        site.get("/v3/evaluations/x").await,
        site.consume_with_key(&told.evaluation, "").await,
        app.anon(with(&browser, &json!({"client_id": "pk_dev_x"}))).await,
        app.anon(Request::new("POST", &consume)).await,
        app.anon(foreign).await,
        app.anon(with(&live, &json!({"simulate": {}}))).await,
        app.anon(Request::new("GET", "/nowhere")).await,
        app.anon(Request::new("PUT", "/v3/evaluations")).await,
        app.anon(raw("x".repeat(70_000))).await,
        app.anon(browser.request(&browser.body("post", &json!({})))).await,
        site.consume_expecting(&told.evaluation, json!({"action": "login"})).await,
        site.post("/v3/user/nobody/update", &json!({"email_verified": true})).await,
    ];
    site.consume(&told.evaluation).await.expect(200);
    seen.push(site.consume(&told.evaluation).await);
    app.pass(61 * MINUTE).await;
    seen.push(site.consume(&late.evaluation).await);
    app.ctx.store.clone().close().await;
    seen.push(wire::send(app.address, &Request::new("POST", &consume).bearer(&site.secret)).await);

    let mut codes = BTreeSet::new();
    for answer in seen {
        let problem = answer.json();
        let code = problem["code"].as_str().unwrap_or_else(|| panic!("{problem}")).to_owned();
        answer.refused(answer.status, &code);
        let kind = problem::ALL.iter().find(|kind| kind.code == code).unwrap();
        assert_eq!((answer.status, problem["title"].as_str()), (kind.status.as_u16(), Some(kind.title)));
        assert_eq!(problem["type"], format!("/docs/problems#{code}"));
        codes.insert(code);
    }
    for (code, _reason) in NOT_OVER_HTTP {
        assert!(codes.insert((*code).to_owned()), "{code} was provoked: its excuse is gone");
    }
    assert_eq!(codes, problem::ALL.iter().map(|kind| kind.code.to_owned()).collect());
}

/// Codes that no caller can bring about against a healthy server, and why.
const NOT_OVER_HTTP: &[(&str, &str)] = &[("internal", "an accident of ours: there is none that we know of")];
