//! `POST /v3/devices/detach`: the user logged out here.
//!
//! The browser is known by its device token alone, so it can only speak for itself. It no longer counts among the devices
//! of whoever used it; what made it familiar stays.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use countersign_store::op::DetachBrowser;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        auth, body,
        client::allow_browsers,
        problem::{Problem, ProblemBody},
    },
    context::Ctx,
};

/// Which browser.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Detachment {
    /// The public client id.
    #[schema(example = "pk_live_4mT9…")]
    client_id: String,
    /// From the last evaluation's answer.
    device_token: String,
}

/// Detaches this browser from every user that it is attached to. Again is as good as once.
#[utoipa::path(
    post, path = "/v3/devices/detach", tag = "client", operation_id = "detachDevice",
    request_body(content = Detachment, content_type = "text/plain", description = "JSON, also accepted as application/json"),
    responses(
        (status = 204, description = "Detached"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(()),
)]
pub async fn detach(State(ctx): State<Ctx>, headers: HeaderMap, bytes: Bytes) -> Response {
    let mut response =
        run(&ctx, &headers, &bytes).await.map_or_else(IntoResponse::into_response, IntoResponse::into_response);
    allow_browsers(response.headers_mut());
    response
}

async fn run(ctx: &Ctx, headers: &HeaderMap, bytes: &Bytes) -> Result<StatusCode, Problem> {
    let request: Detachment = body::read(bytes)?;
    let key = auth::client(ctx, &request.client_id, headers)?;
    let project = key.project.id;
    let browser = ctx.key.read_device_token(project, &request.device_token);
    let browser = browser.ok_or_else(|| Problem::invalid("/device_token", "no device token of this project"))?;
    let now = ctx.clock.now();
    let unused_since = key.project.settings.unused_since(now);
    ctx.store.run(DetachBrowser { project, browser, unused_since, now }).await?;
    ctx.streams.look();
    Ok(StatusCode::NO_CONTENT)
}
