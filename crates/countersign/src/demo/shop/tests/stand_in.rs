//! A stand-in for the API: one evaluation, and ways to fail.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

/// How the stand-in answers.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// As the real one would.
    Works,
    /// Connections are refused.
    Down,
    /// Always this status.
    Status(u16),
    /// 200, and no JSON.
    Garbage,
    /// No answer, ever.
    Silent,
    /// 200, and more than anybody should read.
    Endless,
    /// The first consume is claimed, and its answer lost.
    FirstConsumeLost,
}

struct Inner {
    mode: Mode,
    evaluation: Value,
    requests: Vec<String>,
    keys: Vec<String>,
}

/// The running stand-in.
pub struct StandIn {
    url: Url,
    inner: Arc<Mutex<Inner>>,
    task: JoinHandle<()>,
}

impl StandIn {
    pub async fn start(evaluation: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let inner = Arc::new(Mutex::new(Inner { mode: Mode::Works, evaluation, requests: vec![], keys: vec![] }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        #[expect(clippy::disallowed_methods, reason = "lives as long as the test")]
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, inner, task }
    }

    pub fn url(&self) -> Url {
        self.url.clone()
    }

    pub fn set(&self, mode: Mode) {
        if matches!(mode, Mode::Down) {
            self.task.abort();
        }
        self.inner.lock().unwrap().mode = mode;
    }

    pub fn change(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.inner.lock().unwrap().evaluation);
    }

    pub fn requests(&self) -> Vec<String> {
        self.inner.lock().unwrap().requests.clone()
    }

    pub fn idempotency_keys(&self) -> Vec<String> {
        self.inner.lock().unwrap().keys.clone()
    }
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, request: Request) -> Response {
    let mode = {
        let mut inner = inner.lock().unwrap();
        inner.requests.push(format!("{} {}", request.method(), request.uri().path()));
        let key = request.headers().get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
        inner.keys.extend(key);
        inner.mode
    };
    assert_eq!(request.headers()["authorization"], "Bearer sk_dev_test");
    match mode {
        Mode::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Mode::Garbage => "<html>it works</html>".into_response(),
        Mode::Silent => std::future::pending().await,
        Mode::Endless => Body::from(vec![b' '; 1 << 20]).into_response(),
        Mode::Works | Mode::Down | Mode::FirstConsumeLost => work(&mut inner.lock().unwrap(), &request),
    }
}

fn work(inner: &mut Inner, request: &Request) -> Response {
    let path = request.uri().path();
    if path.ends_with("/update") {
        return StatusCode::NO_CONTENT.into_response();
    }
    if path.starts_with("/v3/challenges/") {
        return json!({ "email_verified": true }).to_string().into_response();
    }
    if *request.method() == Method::POST && !is_pending(&inner.evaluation) {
        // A repeat under the key of the lost answer is given that answer, as the real one does.
        let is_repeat = inner.keys.len() > 1 && inner.keys.windows(2).all(|pair| pair[0] == pair[1]);
        if inner.evaluation["consumed"] == json!(true) && !is_repeat {
            return (StatusCode::CONFLICT, json!({ "code": "already_consumed" }).to_string()).into_response();
        }
        inner.evaluation["consumed"] = json!(true);
        if matches!(inner.mode, Mode::FirstConsumeLost) && !is_repeat {
            return StatusCode::BAD_GATEWAY.into_response();
        }
    }
    inner.evaluation.to_string().into_response()
}

fn is_pending(evaluation: &Value) -> bool {
    matches!(evaluation["challenge"]["status"].as_str(), Some("created" | "presented" | "code_sent" | "verified"))
}
