//! `POST /v3/evaluations/:id/feedback`: what an evaluation turned out to be.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use bytes::Bytes;
use countersign_store::op::Feedback;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::{
        auth, body, parse_id,
        problem::{self, Problem, ProblemBody},
    },
    context::Ctx,
};

/// What it turned out to be.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = FeedbackRequest)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `legitimate`, `fraud`, or a word of your own: 1 to 64 lower-case letters, digits and underscores.
    label: String,
    /// Anything to note with it: at most 1000 bytes.
    #[serde(default)]
    note: Option<String>,
}

/// Labels an evaluation. `fraud` also makes what it came with unfamiliar again.
#[utoipa::path(
    post, path = "/v3/evaluations/{id}/feedback", tag = "server", operation_id = "send_feedback",
    params(("id" = String, Path, description = "The evaluation's id")),
    request_body = Request,
    responses(
        (status = 204, description = "Noted"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("secret" = [])),
)]
pub async fn post(
    State(ctx): State<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<StatusCode, Problem> {
    let key = auth::secret(&ctx, &headers)?;
    let id = parse_id(&id)?;
    let Request { label, note } = body::read(&bytes)?;
    let word = (1..=64).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !word {
        return Err(Problem::invalid("/label", "1 to 64 lower-case letters, digits and underscores"));
    }
    if note.as_ref().is_some_and(|note| note.len() > 1_000) {
        return Err(Problem::invalid("/note", "at most 1000 bytes"));
    }
    let operation = Feedback { project: key.project.id, id, label, note, now: ctx.clock.now() };
    if ctx.store.run(operation).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::new(&problem::NOT_FOUND)) }
}
