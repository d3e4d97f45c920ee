//! `GET /challenge/:id`: the page, in whatever state the challenge is.
//!
//! The first browser to open it keeps it. A look ahead (a prefetch, a HEAD) opens nothing.

use axum::{
    extract::{Path, Query, State as Axum},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use countersign_engine::{
    challenge::{Challenge, Channel, Delivery, EndReason, Refusal, Require, State as Stands},
    time::Timestamp,
};
use countersign_store::op::{ChallengeStep, OpenChallenge, StepOutcome};
use serde::Deserialize;
use url::Url;

use super::{
    devices,
    view::{
        self, Choice, Choose, EnterCode, NextChannel, Notice, OtherWay, PhoneNeeded, PhoneTrouble, State, mask_email,
        mask_phone,
    },
    visit::{Browser, Visit, answer, appearance},
};
use crate::{api::problem::Problem, context::Ctx, page::appearance::appearance_css};

/// What the address may carry.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// For `/?challenge=…`.
    challenge: Option<String>,
    /// What just happened, after a form: words of ours only.
    notice: Option<String>,
    /// What the person wants to change: `channel` or `phone`.
    change: Option<String>,
}

/// The page at `/challenge/:id`.
pub async fn get(
    Axum(ctx): Axum<Ctx>,
    method: Method,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    show(&ctx, &method, &id, &asked, &headers).await
}

/// The page at `/?challenge=…`, as the public reference has it.
pub async fn at_root(Axum(ctx): Axum<Ctx>, method: Method, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let id = asked.challenge.clone().unwrap_or_default();
    show(&ctx, &method, &id, &asked, &headers).await
}

async fn show(ctx: &Ctx, method: &Method, id: &str, asked: &Asked, headers: &HeaderMap) -> Response {
    let browser = Browser::of(ctx, headers);
    let visit = match Visit::find(ctx, id).await {
        Ok(Some(visit)) => visit,
        Ok(None) => return answer(ctx, headers, None, &browser, &State::NotFound),
        Err(problem) => return trouble(ctx, headers, &browser, &problem),
    };
    if method == Method::HEAD || looks_ahead(headers) {
        return StatusCode::NO_CONTENT.into_response();
    }
    match open(ctx, visit, &browser).await {
        Ok((visit, None)) if visit.challenge.waits_for_devices() => match devices::state(ctx, &visit).await {
            Ok(state) => answer(ctx, headers, Some(&visit), &browser, &state),
            Err(problem) => trouble(ctx, headers, &browser, &problem),
        },
        Ok((visit, None)) => {
            let state = state_of(&visit.challenge, &browser, asked, ctx.clock.now());
            answer(ctx, headers, Some(&visit), &browser, &state)
        }
        Ok((visit, Some(state))) => answer(ctx, headers, Some(&visit), &browser, &state),
        Err(problem) => trouble(ctx, headers, &browser, &problem),
    }
}

/// A page for what went wrong on our side.
pub fn trouble(ctx: &Ctx, headers: &HeaderMap, browser: &Browser, problem: &Problem) -> Response {
    tracing::warn!(code = problem.kind().code, "a challenge page could not be shown");
    answer(ctx, headers, None, browser, &State::Problem)
}

fn looks_ahead(headers: &HeaderMap) -> bool {
    let purpose = ["sec-purpose", "purpose", "x-moz"].into_iter().filter_map(|name| headers.get(name));
    purpose.filter_map(|value| value.to_str().ok()).any(|value| value.contains("prefetch"))
}

/// Opens it in this browser, if it can still be passed; the state to show where it can't be opened here.
async fn open(ctx: &Ctx, mut visit: Visit, browser: &Browser) -> Result<(Visit, Option<State>), Problem> {
    if visit.challenge.ended_at().is_some() || visit.challenge.is_bound_to(&browser.hash) {
        return Ok((visit, None));
    }
    let step = ChallengeStep {
        project: visit.project.id,
        id: visit.challenge.id,
        browser: browser.hash,
        now: ctx.clock.now(),
    };
    match ctx.store.run(OpenChallenge(step)).await? {
        StepOutcome::NotFound => Ok((visit, Some(State::NotFound))),
        StepOutcome::Refused(challenge, Refusal::OtherBrowser) => {
            visit.challenge = *challenge;
            Ok((visit, Some(State::OtherBrowser)))
        }
        StepOutcome::Refused(challenge, _) | StepOutcome::Done(challenge, ()) => {
            visit.challenge = *challenge;
            Ok((visit, None))
        }
    }
}

/// What the page says.
fn state_of(challenge: &Challenge, browser: &Browser, asked: &Asked, now: Timestamp) -> State {
    match &challenge.state {
        Stands::Completed { .. } => {
            let next = challenge.config.success_url.with_query("evaluation", &challenge.evaluation_id.to_string());
            // The result is for the browser that earned it.
            State::Completed { next: challenge.is_bound_to(&browser.hash).then(|| Url::parse(&next).ok()).flatten() }
        }
        Stands::Failed { reason: EndReason::Reported, .. } => State::Reported,
        Stands::Failed { .. } => State::Failed,
        Stands::Expired { .. } => State::Expired,
        Stands::Skipped { .. } => State::Skipped,
        Stands::Overridden { .. } => State::Overridden,
        Stands::Created | Stands::Presented | Stands::CodeSent(_) | Stands::Verified => pending(challenge, asked, now),
    }
}

fn pending(challenge: &Challenge, asked: &Asked, now: Timestamp) -> State {
    let change = asked.change.as_deref();
    let may_correct_phone = challenge.config.require_phone && challenge.phone_collected;
    if challenge.needs_phone() || (change == Some("phone") && may_correct_phone) {
        let trouble = match asked.notice.as_deref() {
            Some("phone_invalid") => Some(PhoneTrouble::Invalid),
            Some("phone_refused") => Some(PhoneTrouble::Refused),
            _ => None,
        };
        return State::PhoneNeeded(PhoneNeeded { typed: String::new(), trouble });
    }
    let choices: Vec<Choice> =
        challenge.open_channels().into_iter().filter_map(|channel| choice(challenge, channel)).collect();
    if !can_be_passed(challenge) {
        return State::Unreachable;
    }
    match &challenge.state {
        Stands::CodeSent(code) if change != Some("channel") => enter_code(challenge, code, choices.len(), asked, now),
        Stands::Verified => match choices.into_iter().next() {
            Some(next) => State::NextChannel(NextChannel { next }),
            None => State::Unreachable,
        },
        _ => State::Choose(Choose {
            choices,
            failed: challenge.delivery == Some(Delivery::Failed) && change != Some("channel"),
        }),
    }
}

/// Whether there are addresses for everything that must be proven.
fn can_be_passed(challenge: &Challenge) -> bool {
    let open = challenge.open_channels();
    match challenge.config.require {
        Require::Any => !open.is_empty(),
        Require::All => {
            challenge.config.channels.iter().all(|wanted| open.contains(wanted) || challenge.proven.contains(wanted))
        }
    }
}

fn enter_code(
    challenge: &Challenge,
    code: &countersign_engine::challenge::Code,
    ways: usize,
    asked: &Asked,
    now: Timestamp,
) -> State {
    // Begun seconds count as whole ones: whoever waits for the time shown has waited long enough.
    let seconds = |until: Timestamp| {
        let left = until.since(now).max(0).saturating_add(999);
        u32::try_from(left.div_euclid(1_000)).unwrap_or_default()
    };
    let undelivered = matches!(challenge.delivery, Some(Delivery::Failed | Delivery::Bounced));
    let notice = match asked.notice.as_deref() {
        _ if undelivered => Some(Notice::Undelivered),
        Some("wrong") => Some(Notice::Wrong),
        Some("expired") => Some(Notice::Expired),
        Some("new_code") => Some(Notice::NewCode),
        Some("too_soon") => Some(Notice::TooSoon),
        _ if now >= code.expires_at => Some(Notice::Expired),
        _ => None,
    };
    let Some(Choice { channel, address }) = choice(challenge, code.channel) else { return State::Unreachable };
    let other_way = match code.channel {
        _ if ways > 1 => Some(OtherWay::Channel),
        Channel::Sms if challenge.phone_collected => Some(OtherWay::Phone),
        _ => None,
    };
    State::EnterCode(EnterCode {
        channel,
        address,
        length: u8::try_from(challenge.config.code_length).unwrap_or(6),
        expires_in: seconds(code.expires_at),
        attempts_left: u8::try_from(challenge.attempts_left()).unwrap_or(u8::MAX),
        notice,
        resend_in: challenge.can_send_again().then(|| seconds(challenge.next_send_at)),
        other_way,
    })
}

/// A channel with its address, masked.
fn choice(challenge: &Challenge, channel: Channel) -> Option<Choice> {
    let (channel, address) = match channel {
        Channel::Email => (view::Channel::Email, mask_email(challenge.email.as_ref()?.as_str())),
        Channel::Sms => (view::Channel::Sms, mask_phone(challenge.phone.as_ref()?.as_str())),
    };
    Some(Choice { channel, address })
}

/// The operator's look, as a style sheet of its own: nothing on the page is inline.
pub async fn style(Axum(ctx): Axum<Ctx>, Path(id): Path<String>) -> Response {
    let visit = Visit::find(&ctx, &id).await.ok().flatten();
    let css = visit.map(|visit| appearance_css(&appearance(&visit.challenge.config.appearance))).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, css).into_response()
}
