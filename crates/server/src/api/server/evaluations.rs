//! `GET /v3/evaluations/:id`: the evaluation, as often as wanted.

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use countersign_engine::id::EvaluationId;
use countersign_store::op::{EvaluationById, Found};

use crate::{
    api::{
        auth, parse_id,
        problem::{self, Problem, ProblemBody},
        shape::EvaluationShape,
    },
    context::Ctx,
    projects::KeyOf,
};

/// Reads an evaluation.
#[utoipa::path(
    get, path = "/v3/evaluations/{id}", tag = "server", operation_id = "get_evaluation",
    params(("id" = String, Path, description = "The evaluation's id")),
    responses(
        (status = 200, description = "The evaluation", body = EvaluationShape),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("secret" = [])),
)]
pub async fn get(
    State(ctx): State<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<EvaluationShape>, Problem> {
    let key = auth::secret(&ctx, &headers)?;
    let found = find(&ctx, &key, parse_id(&id)?).await?;
    Ok(Json(EvaluationShape::of(&ctx, &found)))
}

/// The caller's evaluation with that id.
pub async fn find(ctx: &Ctx, key: &KeyOf, id: EvaluationId) -> Result<Found, Problem> {
    let operation = EvaluationById { project: key.project.id, id, now: ctx.clock.now() };
    ctx.store.read(operation).await?.ok_or(Problem::new(&problem::NOT_FOUND))
}
