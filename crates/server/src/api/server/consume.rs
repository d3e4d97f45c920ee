//! `POST /v3/evaluations/:id/consume`: reads the evaluation and claims it, once.

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use bytes::Bytes;
use countersign_engine::{challenge::Status, consume::Expect as Wanted};
use countersign_store::op::{Consume, ConsumeOutcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    api::{
        auth, body,
        field::{given, object_or_null},
        parse_id,
        problem::{self, Problem, ProblemBody},
        shape::EvaluationShape,
    },
    context::Ctx,
    secret::sha256,
};

/// The header that makes a repeated call get the first answer.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What the caller expects; the body may be left out.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(as = ConsumeRequest)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// Compared in the same step that claims: if anything differs, nothing is claimed.
    #[serde(deserialize_with = "object_or_null")]
    expect: Option<Expect>,
}

/// What the evaluation is expected to be; whatever is left out is not compared, and `null` expects nothing there.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The action.
    action: Option<String>,
    /// The user.
    #[serde(deserialize_with = "object_or_null")]
    user: Option<ExpectUser>,
    /// The metadata, compared deeply.
    #[schema(value_type = Option<Object>)]
    #[serde(deserialize_with = "given")]
    metadata: Option<Value>,
    /// The challenge's status, such as `completed`.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    challenge_status: Option<Option<String>>,
}

/// What the user is expected to be.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectUser {
    /// Your id of the user.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    id: Option<Option<String>>,
    /// The e-mail address, compared without regard to case.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// The phone number.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
}

/// Claims an evaluation. While its challenge can still be passed, answers 200 with `consumed: false` and claims nothing.
#[utoipa::path(
    post, path = "/v3/evaluations/{id}/consume", tag = "server", operation_id = "consume_evaluation",
    params(
        ("id" = String, Path, description = "The evaluation's id"),
        ("idempotency-key" = Option<String>, Header, description = "1 to 255 printable characters: a repeat within 24 hours gets the first answer"),
    ),
    request_body(content = Option<Request>, content_type = "application/json"),
    responses(
        (status = 200, description = "The evaluation; `consumed` says whether it was claimed", body = EvaluationShape),
        (status = 409, description = "It was consumed before", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The time to consume it is over", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It is not what was expected", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("secret" = [])),
)]
pub async fn post(
    State(ctx): State<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<EvaluationShape>, Problem> {
    let key = auth::secret(&ctx, &headers)?;
    let id = parse_id(&id)?;
    let request: Request = body::read_optional(&bytes)?;
    let operation = Consume {
        project: key.project.id,
        id,
        expect: wanted(request)?,
        key: idempotency_key(&headers)?.unwrap_or_else(|| ctx.rng.bytes()),
        window_minutes: key.project.settings.consume_window_minutes,
        now: ctx.clock.now(),
    };
    let outcome = ctx.store.run(operation).await?;
    metrics::counter!("countersign_consumes_total", "outcome" => name(&outcome)).increment(1);
    match outcome {
        ConsumeOutcome::Claimed(found) | ConsumeOutcome::Pending(found) => Ok(Json(EvaluationShape::of(&ctx, &found))),
        ConsumeOutcome::AlreadyConsumed(at) => Err(Problem::new(&problem::ALREADY_CONSUMED).consumed_at(at.rfc3339())),
        ConsumeOutcome::Mismatch(fields) => Err(Problem::new(&problem::INTEGRITY_MISMATCH)
            .detail(format!("These fields differ: {}", fields.join(", ")))
            .fields(fields)),
        ConsumeOutcome::Expired => Err(Problem::new(&problem::EXPIRED)),
        ConsumeOutcome::NotFound => Err(Problem::new(&problem::NOT_FOUND)),
    }
}

const fn name(outcome: &ConsumeOutcome) -> &'static str {
    match outcome {
        ConsumeOutcome::Claimed(_) => "claimed",
        ConsumeOutcome::Pending(_) => "pending",
        ConsumeOutcome::AlreadyConsumed(_) => "already_consumed",
        ConsumeOutcome::Mismatch(_) => "integrity_mismatch",
        ConsumeOutcome::Expired => "expired",
        ConsumeOutcome::NotFound => "not_found",
    }
}

fn wanted(request: Request) -> Result<Wanted, Problem> {
    let Some(Expect { action, user, metadata, challenge_status }) = request.expect else {
        return Ok(Wanted::default());
    };
    let ExpectUser { id, email, phone } = user.unwrap_or_default();
    let status = |word: String| {
        let help = "must be one of created, presented, code_sent, verified, completed, failed, expired, skipped, overridden, or null";
        Status::parse(&word).ok_or(Problem::invalid("/expect/challenge_status", help))
    };
    let challenge_status = challenge_status.map(|wanted| wanted.map(status).transpose()).transpose()?;
    Ok(Wanted { action, user_id: id, user_email: email, user_phone: phone, metadata, challenge_status })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<[u8; 32]>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let bytes = value.as_bytes();
    let fine = (1..=255).contains(&bytes.len()) && bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    if fine {
        Ok(Some(sha256(bytes)))
    } else {
        Err(Problem::new(&problem::INVALID_HEADER)
            .detail("`Idempotency-Key` takes 1 to 255 printable ASCII characters"))
    }
}
