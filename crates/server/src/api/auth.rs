//! Who calls: a browser with a client id from an allowed origin, or the site's server with its secret.

use axum::http::{HeaderMap, header};
use countersign_engine::{environment::Environment, text::Origin};

use super::problem::{self, Problem};
use crate::{context::Ctx, projects::KeyOf, secret::has_checksum};

/// The key of the `Authorization: Bearer sk_…` header.
pub fn secret(ctx: &Ctx, headers: &HeaderMap) -> Result<KeyOf, Problem> {
    bearer(headers)
        // A mistyped secret is told apart without a look-up.
        .filter(|secret| secret.starts_with("sk_") && has_checksum(secret))
        .and_then(|secret| ctx.projects.by_secret(secret))
        .ok_or(Problem::new(&problem::UNAUTHORIZED))
}

/// Whether a secret was sent at all.
pub fn has_bearer(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// The key of a client id, if the page's origin may use it.
pub fn client(ctx: &Ctx, client_id: &str, headers: &HeaderMap) -> Result<KeyOf, Problem> {
    let key =
        ctx.projects.by_client_id(client_id).ok_or(Problem::new(&problem::UNKNOWN_CLIENT).pointer("/client_id"))?;
    let origin =
        headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()).and_then(|text| Origin::parse(text).ok());
    let allowed = origin.as_ref().is_some_and(|origin| may_use(&key, origin));
    if allowed { Ok(key) } else { Err(Problem::new(&problem::ORIGIN_NOT_ALLOWED)) }
}

fn may_use(key: &KeyOf, origin: &Origin) -> bool {
    let listed = key.key.origins.contains(origin);
    let trying_out = key.key.environment == Environment::Development && key.key.origins.is_empty();
    listed || (trying_out && origin.is_loopback())
}
