//! The inbox over HTTP: the page, its parts, the list for machines, and the receiving end of the SMS hook.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use countersign_server::webhook_signature::{ID_HEADER, SIGNATURE_HEADER, SignedHeaders, SigningKey, TIMESTAMP_HEADER};
use serde::{Deserialize, Serialize};

use super::Clock;
use super::mailbox::Mailbox;
use super::message::{Channel, Message};
use super::page;

/// Greatest body of the SMS hook, in bytes.
const SMS_BYTES: usize = 16 * 1024;

const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A mail may style itself and show pictures that it carries. It runs nothing, loads nothing, and is nobody's origin.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
     frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";

/// What the handlers reach.
pub(super) struct Shared {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) hook_key: SigningKey,
    pub(super) clock: Clock,
}

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/arrived", get(async |State(shared): State<Arc<Shared>>| shared.mailbox.arrived().to_string()))
        .route("/messages.json", get(list))
        .route("/messages/{file}", get(show_mail))
        .route("/inbox.css", get(|| async { asset("text/css; charset=utf-8", include_str!("inbox.css")) }))
        .route("/inbox.js", get(|| async { asset("text/javascript; charset=utf-8", include_str!("inbox.js")) }))
        .route("/sms", post(receive_sms).layer(DefaultBodyLimit::max(SMS_BYTES)))
        .layer(middleware::map_response(harden))
        .with_state(Arc::new(shared))
}

async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(header::HeaderValue::from_static(PAGE_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], content)
}

fn html(content: String) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], content).into_response()
}

async fn show(State(shared): State<Arc<Shared>>) -> Response {
    // Counted first: a message between the two shows up early and is counted on the next look.
    let arrived = shared.mailbox.arrived();
    match page::render(arrived, shared.mailbox.newest_first()) {
        Ok(page) => html(page),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `/messages/12.html`: the HTML part of one mail, fit for a sandboxed frame. Links open beside the inbox.
async fn show_mail(State(shared): State<Arc<Shared>>, Path(file): Path<String>) -> Response {
    let number = file.strip_suffix(".html").and_then(|number| number.parse().ok());
    let mail = number.and_then(|number| shared.mailbox.get(number)).and_then(|message| message.html.clone());
    let Some(mail) = mail else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = html(with_new_window_links(&mail));
    let policy = header::HeaderValue::from_static(MAIL_POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Puts `<base>` where a head is, and leaves a doctype first, since its absence changes how a page is laid out.
fn with_new_window_links(mail: &str) -> String {
    const BASE: &str = "<base target=\"_blank\">";
    let at = mail.find("<head>").map_or(0, |at| at + "<head>".len());
    let (before, after) = mail.split_at(at);
    format!("{before}{BASE}{after}")
}

#[derive(Serialize)]
struct Listed {
    to: String,
    channel: &'static str,
    subject: String,
    text: String,
    sent_at: String,
}

async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let listed = shared.mailbox.newest_first().into_iter().map(|kept| Listed {
        to: kept.message.to.clone(),
        channel: kept.message.channel.name(),
        subject: kept.message.subject.clone(),
        text: kept.message.text.clone(),
        sent_at: kept.message.sent_at(),
    });
    match serde_json::to_vec(&listed.collect::<Vec<_>>()) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Deserialize)]
struct Sms {
    id: String,
    to: String,
    text: String,
}

async fn receive_sms(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Response> {
    let now_ms = (shared.clock)();
    let refuse = |status: StatusCode, why: String| (status, why).into_response();
    let header = |name: &'static str| {
        let value = headers.get(HeaderName::from_static(name)).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    let signed = SignedHeaders {
        id: header(ID_HEADER),
        timestamp: header(TIMESTAMP_HEADER),
        signature: header(SIGNATURE_HEADER),
    };
    shared
        .hook_key
        .verify(signed, &body, now_ms.div_euclid(1000))
        .map_err(|error| refuse(StatusCode::UNAUTHORIZED, error.to_string()))?;
    let Sms { id, to, text } = serde_json::from_slice(&body)
        .map_err(|_| refuse(StatusCode::UNPROCESSABLE_ENTITY, "not a text message".to_owned()))?;
    shared.mailbox.add(Message {
        id: Some(id),
        channel: Channel::Sms,
        to,
        subject: String::new(),
        text,
        html: None,
        at_ms: now_ms,
    });
    Ok(StatusCode::NO_CONTENT)
}
