//! What happened, for those who want to be told: the names of events, what each tells, and which endpoints hear it.
//!
//! An event holds ids and words, never addresses, numbers or codes: it waits in the store and leaves for a URL that somebody
//! configured. Which events follow from a decision or a step is said here; that they are written in the same transaction as
//! what they tell, and how they are delivered, is others' business.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    challenge::{Challenge, Status},
    environment::Environment,
    evaluation::{Evaluation, PolicyRef, RiskReading, Verdict},
    fact::Severity,
    id::{ChallengeId, DeviceId, EvaluationId, UserId},
    signal::DeviceType,
    text::{ActionName, ReturnUrl},
    time::{DAY, Timestamp},
};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal;)*) => {
        /// The name of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum EventKind {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)*
        }

        impl EventKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// When it happens, in a sentence.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii_start(),)* }
            }
        }
    };
}

kinds! {
    /// The first code of a challenge was sent: it waits for the user.
    ChallengePending = "challenge.pending";
    /// The user passed it.
    ChallengeCompleted = "challenge.completed";
    /// Its tries were used up, or its message's reader said that it wasn't them.
    ChallengeFailed = "challenge.failed";
    /// The user went on without it, where its config allows that.
    ChallengeSkipped = "challenge.skipped";
    /// Its time ran out before it was passed. Told within a minute.
    ChallengeExpired = "challenge.expired";
    /// The message's reader said that it wasn't them: the evaluation is marked as fraud.
    ChallengeReported = "challenge.reported";
    /// An action was evaluated. Only endpoints that name it hear it.
    EvaluationCreated = "evaluation.created";
    /// A policy suspended the user, or your server did.
    UserSuspended = "user.suspended";
    /// Your server lifted it.
    UserUnsuspended = "user.unsuspended";
    /// Somebody who was shown the page of a shared account signed up for one of their own: once for each.
    UserConverted = "user.converted";
    /// The risk `account_sharing` was `high` or above: at most once a day for each user.
    UserAccountSharingSignal = "user.account_sharing_signal";
    /// A device took its place among the user's.
    DeviceAttached = "device.attached";
    /// It lost it: logged out by the account's owner, by whoever sat at it, because it was reported, or unused for too long.
    DeviceDetached = "device.detached";
    /// A policy held and could not act, because it had given its verdict as often as its budget allows: once a window.
    PolicyOverBudget = "policy.over_budget";
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Whom it is about.
    pub user: Option<UserId>,
    /// What more it tells.
    pub about: About,
}

/// What an event tells; whatever doesn't belong to its kind is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// The evaluation that it came of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<AboutEvaluation>,
    /// The challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<AboutChallenge>,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<AboutDevice>,
    /// What speaks for sharing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharing: Option<AboutSharing>,
    /// Our id of the user of the shared account that somebody came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub converted_from: Option<UserId>,
    /// The policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
}

/// What an event tells of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AboutEvaluation {
    /// Its id.
    pub id: EvaluationId,
    /// The action.
    pub action: ActionName,
    /// Development or production.
    pub environment: Environment,
    /// The verdict.
    pub verdict: Verdict,
    /// What led to it.
    pub reasons: Vec<String>,
}

/// What an event tells of a challenge, as it stood then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AboutChallenge {
    /// Its id.
    pub id: ChallengeId,
    /// Its status.
    pub status: Status,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What led to it.
    pub reasons: Vec<String>,
    /// The id of its evaluation.
    pub evaluation: EvaluationId,
}

/// What an event tells of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AboutDevice {
    /// Its id.
    pub id: DeviceId,
    /// Computer, tablet or phone, where that is known.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub device_type: Option<DeviceType>,
    /// Whether it has its place.
    pub status: DeviceStatus,
}

/// Whether a device has its place among the user's, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStatus {
    /// It has.
    Attached,
    /// The account's owner logged it out.
    LoggedOut,
    /// Whoever sat at it logged out.
    Detached,
    /// What it was used for was reported as fraud.
    Reported,
    /// Nobody used it for as long as the project's `device_unused_days`.
    Unused,
}

/// What an event tells of the signs of sharing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AboutSharing {
    /// How severe the risk is.
    pub severity: Severity,
    /// Its score.
    pub score: u32,
    /// What spoke for it.
    pub indicators: Vec<String>,
    /// How many people use the account at least, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people_low: Option<u64>,
    /// And at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people_high: Option<u64>,
}

/// The risk that [`EventKind::UserAccountSharingSignal`] goes by.
const SHARING: &str = "account_sharing";

/// How long nothing more is said of a user's sharing once it was said.
const QUIET: i64 = DAY;

impl Event {
    fn new(kind: EventKind, user: Option<UserId>, about: About) -> Self {
        Self { kind, user, about }
    }

    /// That an action was evaluated.
    pub fn evaluated(evaluation: &Evaluation) -> Self {
        Self::of_evaluation(EventKind::EvaluationCreated, evaluation, About::default())
    }

    /// Something that came of an evaluation.
    pub fn of_evaluation(kind: EventKind, evaluation: &Evaluation, about: About) -> Self {
        let told = AboutEvaluation {
            id: evaluation.id,
            action: evaluation.action.clone(),
            environment: evaluation.environment,
            verdict: evaluation.verdict,
            reasons: evaluation.reasons.clone(),
        };
        let user = evaluation.user.as_ref().map(|user| user.id);
        Self::new(kind, user, About { evaluation: Some(told), ..about })
    }

    /// That a policy went over its budget.
    pub fn over_budget(evaluation: &Evaluation, policy: PolicyRef) -> Self {
        let about = About { policy: Some(policy), ..About::default() };
        Self::of_evaluation(EventKind::PolicyOverBudget, evaluation, about)
    }

    /// Something about a challenge, as it stands.
    pub fn of_challenge(kind: EventKind, challenge: &Challenge) -> Self {
        let told = AboutChallenge {
            id: challenge.id,
            status: challenge.status(),
            kind: challenge.kind.clone(),
            reasons: challenge.reasons.clone(),
            evaluation: challenge.evaluation_id,
        };
        Self::new(kind, challenge.user_id, About { challenge: Some(told), ..About::default() })
    }

    /// What a step of a challenge is to be told as, if as anything.
    pub fn of_step(before: &Challenge, after: &Challenge) -> Option<Self> {
        let kind = match after.status() {
            Status::CodeSent if before.sends == 0 && after.sends > 0 => EventKind::ChallengePending,
            status if status == before.status() => return None,
            Status::Completed => EventKind::ChallengeCompleted,
            Status::Failed => EventKind::ChallengeFailed,
            Status::Skipped => EventKind::ChallengeSkipped,
            // Expiry is not a step: it is told when its time has come.
            _ => return None,
        };
        Some(Self::of_challenge(kind, after))
    }

    /// That a device has its place, or has lost it.
    pub fn of_device(user: UserId, (id, device_type): (DeviceId, Option<DeviceType>), status: DeviceStatus) -> Self {
        let kind = match status {
            DeviceStatus::Attached => EventKind::DeviceAttached,
            DeviceStatus::LoggedOut | DeviceStatus::Detached | DeviceStatus::Reported | DeviceStatus::Unused => {
                EventKind::DeviceDetached
            }
        };
        let told = AboutDevice { id, device_type, status };
        Self::new(kind, Some(user), About { device: Some(told), ..About::default() })
    }

    /// That a user was suspended, or isn't any more.
    pub fn of_user(kind: EventKind, user: UserId) -> Self {
        Self::new(kind, Some(user), About::default())
    }

    /// That somebody came from a shared account.
    pub fn converted(user: UserId, from: UserId) -> Self {
        let about = About { converted_from: Some(from), ..About::default() };
        Self::new(EventKind::UserConverted, Some(user), about)
    }

    /// That an account looks shared, where that is to be told: what was said of it lately is not said again.
    pub fn sharing(evaluation: &Evaluation, told_at: Option<Timestamp>) -> Option<Self> {
        let reading = evaluation.risks.iter().find(|risk| risk.definition == SHARING)?;
        let is_quiet = told_at.is_some_and(|at| evaluation.created_at.since(at) < QUIET);
        if reading.severity < Severity::High || is_quiet || evaluation.user.is_none() {
            return None;
        }
        let RiskReading { severity, score, indicators, .. } = reading;
        let people = |check: &str| evaluation.checks.get(check).and_then(serde_json::Value::as_u64);
        let sharing = AboutSharing {
            severity: *severity,
            score: *score,
            indicators: indicators.iter().map(|indicator| indicator.when.clone()).collect(),
            people_low: people("people_estimate_low"),
            people_high: people("people_estimate_high"),
        };
        let about = About { sharing: Some(sharing), ..About::default() };
        Some(Self::of_evaluation(EventKind::UserAccountSharingSignal, evaluation, about))
    }
}

/// A URL that hears of events: a document of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// What people call it.
    pub name: String,
    /// Where events are sent.
    pub url: ReturnUrl,
    /// Which; all but `evaluation.created` when empty.
    #[serde(default)]
    pub events: Vec<EventKind>,
    /// With which verdicts it hears of `evaluation.created`; any when empty.
    #[serde(default)]
    pub verdicts: Vec<Verdict>,
    /// Whether it hears anything.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Raised by one, the next secret takes the place of this one; until it is raised again both are signed with.
    #[serde(default = "first")]
    pub secret_version: u32,
}

const fn yes() -> bool {
    true
}

const fn first() -> u32 {
    1
}

impl Webhook {
    /// Whether it hears of that; `verdict` is the one of an evaluation that was made.
    pub fn hears(&self, kind: EventKind, verdict: Option<Verdict>) -> bool {
        let named = self.events.contains(&kind);
        let is_wanted = named || (self.events.is_empty() && kind != EventKind::EvaluationCreated);
        let fits = kind != EventKind::EvaluationCreated
            || self.verdicts.is_empty()
            || verdict.is_some_and(|verdict| self.verdicts.contains(&verdict));
        self.enabled && is_wanted && fits
    }

    /// Everything that is wrong with it: key, and what to write instead.
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut problems = Vec::new();
        let name_ok = (1..=100).contains(&self.name.len()) && !self.name.chars().any(char::is_control);
        let hears_evaluations = self.events.contains(&EventKind::EvaluationCreated);
        for (fine, key, help) in [
            (name_ok, "name", "write a name of 1 to 100 bytes on one line"),
            ((1..=1_000_000).contains(&self.secret_version), "secret_version", "write a number from 1 on"),
            (
                self.verdicts.is_empty() || hears_evaluations,
                "verdicts",
                "they choose among `evaluation.created`: name that under `events`, or leave them out",
            ),
        ] {
            if !fine {
                problems.push((key, help));
            }
        }
        problems
    }
}
