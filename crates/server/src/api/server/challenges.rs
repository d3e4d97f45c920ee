//! `GET /v3/challenges/:id`: the challenge, as often as wanted.

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use countersign_engine::id::ChallengeId;
use countersign_store::op::ChallengeById;

use super::evaluations::find;
use crate::{
    api::{
        auth, parse_id,
        problem::{self, Problem, ProblemBody},
        shape::ChallengeShape,
    },
    context::Ctx,
};

/// Reads a challenge.
#[utoipa::path(
    get, path = "/v3/challenges/{id}", tag = "server", operation_id = "get_challenge",
    params(("id" = String, Path, description = "The challenge's id")),
    responses(
        (status = 200, description = "The challenge", body = ChallengeShape),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("secret" = [])),
)]
pub async fn get(
    State(ctx): State<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<ChallengeShape>, Problem> {
    let key = auth::secret(&ctx, &headers)?;
    let id: ChallengeId = parse_id(&id)?;
    let operation = ChallengeById { projects: vec![key.project.id], id, now: ctx.clock.now() };
    let (_, challenge) = ctx.store.read(operation).await?.ok_or(Problem::new(&problem::NOT_FOUND))?;
    let (stored, _) = find(&ctx, &key, challenge.evaluation_id).await?;
    Ok(Json(ChallengeShape::of(&challenge, &stored.evaluation)))
}
