//! What evaluations, challenges and devices look like on the wire (spec section 3.2 and the public reference it follows).

use countersign_engine::{
    challenge::{Challenge, Delivery},
    evaluation::{Effect, EvaluatedUser, Evaluation, Indication, RiskReading},
    policy::{Flip, PolicyTrace},
    signal::{DeviceType, Network},
    time::Timestamp,
};
use countersign_store::{
    op::Found,
    row::{DeviceRow, StoredEvaluation},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::context::Ctx;

/// An evaluation.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvaluationShape {
    /// Its id.
    #[schema(example = "evl_01jd3q4x8m5z9v7w2k6t1r0nbc")]
    id: String,
    /// `login`, `signup`, `access` or a custom name.
    action: String,
    /// `allow`, `deny`, `challenge`, `restrict`, `challenge_and_restrict` or `suspend`. A snapshot: it never changes.
    verdict: &'static str,
    /// What led to the verdict.
    reasons: Vec<String>,
    /// The challenge page's address, whenever there is a challenge.
    redirect: Option<String>,
    /// The user, if anything named one.
    user: Option<UserShape>,
    /// The challenge, if one was asked for.
    challenge: Option<ChallengeBrief>,
    /// The policy that gave the verdict.
    policy: Option<PolicyBrief>,
    /// What policies did beside the verdict.
    #[schema(value_type = Vec<Object>)]
    effects: Vec<Effect>,
    /// The browser.
    fingerprint: Option<FingerprintBrief>,
    /// The device's id.
    device: Option<String>,
    /// Where the client is, as far as is known.
    geolocation: Option<Geolocation>,
    /// What the site attached.
    #[schema(value_type = Object)]
    metadata: Option<Value>,
    /// Every check that is known, by name.
    #[schema(value_type = Object)]
    checks: Map<String, Value>,
    /// What the policies saw beyond the checks: counts, list memberships.
    #[schema(value_type = Object)]
    facts: Map<String, Value>,
    /// Sources that were missing.
    degraded: Vec<String>,
    /// Risks that are severe at all, the most severe first.
    risks: Vec<RiskShape>,
    /// Policies whose condition held, in the order in which they were asked.
    considered: Vec<ConsideredShape>,
    /// With `?trace=true`: every policy that was asked, in order, with each part of its condition, what that saw (`saw`,
    /// `null` when unknown) and what came of it (`truth`: `holds`, `fails`, `unknown`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    trace: Option<Vec<PolicyTrace>>,
    /// With `?trace=true`: the smallest change of what was seen that would have led to another verdict: the `verdict`, and
    /// `changes` of a `field` that `saw` one value and `needs` another. Absent where none of up to three values is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    flip: Option<Flip>,
    /// What it turned out to be, if anybody said.
    feedback: Option<FeedbackShape>,
    /// Whether it was consumed.
    consumed: bool,
    /// When.
    consumed_at: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it last changed.
    updated_at: String,
    /// As the public reference spells it.
    #[serde(rename = "createdAt")]
    created_at_alias: String,
    /// As the public reference spells it.
    #[serde(rename = "updatedAt")]
    updated_at_alias: String,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserShape {
    /// The site's id.
    id: Option<String>,
    /// Our id.
    countersign_id: String,
    /// Our id, under the name that the public reference gives it.
    rupt_id: String,
    /// The e-mail address.
    email: Option<String>,
    /// The phone number.
    phone: Option<String>,
    /// What came with the evaluation; else what is on file.
    #[schema(value_type = Object)]
    metadata: Option<Value>,
}

/// A challenge, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChallengeBrief {
    /// Its id.
    id: String,
    /// Where it stands; only `completed` is a pass.
    status: &'static str,
    /// Its type.
    r#type: String,
}

/// A policy, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct PolicyBrief {
    id: String,
    name: String,
    action: PolicyAction,
}

/// What a policy does.
#[derive(Debug, Serialize, ToSchema)]
pub struct PolicyAction {
    r#type: &'static str,
}

/// A fingerprint, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct FingerprintBrief {
    id: String,
    /// 0 to 1.
    confidence: f64,
}

/// Where a client is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Geolocation {
    ip: String,
    city: Option<String>,
    region: Option<String>,
    country: Option<String>,
    country_code: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    asn: Option<u32>,
    security: NetworkSecurity,
}

/// What kind of network it is; `null` where that is not known.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct NetworkSecurity {
    vpn: Option<bool>,
    proxy: Option<bool>,
    tor: Option<bool>,
    hosting: Option<bool>,
}

/// One policy that was considered.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsideredShape {
    id: String,
    name: String,
    matched: bool,
    shadow: bool,
    /// It only watched this time, because it had given its verdict as often as its budget allows.
    over_budget: bool,
}

/// What an evaluation turned out to be.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedbackShape {
    label: String,
    note: Option<String>,
}

impl EvaluationShape {
    /// An evaluation as it stands.
    pub fn of(ctx: &Ctx, (stored, challenge): &Found) -> Self {
        let StoredEvaluation { evaluation, consumed_at, label, note, updated_at, .. } = stored;
        let created = evaluation.created_at.rfc3339();
        let updated_at =
            challenge.as_ref().map_or(*updated_at, |challenge| challenge.updated_at.max(*updated_at)).rfc3339();
        Self {
            id: evaluation.id.to_string(),
            action: evaluation.action.to_string(),
            verdict: evaluation.verdict.as_str(),
            reasons: evaluation.reasons.clone(),
            redirect: evaluation.challenge_id.map(|id| ctx.config.public(&format!("/challenge/{id}"))),
            user: evaluation.user.as_ref().map(|user| UserShape::of(user, evaluation)),
            challenge: challenge.as_ref().map(ChallengeBrief::of),
            policy: evaluation.policy.as_ref().map(|policy| PolicyBrief {
                id: policy.id.to_string(),
                name: policy.name.clone(),
                action: PolicyAction { r#type: evaluation.verdict.as_str() },
            }),
            effects: evaluation.effects.clone(),
            fingerprint: evaluation
                .fingerprint
                .map(|reading| FingerprintBrief { id: reading.id.to_string(), confidence: reading.confidence }),
            device: evaluation.device.map(|device| device.to_string()),
            geolocation: geolocation(evaluation),
            metadata: evaluation.metadata.clone(),
            checks: evaluation.checks.clone(),
            facts: evaluation.facts.clone(),
            degraded: evaluation.degraded.clone(),
            risks: risks(evaluation),
            considered: considered(evaluation),
            trace: None,
            flip: None,
            feedback: label.as_ref().map(|label| FeedbackShape { label: label.clone(), note: note.clone() }),
            consumed: consumed_at.is_some(),
            consumed_at: consumed_at.map(Timestamp::rfc3339),
            created_at: created.clone(),
            updated_at: updated_at.clone(),
            created_at_alias: created,
            updated_at_alias: updated_at,
        }
    }

    /// The same, with what every policy saw.
    #[must_use]
    pub fn with_trace(self, trace: Vec<PolicyTrace>, flip: Option<Flip>) -> Self {
        Self { trace: Some(trace), flip, ..self }
    }
}

impl UserShape {
    fn of(user: &EvaluatedUser, evaluation: &Evaluation) -> Self {
        Self {
            id: user.external_id.clone(),
            countersign_id: user.id.to_string(),
            rupt_id: user.id.to_string(),
            email: user.email.clone(),
            phone: user.phone.clone(),
            metadata: evaluation.user_metadata().cloned(),
        }
    }
}

impl ChallengeBrief {
    fn of(challenge: &Challenge) -> Self {
        Self { id: challenge.id.to_string(), status: challenge.status().as_str(), r#type: challenge.kind.clone() }
    }
}

fn considered(evaluation: &Evaluation) -> Vec<ConsideredShape> {
    let shape = |seen: &countersign_engine::evaluation::Considered| ConsideredShape {
        id: seen.policy.id.to_string(),
        name: seen.policy.name.clone(),
        matched: seen.matched,
        shadow: seen.shadow,
        over_budget: seen.over_budget,
    };
    evaluation.considered.iter().map(shape).collect()
}

fn geolocation(evaluation: &Evaluation) -> Option<Geolocation> {
    let ip = evaluation.ip?.to_string();
    let place = evaluation.place.clone().unwrap_or_default();
    let Network { hosting, vpn, proxy, tor } = place.network;
    Some(Geolocation {
        ip,
        city: place.city,
        region: place.region,
        country: place.country,
        country_code: place.country_code,
        latitude: place.latitude,
        longitude: place.longitude,
        asn: place.asn,
        security: NetworkSecurity { vpn, proxy, tor, hosting },
    })
}

/// A challenge.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChallengeShape {
    id: String,
    /// Where it stands; only `completed` is a pass.
    status: &'static str,
    r#type: String,
    /// `hosted`: the page is ours.
    challenge_mode: &'static str,
    /// `pending`, `sent`, `delivered`, `failed` or `bounced`.
    delivery_status: Option<&'static str>,
    /// Channels that codes went over, in order: `email`, `text`.
    channels: Vec<&'static str>,
    reasons: Vec<String>,
    /// What the user may do now.
    actions: Vec<&'static str>,
    user: Option<UserShape>,
    evaluation: String,
    origin_url: Option<String>,
    email_verified: bool,
    phone_verified: bool,
    /// Codes tried so far.
    verify_attempts: u32,
    created_at: String,
    updated_at: String,
    expires_at: String,
    #[serde(rename = "createdAt")]
    created_at_alias: String,
    #[serde(rename = "updatedAt")]
    updated_at_alias: String,
}

impl ChallengeShape {
    /// A challenge as it stands, with its evaluation.
    pub fn of(challenge: &Challenge, evaluation: &Evaluation) -> Self {
        use countersign_engine::challenge::Channel;
        let (created, updated) = (challenge.created_at.rfc3339(), challenge.updated_at.rfc3339());
        let mut actions = Vec::new();
        if challenge.ended_at().is_none() {
            actions.extend(["view", "verify"]);
            if challenge.config.allow_skip {
                actions.push("skip");
            }
        }
        Self {
            id: challenge.id.to_string(),
            status: challenge.status().as_str(),
            r#type: challenge.kind.clone(),
            challenge_mode: "hosted",
            delivery_status: challenge.delivery.map(Delivery::as_str),
            channels: challenge.used_channels.iter().map(|channel| channel.as_str()).collect(),
            reasons: challenge.reasons.clone(),
            actions,
            user: evaluation.user.as_ref().map(|user| UserShape::of(user, evaluation)),
            evaluation: challenge.evaluation_id.to_string(),
            origin_url: challenge.origin_url.clone(),
            email_verified: challenge.proven.contains(&Channel::Email),
            phone_verified: challenge.proven.contains(&Channel::Sms),
            verify_attempts: challenge.attempts,
            created_at: created.clone(),
            updated_at: updated.clone(),
            expires_at: challenge.expires_at.rfc3339(),
            created_at_alias: created,
            updated_at_alias: updated,
        }
    }
}

/// A device.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceShape {
    id: String,
    /// The user's id: the site's, or ours where the site gave none.
    user: String,
    /// `attached` or `detached`.
    status: &'static str,
    #[schema(value_type = Object)]
    metadata: Value,
    #[schema(value_type = Object)]
    info: Value,
    fingerprint: Option<String>,
    attached_at: Option<String>,
    /// Whether it is connected right now.
    actively_connected: bool,
    last_seen_at: String,
    created_at: String,
    updated_at: String,
    #[serde(rename = "createdAt")]
    created_at_alias: String,
    #[serde(rename = "updatedAt")]
    updated_at_alias: String,
}

impl DeviceShape {
    /// A device of the user called `user`; one last seen before `unused_since` has detached by itself.
    pub fn of(device: &DeviceRow, user: &str, unused_since: Timestamp) -> Self {
        let attached = device.attached && device.last_seen_at >= unused_since;
        let kind = match device.device_type {
            Some(DeviceType::Computer) => Some("computer"),
            Some(DeviceType::Tablet) => Some("tablet"),
            Some(DeviceType::Mobile) => Some("mobile"),
            None => None,
        };
        let (created, seen) = (device.created_at.rfc3339(), device.last_seen_at.rfc3339());
        Self {
            id: device.id.to_string(),
            user: user.to_owned(),
            status: if attached { "attached" } else { "detached" },
            metadata: json!({}),
            info: json!({
                "browser": device.agent.browser,
                "os": device.agent.os,
                "device": {"type": kind},
            }),
            fingerprint: device.fingerprint.map(|id| id.to_string()),
            attached_at: device.attached_at.map(Timestamp::rfc3339),
            actively_connected: false,
            last_seen_at: seen.clone(),
            created_at: created.clone(),
            updated_at: seen.clone(),
            created_at_alias: created,
            updated_at_alias: seen,
        }
    }
}

/// A weighted reading of the checks.
#[derive(Debug, Serialize, ToSchema)]
pub struct RiskShape {
    /// This reading.
    id: String,
    /// The risk: what policies call it.
    #[schema(example = "ato")]
    definition: String,
    /// What people call it.
    name: String,
    /// `low`, `medium`, `high` or `maximum`.
    severity: &'static str,
    /// 1 to 100.
    score: u32,
    /// What spoke for it, and how much each added.
    indicators: Vec<IndicatorShape>,
}

/// Something that spoke for a risk.
#[derive(Debug, Serialize, ToSchema)]
pub struct IndicatorShape {
    /// The condition that held.
    when: String,
    /// What it added to the score.
    weight: u32,
}

fn risks(evaluation: &Evaluation) -> Vec<RiskShape> {
    let indicator = |of: &Indication| IndicatorShape { when: of.when.clone(), weight: of.weight };
    let shape = |risk: &RiskReading| RiskShape {
        id: format!("{}.{}", evaluation.id, risk.definition),
        definition: risk.definition.clone(),
        name: risk.name.clone(),
        severity: risk.severity.as_str(),
        score: risk.score,
        indicators: risk.indicators.iter().map(indicator).collect(),
    };
    evaluation.risks.iter().map(shape).collect()
}
