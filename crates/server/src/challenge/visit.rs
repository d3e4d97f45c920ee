//! Somebody is at a challenge's page: which challenge, in which browser, in which language; and how every page leaves.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use countersign_engine::{
    challenge::{Challenge, Link},
    config::Project,
    evaluation::Evaluation,
    id::ChallengeId,
    signal::Place,
    text::ReturnUrl,
};
use countersign_store::op::{ChallengeById, EvaluationById};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use url::Url;

use super::view::{self, Action, Confirming, Context, Links, State, When};
use crate::{
    api::problem::Problem,
    context::Ctx,
    enrich::agent,
    page::{
        appearance::Appearance,
        headers::{Origins, security_headers},
    },
    secret::{draw_token, sha256},
    texts::{Line, Voice},
};

/// How long a browser keeps its cookie, in seconds: longer than any challenge lives.
const COOKIE_SECONDS: u32 = 172_800;

/// The browser in front of the page: known by a random cookie, of which the store keeps a hash.
#[derive(Debug)]
pub struct Browser {
    token: String,
    /// Whether the cookie has to be set.
    is_new: bool,
    /// What challenges are bound to.
    pub hash: [u8; 32],
}

impl Browser {
    /// The browser of a request; one without a cookie gets a new one.
    pub fn of(ctx: &Ctx, headers: &HeaderMap) -> Self {
        let known = cookie(headers, cookie_name(ctx));
        let is_new = known.is_none();
        let token = known.unwrap_or_else(|| draw_token(&ctx.rng));
        let hash = sha256(token.as_bytes());
        Self { token, is_new, hash }
    }

    /// Whether it came without a cookie.
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    fn cookie(&self, ctx: &Ctx) -> Option<HeaderValue> {
        let secure = if ctx.config.is_https() { "; Secure" } else { "" };
        let name = cookie_name(ctx);
        let text = format!("{name}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={COOKIE_SECONDS}{secure}", self.token);
        self.is_new.then(|| HeaderValue::from_str(&text).ok()).flatten()
    }
}

/// `__Host-` binds a cookie to this very host over TLS; browsers refuse it without.
fn cookie_name(ctx: &Ctx) -> &'static str {
    if ctx.config.is_https() { "__Host-countersign" } else { "countersign" }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let found = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()?;
    let plausible = found.len() == 43 && found.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    plausible.then(|| found.to_owned())
}

/// A challenge, with what its page has to tell.
#[derive(Debug)]
pub struct Visit {
    /// The project, as configured now.
    pub project: Arc<Project>,
    /// The challenge as it stands.
    pub challenge: Challenge,
    /// The evaluation that asked for it.
    pub evaluation: Evaluation,
}

impl Visit {
    /// The visit to the challenge with that id, if there is one.
    pub async fn find(ctx: &Ctx, id: &str) -> Result<Option<Self>, Problem> {
        let Ok(id) = id.parse::<ChallengeId>() else { return Ok(None) };
        let now = ctx.clock.now();
        let operation = ChallengeById { projects: ctx.projects.ids(), id, now };
        let Some((project, challenge)) = ctx.store.read(operation).await? else { return Ok(None) };
        let operation = EvaluationById { project, id: challenge.evaluation_id, now };
        let found = ctx.store.read(operation).await?;
        let project = ctx.projects.get(project);
        Ok(project.zip(found).map(|(project, (stored, _))| Self { project, challenge, evaluation: stored.evaluation }))
    }

    /// Where the browser goes once the challenge has ended in a way that the site's server decides on.
    pub fn success_url(&self) -> String {
        self.challenge.config.success_url.with_query("evaluation", &self.challenge.evaluation_id.to_string())
    }

    /// What all states have in common.
    pub fn context(&self, ctx: &Ctx, browser: &Browser) -> Context {
        let config = &self.challenge.config;
        Context {
            challenge_id: self.challenge.id.to_string(),
            csrf: ctx.key.form_token(self.challenge.id, &browser.hash),
            project: Line::new(&self.project.settings.name),
            appearance: appearance(&config.appearance),
            confirming: Some(self.confirming()),
            account_sharing: self.challenge.kind == "account_sharing",
            may_skip: config.allow_skip && self.challenge.ended_at().is_none(),
            links: Links {
                primary: link(config.primary_link.as_ref()),
                secondary: link(config.secondary_link.as_ref()),
                logout: link(config.logout_url.as_ref()),
            },
            way_back: self.challenge.origin_url.as_deref().and_then(way_back),
        }
    }

    /// What is being confirmed.
    pub fn confirming(&self) -> Confirming {
        confirming(&self.evaluation)
    }
}

/// What an evaluation's challenge confirms, in words for people.
pub fn confirming(evaluation: &Evaluation) -> Confirming {
    let place = evaluation.place.as_ref().and_then(Place::in_words).as_deref().and_then(Line::new);
    Confirming {
        action: Action::from_name(evaluation.action.as_str()),
        device: agent::label(&evaluation.agent).as_deref().and_then(Line::new),
        place,
        at: When { at_ms: evaluation.created_at.millis(), offset_minutes: None },
    }
}

/// The page that the action was taken on, without what may not be linked to.
fn way_back(origin_url: &str) -> Option<Url> {
    ReturnUrl::parse(origin_url).ok().and_then(|url| Url::parse(url.as_str()).ok())
}

/// The operator's look, as the page takes it.
pub fn appearance(from: &countersign_engine::challenge::Appearance) -> Appearance {
    Appearance {
        logo: from.logo_url.as_ref().and_then(|url| Url::parse(url.as_str()).ok()),
        accent: from.accent.as_deref().and_then(|colour| colour.parse().ok()),
        background: from.background.as_deref().and_then(|colour| colour.parse().ok()),
        custom_css: from.custom_css.clone(),
    }
}

fn link(from: Option<&Link>) -> Option<view::Link> {
    let from = from?;
    view::Link::new(from.label.as_deref(), Url::parse(from.url.as_str()).ok()?)
}

/// The language of a page: what the browser asks for, among those that the config offers.
pub fn voice<'t>(ctx: &'t Ctx, headers: &HeaderMap, languages: &[String]) -> Voice<'t> {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    ctx.texts.negotiate(wanted, languages)
}

/// A page on its way out.
pub fn answer(ctx: &Ctx, headers: &HeaderMap, visit: Option<&Visit>, browser: &Browser, state: &State) -> Response {
    let languages = visit.map(|visit| visit.challenge.config.languages.clone()).unwrap_or_default();
    let context = visit.map_or_else(Context::default, |visit| visit.context(ctx, browser));
    let rendered = view::render(voice(ctx, headers, &languages), &context, state);
    let success = visit.and_then(|visit| Url::parse(visit.challenge.config.success_url.as_str()).ok());
    let origins = Origins { logo: context.appearance.logo.as_ref(), success: success.as_ref() };
    let mut response = match rendered {
        Ok(html) => (state.status(), Body::from(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, state = state.name(), "a page can't be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, Body::empty()).into_response()
        }
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    for (name, value) in security_headers(origins) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            out.insert(name, value);
        }
    }
    if let Some(cookie) = browser.cookie(ctx) {
        out.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Sends the browser on with a GET.
pub fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(header::LOCATION, to);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Whether a form was sent from our own page: the token that only it carries, from a browser that says nothing against it.
pub fn is_ours(ctx: &Ctx, headers: &HeaderMap, challenge: ChallengeId, browser: &Browser, token: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = ctx.config.public_url.origin().ascii_serialization();
    // `null` is what a page with `no-referrer` sends as its origin.
    let origin_ok =
        text("origin").is_none_or(|origin| origin == "null" || bool::from(origin.as_bytes().ct_eq(own.as_bytes())));
    let site_ok = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    origin_ok && site_ok && !browser.is_new() && ctx.key.is_form_token(challenge, &browser.hash, token)
}
