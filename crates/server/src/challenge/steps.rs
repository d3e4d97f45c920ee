//! What the page's forms do: send a code, try one, give a phone number, skip. Each ends in a redirect, so that reloading
//! repeats nothing.

use axum::{
    Form,
    extract::{ConnectInfo, Path, State as Axum},
    http::HeaderMap,
    response::Response,
};
use countersign_engine::{
    challenge::{Attempt, Channel, Refusal, Status},
    signal::network_of,
    text::Phone,
    time::Timestamp,
};
use countersign_store::op::{
    AttemptCode, ChallengeStep, CollectPhone, NewMessage, SendCode, SendRefusal, SkipChallenge, StepOutcome,
};
use serde::Deserialize;
use std::net::SocketAddr;

use super::{
    devices,
    show::trouble,
    view::{State, typed_code},
    visit::{Browser, Visit, answer, is_ours, see_other, voice},
};
use crate::{
    api::problem::{self, Problem},
    context::Ctx,
    courier_job::Payload,
    enrich::address,
    secret::draw_code,
};

/// A form of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    csrf: String,
    channel: String,
    code: String,
    phone: String,
}

/// A visit whose form is ours, or the answer to one that isn't.
pub(super) async fn enter(
    ctx: &Ctx,
    id: &str,
    headers: &HeaderMap,
    csrf: &str,
) -> Result<(Visit, Browser), Box<Response>> {
    let browser = Browser::of(ctx, headers);
    let visit = match Visit::find(ctx, id).await {
        Ok(Some(visit)) => visit,
        Ok(None) => return Err(Box::new(answer(ctx, headers, None, &browser, &State::NotFound))),
        Err(problem) => return Err(Box::new(trouble(ctx, headers, &browser, &problem))),
    };
    if is_ours(ctx, headers, visit.challenge.id, &browser, csrf) {
        return Ok((visit, browser));
    }
    // A page of another site, a stale page or a browser without cookies: the page itself says what to do.
    Err(Box::new(see_other(&format!("/challenge/{}", visit.challenge.id))))
}

fn step(ctx: &Ctx, visit: &Visit, browser: &Browser) -> ChallengeStep {
    ChallengeStep { project: visit.project.id, id: visit.challenge.id, browser: browser.hash, now: ctx.clock.now() }
}

pub(super) fn back(visit: &Visit, notice: &str) -> Response {
    let query = if notice.is_empty() { String::new() } else { format!("?notice={notice}") };
    see_other(&format!("/challenge/{}{query}", visit.challenge.id))
}

/// Sends a code.
pub async fn send(
    Axum(ctx): Axum<Ctx>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Sent>,
) -> Response {
    let (visit, browser) = match enter(&ctx, &id, &headers, &form.csrf).await {
        Ok(entered) => entered,
        Err(response) => return *response,
    };
    let Some(channel) = Channel::parse(&form.channel) else { return back(&visit, "") };
    let again = visit.challenge.sends > 0;
    let client = address::client(peer.ip(), &headers, &ctx.config.trusted_proxies);
    let language = voice(&ctx, &headers, &visit.challenge.config.languages).tag();
    match put_out(&ctx, &visit, &browser, (channel, client, language)).await {
        Ok(StepOutcome::NotFound) => answer(&ctx, &headers, None, &browser, &State::NotFound),
        Ok(StepOutcome::Done(..)) => {
            metrics::counter!("countersign_challenge_codes_total", "channel" => channel.as_str()).increment(1);
            ctx.message_written.notify_one();
            back(&visit, if again { "new_code" } else { "" })
        }
        Ok(StepOutcome::Refused(_, SendRefusal::Challenge(Refusal::TooSoon { .. }))) => back(&visit, "too_soon"),
        Ok(StepOutcome::Refused(_, SendRefusal::Challenge(Refusal::TooManySends))) => {
            answer(&ctx, &headers, Some(&visit), &browser, &State::LimitReached { retry_in: None })
        }
        Ok(StepOutcome::Refused(_, SendRefusal::Limit { scope, until })) => {
            tracing::info!(scope = scope.as_str(), challenge = %visit.challenge.id, "a limit on codes is reached");
            let retry_in = u32::try_from(until.since(ctx.clock.now()).max(0) / 1_000).ok();
            answer(&ctx, &headers, Some(&visit), &browser, &State::LimitReached { retry_in })
        }
        Ok(StepOutcome::Refused(..)) => back(&visit, ""),
        Err(problem) => trouble(&ctx, &headers, &browser, &problem),
    }
}

/// Draws a code and puts it out, with the message that carries it.
async fn put_out(
    ctx: &Ctx,
    visit: &Visit,
    browser: &Browser,
    (channel, client, language): (Channel, std::net::IpAddr, &str),
) -> Result<StepOutcome<(), SendRefusal>, Problem> {
    let now: Timestamp = ctx.clock.now();
    let challenge = &visit.challenge;
    let code = draw_code(challenge.config.code_length, &ctx.rng);
    let message = ctx.message_id(now);
    let payload = Payload { code: code.clone(), channel, language: language.to_owned() };
    let sealed = payload.seal(ctx, message).ok_or(Problem::new(&problem::INTERNAL))?;
    let operation = SendCode {
        project: visit.project.id,
        id: challenge.id,
        browser: browser.hash,
        channel,
        code_hash: ctx.key.code_hash(challenge.id, &code),
        message: NewMessage { id: message, sealed },
        network: Some(network_of(client)),
        sends_per_hour: visit.project.settings.sends_per_hour,
        now,
    };
    Ok(ctx.store.run(operation).await?)
}

/// Tries a code.
pub async fn verify(
    Axum(ctx): Axum<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Sent>,
) -> Response {
    let (visit, browser) = match enter(&ctx, &id, &headers, &form.csrf).await {
        Ok(entered) => entered,
        Err(response) => return *response,
    };
    let code = typed_code(&form.code);
    // What can't be a code of ours is a slip of the finger: nothing to compare, so nothing to count.
    if code.len() != usize::try_from(visit.challenge.config.code_length).unwrap_or(6) {
        return back(&visit, "wrong");
    }
    let ChallengeStep { project, id, browser: bound, now } = step(&ctx, &visit, &browser);
    let devices_since = devices::since(&visit, now);
    let hash = ctx.key.code_hash(id, &code);
    let operation = AttemptCode { project, id, browser: bound, hash, devices_since, now };
    let outcome = match ctx.store.run(operation).await {
        Ok(outcome) => outcome,
        Err(error) => return trouble(&ctx, &headers, &browser, &error.into()),
    };
    let tried = |outcome: &'static str| {
        metrics::counter!("countersign_challenge_attempts_total", "outcome" => outcome).increment(1);
    };
    match outcome {
        StepOutcome::NotFound => answer(&ctx, &headers, None, &browser, &State::NotFound),
        StepOutcome::Refused(..) => back(&visit, ""),
        StepOutcome::Done(challenge, Attempt::Right) => {
            tried("right");
            if challenge.status() == Status::Completed { see_other(&visit.success_url()) } else { back(&visit, "") }
        }
        StepOutcome::Done(_, Attempt::Wrong { .. }) => {
            tried("wrong");
            back(&visit, "wrong")
        }
        StepOutcome::Done(_, Attempt::CodeExpired { .. }) => {
            tried("expired");
            back(&visit, "expired")
        }
    }
}

/// Takes a phone number.
pub async fn phone(
    Axum(ctx): Axum<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Sent>,
) -> Response {
    let (visit, browser) = match enter(&ctx, &id, &headers, &form.csrf).await {
        Ok(entered) => entered,
        Err(response) => return *response,
    };
    let Ok(phone) = Phone::parse(&form.phone) else { return back(&visit, "phone_invalid") };
    let operation = CollectPhone { step: step(&ctx, &visit, &browser), phone };
    match ctx.store.run(operation).await {
        Ok(StepOutcome::Done(..)) => back(&visit, ""),
        Ok(_) => back(&visit, "phone_refused"),
        Err(error) => trouble(&ctx, &headers, &browser, &error.into()),
    }
}

/// Goes on without proving anything, where the config allows it; the site's server sees `skipped`.
pub async fn skip(
    Axum(ctx): Axum<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Sent>,
) -> Response {
    let (visit, browser) = match enter(&ctx, &id, &headers, &form.csrf).await {
        Ok(entered) => entered,
        Err(response) => return *response,
    };
    match ctx.store.run(SkipChallenge(step(&ctx, &visit, &browser))).await {
        Ok(StepOutcome::Done(..)) => see_other(&visit.success_url()),
        Ok(_) => back(&visit, ""),
        Err(error) => trouble(&ctx, &headers, &browser, &error.into()),
    }
}
