//! `POST /v3/evaluations`: weighs one action and answers where to go on.
//!
//! The browser SDK calls it with a client id, as `text/plain` so that no preflight is needed; the site's server may call
//! it with its secret, for clients without the SDK. What the browser is told is advisory: the verdict is for the site's
//! server to fetch.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use countersign_engine::{
    environment::Environment,
    id::BrowserId,
    signal::{MailDomain, Signals},
    text::{ActionName, Contact, Email, ExternalId, Metadata},
    time::Timestamp,
};
use countersign_store::op::{Evaluate, TooMany};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        auth, body,
        client::allow_browsers,
        field::{object, object_or_null},
        problem::{self, Problem, ProblemBody},
        signals::ClientSignals,
    },
    context::Ctx,
    enrich::{address, agent, background, fingerprint, mail_domain, place},
    projects::KeyOf,
};

/// What the caller is told.
#[derive(Debug, Serialize, ToSchema)]
pub struct Evaluated {
    /// The evaluation: hand it to your server with the action.
    evaluation_id: String,
    /// The challenge page, if the user is asked to prove something.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<String>,
    /// Keep it and send it with the next evaluation: it is how the browser is recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<String>,
    /// The verdict, if the project reveals it to browsers, or the site's server asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
}

/// What is evaluated.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The public client id; required without a secret.
    #[serde(default)]
    #[schema(example = "pk_live_4mT9…")]
    client_id: Option<String>,
    /// `login`, `signup`, `access` or a name of your own.
    #[schema(value_type = String, example = "login")]
    action: ActionName,
    /// Your id of the user.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    user: Option<ExternalId>,
    /// The user's e-mail address. One that can't be an address is evaluated too: `email_is_invalid` says so.
    #[serde(default)]
    email: Option<String>,
    /// The user's phone number, with `+` and the country code.
    #[serde(default)]
    phone: Option<String>,
    /// Anything to bind to this evaluation: at most 50 keys and 4096 bytes.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Metadata>,
    /// Ids of the user's groups; what your server says of them goes first.
    #[serde(default)]
    groups: Vec<String>,
    /// The SDK's readings.
    #[serde(default, deserialize_with = "object")]
    signals: ClientSignals,
    /// From the last answer.
    #[serde(default)]
    device_token: Option<String>,
    /// The page that the action is taken on.
    #[serde(default)]
    page_url: Option<String>,
    /// Pretends to come from elsewhere; with development keys only.
    #[serde(default, deserialize_with = "object_or_null")]
    simulate: Option<Simulate>,
    /// The client's address; with the secret only.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// The client's user agent; with the secret only.
    #[serde(default)]
    user_agent: Option<String>,
}

/// What to pretend.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Simulate {
    /// Another address.
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// Another user agent.
    user_agent: Option<String>,
}

/// Evaluates an action.
#[utoipa::path(
    post, path = "/v3/evaluations", tag = "client", operation_id = "evaluate",
    request_body(content = Evaluation, content_type = "text/plain", description = "JSON, also accepted as application/json"),
    responses(
        (status = 201, description = "Evaluated", body = Evaluated),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("secret" = [])),
)]
pub async fn post(
    State(ctx): State<Ctx>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let mut response = evaluate(&ctx, peer.ip(), &headers, &bytes)
        .await
        .map_or_else(IntoResponse::into_response, |answer| (StatusCode::CREATED, axum::Json(answer)).into_response());
    allow_browsers(response.headers_mut());
    response
}

async fn evaluate(ctx: &Ctx, peer: IpAddr, headers: &HeaderMap, bytes: &Bytes) -> Result<Evaluated, Problem> {
    let by_server = auth::has_bearer(headers);
    let server_key = if by_server { Some(auth::secret(ctx, headers)?) } else { None };
    let request: Evaluation = body::read(bytes)?;
    let key = match server_key {
        Some(key) => key,
        None => browser_key(ctx, &request, headers)?,
    };
    check(&request, &key, by_server)?;
    let moment = ctx.moment();
    let (browser, browser_known) = browser(ctx, &key, &request, by_server, moment.now);
    let client = address::client(peer, headers, &ctx.config.trusted_proxies);
    let mut signals = measure(ctx, &key, request, headers, Caller { by_server, client, browser, browser_known });
    look_up_mail_domain(ctx, &mut signals).await;
    let operation =
        Evaluate { project: key.project.clone(), environment: key.environment(), signals, moment, by_server };
    let done = ctx.store.run(operation).await?.map_err(too_many)?;
    let verdict = done.evaluation.verdict.as_str();
    let action = match done.evaluation.action.as_str() {
        known @ ("login" | "signup" | "access") => known.to_owned(),
        _ => "custom".to_owned(),
    };
    metrics::counter!("countersign_evaluations_total", "action" => action, "verdict" => verdict).increment(1);
    for policy in &done.alerts {
        let (project, policy) = (key.project.slug.as_str(), policy.name.as_str());
        tracing::warn!(project, policy, "a policy is over its budget: until its window has room again it only watches");
        metrics::counter!("countersign_policies_over_budget_total").increment(1);
    }
    Ok(Evaluated {
        evaluation_id: done.evaluation.id.to_string(),
        redirect: done.evaluation.challenge_id.map(|id| ctx.config.public(&format!("/challenge/{id}"))),
        device_token: done.browser.map(|browser| ctx.key.device_token(key.project.id, browser, moment.now.millis())),
        verdict: (by_server || key.project.settings.reveal_verdict).then_some(verdict),
    })
}

fn too_many(refused: TooMany) -> Problem {
    Problem::new(&problem::TOO_MANY_REQUESTS)
        .detail("From this network address as much was evaluated within a minute as the project allows")
        .retry_after(refused.retry_after)
}

fn browser_key(ctx: &Ctx, request: &Evaluation, headers: &HeaderMap) -> Result<KeyOf, Problem> {
    let Some(client_id) = &request.client_id else {
        return Err(Problem::new(&problem::MISSING_FIELD).pointer("/client_id").detail("`client_id` is missing"));
    };
    auth::client(ctx, client_id, headers)
}

/// What the types can't say.
fn check(request: &Evaluation, key: &KeyOf, by_server: bool) -> Result<(), Problem> {
    let too_long = |text: &Option<String>, most: usize| text.as_ref().is_some_and(|text| text.len() > most);
    for (fine, pointer, detail) in [
        (!too_long(&request.email, 320), "/email", "at most 320 bytes"),
        (!too_long(&request.phone, 64), "/phone", "at most 64 bytes"),
        (!too_long(&request.page_url, 2_048), "/page_url", "at most 2048 bytes"),
        (!too_long(&request.user_agent, 1_024), "/user_agent", "at most 1024 bytes"),
        (!too_long(&request.device_token, 512), "/device_token", "at most 512 bytes"),
        (
            request.groups.len() <= 32 && request.groups.iter().all(|id| id.len() <= 100),
            "/groups",
            "at most 32 ids of 100 bytes",
        ),
        (by_server || request.ip.is_none(), "/ip", "only with the secret; a browser's address is seen, not told"),
        (by_server || request.user_agent.is_none(), "/user_agent", "only with the secret"),
    ] {
        if !fine {
            return Err(Problem::invalid(pointer, detail));
        }
    }
    if request.simulate.is_some() && key.environment() != Environment::Development {
        return Err(Problem::new(&problem::SIMULATION_NOT_ALLOWED).pointer("/simulate"));
    }
    Ok(())
}

/// The browser that the token stands for; a new one where there is none. A token that isn't ours is as good as none.
fn browser(ctx: &Ctx, key: &KeyOf, request: &Evaluation, by_server: bool, now: Timestamp) -> (Option<BrowserId>, bool) {
    let token = request.device_token.as_deref();
    match token.and_then(|token| ctx.key.read_device_token(key.project.id, token)) {
        Some(browser) => (Some(browser), true),
        None if by_server => (None, false),
        None => (Some(ctx.browser_id(now)), false),
    }
}

/// How the request came.
#[derive(Clone, Copy)]
struct Caller {
    by_server: bool,
    client: IpAddr,
    browser: Option<BrowserId>,
    browser_known: bool,
}

fn measure(ctx: &Ctx, key: &KeyOf, request: Evaluation, headers: &HeaderMap, caller: Caller) -> Signals {
    let simulate = request.simulate.unwrap_or_default();
    let seen_agent =
        headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).filter(|_| !caller.by_server);
    let told_agent = simulate.user_agent.or(request.user_agent);
    let user_agent = told_agent.as_deref().or(seen_agent);
    let agent = agent::read(user_agent.unwrap_or_default(), request.signals.touch_points);
    let seen_ip = (!caller.by_server).then_some(caller.client);
    let fingerprint = fingerprint::read(&ctx.key, key.project.id, &request.signals, &agent);
    let email = request.email.as_deref().map(Contact::email);
    let phone = request.phone.as_deref().map(Contact::phone);
    let ip = simulate.ip.or(request.ip).or(seen_ip).map(|ip| ip.to_canonical());
    let domain = email.as_ref().and_then(Contact::valid).map(Email::domain);
    let (data, mut degraded) = (ctx.data.current(), Vec::new());
    let place = ip.and_then(|ip| place::of(&data, ip, &mut degraded));
    let email_is_webmail = domain.and_then(|domain| background::is_webmail(&data, domain, &mut degraded));
    let looked_at = background::Subject {
        ip,
        agent: user_agent,
        says: &agent,
        signals: &request.signals,
        domain,
        phone: phone.as_ref().and_then(Contact::valid),
    };
    let background = background::of(&data, looked_at, &mut degraded);
    Signals {
        action: request.action,
        user: request.user,
        email,
        phone,
        metadata: request.metadata,
        groups: request.groups,
        ip,
        place,
        agent,
        fingerprint,
        browser: caller.browser,
        browser_known: caller.browser_known,
        page_url: request.page_url.map(|url| without_query(&url)),
        email_is_webmail,
        background,
        degraded,
    }
}

/// Asks whether the address's domain takes mail. Not in memory, so not where everything else is measured.
async fn look_up_mail_domain(ctx: &Ctx, signals: &mut Signals) {
    let Some(domain) = signals.valid_email().map(Email::domain) else { return };
    let answer = ctx.mail_domains.ask(domain).await;
    if answer == MailDomain::Unknown {
        signals.degraded.push(mail_domain::NAME.to_owned());
    }
    signals.background.mail_domain = answer;
}

/// Queries hold search words and tokens: not ours to keep.
fn without_query(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}
