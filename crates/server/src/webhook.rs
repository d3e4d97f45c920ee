//! What an endpoint is sent: the body of an event, its headers, and the secrets that it is signed with.
//!
//! It must not know when events are sent, or what becomes of them.

use std::time::Duration;

use countersign_engine::{
    event::{About, Webhook},
    id::{ProjectId, WebhookId},
};
use countersign_store::op::DueDelivery;
use reqwest::{RequestBuilder, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::Url;

use crate::{
    config::WebhooksConfig,
    outbound::{Limits, Outbound, SetUpError},
    secret::ServerKey,
    webhook_signature::{ID_HEADER, SIGNATURE_HEADER, SigningKey, TIMESTAMP_HEADER},
};

/// The client that endpoints are told with.
pub fn outbound(config: WebhooksConfig) -> Result<Outbound, SetUpError> {
    let total = Duration::from_secs(config.timeout_seconds);
    let limits = Limits { total, allow_private: config.allow_private_addresses, ..Limits::default() };
    Outbound::new(limits)
}

/// What is sent. The event's name stands there twice: as Standard Webhooks call it, and as the documented receivers of
/// others do; the same goes for `account`, the site's own id of the user.
#[derive(Serialize)]
struct Body<'a> {
    id: String,
    r#type: &'static str,
    event: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    #[serde(flatten)]
    about: &'a About,
}

#[derive(Serialize)]
struct User<'a> {
    id: Option<&'a str>,
    countersign_id: String,
}

/// The body of a delivery, as JSON.
pub fn body(due: &DueDelivery) -> Result<Vec<u8>, serde_json::Error> {
    let kind = due.event.kind.as_str();
    let account = due.external_id.as_deref();
    let user = due.event.user.map(|user| User { id: account, countersign_id: user.to_string() });
    let about = &due.event.about;
    serde_json::to_vec(&Body {
        id: due.id.to_string(),
        r#type: kind,
        event: kind,
        timestamp: due.at.rfc3339(),
        account,
        user,
        about,
    })
}

/// The secrets that an endpoint's events are signed with, the newest first: the one before stays good until the next comes.
pub fn secrets(key: &ServerKey, project: ProjectId, (id, webhook): (WebhookId, &Webhook)) -> Vec<SecretString> {
    let newest = webhook.secret_version;
    let versions = [Some(newest), newest.checked_sub(1).filter(|before| *before > 0)];
    versions.into_iter().flatten().map(|version| key.webhook_secret(project, id, version)).collect()
}

/// The request that delivers `body`; nothing where it can't be put together.
pub fn request(
    outbound: &Outbound,
    webhook: &Webhook,
    secrets: &[SecretString],
    (id, timestamp): (&str, i64),
    body: Vec<u8>,
) -> Option<RequestBuilder> {
    let url = Url::parse(webhook.url.as_str()).ok()?;
    let keys = secrets.iter().map(|secret| SigningKey::parse(secret.expose_secret()).ok());
    let signatures: Vec<String> = keys.map(|key| Some(key?.sign(id, timestamp, &body))).collect::<Option<_>>()?;
    let request = outbound.post(url).header(CONTENT_TYPE, "application/json");
    let request = request.header(ID_HEADER, id).header(TIMESTAMP_HEADER, timestamp);
    Some(request.header(SIGNATURE_HEADER, signatures.join(" ")).body(body))
}
