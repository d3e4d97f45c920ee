//! `POST /deliveries/…`: Twilio says what became of a text message.
//!
//! Each message is given an address of its own to report to, with a token in it; and Twilio signs what it posts. Both must
//! fit, so nobody else can free a challenge's next code or claim that one arrived. Must not know how a message is sent.

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use countersign_engine::{
    challenge::Delivery,
    id::{ChallengeId, ProjectId},
};
use countersign_store::op::HearDelivery;
use serde::Deserialize;

use crate::{
    api::problem::{self, Problem},
    context::Ctx,
    courier::{
        SmsConfig,
        twilio_status::{DeliveryStatus, delivery_status, is_from_twilio},
    },
};

/// The route of [`post`].
pub const ROUTE: &str = "/deliveries/{project}/{challenge}/{send}";

/// The header that Twilio's signature stands in.
const SIGNATURE: &str = "x-twilio-signature";

/// The address that code number `send` of a challenge is reported to.
pub fn address(ctx: &Ctx, project: ProjectId, challenge: ChallengeId, send: u32) -> String {
    let token = ctx.key.delivery_token(project, challenge, send);
    ctx.config.public(&format!("/deliveries/{project}/{challenge}/{send}?token={token}"))
}

/// The token of an address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Token {
    token: String,
}

/// Hears a report. One that can't be from Twilio is told that there is nothing here.
pub async fn post(
    State(ctx): State<Ctx>,
    Path((project, challenge, send)): Path<(String, String, String)>,
    Query(Token { token }): Query<Token>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let (Ok(project), Ok(id), Ok(send)) = (project.parse(), challenge.parse(), send.parse()) else {
        return Problem::new(&problem::NOT_FOUND).into_response();
    };
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&bytes).into_owned().collect();
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = is_signed(&ctx, &address(&ctx, project, id, send), &form, signature);
    if !ctx.key.is_delivery_token(project, id, send, &token) || !signed {
        return Problem::new(&problem::NOT_FOUND).into_response();
    }
    let told = form.iter().find(|(name, _)| name == "MessageStatus").and_then(|(_, status)| delivery_status(status));
    let delivery = match told {
        Some(DeliveryStatus::Sent) => Delivery::Sent,
        Some(DeliveryStatus::Delivered) => Delivery::Delivered,
        Some(DeliveryStatus::Failed) => Delivery::Failed,
        // A word that is not known yet says nothing.
        None => return StatusCode::NO_CONTENT.into_response(),
    };
    match ctx.store.run(HearDelivery { project, id, send, delivery, now: ctx.clock.now() }).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

fn is_signed(ctx: &Ctx, address: &str, form: &[(String, String)], signature: &str) -> bool {
    match &ctx.config.sms {
        Some(SmsConfig::Twilio(twilio)) => is_from_twilio(&twilio.auth_token, address, form, signature),
        Some(SmsConfig::Hook(_)) | None => false,
    }
}
