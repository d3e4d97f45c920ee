//! The shop against a stand-in for the API that can fail in ways the real server can't be made to at will. The real flow
//! is proven elsewhere, against the real server and in a real browser.

mod stand_in;

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::{
    Client, Response,
    header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE},
    redirect::Policy,
};
use serde_json::json;
use tokio::net::TcpListener;

use self::stand_in::{Mode, StandIn};
use super::{Shop, ShopConfig, ShopHandle};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse";
const EVALUATION: &str = "evl_01jzzzzzzzzzzzzzzzzzzzzzzz";

fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a test is its own edge of the world")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

async fn open_shop(api: &StandIn) -> ShopHandle {
    let config = ShopConfig {
        base_url: api.url(),
        client_id: "pk_dev_test".to_owned(),
        api_secret: "sk_dev_test".into(),
        inbox_url: "http://127.0.0.1:9/".parse().unwrap(),
        now,
    };
    Shop::start(TcpListener::bind("127.0.0.1:0").await.unwrap(), config).unwrap()
}

/// A browser: keeps its cookie, follows nothing by itself.
struct Browser {
    http: Client,
    shop: String,
    cookie: Option<String>,
}

impl Browser {
    fn new(shop: &ShopHandle) -> Self {
        let http = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Self { http, shop: format!("http://{}", shop.address()), cookie: None }
    }

    async fn get(&mut self, path: &str) -> (u16, String) {
        let request = self.http.get(format!("{}{path}", self.shop));
        let response = self.send(request).await;
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.http.post(format!("{}{path}", self.shop)).header(ORIGIN, &self.shop).form(fields);
        self.send(request).await
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Response {
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let response = request.send().await.unwrap();
        if let Some(set) = response.headers().get(SET_COOKIE) {
            self.cookie = set.to_str().unwrap().split(';').next().map(ToOwned::to_owned);
        }
        response
    }

    async fn sign_up(&mut self) -> Response {
        let fields = [("email", EMAIL), ("password", PASSWORD), ("plan", "pro"), ("evaluation_id", EVALUATION)];
        self.post("/signup", &fields).await
    }

    /// As the success page's script does, down to the missing content type.
    async fn hand_over(&mut self, evaluation_id: &str) -> (u16, serde_json::Value) {
        let body = json!({ "evaluation_id": evaluation_id }).to_string();
        let request = self.http.post(format!("{}/verify-challenge", self.shop)).header(ORIGIN, &self.shop).body(body);
        let response = self.send(request).await;
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
    }

    async fn can_log_in(&mut self) -> bool {
        self.post("/login/password", &[("email", EMAIL), ("password", PASSWORD)]).await.status() == 200
    }

    async fn is_logged_in(&mut self) -> bool {
        self.get("/").await.1.contains("You’re logged in as")
    }
}

fn location(response: &Response) -> &str {
    response.headers().get(LOCATION).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

fn sign_up_evaluation(verdict: &str) -> serde_json::Value {
    json!({ "id": EVALUATION, "action": "signup", "verdict": verdict, "user": { "email": EMAIL },
            "metadata": { "plan": "pro" }, "consumed": false })
}

/// Every way in which the API can be of no help ends in the same polite page, and in no account.
#[tokio::test]
async fn fails_closed_without_a_usable_answer() {
    for mode in [Mode::Down, Mode::Status(500), Mode::Status(401), Mode::Garbage, Mode::Silent, Mode::Endless] {
        let api = StandIn::start(sign_up_evaluation("allow")).await;
        api.set(mode);
        let shop = open_shop(&api).await;
        let mut browser = Browser::new(&shop);
        let response = browser.sign_up().await;
        assert_eq!(response.status(), 503, "{mode:?}");
        let page = response.text().await.unwrap();
        assert!(page.contains("We couldn’t check this just now") && page.contains("try again"), "{mode:?}");
        assert!(page.contains(EMAIL) && !page.contains(PASSWORD), "the address is kept, the password is not: {mode:?}");
        assert!(!browser.is_logged_in().await && !browser.can_log_in().await, "{mode:?}");
        shop.stop().await;
    }
}

#[tokio::test]
async fn fails_closed_when_the_browser_brings_no_evaluation() {
    let api = StandIn::start(sign_up_evaluation("allow")).await;
    let shop = open_shop(&api).await;
    let mut browser = Browser::new(&shop);
    for id in ["", "../../v3/openapi.json", "evl_1?x=1"] {
        let fields = [("email", EMAIL), ("password", PASSWORD), ("plan", "pro"), ("evaluation_id", id)];
        assert!(browser.post("/signup", &fields).await.status().is_client_error() || id.is_empty());
    }
    assert!(api.requests().is_empty(), "an id that can't be one never becomes part of a path");
    assert!(!browser.can_log_in().await);
}

#[tokio::test]
async fn refuses_verdicts_that_are_no_pass_and_evaluations_of_something_else() {
    let mut other_plan = sign_up_evaluation("allow");
    other_plan["metadata"]["plan"] = json!("basic");
    let mut other_person = sign_up_evaluation("allow");
    other_person["user"]["email"] = json!("eve@example.com");
    let mut other_action = sign_up_evaluation("allow");
    other_action["action"] = json!("login");
    let cases = [
        (sign_up_evaluation("deny"), 403),
        (sign_up_evaluation("suspend"), 403),
        (sign_up_evaluation("something new"), 403),
        (other_plan, 422),
        (other_person, 422),
        (other_action, 422),
    ];
    for (evaluation, status) in cases {
        let api = StandIn::start(evaluation.clone()).await;
        let shop = open_shop(&api).await;
        let mut browser = Browser::new(&shop);
        assert_eq!(browser.sign_up().await.status(), status, "{evaluation}");
        assert!(!browser.can_log_in().await, "{evaluation}");
        assert!(!api.requests().iter().any(|request| request.contains("consume")), "{evaluation}");
    }
}

#[tokio::test]
async fn never_redirects_away_from_countersign() {
    for redirect in ["https://evil.example/challenge/x", "javascript:alert(1)", "//evil.example", "/challenge/x", ""] {
        let mut evaluation = sign_up_evaluation("challenge");
        evaluation["redirect"] = json!(redirect);
        let api = StandIn::start(evaluation).await;
        let shop = open_shop(&api).await;
        let response = Browser::new(&shop).sign_up().await;
        assert_eq!((response.status().as_u16(), location(&response)), (503, ""), "{redirect}");
    }
}

#[tokio::test]
async fn a_sign_up_waits_for_its_challenge_and_counts_once() {
    let api = StandIn::start(sign_up_evaluation("challenge")).await;
    let page = api.url().join("challenge/chl_1").unwrap().to_string();
    api.change(|evaluation| {
        evaluation["redirect"] = json!(page);
        evaluation["challenge"] = json!({ "id": "chl_1", "status": "created" });
    });
    let shop = open_shop(&api).await;
    let mut browser = Browser::new(&shop);
    assert_eq!(location(&browser.sign_up().await), page);
    assert!(!browser.is_logged_in().await && !browser.can_log_in().await, "nothing happens before the challenge");

    let (_, waiting) = browser.hand_over(EVALUATION).await;
    assert_eq!(waiting, json!({ "outcome": "waiting", "next": page }));

    api.change(|evaluation| evaluation["challenge"]["status"] = json!("completed"));
    let mut stranger = Browser::new(&shop);
    assert_eq!(stranger.hand_over(EVALUATION).await.0, 422, "another browser can't use the link");

    let before = browser.cookie.clone();
    let (_, done) = browser.hand_over(EVALUATION).await;
    assert_eq!(done, json!({ "outcome": "honoured", "next": "/result" }));
    assert_ne!(browser.cookie, before, "the token from before the log-in is worthless after it");
    assert!(browser.get("/result").await.1.contains("Done: your account is active"));
    assert!(browser.is_logged_in().await && browser.can_log_in().await);

    let replayed = browser.post("/verify-challenge", &[("evaluation_id", EVALUATION)]).await;
    assert_eq!(location(&replayed), "/result");
    let (_, result) = browser.get("/result").await;
    assert!(result.contains("Refused: this result was already used") && result.contains("already_consumed"));
}

#[tokio::test]
async fn an_ended_challenge_is_no_pass() {
    for status in ["failed", "skipped", "expired", "overridden"] {
        let api = StandIn::start(sign_up_evaluation("challenge")).await;
        let page = api.url().join("challenge/chl_1").unwrap().to_string();
        api.change(|evaluation| {
            evaluation["redirect"] = json!(page);
            evaluation["challenge"] = json!({ "id": "chl_1", "status": status });
        });
        let shop = open_shop(&api).await;
        let mut browser = Browser::new(&shop);
        browser.sign_up().await;
        assert_eq!(browser.hand_over(EVALUATION).await.0, 403, "{status}");
        assert!(!browser.is_logged_in().await && !browser.can_log_in().await, "{status}");
    }
}

#[tokio::test]
async fn repeats_a_consume_whose_answer_was_lost_under_the_same_key() {
    let api = StandIn::start(sign_up_evaluation("allow")).await;
    api.set(Mode::FirstConsumeLost);
    let shop = open_shop(&api).await;
    let mut browser = Browser::new(&shop);
    assert_eq!(location(&browser.sign_up().await), "/result");
    assert!(browser.is_logged_in().await);
    let keys = api.idempotency_keys();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
}

#[tokio::test]
async fn takes_no_post_from_another_site() {
    let api = StandIn::start(sign_up_evaluation("allow")).await;
    let shop = open_shop(&api).await;
    let browser = Browser::new(&shop);
    for origin in [Some("https://evil.example"), Some("null"), None] {
        let mut request = browser.http.post(format!("{}/logout", browser.shop));
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        assert_eq!(request.send().await.unwrap().status(), 403, "{origin:?}");
    }
}

#[tokio::test]
async fn shows_the_article_to_members_only() {
    let api = StandIn::start(sign_up_evaluation("allow")).await;
    let shop = open_shop(&api).await;
    let mut browser = Browser::new(&shop);
    assert_eq!(browser.get("/article").await.0, 401);
    browser.sign_up().await;
    let user = browser.post("/login/password", &[("email", EMAIL), ("password", PASSWORD)]).await.text().await.unwrap();
    let user: serde_json::Value = serde_json::from_str(&user).unwrap();
    assert!(browser.get("/article").await.1.contains("One moment"), "the text waits for the evaluation");

    api.change(|evaluation| {
        *evaluation = json!({ "action": "access", "verdict": "allow", "user": { "id": user["user"], "email": EMAIL },
                              "metadata": {}, "consumed": false });
    });
    assert_eq!(location(&browser.post("/article", &[("evaluation_id", EVALUATION)]).await), "/article");
    assert!(browser.get("/article").await.1.contains("shibboleth"));
    assert!(!browser.get("/article").await.1.contains("shibboleth"), "each view is evaluated anew");
    assert_eq!(browser.post("/article", &[("evaluation_id", EVALUATION)]).await.status(), 409);
}
