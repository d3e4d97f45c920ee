//! "This wasn't me": where the link in a message leads. Opening it asks; only the button does it, since mail scanners open
//! every link.

use axum::{
    Form,
    extract::{Path, Query, State as Axum},
    http::HeaderMap,
    response::Response,
};
use countersign_store::op::{ReportChallenge, StepOutcome};
use serde::Deserialize;

use super::{
    show::trouble,
    view::{ReportAsk, State},
    visit::{Browser, Visit, answer},
};
use crate::context::Ctx;

/// The token that the link carries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Token {
    token: String,
}

/// Asks.
pub async fn get(
    Axum(ctx): Axum<Ctx>,
    Path(id): Path<String>,
    Query(Token { token }): Query<Token>,
    headers: HeaderMap,
) -> Response {
    let browser = Browser::of(&ctx, &headers);
    match find(&ctx, &id, &token).await {
        Ok(Some(visit)) => answer(&ctx, &headers, Some(&visit), &browser, &State::ReportAsk(ReportAsk { token })),
        Ok(None) => answer(&ctx, &headers, None, &browser, &State::NotFound),
        Err(problem) => trouble(&ctx, &headers, &browser, &problem),
    }
}

/// Does it. The token is the proof: whoever got the message may say so, from any browser.
pub async fn post(
    Axum(ctx): Axum<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(Token { token }): Form<Token>,
) -> Response {
    let browser = Browser::of(&ctx, &headers);
    let visit = match find(&ctx, &id, &token).await {
        Ok(Some(visit)) => visit,
        Ok(None) => return answer(&ctx, &headers, None, &browser, &State::NotFound),
        Err(problem) => return trouble(&ctx, &headers, &browser, &problem),
    };
    let operation = ReportChallenge { project: visit.project.id, id: visit.challenge.id, now: ctx.clock.now() };
    match ctx.store.run(operation).await {
        Ok(StepOutcome::NotFound) => answer(&ctx, &headers, None, &browser, &State::NotFound),
        Ok(_) => {
            tracing::warn!(challenge = %visit.challenge.id, "reported as not the user's own doing");
            answer(&ctx, &headers, Some(&visit), &browser, &State::ReportDone)
        }
        Err(error) => trouble(&ctx, &headers, &browser, &error.into()),
    }
}

async fn find(ctx: &Ctx, id: &str, token: &str) -> Result<Option<Visit>, crate::api::problem::Problem> {
    let visit = Visit::find(ctx, id).await?;
    Ok(visit.filter(|visit| ctx.key.is_report_token(visit.challenge.id, token)))
}
