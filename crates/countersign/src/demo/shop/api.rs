//! The public API of Countersign, as far as a shop needs it, over HTTP with the API secret.
//!
//! Every call has a time limit and a bounded answer, and an answer that can't be understood is a failure, never a pass.

use std::time::Duration;

use reqwest::{Client, Method, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{
    account::Customer,
    request::random_hex,
    trail::{Call, Trail},
};

/// How long one call may take, connection included.
const TIME_LIMIT: Duration = Duration::from_secs(4);
/// Bytes of an answer read at most.
const MAX_ANSWER: usize = 256 * 1024;
/// How often a consume is sent before the shop gives up; safe because all tries carry one idempotency key.
const CONSUME_TRIES: usize = 2;

/// An evaluation: the fields the shop decides by. The rest is only shown.
#[derive(Clone, Debug, Deserialize)]
pub struct Evaluation {
    /// The action that was evaluated.
    pub action: String,
    /// The verdict: a snapshot that never changes.
    pub verdict: String,
    /// The challenge page, whenever there is a challenge.
    pub redirect: Option<String>,
    /// Who acted.
    pub user: Option<User>,
    /// What the browser attached.
    #[serde(default)]
    pub metadata: Value,
    /// The challenge, if a policy asked for one.
    pub challenge: Option<Challenge>,
    /// Whether the result is used up.
    pub consumed: bool,
}

/// Who acted.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// The shop's own id, where the browser gave one.
    pub id: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}

/// A challenge, in short.
#[derive(Clone, Debug, Deserialize)]
pub struct Challenge {
    /// `chl_…`
    pub id: String,
    /// Only `completed` is a pass.
    pub status: String,
}

/// Why there is no evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// 409: somebody honoured this result before.
    AlreadyUsed,
    /// 410: the result was left too long.
    Expired,
    /// 422: it is not what the shop expected.
    Mismatch,
    /// 404, or an id that can't be one.
    Unknown,
    /// No answer in time, or none that can be understood.
    Unavailable,
}

/// A client of the API.
pub struct Api {
    http: Client,
    base_url: Url,
    secret: SecretString,
}

impl Api {
    /// A client for the server at `base_url`.
    pub fn new(base_url: Url, secret: SecretString) -> Result<Self, reqwest::Error> {
        // The HTTP client wants a TLS provider even for plain HTTP; an error means that one is there already.
        rustls::crypto::ring::default_provider().install_default().ok();
        // Redirects and proxies would carry the secret somewhere else.
        let http =
            Client::builder().timeout(TIME_LIMIT).redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
        Ok(Self { http, base_url, secret })
    }

    /// `GET /v3/evaluations/:id`.
    pub async fn evaluation(&self, id: &str, trail: &mut Trail) -> Result<Evaluation, ApiError> {
        let path = evaluation_path(id)?;
        let answer = self.call(Method::GET, &path, None, None, trail).await?;
        understand(answer, trail)
    }

    /// `POST /v3/evaluations/:id/consume` with `expect`: the integrity check and the claim in one atomic step.
    pub async fn consume(&self, id: &str, expect: &Value, trail: &mut Trail) -> Result<Evaluation, ApiError> {
        let path = format!("{}/consume", evaluation_path(id)?);
        let key = random_hex(16).ok_or(ApiError::Unavailable)?;
        let body = json!({ "expect": expect });
        let mut answer = Err(ApiError::Unavailable);
        for _ in 0..CONSUME_TRIES {
            answer = self.call(Method::POST, &path, Some(&body), Some(&key), trail).await;
            if !matches!(answer, Err(ApiError::Unavailable)) {
                break;
            }
        }
        understand(answer?, trail)
    }

    /// `GET /v3/challenges/:id`: whether the challenge proved the e-mail address.
    pub async fn proved_email(&self, challenge: &Challenge, trail: &mut Trail) -> bool {
        let Ok(path) = id_path("/v3/challenges", &challenge.id) else { return false };
        let answer = self.call(Method::GET, &path, None, None, trail).await;
        answer.is_ok_and(|challenge| challenge.get("email_verified") == Some(&Value::Bool(true)))
    }

    /// `POST /v3/user/:id/update`: tells Countersign who a new customer is.
    pub async fn update_user(
        &self,
        customer: &Customer,
        email_verified: bool,
        trail: &mut Trail,
    ) -> Result<(), ApiError> {
        let path = format!("{}/update", id_path("/v3/user", &customer.id)?);
        let mut body = json!({ "email": customer.email, "metadata": { "plan": customer.plan } });
        if let (true, Some(fields)) = (email_verified, body.as_object_mut()) {
            fields.insert("email_verified".to_owned(), Value::Bool(true));
        }
        self.call(Method::POST, &path, Some(&body), None, trail).await.map(drop)
    }

    /// Sends one request, notes it in the trail, and sorts the answer.
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        idempotency_key: Option<&str>,
        trail: &mut Trail,
    ) -> Result<Value, ApiError> {
        let url = self.base_url.join(path).map_err(|_| ApiError::Unavailable)?;
        let mut request = self.http.request(method.clone(), url).bearer_auth(self.secret.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let (result, answer) = match request.send().await {
            Ok(response) => sort(response).await,
            Err(error) if error.is_timeout() => (Err(ApiError::Unavailable), "no answer in time".to_owned()),
            Err(_) => (Err(ApiError::Unavailable), "no connection".to_owned()),
        };
        trail.called(Call { request: format!("{method} {path}"), answer, is_good: result.is_ok() });
        result
    }

    /// `redirect`, if it is a page of Countersign's: an answer can't send the customer anywhere else.
    pub fn challenge_url(&self, redirect: Option<&str>) -> Result<String, ApiError> {
        redirect
            .and_then(|redirect| Url::parse(redirect).ok())
            .filter(|url| url.origin() == self.base_url.origin() && url.path().starts_with(self.base_url.path()))
            .map(String::from)
            .ok_or(ApiError::Unavailable)
    }
}

/// The answer's body or what refused it, and both in words.
async fn sort(response: Response) -> (Result<Value, ApiError>, String) {
    let status = response.status();
    let Some(body) = read(response).await else {
        return (Err(ApiError::Unavailable), format!("{status}, cut off"));
    };
    if status.is_success() {
        return (Ok(body), status.to_string());
    }
    let error = match status.as_u16() {
        404 => ApiError::Unknown,
        409 => ApiError::AlreadyUsed,
        410 => ApiError::Expired,
        422 => ApiError::Mismatch,
        _ => ApiError::Unavailable,
    };
    let code = body.get("code").and_then(Value::as_str).unwrap_or_default();
    (Err(error), format!("{status} {code}").trim_end().to_owned())
}

/// The body as JSON; `null` where it is none, `None` where it is too long or broke off.
async fn read(mut response: Response) -> Option<Value> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(serde_json::from_slice(&body).unwrap_or_default())
}

fn understand(answer: Value, trail: &mut Trail) -> Result<Evaluation, ApiError> {
    let evaluation = serde_json::from_value(answer.clone()).map_err(|_| ApiError::Unavailable)?;
    trail.saw(answer);
    Ok(evaluation)
}

fn evaluation_path(id: &str) -> Result<String, ApiError> {
    id_path("/v3/evaluations", id)
}

/// `collection/id`, for an `id` that can't be anything but one path segment.
fn id_path(collection: &str, id: &str) -> Result<String, ApiError> {
    let is_id = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_id { Ok(format!("{collection}/{id}")) } else { Err(ApiError::Unknown) }
}
