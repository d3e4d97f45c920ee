//! `GET /v3/conversions`: how many who came from a shared account signed up for one of their own.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use countersign_engine::time::{DAY, Timestamp};
use countersign_store::op::Conversions;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        auth,
        problem::{self, Problem, ProblemBody},
    },
    context::Ctx,
};

/// Days that can be asked for at once.
const MOST_DAYS: i64 = 366;
/// Days that are told when none are named.
const DAYS: i64 = 30;

/// The figures.
#[derive(Debug, Serialize, ToSchema)]
pub struct Answer {
    /// The first day.
    #[schema(example = "2026-11-01")]
    from: String,
    /// The last day.
    #[schema(example = "2026-11-30")]
    to: String,
    /// Browsers that were shown the page of a shared account, each counted on the last day on which it was.
    shown: u64,
    /// Users who signed up in one of them within 30 days, and were let in.
    converted: u64,
    /// The same, day by day (UTC); days on which nothing happened are left out.
    by_day: Vec<OfDay>,
}

/// One day's.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfDay {
    /// The day.
    #[schema(example = "2026-11-23")]
    day: String,
    /// Browsers that were shown the page.
    shown: u64,
    /// Users who signed up.
    converted: u64,
}

/// Which days.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    from: Option<String>,
    to: Option<String>,
}

/// Counts who came from a shared account and signed up.
#[utoipa::path(
    get, path = "/v3/conversions", tag = "server", operation_id = "get_conversions",
    params(
        ("from" = Option<String>, Query, description = "The first day, UTC, as `2026-11-01`; without it, 29 days before the last"),
        ("to" = Option<String>, Query, description = "The last day; without it, today"),
    ),
    responses(
        (status = 200, description = "The figures", body = Answer),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("secret" = [])),
)]
pub async fn get(
    State(ctx): State<Ctx>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Answer>, Problem> {
    let key = auth::secret(&ctx, &headers)?;
    let Query(asked) = asked.map_err(|_| wrong("Only `from` and `to` can be asked for, each once"))?;
    let today = ctx.clock.now().millis().div_euclid(DAY);
    let to = asked.to.as_deref().map(day).transpose()?.unwrap_or(today);
    let from = asked.from.as_deref().map(day).transpose()?.unwrap_or(to - DAYS + 1);
    if !(0..MOST_DAYS).contains(&(to - from)) {
        return Err(wrong("`from` must not be after `to`, and at most 366 days can be asked for at once"));
    }
    let moment = |day: i64| Timestamp::from_millis(day.saturating_mul(DAY));
    let operation = Conversions { project: key.project.id, from: moment(from), to: moment(to + 1) };
    let days = ctx.store.read(operation).await?;
    let named = |moment: Timestamp| moment.rfc3339().chars().take(10).collect::<String>();
    Ok(Json(Answer {
        from: named(moment(from)),
        to: named(moment(to)),
        shown: days.values().map(|day| day.shown).sum(),
        converted: days.values().map(|day| day.converted).sum(),
        by_day: days
            .into_iter()
            .map(|(day, of)| OfDay { day: named(day), shown: of.shown, converted: of.converted })
            .collect(),
    }))
}

fn wrong(detail: &str) -> Problem {
    Problem::new(&problem::INVALID_FORM).detail(detail)
}

/// A day, as days since 1970.
fn day(text: &str) -> Result<i64, Problem> {
    let date: Date = text.parse().map_err(|_| wrong("A day is written as `2026-11-01`"))?;
    let epoch = jiff::civil::date(1970, 1, 1);
    Ok(i64::from((date - epoch).get_days()))
}
