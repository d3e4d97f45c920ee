//! What a request brings before any page looks at it: whose browser it is, and whether it may change anything.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request},
    http::{
        HeaderMap, HeaderName, Method, StatusCode,
        header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::Value;
use url::form_urlencoded;

use super::{Shop, session::Session};

/// The session cookie. Cookies ignore ports, so its name must not be one of Countersign's.
const COOKIE_NAME: &str = "lamplight_session";
/// How long the browser keeps it, in seconds; the server forgets idle sessions by itself.
const COOKIE_AGE: u32 = 12 * 60 * 60;

/// A header that sets the session cookie, where there is one to set.
pub type SetCookie = Option<[(HeaderName, String); 1]>;

/// The browser behind a request.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    token: Option<String>,
    /// Its session as the request arrived; an empty one for a stranger.
    pub session: Session,
}

impl Visitor {
    /// Changes the session, opening one for a stranger. A session that ended meanwhile stays ended.
    pub fn remember(&self, shop: &Shop, change: impl FnOnce(&mut Session)) -> SetCookie {
        if let Some(token) = &self.token {
            shop.sessions.update(token, change);
            return None;
        }
        let mut session = Session::default();
        change(&mut session);
        shop.sessions.open(session, None).as_deref().map(cookie)
    }

    /// Makes `session` this browser's, under a new token.
    pub fn become_session(&self, shop: &Shop, session: Session) -> SetCookie {
        shop.sessions.open(session, self.token.as_deref()).as_deref().map(cookie)
    }

    /// Forgets this browser.
    pub fn leave(&self, shop: &Shop) -> [(HeaderName, String); 1] {
        if let Some(token) = &self.token {
            shop.sessions.end(token);
        }
        [(SET_COOKIE, format!("{COOKIE_NAME}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"))]
    }
}

impl FromRequestParts<Arc<Shop>> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Self::Rejection> {
        let found = cookies(&parts.headers)
            .filter(|(name, _)| *name == COOKIE_NAME)
            .find_map(|(_, token)| Some((token.to_owned(), shop.sessions.get(token)?)));
        Ok(found.map_or_else(Self::default, |(token, session)| Self { token: Some(token), session }))
    }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

fn cookie(token: &str) -> [(HeaderName, String); 1] {
    // No `Secure`: the demo is served over plain HTTP on the loopback address.
    [(SET_COOKIE, format!("{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={COOKIE_AGE}"))]
}

/// Lets a request that changes something through only if a page of the shop itself sent it.
pub async fn same_origin_posts(request: Request, next: Next) -> Response {
    if *request.method() == Method::POST && !is_same_origin(request.headers()) {
        return (StatusCode::FORBIDDEN, "This request came from another site.").into_response();
    }
    next.run(request).await
}

/// Whether `Origin`, which every browser sends with a POST, names the host that was asked.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(ORIGIN).and_then(|origin| origin.split_once("://"));
    matches!((origin, text(HOST)), (Some((_, origin)), Some(host)) if origin == host)
}

/// The evaluation id a page hands over: from a form, or from JSON under whatever content type a plain `fetch` gives it.
pub fn evaluation_id(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if is_form(headers) {
        let (_, id) = form_urlencoded::parse(body).find(|(name, _)| name == "evaluation_id")?;
        return Some(id.into_owned());
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("evaluation_id")?.as_str().map(ToOwned::to_owned)
}

/// Whether a form was submitted, so that the answer is a page.
pub fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"))
}

/// `bytes` random bytes of the system's, as hexadecimal digits; `None` where the system has none to give.
pub fn random_hex(bytes: usize) -> Option<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).ok()?;
    Some(random.iter().fold(String::with_capacity(bytes * 2), |mut text, byte| {
        // Writing to a string can't fail.
        write!(text, "{byte:02x}").ok();
        text
    }))
}
