//! `GET /v3/evaluations/:id`: the evaluation, as often as wanted; with `?trace=true`, what every policy saw.
//!
//! The trace is made when it is asked for, from the record and the policies of its revision: it is as long as the
//! policies are many, and a site that only wants the verdict shouldn't wait for it.

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
};
use countersign_engine::{id::EvaluationId, retrace};
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
    params(
        ("id" = String, Path, description = "The evaluation's id"),
        ("trace" = Option<bool>, Query, description = "Whether to say what every policy saw"),
    ),
    responses(
        (status = 200, description = "The evaluation", body = EvaluationShape),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("secret" = [])),
)]
pub async fn get(
    State(ctx): State<Ctx>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<EvaluationShape>, Problem> {
    let key = auth::secret(&ctx, &headers)?;
    let id = parse_id(&id)?;
    let wants_trace = wants_trace(query.as_deref().unwrap_or_default())?;
    let found = find(&ctx, &key, id).await?;
    let shape = EvaluationShape::of(&ctx, &found);
    if !wants_trace {
        return Ok(Json(shape));
    }
    let evaluation = &found.0.evaluation;
    let Some(then) = ctx.projects.at(&ctx.store, &key.project, evaluation.revision).await? else {
        return Ok(Json(shape));
    };
    let set = then.policy_set(evaluation.environment);
    Ok(Json(shape.with_trace(retrace::trace(set, evaluation), retrace::flip(set, evaluation))))
}

/// Other parameters are not ours to mind: a proxy may add some.
fn wants_trace(query: &str) -> Result<bool, Problem> {
    let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "trace");
    match asked.as_ref().map(|(_, value)| value.as_ref()) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::new(&problem::INVALID_FORM).detail("`trace` must be `true` or `false`")),
    }
}

/// The caller's evaluation with that id.
pub async fn find(ctx: &Ctx, key: &KeyOf, id: EvaluationId) -> Result<Found, Problem> {
    let operation = EvaluationById { project: key.project.id, id, now: ctx.clock.now() };
    ctx.store.read(operation).await?.ok_or(Problem::new(&problem::NOT_FOUND))
}
