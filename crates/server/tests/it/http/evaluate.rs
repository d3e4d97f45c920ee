//! `POST /v3/evaluations`: what is decided, remembered and told.

use serde_json::{Value, json};

use crate::{
    app::{MINUTE, Options, TestApp},
    wire::Request,
};

const DAY: i64 = 24 * 60 * MINUTE;

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_where_to_go_and_nothing_of_the_verdict() {
    let app = TestApp::start().await;
    let browser = app.browser();
    for (action, fields, members) in [
        ("post", json!({"metadata": {"links": 11}}), 2),
        ("post", json!({}), 2),
        ("login", json!({"user": "ada", "email": "ada@example.com"}), 3),
    ] {
        let answer = app.anon(browser.request(&browser.body(action, &fields))).await;
        let told = answer.expect(201);
        assert_eq!(told.as_object().unwrap().len(), members, "{told}");
        assert!(told["evaluation_id"].as_str().unwrap().starts_with("evl_"));
        assert!(told["device_token"].as_str().unwrap().starts_with("dvt_"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_may_reveal_the_verdict() {
    let settings = Some(json!({"name": "The Shop", "reveal_verdict": true}));
    let app = TestApp::with(Options { settings, ..Options::default() }).await;
    let browser = app.browser();
    let body = browser.body("post", &json!({"metadata": {"links": 11}}));
    assert_eq!(app.anon(browser.request(&body)).await.expect(201)["verdict"], "deny");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_reads_everything_that_led_to_the_verdict() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let fields =
        json!({"user": "ada", "email": "Ada@Example.com", "phone": "+33612345678", "metadata": {"cart": [1, "b"]}});
    let told = browser.evaluate("login", fields).await;
    let seen = app.site().evaluation(&told.evaluation).await;
    assert_eq!(seen["id"], told.evaluation);
    assert_eq!((&seen["action"], &seen["verdict"]), (&json!("login"), &json!("challenge")));
    assert_eq!(seen["reasons"], json!(["new_fingerprint", "new_ip"]));
    assert_eq!(
        (&seen["policy"]["name"], &seen["policy"]["action"]["type"]),
        (&json!("Unfamiliar log-in"), &json!("challenge"))
    );
    assert_eq!(seen["redirect"], told.redirect.clone().unwrap());
    assert_eq!(
        (&seen["challenge"]["id"], &seen["challenge"]["type"]),
        (&json!(told.challenge()), &json!("account_takeover"))
    );
    assert_eq!((&seen["user"]["id"], &seen["user"]["email"]), (&json!("ada"), &json!("Ada@example.com")));
    assert_eq!(seen["user"]["rupt_id"], seen["user"]["countersign_id"]);
    assert_eq!(seen["metadata"], json!({"cart": [1, "b"]}));
    assert_eq!(seen["geolocation"]["ip"], browser.ip);
    assert_eq!((&seen["checks"]["is_new_user"], &seen["checks"]["is_new_ip"]), (&json!(true), &json!(true)));
    assert!(seen["fingerprint"]["id"].as_str().unwrap().starts_with("fpr_"));
    assert!(seen["device"].as_str().unwrap().starts_with("dev_"));
    assert_eq!(seen["created_at"], "2026-07-01T12:00:00.000Z");
    assert_eq!((&seen["createdAt"], &seen["updatedAt"]), (&seen["created_at"], &seen["updated_at"]));
    assert_eq!((&seen["consumed"], &seen["consumed_at"]), (&json!(false), &Value::Null));
    assert_eq!(app.site().evaluation(&told.evaluation).await, seen, "as often as wanted");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_redirect_is_there_in_every_state_of_the_challenge() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    let told = browser.evaluate("profile", json!({"user": "ada", "email": "ada@example.com"})).await;
    let stands = async |status: &str| {
        let seen = site.evaluation(&told.evaluation).await;
        assert_eq!(
            (&seen["challenge"]["status"], &seen["redirect"]),
            (&json!(status), &json!(told.redirect.clone().unwrap()))
        );
        assert_eq!(seen["verdict"], "challenge");
        assert_eq!(browser.open(&told.page()).await.answer.status, 200);
    };
    assert_eq!(site.evaluation(&told.evaluation).await["redirect"], told.redirect.clone().unwrap());
    let csrf = browser.open(&told.page()).await.csrf();
    stands("presented").await;
    browser.send_code(&told, &csrf, "email").await;
    app.mail.nth_to("ada@example.com", 1).await;
    stands("code_sent").await;
    app.pass(30 * MINUTE).await;
    stands("expired").await;
    let allowed = browser.evaluate("post", json!({})).await;
    assert_eq!(site.evaluation(&allowed.evaluation).await["redirect"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passed_challenge_makes_the_browser_familiar() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    browser.pass(&told, "ada@example.com").await;
    assert!(browser.log_in("ada").await.redirect.is_none());
    browser.clear();
    assert!(browser.log_in("ada").await.redirect.is_none(), "its fingerprint and address are still known");
    assert!(app.browser().log_in("ada").await.redirect.is_some(), "another one is not");
    assert!(browser.log_in("eve").await.redirect.is_some(), "nor is this one for somebody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_is_never_learnt_from_a_challenge_that_was_not_passed() {
    let app = TestApp::start().await;
    let browser = app.browser();
    for _ in 0..3 {
        let told = browser.log_in("ada").await;
        assert_eq!(app.site().evaluation(&told.evaluation).await["verdict"], "challenge");
        browser.open(&told.page()).await;
        app.site().consume(&told.evaluation).await.expect(200);
        app.pass(31 * MINUTE).await;
    }
    let devices = app.site().get("/v3/user/ada/devices").await.expect(200);
    assert!(devices.as_array().unwrap().iter().all(|device| device["status"] == "detached"), "{devices}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fraud_feedback_makes_the_browser_unfamiliar_again() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    let told = browser.log_in("ada").await;
    browser.pass(&told, "ada@example.com").await;
    site.post(&format!("/v3/evaluations/{}/feedback", told.evaluation), &json!({"label": "fraud"})).await.expect(204);
    assert!(browser.log_in("ada").await.redirect.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_device_token_recognises_a_browser_whose_signals_changed() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let first = browser.evaluate("post", json!({"user": "ada"})).await;
    browser.machine = "another graphics driver".to_owned();
    let second = browser.evaluate("post", json!({"user": "ada"})).await;
    let device = async |id: &str| app.site().evaluation(id).await["device"].clone();
    assert_eq!(device(&first.evaluation).await, device(&second.evaluation).await);
    let forged = format!("dvt_{}", "A".repeat(first.device_token.len() - 4));
    let stranger = app.browser();
    let third = stranger.evaluate("post", json!({"user": "ada", "device_token": forged})).await;
    assert_ne!(device(&first.evaluation).await, device(&third.evaluation).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleared_browser_is_recognised_by_its_fingerprint() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let first = browser.evaluate("post", json!({"user": "ada"})).await;
    browser.clear();
    let second = browser.evaluate("post", json!({"user": "ada"})).await;
    let (first, second) =
        (app.site().evaluation(&first.evaluation).await, app.site().evaluation(&second.evaluation).await);
    assert_eq!((&first["device"], &first["fingerprint"]["id"]), (&second["device"], &second["fingerprint"]["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_third_device_is_challenged_and_an_unused_one_makes_room() {
    let app = TestApp::start().await;
    let (one, two, three) = (app.browser(), app.browser(), app.browser());
    let access = json!({"user": "ada", "email": "ada@example.com"});
    assert!(one.evaluate("access", access.clone()).await.redirect.is_none());
    assert!(two.evaluate("access", access.clone()).await.redirect.is_none());
    let told = three.evaluate("access", access.clone()).await;
    assert_eq!(app.site().evaluation(&told.evaluation).await["challenge"]["type"], "account_sharing");
    assert!(one.evaluate("access", access.clone()).await.redirect.is_none(), "those who are in stay in");
    app.pass(5 * DAY).await;
    assert!(two.evaluate("access", access.clone()).await.redirect.is_none());
    app.pass(3 * DAY).await;
    assert!(three.evaluate("access", access.clone()).await.redirect.is_none(), "the first was unused for a week");
    assert!(one.evaluate("access", access).await.redirect.is_some(), "its place is taken");
    let devices = app.site().get("/v3/user/ada/devices").await.expect(200);
    let attached = devices.as_array().unwrap().iter().filter(|device| device["status"] == "attached").count();
    assert_eq!(attached, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_user_stays_suspended() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    let verdict = async |action: &str, user: &str| {
        let told = browser.evaluate(action, json!({"user": user})).await;
        site.evaluation(&told.evaluation).await["verdict"].clone()
    };
    assert_eq!(verdict("post", "ada").await, "allow");
    assert_eq!(verdict("abuse", "ada").await, "suspend");
    for action in ["post", "login", "checkout", "buy"] {
        assert_eq!(verdict(action, "ada").await, "suspend", "{action}");
    }
    app.pass(400 * DAY).await;
    assert_eq!(verdict("post", "ada").await, "suspend");
    assert_eq!(verdict("post", "eve").await, "allow");
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_are_applied_beside_the_verdict() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    let seen = async |action: &str, user: &str| {
        let fields = json!({"user": user, "metadata": {"links": 11}});
        site.evaluation(&browser.evaluate(action, fields).await.evaluation).await
    };
    let posted = seen("post", "ada").await;
    assert_eq!(posted["verdict"], "deny");
    assert_eq!(seen("buy", "ada").await["verdict"], "allow");
    let listed = seen("chargeback", "ada").await;
    assert_eq!((&listed["verdict"], &listed["effects"][0]["list"]), (&json!("allow"), &json!("watched")), "{listed}");
    assert_eq!(seen("buy", "ada").await["verdict"], "deny");
    assert_eq!(seen("buy", "eve").await["verdict"], "allow");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_environment_has_its_own_policies() {
    let app = TestApp::start().await;
    let mut live = app.browser();
    live.client_id.clone_from(&app.project.production.client_id);
    let trying = app.browser();
    let site = app.site_with(&app.project.production);
    let verdict = async |told: crate::people::Told| site.evaluation(&told.evaluation).await["verdict"].clone();
    assert_eq!(verdict(live.evaluate("launch", json!({})).await).await, "deny");
    assert_eq!(verdict(trying.evaluate("launch", json!({})).await).await, "allow");
    assert_eq!(verdict(live.evaluate("login", json!({"user": "ada"})).await).await, "allow");
    assert_eq!(verdict(trying.evaluate("login", json!({"user": "ada"})).await).await, "challenge");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_development_keys_simulate() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let fields = json!({"user": "ada", "simulate": {"ip": "203.0.113.99", "user_agent": "curl/8"}});
    let told = browser.evaluate("post", fields.clone()).await;
    assert_eq!(app.site().evaluation(&told.evaluation).await["geolocation"]["ip"], "203.0.113.99");
    browser.client_id.clone_from(&app.project.production.client_id);
    let refusal =
        app.anon(browser.request(&browser.body("post", &fields))).await.refused(403, "simulation_not_allowed");
    assert_eq!(refusal["pointer"], "/simulate");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_evaluates_for_clients_without_the_sdk() {
    let app = TestApp::start().await;
    let site = app.site();
    let body = json!({"action": "post", "user": "ada", "ip": "203.0.113.5", "user_agent": "Shop/2 (iPhone)", "metadata": {"links": 11}});
    let answer = site.post("/v3/evaluations", &body).await.expect(201);
    assert_eq!(answer["verdict"], "deny");
    let seen = site.evaluation(answer["evaluation_id"].as_str().unwrap()).await;
    assert_eq!(seen["geolocation"]["ip"], "203.0.113.5");
    let without = site.post("/v3/evaluations", &json!({"action": "post", "user": "ada"})).await.expect(201);
    let seen = site.evaluation(without["evaluation_id"].as_str().unwrap()).await;
    assert_eq!(seen["geolocation"], Value::Null, "the site's own address is not the user's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_is_not_believed_without_a_trusted_proxy() {
    let app = TestApp::with(Options { no_proxy: true, ..Options::default() }).await;
    let told = app.browser().evaluate("post", json!({})).await;
    assert_eq!(app.site().evaluation(&told.evaluation).await["geolocation"]["ip"], "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_on_file_is_the_one_that_codes_go_to() {
    let app = TestApp::start().await;
    let browser = app.browser();
    app.site().post("/v3/user/ada/update", &json!({"email": "ada@example.com"})).await.expect(204);
    let told = browser.evaluate("login", json!({"user": "ada", "email": "thief@example.com"})).await;
    browser.ask_for_code(&told, "email").await;
    app.mail.nth_to("ada@example.com", 1).await;
    assert!(app.mail.all_to("thief@example.com").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_proves_its_address_once() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let fields = json!({"user": "ada", "email": "ada@example.com"});
    let told = browser.evaluate("signup", fields.clone()).await;
    assert_eq!(app.site().evaluation(&told.evaluation).await["challenge"]["type"], "fake_account");
    browser.pass(&told, "ada@example.com").await;
    assert!(browser.evaluate("signup", fields).await.redirect.is_none());
    let moved = json!({"user": "ada", "email": "ada@example.org"});
    assert!(browser.evaluate("signup", moved).await.redirect.is_some(), "another address is another proof");
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_may_ask_before_they_send_json() {
    let app = TestApp::start().await;
    let preflight = Request::new("OPTIONS", "/v3/evaluations").header("origin", "https://shop.example");
    let answer = app.anon(preflight.header("access-control-request-method", "POST")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (204, Some("POST")));
    let browser = app.browser();
    let body = browser.body("post", &json!({}));
    let request = Request::new("POST", "/v3/evaluations").header("origin", "https://shop.example").json(&body);
    app.anon(request).await.expect(201);
}
